use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{StatusCode, response};
use tower_layer::Layer;

use crate::rules::{Rules, Told, no_transform};
use crate::{Coding, Compress, Proxied, Sizes};

/// Whose requests are left alone.
pub(crate) type Exclude = Arc<dyn Fn(&Parts) -> bool + Send + Sync>;

/// Where the lengths of the response to this request are told.
pub(crate) type Count = Arc<dyn Fn(&Parts) -> Option<Arc<Sizes>> + Send + Sync>;

/// Puts a [`Compress`] around a service.
///
/// ```
/// use propylon_compression::{Coding, CompressionLayer, Proxied};
///
/// let layer = CompressionLayer::new([Coding::Zstd, Coding::Brotli, Coding::Gzip])
///     .types(["text/html", "application/json"])
///     .min_length(1024)
///     .proxied(Proxied::EXPIRED.or(Proxied::NO_CACHE));
/// # let _ = layer;
/// ```
#[derive(Clone)]
pub struct CompressionLayer {
    rules: Arc<Rules>,
    exclude: Option<Exclude>,
    count: Option<Count>,
}

impl CompressionLayer {
    /// Offers these codings, the one that is preferred among equals first. By default `text/html` of at least 20 bytes, at level
    /// 1, with `Vary`, to HTTP/1.1 and later, and nothing to proxies.
    #[must_use]
    pub fn new(codings: impl IntoIterator<Item = Coding>) -> Self {
        let rules = Rules {
            codings: codings.into_iter().collect(),
            types: vec!["text/html".into()],
            min_length: 20,
            level: 1,
            vary: true,
            proxied: Proxied::OFF,
            http_1_0: false,
            no_transform: Told::by(|parts| no_transform(&parts.headers)),
            status: Told::by(|parts| parts.status),
        };
        Self { rules: Arc::new(rules), exclude: None, count: None }
    }

    /// The media types, without parameters; `*`: any. Event streams and gRPC never.
    #[must_use]
    pub fn types<T: Into<Box<str>>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.rules().types = types.into_iter().map(Into::into).collect();
        self
    }

    /// The least length, if it is known.
    #[must_use]
    pub fn min_length(mut self, bytes: u64) -> Self {
        self.rules().min_length = bytes;
        self
    }

    /// How hard it tries: 1 is fast, 9 is small.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.rules().level = level.into();
        self
    }

    /// Whether responses that are compressed for some have `Vary: Accept-Encoding`.
    #[must_use]
    pub fn vary(mut self, vary: bool) -> Self {
        self.rules().vary = vary;
        self
    }

    /// What is compressed for proxies.
    #[must_use]
    pub fn proxied(mut self, proxied: Proxied) -> Self {
        self.rules().proxied = proxied;
        self
    }

    /// Whether HTTP/1.0 gets compressed responses.
    #[must_use]
    pub fn http_1_0(mut self, on: bool) -> Self {
        self.rules().http_1_0 = on;
        self
    }

    /// Goes by something else than the response's own `Cache-Control` to know which responses nobody is to change
    /// ([`no_transform`](crate::no_transform)): a layer inside of this one may have written it for those that come after.
    #[must_use]
    pub fn no_transform(mut self, is_so: impl Fn(&response::Parts) -> bool + Send + Sync + 'static) -> Self {
        self.rules().no_transform = Told::by(is_so);
        self
    }

    /// Goes by another status than the response's own: by the one that whoever takes the response from here is to show, if that is
    /// known already.
    #[must_use]
    pub fn status(mut self, status: impl Fn(&response::Parts) -> StatusCode + Send + Sync + 'static) -> Self {
        self.rules().status = Told::by(status);
        self
    }

    /// Leaves the responses to these requests alone.
    #[must_use]
    pub fn exclude(mut self, exclude: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.exclude = Some(Arc::new(exclude));
        self
    }

    /// Tells how long compressed bodies were and are: in the [`Sizes`] that this makes for a request, if it does.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use propylon_compression::{Coding, CompressionLayer, Sizes};
    ///
    /// // Whoever wants to know puts them into the request, and keeps them.
    /// let layer = CompressionLayer::new([Coding::Gzip])
    ///     .count(|request| request.extensions.get::<Arc<Sizes>>().cloned());
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn count(mut self, count: impl Fn(&Parts) -> Option<Arc<Sizes>> + Send + Sync + 'static) -> Self {
        self.count = Some(Arc::new(count));
        self
    }

    fn rules(&mut self) -> &mut Rules {
        Arc::make_mut(&mut self.rules)
    }
}

impl<S> Layer<S> for CompressionLayer {
    type Service = Compress<S>;

    fn layer(&self, inner: S) -> Compress<S> {
        Compress::new(inner, self.rules.clone(), self.exclude.clone(), self.count.clone())
    }
}

impl fmt::Debug for CompressionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompressionLayer").field("rules", &self.rules).finish_non_exhaustive()
    }
}

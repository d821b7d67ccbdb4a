//! The layer and its builder.

use std::sync::Arc;

use http::header::HeaderName;
use tower_layer::Layer;

use super::expires::Expires;
use super::fields::Fields;
use super::service::ResponseHeaders;
use crate::field::ResponseField;

/// Writes the head of an upstream's response as the client is to see it.
///
/// Without any setting it removes what belongs to the upstream's connection, framing that contradicts itself, and the
/// fields that nginx hides: `Date`, `Server`, `X-Pad`, `X-Accel-Expires`, `X-Accel-Redirect`, `X-Accel-Limit-Rate`,
/// `X-Accel-Buffering`, `X-Accel-Charset`. `Date` and `Server` are for whoever writes to the client to send.
///
/// All values are computed before anything is removed, so a closure sees the response as the upstream sent it;
/// those of [late](ResponseField::late) fields see it as the client gets it.
///
/// ```
/// use http::header::{HeaderName, HeaderValue, SERVER};
/// use propylon_headers::{ResponseField, ResponseHeadersLayer};
///
/// let layer = ResponseHeadersLayer::new()
///     .hide(HeaderName::from_static("x-powered-by"))
///     .pass(&SERVER)
///     .add(ResponseField::fixed(HeaderName::from_static("x-served-by"), HeaderValue::from_static("edge-1")))
///     .add_always(ResponseField::computed(HeaderName::from_static("x-status"), |parts| parts.status.as_str().parse().ok()));
/// # let _: ResponseHeadersLayer = layer.clone();
/// ```
#[derive(Clone, Debug, Default)]
pub struct ResponseHeadersLayer {
    fields: Arc<Fields>,
}

impl ResponseHeadersLayer {
    /// A layer that removes connection fields and hides what nginx hides.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hides one more field of the upstream's (nginx: `proxy_hide_header`).
    #[must_use]
    pub fn hide(mut self, name: HeaderName) -> Self {
        Arc::make_mut(&mut self.fields).hide(name);
        self
    }

    /// Does not hide this field (nginx: `proxy_pass_header`): wins over [`hide`](Self::hide), whichever comes first.
    #[must_use]
    pub fn pass(mut self, name: &HeaderName) -> Self {
        Arc::make_mut(&mut self.fields).pass(name);
        self
    }

    /// Adds a field if the status is 200, 201, 204, 206, 301, 302, 303, 304, 307 or 308 (nginx: `add_header`).
    ///
    /// What the upstream sent under that name stays, except `ETag` and `Last-Modified`, which are replaced, and removed by
    /// an empty value. The framing fields cannot be added.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "named as the directive; a layer is no number")]
    pub fn add(mut self, field: ResponseField) -> Self {
        Arc::make_mut(&mut self.fields).add(field);
        self
    }

    /// Goes by another status than the response's own in what is added by status: by the one that whoever takes the response from
    /// here is to show, if that is known already.
    #[must_use]
    pub fn status(
        mut self,
        status: impl Fn(&http::response::Parts) -> http::StatusCode + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.fields).status(status);
        self
    }

    /// Says how long responses of those statuses may be kept (nginx: `expires`): `Expires` and `Cache-Control`, in the place of the
    /// upstream's. The rule may depend on the response; none: nothing is said.
    ///
    /// ```
    /// use propylon_headers::{Expires, ResponseHeadersLayer};
    ///
    /// let layer = ResponseHeadersLayer::new().expires(|parts| {
    ///     let image = parts.headers.get("content-type")?.as_bytes().starts_with(b"image/");
    ///     image.then_some(Expires::Access(30 * 24 * 60 * 60))
    /// });
    /// # let _ = layer;
    /// ```
    #[must_use]
    pub fn expires(
        mut self,
        rule: impl Fn(&http::response::Parts) -> Option<Expires> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.fields).expires(rule);
        self
    }

    /// As [`add`](Self::add), whatever the status (nginx: `add_header … always`).
    #[must_use]
    pub fn add_always(mut self, field: ResponseField) -> Self {
        Arc::make_mut(&mut self.fields).add_always(field);
        self
    }
}

impl<S> Layer<S> for ResponseHeadersLayer {
    type Service = ResponseHeaders<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ResponseHeaders::new(inner, Arc::clone(&self.fields))
    }
}

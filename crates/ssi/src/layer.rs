use std::fmt;
use std::sync::Arc;

use http::response;
use tower_layer::Layer;

use crate::rules::Rules;
use crate::{Host, Ssi};

pub(crate) type Of = dyn Fn(&response::Parts) -> Option<Arc<dyn Host>> + Send + Sync;

/// Puts an [`Ssi`] around a service.
#[derive(Clone)]
pub struct SsiLayer {
    rules: Arc<Rules>,
    host: Arc<Of>,
}

impl SsiLayer {
    /// A layer for `text/html`. `host` makes of a response's head, and its extensions, the one who serves that page; nothing: it is left alone.
    #[must_use]
    pub fn new(host: impl Fn(&response::Parts) -> Option<Arc<dyn Host>> + Send + Sync + 'static) -> Self {
        let rules = Rules {
            types: vec!["text/html".into()],
            last_modified: false,
            silent_errors: false,
            value_length: 256,
            output_size: 8192,
        };
        Self { rules: Arc::new(rules), host: Arc::new(host) }
    }

    /// The media types of pages, without parameters; `*`: any. Default `text/html`.
    #[must_use]
    pub fn types<T: Into<Box<str>>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.rules().types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Whether `Last-Modified` stays, and the `ETag` as a weak one. Default false.
    #[must_use]
    pub fn last_modified(mut self, keep: bool) -> Self {
        self.rules().last_modified = keep;
        self
    }

    /// Whether nothing stands in the place of what is wrong. Default false.
    #[must_use]
    pub fn silent_errors(mut self, silent: bool) -> Self {
        self.rules().silent_errors = silent;
        self
    }

    /// How long the value of a parameter may be, in bytes. Default 256.
    #[must_use]
    pub fn value_length(mut self, longest: usize) -> Self {
        self.rules().value_length = longest;
        self
    }

    /// How much of what is included a variable can keep (`include … set`), in bytes. Default 8192.
    #[must_use]
    pub fn output_size(mut self, most: usize) -> Self {
        self.rules().output_size = most;
        self
    }

    fn rules(&mut self) -> &mut Rules {
        Arc::make_mut(&mut self.rules)
    }
}

impl fmt::Debug for SsiLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SsiLayer").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for SsiLayer {
    type Service = Ssi<S>;

    fn layer(&self, inner: S) -> Ssi<S> {
        Ssi::new(inner, self.rules.clone(), self.host.clone())
    }
}

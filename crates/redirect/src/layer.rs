use std::fmt;
use std::sync::Arc;

use http::response;
use tower_layer::Layer;

use crate::Redirect;
use crate::rules::{Rules, replace_start};

/// Puts a [`Redirect`] around a service. Without rules it changes nothing.
#[derive(Clone, Default)]
pub struct RedirectLayer {
    rules: Arc<Rules>,
}

impl RedirectLayer {
    /// A layer without rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A URL that begins with `from` begins with `to` instead.
    #[must_use]
    pub fn replace(self, from: impl Into<String>, to: impl Into<String>) -> Self {
        let (from, to) = (from.into(), to.into());
        self.rule(move |_, url| replace_start(url, from.as_bytes(), to.as_bytes()))
    }

    /// A rule as a closure: the head of the response and the URL give the new one; `None` if the rule does not fit.
    #[must_use]
    pub fn rule(
        mut self,
        change: impl Fn(&response::Parts, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.rules).push(Arc::new(change));
        self
    }
}

impl fmt::Debug for RedirectLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedirectLayer").field("rules", &self.rules).finish()
    }
}

impl<S> Layer<S> for RedirectLayer {
    type Service = Redirect<S>;

    fn layer(&self, inner: S) -> Redirect<S> {
        Redirect::new(inner, self.rules.clone())
    }
}

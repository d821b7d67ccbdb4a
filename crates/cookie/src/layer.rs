use std::fmt;
use std::sync::Arc;

use http::response;
use tower_layer::Layer;

use crate::replace::{around_domain, around_path};
use crate::rules::{Change, Choose, Rules};
use crate::{Cookie, Flags};

/// Puts a [`Cookie`] around a service. Without rules it changes nothing.
#[derive(Clone, Default)]
pub struct CookieLayer {
    rules: Arc<Rules>,
}

impl CookieLayer {
    /// A layer without rules.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A `Domain` that is `from`, in any case, becomes `to`. A dot before any of them does not count; the one before the
    /// `Domain` stays.
    #[must_use]
    pub fn domain(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        let (from, to) = (from.into(), to.into());
        let bare = |name: &str| name.strip_prefix('.').unwrap_or(name).as_bytes().into();
        self.rules_mut().domain(Change::Replace { around: around_domain, from: bare(&from), to: bare(&to) });
        self
    }

    /// As [`domain`](Self::domain), by a closure: the head of the response and the `Domain` give the new one; `None` if the
    /// rule does not fit.
    #[must_use]
    pub fn domain_with(
        mut self,
        change: impl Fn(&response::Parts, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        self.rules_mut().domain(Change::Compute(Arc::new(change)));
        self
    }

    /// A `Path` that begins with `from` begins with `to` instead.
    #[must_use]
    pub fn path(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        let (from, to) = (from.into().into_bytes().into(), to.into().into_bytes().into());
        self.rules_mut().path(Change::Replace { around: around_path, from, to });
        self
    }

    /// As [`path`](Self::path), by a closure.
    #[must_use]
    pub fn path_with(
        mut self,
        change: impl Fn(&response::Parts, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        self.rules_mut().path(Change::Compute(Arc::new(change)));
        self
    }

    /// The cookie called `name`, in any case, gets these flags.
    #[must_use]
    pub fn flags(mut self, name: impl Into<String>, flags: Flags) -> Self {
        self.rules_mut().flags(Choose::Named(name.into().into(), flags));
        self
    }

    /// As [`flags`](Self::flags), by a closure: the head of the response and the name of the cookie give its flags.
    #[must_use]
    pub fn flags_with(
        mut self,
        choose: impl Fn(&response::Parts, &[u8]) -> Option<Flags> + Send + Sync + 'static,
    ) -> Self {
        self.rules_mut().flags(Choose::Compute(Arc::new(choose)));
        self
    }

    fn rules_mut(&mut self) -> &mut Rules {
        Arc::make_mut(&mut self.rules)
    }
}

impl fmt::Debug for CookieLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CookieLayer").field("rules", &self.rules).finish()
    }
}

impl<S> Layer<S> for CookieLayer {
    type Service = Cookie<S>;

    fn layer(&self, inner: S) -> Cookie<S> {
        Cookie::new(inner, self.rules.clone())
    }
}

use std::fmt;
use std::sync::Arc;

use http::response;
use tower_layer::Layer;

use crate::replace::{replace_domain, replace_path};
use crate::rules::Rules;
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
    pub fn domain(self, from: impl Into<String>, to: impl Into<String>) -> Self {
        let (from, to) = (from.into(), to.into());
        let bare = |name: &str| name.strip_prefix('.').unwrap_or(name).to_owned();
        let (from, to) = (bare(&from), bare(&to));
        self.domain_with(move |_, value| replace_domain(value, from.as_bytes(), to.as_bytes()))
    }

    /// As [`domain`](Self::domain), by a closure: the head of the response and the `Domain` give the new one; `None` if the
    /// rule does not fit.
    #[must_use]
    pub fn domain_with(
        mut self,
        change: impl Fn(&response::Parts, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.rules).domains.push(Arc::new(change));
        self
    }

    /// A `Path` that begins with `from` begins with `to` instead.
    #[must_use]
    pub fn path(self, from: impl Into<String>, to: impl Into<String>) -> Self {
        let (from, to) = (from.into(), to.into());
        self.path_with(move |_, value| replace_path(value, from.as_bytes(), to.as_bytes()))
    }

    /// As [`path`](Self::path), by a closure.
    #[must_use]
    pub fn path_with(
        mut self,
        change: impl Fn(&response::Parts, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.rules).paths.push(Arc::new(change));
        self
    }

    /// The cookie called `name`, in any case, gets these flags.
    #[must_use]
    pub fn flags(self, name: impl Into<String>, flags: Flags) -> Self {
        let name = name.into();
        self.flags_with(move |_, cookie| cookie.eq_ignore_ascii_case(name.as_bytes()).then_some(flags))
    }

    /// As [`flags`](Self::flags), by a closure: the head of the response and the name of the cookie give its flags.
    #[must_use]
    pub fn flags_with(
        mut self,
        choose: impl Fn(&response::Parts, &[u8]) -> Option<Flags> + Send + Sync + 'static,
    ) -> Self {
        Arc::make_mut(&mut self.rules).flags.push(Arc::new(choose));
        self
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

use std::fmt;
use std::sync::Arc;

use http::{Uri, request, response};
use tower_layer::Layer;

use crate::AuthRequest;

/// Asks a service about each request before it goes on.
#[derive(Clone)]
pub struct AuthRequestLayer<A> {
    authority: A,
    rules: Arc<Rules>,
}

type TakeOver = dyn Fn(&mut request::Parts, &response::Parts) + Send + Sync;

#[derive(Clone)]
pub(crate) struct Rules {
    pub(crate) uri: Option<Uri>,
    pub(crate) take_over: Arc<TakeOver>,
}

impl<A> AuthRequestLayer<A> {
    /// A layer that asks `authority`.
    #[must_use]
    pub fn new(authority: A) -> Self {
        Self { authority, rules: Arc::new(Rules { uri: None, take_over: Arc::new(|_, _| {}) }) }
    }

    /// What it is asked for. Default: the request's own target.
    #[must_use]
    pub fn uri(self, uri: Uri) -> Self {
        self.change(|rules| rules.uri = Some(uri))
    }

    /// What a request that is let in takes over of the answer, into its fields or its extensions (nginx: `auth_request_set`). Default:
    /// nothing.
    #[must_use]
    pub fn take_over(
        self,
        take_over: impl Fn(&mut request::Parts, &response::Parts) + Send + Sync + 'static,
    ) -> Self {
        self.change(|rules| rules.take_over = Arc::new(take_over))
    }

    fn change(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(Arc::make_mut(&mut self.rules));
        self
    }
}

impl<A: fmt::Debug> fmt::Debug for AuthRequestLayer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthRequestLayer").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl<S, A: Clone> Layer<S> for AuthRequestLayer<A> {
    type Service = AuthRequest<S, A>;

    fn layer(&self, inner: S) -> AuthRequest<S, A> {
        AuthRequest::new(inner, self.authority.clone(), Arc::clone(&self.rules))
    }
}

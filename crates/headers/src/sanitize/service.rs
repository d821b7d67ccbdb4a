//! The service.

use std::task::{Context, Poll};

use http::Request;
use tower_service::Service;

use super::layer::SanitizeLayer;

/// The service that [`SanitizeLayer`] makes.
#[derive(Clone, Debug)]
pub struct Sanitize<S> {
    inner: S,
    rules: SanitizeLayer,
}

impl<S> Sanitize<S> {
    pub(super) fn new(inner: S, rules: SanitizeLayer) -> Self {
        Self { inner, rules }
    }

    /// The wrapped service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The wrapped service.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The wrapped service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B> Service<Request<B>> for Sanitize<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        self.rules.apply(request.headers_mut());
        self.inner.call(request)
    }
}

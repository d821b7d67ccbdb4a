//! The service.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use tower_service::Service;

use super::fields::Fields;

/// The service that [`RequestHeadersLayer`](crate::RequestHeadersLayer) makes.
#[derive(Clone, Debug)]
pub struct RequestHeaders<S> {
    inner: S,
    fields: Arc<Fields>,
}

impl<S> RequestHeaders<S> {
    pub(super) fn new(inner: S, fields: Arc<Fields>) -> Self {
        Self { inner, fields }
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

impl<S, B> Service<Request<B>> for RequestHeaders<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        self.fields.apply(&mut parts);
        self.inner.call(Request::from_parts(parts, body))
    }
}

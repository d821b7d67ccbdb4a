//! The service.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::fields::Fields;
use super::future::ResponseFuture;

/// The service that [`ResponseHeadersLayer`](crate::ResponseHeadersLayer) makes.
#[derive(Clone, Debug)]
pub struct ResponseHeaders<S> {
    inner: S,
    fields: Arc<Fields>,
}

impl<S> ResponseHeaders<S> {
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

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ResponseHeaders<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        ResponseFuture::new(self.inner.call(request), Arc::clone(&self.fields))
    }
}

//! The service.

use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::body::ResponseBody;
use super::future::BufferedFuture;
use super::layer::ResponseBufferLayer;

/// A service whose responses are read as fast as they come. Made by [`ResponseBufferLayer`].
#[derive(Clone, Debug)]
pub struct ResponseBuffer<S> {
    pub(super) inner: S,
    pub(super) layer: ResponseBufferLayer,
}

impl<S> ResponseBuffer<S> {
    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for ResponseBuffer<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = BufferedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let connect = request.method() == Method::CONNECT;
        BufferedFuture { inner: self.inner.call(request), layer: self.layer.clone(), connect }
    }
}

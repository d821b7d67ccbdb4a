use std::future::Future;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::{Left, ResponseFuture};

/// A service whose requests go on when their client leaves. Made by [`DetachLayer`](crate::DetachLayer).
#[derive(Clone, Debug)]
pub struct Detach<S> {
    pub(crate) inner: S,
    pub(crate) left: Left,
}

impl<S> Detach<S> {
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

impl<S, B, R> Service<Request<B>> for Detach<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Future<Output = Result<Response<R>, S::Error>> + Send + 'static,
    S::Error: Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ResponseFuture::new(Box::pin(self.inner.call(request)), self.left.clone())
    }
}

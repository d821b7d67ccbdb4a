use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body::Body;
use tower_service::Service;

use crate::{BoxError, ResponseBody, ResponseFuture};

/// A service whose responses have ranges. Made by [`ForceRangesLayer`](crate::ForceRangesLayer).
#[derive(Clone, Debug)]
pub struct ForceRanges<S> {
    pub(crate) inner: S,
}

impl<S> ForceRanges<S> {
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

impl<S, B, R> Service<Request<B>> for ForceRanges<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
    R::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // RFC 9110 14.2: ranges are defined for GET alone.
        let asks = *request.method() == Method::GET && request.headers().contains_key(header::RANGE);
        let fields = asks.then(|| Box::new(request.headers().clone()));
        let head = *request.method() == Method::HEAD;
        ResponseFuture { inner: self.inner.call(request), fields, head }
    }
}

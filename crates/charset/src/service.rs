use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::rules::{Ranges, Rules};
use crate::{ResponseBody, ResponseFuture};

/// A service whose responses name their charset. Made by [`CharsetLayer`](crate::CharsetLayer).
#[derive(Clone, Debug)]
pub struct Charset<S> {
    inner: S,
    rules: Arc<Rules>,
    ranges: Ranges,
}

impl<S> Charset<S> {
    pub(crate) fn new(inner: S, rules: Arc<Rules>) -> Self {
        let ranges = rules.ranges();
        Self { inner, rules, ranges }
    }

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

impl<S, B, R> Service<Request<B>> for Charset<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        self.ranges.apply(request.headers_mut());
        ResponseFuture::new(self.inner.call(request), self.rules.clone())
    }
}

use std::error::Error as StdError;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::RANGE;
use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::rules::Rules;
use crate::{ResponseBody, ResponseFuture};

/// A service whose responses have other bodies before and behind their own. Made by [`AdditionLayer`](crate::AdditionLayer).
#[derive(Clone, Debug)]
pub struct Addition<S> {
    inner: S,
    rules: Arc<Rules>,
}

impl<S> Addition<S> {
    pub(crate) const fn new(inner: S, rules: Arc<Rules>) -> Self {
        Self { inner, rules }
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

impl<S, B, R> Service<Request<B>> for Addition<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes>,
    R::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if !self.rules.is_empty() {
            request.headers_mut().remove(RANGE); // bytes have other places afterwards
        }
        let head = request.method() == Method::HEAD;
        ResponseFuture::new(self.inner.call(request), self.rules.clone(), head)
    }
}

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::RANGE;
use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::layer::Of;
use crate::rules::Rules;
use crate::{ResponseBody, ResponseFuture};

/// A service whose pages have their commands obeyed. Made by [`SsiLayer`](crate::SsiLayer).
#[derive(Clone)]
pub struct Ssi<S> {
    inner: S,
    rules: Arc<Rules>,
    host: Arc<Of>,
}

impl<S> Ssi<S> {
    pub(crate) const fn new(inner: S, rules: Arc<Rules>, host: Arc<Of>) -> Self {
        Self { inner, rules, host }
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

impl<S: fmt::Debug> fmt::Debug for Ssi<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ssi").field("inner", &self.inner).field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl<S, B, R> Service<Request<B>> for Ssi<S>
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
        request.headers_mut().remove(RANGE); // bytes have other places afterwards
        let head = request.method() == Method::HEAD;
        ResponseFuture::new(self.inner.call(request), self.rules.clone(), self.host.clone(), head)
    }
}

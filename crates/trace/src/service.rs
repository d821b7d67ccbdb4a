//! The service.

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::open::Rules;
use crate::{ResponseBody, ResponseFuture};

/// The service that [`TraceLayer`](crate::TraceLayer) makes.
#[derive(Clone, Debug)]
pub struct Trace<S> {
    inner: S,
    rules: Rules,
}

impl<S> Trace<S> {
    pub(crate) fn new(inner: S, rules: Rules) -> Self {
        Self { inner, rules }
    }

    /// The service whose requests are traced.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service whose requests are traced.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service whose requests were traced.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Trace<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        let open = self.rules.open(&mut head);
        ResponseFuture::new(self.inner.call(Request::from_parts(head, body)), open)
    }
}

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::layer::{Count, Exclude};
use crate::rules::Rules;
use crate::{BoxError, ResponseBody, ResponseFuture};

/// A service whose responses are compressed for clients that accept it. Made by [`CompressionLayer`](crate::CompressionLayer).
#[derive(Clone)]
pub struct Compress<S> {
    inner: S,
    rules: Arc<Rules>,
    exclude: Option<Exclude>,
    count: Option<Count>,
}

impl<S> Compress<S> {
    pub(crate) fn new(inner: S, rules: Arc<Rules>, exclude: Option<Exclude>, count: Option<Count>) -> Self {
        Self { inner, rules, exclude, count }
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

impl<S, B, R> Service<Request<B>> for Compress<S>
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
        let (parts, body) = request.into_parts();
        let excluded = self.exclude.as_ref().is_some_and(|exclude| exclude(&parts));
        let asked = self.rules.ask(&parts, excluded);
        let sizes = self.count.as_ref().filter(|_| asked.may_be_coded()).and_then(|count| count(&parts));
        let inner = self.inner.call(Request::from_parts(parts, body));
        ResponseFuture::new(inner, asked, self.rules.clone(), sizes)
    }
}

impl<S: fmt::Debug> fmt::Debug for Compress<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compress")
            .field("inner", &self.inner)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

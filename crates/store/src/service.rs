use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::layer::{Spawn, To};
use crate::{BoxError, ResponseBody, ResponseFuture};

/// A service whose responses are stored. Made by [`StoreLayer`](crate::StoreLayer).
#[derive(Clone)]
pub struct Store<S> {
    pub(crate) inner: S,
    pub(crate) to: Arc<To>,
    pub(crate) spawn: Option<Arc<Spawn>>,
}

impl<S> Store<S> {
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

impl<S: fmt::Debug> fmt::Debug for Store<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, B, R> Service<Request<B>> for Store<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body<Data = Bytes> + Send + 'static,
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
        let place = (parts.method == Method::GET).then(|| (self.to)(&parts)).flatten();
        let inner = self.inner.call(Request::from_parts(parts, body));
        ResponseFuture { inner, place, spawn: self.spawn.clone() }
    }
}

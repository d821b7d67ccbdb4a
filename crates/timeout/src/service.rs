use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use tokio::time::Instant;
use tower_service::Service;

use crate::{BoxError, Limits, RequestBody, ResponseBody, ResponseFuture, progress::Progress, watch::Watch};

/// A service whose exchanges may not stand still for longer than the [`Limits`]. Made by
/// [`TimeoutLayer`](crate::TimeoutLayer).
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    inner: S,
    limits: Limits,
}

impl<S> Timeout<S> {
    /// Limits the exchanges of `inner`.
    pub const fn new(inner: S, limits: Limits) -> Self {
        Self { inner, limits }
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

impl<S, B, R> Service<Request<B>> for Timeout<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let limits = request.extensions().get().copied().unwrap_or(self.limits);
        let connect = request.method() == Method::CONNECT;
        let limited = limits.shortest().is_some();
        // Without a body the head is all there is to take, and without a limit nobody asks.
        let progress =
            (limited && !request.body().is_end_stream()).then(|| Arc::new(Progress::new(Instant::now())));
        let watch = limited.then(|| Watch::new(limits, progress.clone()));
        let request = request.map(|body| RequestBody::new(body, progress));
        ResponseFuture::new(self.inner.call(request), connect, watch)
    }
}

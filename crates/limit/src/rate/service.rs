use std::fmt;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::body::RateBody;
use super::future::RateFuture;
use super::layer::Choose;

/// A service whose responses go no faster than they may. Made by [`RateLayer`](crate::RateLayer).
#[derive(Clone)]
pub struct RateLimit<S> {
    inner: S,
    choose: Choose,
    accel: bool,
}

impl<S> RateLimit<S> {
    pub(crate) fn new(inner: S, choose: Choose, accel: bool) -> Self {
        Self { inner, choose, accel }
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

impl<S, B, R> Service<Request<B>> for RateLimit<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<RateBody<R>>;
    type Error = S::Error;
    type Future = RateFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let rate = (self.choose)(&parts);
        RateFuture::new(self.inner.call(Request::from_parts(parts, body)), rate, self.accel)
    }
}

impl<S: fmt::Debug> fmt::Debug for RateLimit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("inner", &self.inner)
            .field("accel", &self.accel)
            .finish_non_exhaustive()
    }
}

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::layer::Rules;
use crate::{Failure, ResponseFuture};

/// A service whose errors are answered with other responses. Made by [`ErrorPageLayer`](crate::ErrorPageLayer).
pub struct ErrorPage<S, T, A> {
    inner: S,
    rules: Arc<Rules<T, A>>,
}

/// A request with this extension is already on its way to an error page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It gets no other one, unless the layer is [recursive](crate::ErrorPageLayer::recursive).
    Once,
    /// It gets no other one: there have been too many.
    Finally,
}

impl<S, T, A> ErrorPage<S, T, A> {
    pub(crate) const fn new(inner: S, rules: Arc<Rules<T, A>>) -> Self {
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

impl<S: Clone, T, A> Clone for ErrorPage<S, T, A> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), rules: self.rules.clone() }
    }
}

impl<S: fmt::Debug, T, A> fmt::Debug for ErrorPage<S, T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorPage").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, T, A, B, R> Service<Request<B>> for ErrorPage<S, T, A>
where
    S: Service<Request<B>, Response = Response<R>>,
    A: Fn(Failure<'_, T, R>) -> Response<R>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, T, A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let passes = match request.extensions().get() {
            None => false,
            Some(Handled::Once) => !self.rules.recursive,
            Some(Handled::Finally) => true,
        };
        let rules = (!passes).then(|| self.rules.clone());
        ResponseFuture::new(self.inner.call(request), rules)
    }
}

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::ConnectionLimit;
use super::future::ConnectionLimitFuture;
use crate::layer::Rules;
use crate::{ConnectionVerdict, LimitBody};

/// A service that serves only so many requests of a key at once. Made by
/// [`ConnectionLimitLayer`](crate::ConnectionLimitLayer).
#[derive(Clone)]
pub struct LimitConnections<S> {
    inner: S,
    rules: Arc<Rules<ConnectionLimit>>,
}

impl<S> LimitConnections<S> {
    pub(crate) fn new(inner: S, rules: Arc<Rules<ConnectionLimit>>) -> Self {
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

impl<S, B, R> Service<Request<B>> for LimitConnections<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<LimitBody<R>>;
    type Error = S::Error;
    type Future = ConnectionLimitFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let places = match self.rules.check(&parts) {
            ConnectionVerdict::Rejected { .. } if !self.rules.dry_run => {
                return ConnectionLimitFuture::refused(self.rules.status);
            }
            ConnectionVerdict::Passed(places) => Some(places),
            ConnectionVerdict::Rejected { .. } | ConnectionVerdict::Uncounted => None,
        };
        ConnectionLimitFuture::new(self.inner.call(Request::from_parts(parts, body)), places)
    }
}

impl<S: fmt::Debug> fmt::Debug for LimitConnections<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitConnections").field("inner", &self.inner).finish_non_exhaustive()
    }
}

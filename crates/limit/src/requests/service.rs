use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::RequestLimit;
use super::future::RequestLimitFuture;
use crate::layer::Rules;
use crate::{LimitBody, RequestVerdict};

/// A service that is asked only as often as it may be. Made by [`RequestLimitLayer`](crate::RequestLimitLayer).
#[derive(Clone)]
pub struct LimitRequests<S> {
    inner: S,
    rules: Arc<Rules<RequestLimit>>,
}

impl<S> LimitRequests<S> {
    pub(crate) fn new(inner: S, rules: Arc<Rules<RequestLimit>>) -> Self {
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

impl<S, B, R> Service<Request<B>> for LimitRequests<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<LimitBody<R>>;
    type Error = S::Error;
    type Future = RequestLimitFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let verdict = self.rules.check(&parts);
        let request = Request::from_parts(parts, body);
        match verdict {
            RequestVerdict::Rejected { .. } if !self.rules.dry_run => {
                RequestLimitFuture::refused(self.rules.status)
            }
            RequestVerdict::Delayed { by, .. } if !self.rules.dry_run => {
                // The one that is ready is the one that is called.
                let next = self.inner.clone();
                RequestLimitFuture::later(std::mem::replace(&mut self.inner, next), request, by)
            }
            _ => RequestLimitFuture::now(self.inner.call(request)),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for LimitRequests<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitRequests").field("inner", &self.inner).finish_non_exhaustive()
    }
}

//! The service.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::future::ResponseFuture;
use crate::layer::Shared;
use crate::policy::Policy;

/// A service whose requests are tried again. Made by [`RetryLayer`](crate::RetryLayer).
pub struct Retry<S, P> {
    pub(crate) inner: S,
    pub(crate) shared: Arc<Shared<P>>,
}

impl<S, P> Retry<S, P> {
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

impl<S: Clone, P> Clone for Retry<S, P> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<S: fmt::Debug, P> fmt::Debug for Retry<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, P, B, R> Service<Request<B>> for Retry<S, P>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    P: Policy<B, R, S::Error>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S, P, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Shared { policy, settings, .. } = &*self.shared;
        let peers = policy.peers();
        let tries = if settings.tries == 0 { peers } else { settings.tries.min(peers) };
        if tries < 2 || settings.on.is_empty() {
            return ResponseFuture::once(self.inner.call(request));
        }
        self.first(request, tries)
    }
}

impl<S: Clone, P> Retry<S, P> {
    /// The first of several tries: a copy of the request is kept, if there can be one.
    fn first<B, R>(&mut self, mut request: Request<B>, tries: usize) -> ResponseFuture<S, P, B>
    where
        S: Service<Request<B>, Response = Response<R>>,
        P: Policy<B, R, S::Error>,
    {
        let Shared { policy, budget, .. } = &*self.shared;
        if let Some(budget) = budget {
            budget.deposit();
        }
        let method = request.method().clone();
        let spare = policy.try_clone(&mut request);
        let future = self.inner.call(request);
        ResponseFuture::first(self.inner.clone(), Arc::clone(&self.shared), future, spare, method, tries)
    }
}

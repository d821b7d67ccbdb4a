use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use crate::{BoxError, Policy, ResponseFuture};

/// A service whose upstream may switch to another protocol: then the two ends are joined. Made by
/// [`UpgradeLayer`](crate::UpgradeLayer).
#[derive(Clone, Copy, Debug)]
pub struct Upgrade<S, P> {
    inner: S,
    policy: P,
}

impl<S, P> Upgrade<S, P> {
    /// Joins the ends that `inner` brings together as `policy` says.
    pub const fn new(inner: S, policy: P) -> Self {
        Self { inner, policy }
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

impl<S, P, B, R> Service<Request<B>> for Upgrade<S, P>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    P: Policy<R> + Clone,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, P, P::Client>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let client = self.policy.client(request.extensions_mut());
        ResponseFuture::new(self.inner.call(request), self.policy.clone(), client)
    }
}

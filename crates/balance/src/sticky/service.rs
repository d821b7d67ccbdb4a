//! The service and its future.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::binding::{Binding, Session};
use super::{ServedBy, Wanted};

/// A service whose clients come back to the peer that they had. Made by [`StickyLayer`](crate::StickyLayer).
#[derive(Clone, Debug)]
pub struct Sticky<S, P> {
    inner: S,
    binding: Option<P>,
}

impl<S, P> Sticky<S, P> {
    pub(super) fn new(inner: S, binding: Option<P>) -> Self {
        Self { inner, binding }
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

impl<S, P, B, R> Service<Request<B>> for Sticky<S, P>
where
    S: Service<Request<B>, Response = Response<R>>,
    P: Binding<B>,
    P::Session: Session<R>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = StickyFuture<S::Future, P::Session>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        // A request that is looked into is copied on its way: most are not.
        let Some(binding) = &self.binding else {
            return StickyFuture { inner: self.inner.call(request), session: None };
        };
        let (request, session) = want(binding, request);
        StickyFuture { inner: self.inner.call(request), session: Some(Box::new(session)) }
    }
}

/// The request with the peer that it asks for, and what is to be done with its response.
fn want<P: Binding<B>, B>(binding: &P, mut request: Request<B>) -> (Request<B>, P::Session) {
    let (wanted, session) = binding.wanted(&request);
    if let Some(peer) = wanted.filter(|peer| !peer.is_empty()) {
        request.extensions_mut().insert(Wanted(peer));
    }
    (request, session)
}

pin_project! {
    /// The response future of [`Sticky`].
    pub struct StickyFuture<F, K> {
        #[pin]
        inner: F,
        // In a box, for most routes have none.
        session: Option<Box<K>>,
    }
}

impl<F, K> fmt::Debug for StickyFuture<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StickyFuture").finish_non_exhaustive()
    }
}

impl<F, K, R, E> Future for StickyFuture<F, K>
where
    F: Future<Output = Result<Response<R>, E>>,
    K: Session<R>,
{
    type Output = Result<Response<R>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.session.is_none() {
            return this.inner.poll(cx);
        }
        let mut result = ready!(this.inner.poll(cx));
        if let (Some(session), Ok(response)) = (this.session.take(), &mut result)
            && let Some(ServedBy(peer)) = response.extensions_mut().remove()
        {
            session.served(&peer, response);
        }
        Poll::Ready(result)
    }
}

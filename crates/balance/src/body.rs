//! The response body: while it lasts, the request counts for its peer.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::balancer::Picked;

pin_project! {
    /// A response body that holds its peer's place until it ends, fails or is dropped. One that fails is counted, but does not
    /// count towards `max_fails`, as in nginx.
    pub struct ResponseBody<T, B> {
        #[pin]
        inner: B,
        picked: Option<Picked<T>>,
    }
}

impl<T, B> ResponseBody<T, B> {
    #[inline]
    pub(crate) fn new(inner: B, picked: Picked<T>) -> Self {
        Self { inner, picked: Some(picked) }
    }

    /// The body beneath.
    pub fn get_mut(&mut self) -> &mut B {
        &mut self.inner
    }

    /// Whether the peer has failed already, with a response all the same.
    pub fn has_failed(&self) -> bool {
        self.picked.as_ref().is_some_and(Picked::has_failed)
    }

    /// `done` is called when the peer is done with the request, unless it fails or has failed already. Only the last one that
    /// was given is.
    pub fn at_end(&mut self, done: impl FnOnce() + Send + Sync + 'static) {
        if let Some(picked) = &mut self.picked {
            picked.at_end(done);
        }
    }

    /// The response is of no use: the request goes to another peer. That is the peer's failure.
    pub fn failed(mut self) {
        if let Some(mut picked) = self.picked.take() {
            picked.failed();
        }
    }

    /// Everything of the body beneath has been had already: the peer's place is free.
    #[inline]
    pub fn release(&mut self) {
        if let Some(picked) = self.picked.take() {
            picked.ended();
        }
    }

    /// The body beneath, of which everything has been had already.
    #[inline]
    pub fn finish(mut self) -> B {
        self.release();
        self.inner
    }
}

impl<T, B: Body> Body for ResponseBody<T, B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        match &frame {
            None => {
                if let Some(picked) = this.picked.take() {
                    picked.ended();
                }
            }
            Some(Err(_)) => {
                if let Some(mut picked) = this.picked.take() {
                    picked.was_cut();
                }
            }
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<T, B: fmt::Debug> fmt::Debug for ResponseBody<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("inner", &self.inner).finish_non_exhaustive()
    }
}

//! The body of a response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::open::OpenSpan;

pin_project! {
    /// The body of [`Trace`](crate::Trace)'s responses: the inner one. The span is over when it has been read to its end, has failed, or
    /// is dropped.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        open: Option<OpenSpan>,
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn new(inner: B, open: Option<OpenSpan>) -> Self {
        Self { inner, open }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let polled = ready!(this.inner.poll_frame(cx));
        match &polled {
            Some(Ok(_)) => {}
            None => *this.open = None,
            Some(Err(_)) => {
                if let Some(mut open) = this.open.take() {
                    open.fails("body");
                }
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

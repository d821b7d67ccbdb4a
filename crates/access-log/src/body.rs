//! The body of a response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use propylon_exchange::End;

use crate::record::Record;

pin_project! {
    /// The body of [`AccessLogService`](crate::AccessLogService)'s responses: the inner one, counted. The line is written when it
    /// has been read to its end, has failed, or is dropped.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        record: Option<Record>,
    }
}

impl<B: Body> ResponseBody<B> {
    pub(crate) fn new(inner: B, record: Option<Record>) -> Self {
        if let Some(record) = record.as_ref().filter(|_| is_all(&inner)) {
            // Servers drop such a body unread.
            record.ended(End::Complete);
        }
        Self { inner, record }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let polled = ready!(this.inner.as_mut().poll_frame(cx));
        match (&polled, &this.record) {
            (_, None) => {}
            (Some(Ok(frame)), Some(record)) => {
                record.body_sent(frame.data_ref().map_or(0, Buf::remaining));
                if is_all(&*this.inner) {
                    record.ended(End::Complete);
                }
            }
            (ended, Some(record)) => {
                record.ended(if ended.is_none() { End::Complete } else { End::Truncated });
                *this.record = None;
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

/// Whether there is nothing more to come: a server that knows the length does not ask for the end.
fn is_all(body: &impl Body) -> bool {
    body.is_end_stream() || body.size_hint().exact() == Some(0)
}

//! The response body on its way to the client: counted, and its end seen.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use propylon_exchange::End;
use propylon_stack::{Body, BoxError};

use super::Guard;

/// A response body on its way to the client.
pub(crate) struct ResponseBody {
    inner: Body,
    guard: Guard,
}

impl ResponseBody {
    pub(crate) fn new(inner: Body, guard: Guard) -> Self {
        Self { inner, guard }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let exchange = &self.guard.exchange;
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    exchange.body_sent(data.len() as u64);
                }
                // An engine does not ask again for what it knows to be over.
                if self.inner.is_end_stream() {
                    self.guard.exchange.ended(End::Complete);
                }
            }
            Some(Err(error)) => {
                exchange.ended(End::Truncated);
                crate::rescue::report_cut(exchange, error);
            }
            None => exchange.ended(End::Complete),
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

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // A response without a body is never polled; one to HEAD is dropped before it is.
        let head_only = self.guard.exchange.head().is_some_and(|head| head.method == http::Method::HEAD);
        if self.inner.is_end_stream() || head_only {
            self.guard.exchange.ended(End::Complete);
        }
    }
}

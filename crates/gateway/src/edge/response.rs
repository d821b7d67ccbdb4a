//! The response body on its way to the client: counted, and its end seen.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use propylon_exchange::End;
use propylon_h1::server::ResponseTimeouts;
use propylon_stack::{Body, BoxError, FilePart};

use super::{Guard, Teller};

/// A response body on its way to the client.
pub(crate) struct ResponseBody {
    inner: Body,
    guard: Box<Guard>,
    /// Whether each frame goes out as a chunk: as in nginx, the framing counts as body.
    chunked: bool,
}

/// What ends a chunked body.
const LAST_CHUNK: u64 = "0\r\n\r\n".len() as u64;

impl ResponseBody {
    pub(crate) fn new(inner: Body, guard: Box<Guard>, chunked: bool) -> Self {
        Self { inner, guard, chunked }
    }

    /// Takes the next part, if it is one of a file that the kernel may send.
    pub(crate) fn take_file(&mut self) -> Option<FilePart> {
        let part = self.inner.take_file()?;
        self.sent(part.1.end.saturating_sub(part.1.start));
        if self.inner.is_end_stream() {
            self.complete();
        }
        Some(part)
    }

    /// What was taken of it cannot be sent.
    pub(crate) fn unreadable(&self, error: io::Error) {
        self.cut(&error.into());
    }

    /// What its location says of the client.
    pub(crate) fn timeouts(&self) -> ResponseTimeouts {
        self.guard.visit.location().timeouts
    }

    fn cut(&self, error: &BoxError) {
        let exchange = self.guard.exchange();
        exchange.ended(End::Truncated);
        crate::rescue::report_cut(exchange, error);
    }

    fn sent(&self, length: u64) {
        let framing = match (self.chunked, length) {
            (false, _) | (true, 0) => 0,
            (true, length) => u64::from(length.ilog2() / 4 + 1) + "\r\n\r\n".len() as u64,
        };
        self.guard.exchange().body_sent(length + framing);
    }

    fn complete(&self) {
        if !matches!(self.guard.teller, Teller::Body) {
            return; // it has been handed over: whether it arrives, the engine will tell
        }
        if self.chunked && self.guard.exchange().end().is_none() {
            self.guard.exchange().body_sent(LAST_CHUNK);
        }
        self.guard.exchange().ended(End::Complete);
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
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.sent(data.len() as u64);
                }
                // An engine does not ask again for what it knows to be over.
                if self.inner.is_end_stream() {
                    self.complete();
                }
            }
            Some(Err(error)) => self.cut(error),
            None => self.complete(),
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
        let head_only = self.guard.exchange().head().is_some_and(|head| head.method == http::Method::HEAD);
        if self.inner.is_end_stream() || head_only {
            self.complete();
        }
    }
}

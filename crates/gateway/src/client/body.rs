//! The client's request body, counted and timed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use propylon_exchange::Exchange;

use super::Client;

/// Why a client's request body did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClientBodyError {
    /// It took longer than `client_body_timeout` for the next piece.
    #[error("client timed out while sending the request body")]
    Timeout,
    /// The client left before its end.
    #[error("client prematurely closed connection")]
    Left(#[source] hyper::Error),
    /// Its framing is wrong.
    #[error("client sent a malformed request body")]
    Malformed(#[source] hyper::Error),
}

/// The client's request body: its bytes are counted, and the wait for each piece is timed.
pub(crate) struct RequestBody {
    inner: Incoming,
    client: Arc<Client>,
    exchange: Exchange,
    timeout: Duration,
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, client: Arc<Client>, exchange: Exchange, timeout: Duration) -> Self {
        Self { inner, client, exchange, timeout }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = ClientBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientBodyError>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if frame.is_pending() {
            self.client.body_waker.register(cx.waker());
            if self.client.body.has_passed() {
                self.client.body.disarm();
                return Poll::Ready(Some(Err(ClientBodyError::Timeout)));
            }
            if !self.client.body.is_armed() {
                self.client.body.arm(self.timeout);
            }
            return Poll::Pending;
        }
        self.client.body.disarm();
        match ready!(frame) {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.exchange.body_received(data.len() as u64);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(if left(&error) {
                ClientBodyError::Left(error)
            } else {
                ClientBodyError::Malformed(error)
            }))),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Whether the client is gone; else it is there, and what it sent is no body.
fn left(error: &hyper::Error) -> bool {
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    match io {
        // The engine's word for a malformed chunk.
        Some(io) => !matches!(io.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData),
        None => error.is_incomplete_message() || error.is_closed() || error.is_canceled(),
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // Nobody waits for the next piece any more.
        self.client.body.disarm();
    }
}

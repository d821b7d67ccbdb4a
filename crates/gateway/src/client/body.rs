//! The client's request body, counted and timed.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use propylon_exchange::Exchange;
use propylon_h1::BodyError;
use propylon_h1::server::RequestBodyError;
use propylon_stack::BoxError;

use super::{Client, http2, http3};

/// Why a client's request body did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ClientBodyError {
    /// It took longer than `client_body_timeout` for the next piece.
    #[error("client timed out while sending the request body")]
    Timeout,
    /// The client left before its end.
    #[error("client prematurely closed connection")]
    Left(#[source] BoxError),
    /// The client has taken back its request.
    #[error("client reset stream")]
    Reset(#[source] BoxError),
    /// Its framing is wrong.
    #[error("client sent a malformed request body")]
    Malformed(#[source] BoxError),
}

/// A request body as an engine gives it.
pub(crate) enum Received {
    /// Timed by its engine.
    H1(propylon_h1::server::RequestBody),
    /// Timed here.
    Hyper(Incoming),
    /// Timed by its stream.
    Http2(http2::RequestBody),
    /// The same.
    Http3(Box<http3::RequestBody>),
}

impl Received {
    /// Whether there is no body.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::H1(body) => body.is_end_stream(),
            Self::Hyper(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
            Self::Http3(body) => body.is_end_stream(),
        }
    }
}

/// The client's request body: its bytes are counted, and the wait for each piece is timed.
pub(crate) struct RequestBody {
    inner: Received,
    client: Arc<Client>,
    exchange: Exchange,
    timeout: BodyTimeout,
}

/// How long the next piece of a request's body may take: the location that the request comes to says it. A clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct BodyTimeout(Arc<AtomicU64>);

impl BodyTimeout {
    pub(crate) fn new(timeout: Duration) -> Self {
        let new = Self(Arc::default());
        new.set(timeout);
        new
    }

    pub(crate) fn set(&self, timeout: Duration) {
        self.0.store(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_millis(self.0.load(Relaxed))
    }
}

impl RequestBody {
    pub(crate) fn new(
        inner: Received,
        client: Arc<Client>,
        exchange: Exchange,
        timeout: BodyTimeout,
    ) -> Self {
        Self { inner, client, exchange, timeout }
    }

    /// The wait for a piece is given up when it has taken too long.
    fn timed(&self, frame: Polled, cx: &mut Context<'_>) -> Polled {
        if frame.is_ready() {
            self.client.body.disarm();
            return frame;
        }
        self.client.body_waker.register(cx.waker());
        if self.client.body.has_passed() {
            self.client.body.disarm();
            return Poll::Ready(Some(Err(ClientBodyError::Timeout)));
        }
        if !self.client.body.is_armed() {
            self.client.body.arm(self.timeout.get());
        }
        Poll::Pending
    }
}

type Polled = Poll<Option<Result<Frame<Bytes>, ClientBodyError>>>;

impl Body for RequestBody {
    type Data = Bytes;
    type Error = ClientBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientBodyError>>> {
        let timeout = self.timeout.get();
        let frame = match &mut self.inner {
            Received::H1(body) => {
                body.set_timeout(timeout);
                Pin::new(body).poll_frame(cx).map(|f| f.map(|f| f.map_err(h1_error)))
            }
            Received::Hyper(body) => {
                let frame = Pin::new(body).poll_frame(cx).map(|f| f.map(|f| f.map_err(hyper_error)));
                self.timed(frame, cx)
            }
            Received::Http2(body) => body.poll_timed(cx, timeout),
            Received::Http3(body) => body.poll_timed(cx, timeout),
        };
        match ready!(frame) {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    self.exchange.body_received(data.len() as u64);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            other => Poll::Ready(other),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Received::H1(body) => body.size_hint(),
            Received::Hyper(body) => body.size_hint(),
            Received::Http2(body) => body.size_hint(),
            Received::Http3(body) => body.size_hint(),
        }
    }
}

fn h1_error(error: RequestBodyError) -> ClientBodyError {
    match error {
        RequestBodyError::TimedOut => ClientBodyError::Timeout,
        RequestBodyError::Malformed(cause) if cause != BodyError::Truncated => {
            ClientBodyError::Malformed(error.into())
        }
        _ => ClientBodyError::Left(error.into()),
    }
}

fn hyper_error(error: hyper::Error) -> ClientBodyError {
    if left(&error) { ClientBodyError::Left(error.into()) } else { ClientBodyError::Malformed(error.into()) }
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
        // Nobody waits for the next piece any more. That of a stream sees to it by itself.
        if !matches!(self.inner, Received::Http2(_) | Received::Http3(_)) {
            self.client.body.disarm();
        }
    }
}

//! The request's body, as its service sees it.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use super::handle::Shared;
use crate::BodyError;

/// A request's body. If it came with its head it is whole bytes; else it is read from the connection as it is polled, and
/// nothing of it is held but one piece.
///
/// It outlives neither the response nor the connection: what is left of it then is an error.
pub struct RequestBody(Kind);

enum Kind {
    Empty,
    Full(Bytes),
    Streaming { slot: Arc<Slot>, left: Option<u64> },
}

/// Why a request's body did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestBodyError {
    /// It was cut short, or is malformed.
    #[error("request body: {0}")]
    Malformed(#[from] BodyError),
    /// The next piece did not come in time.
    #[error("request body did not arrive in time")]
    TimedOut,
    /// The connection failed.
    #[error("connection failed while the request body was read")]
    Io(#[source] io::Error),
    /// The response is over, or the connection is gone: nobody reads the body any more.
    #[error("request body is no longer read")]
    Over,
}

impl RequestBody {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// The whole body, if it is here and nobody has begun to read it.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&Bytes> {
        static EMPTY: Bytes = Bytes::new();
        match &self.0 {
            Kind::Empty => Some(&EMPTY),
            Kind::Full(bytes) => Some(bytes),
            Kind::Streaming { .. } => None,
        }
    }

    /// How long its next piece may take, in place of the connection's [`body`](super::Timeouts::body).
    pub fn set_timeout(&self, timeout: Duration) {
        if let Kind::Streaming { slot, .. } = &self.0 {
            let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            slot.timeout.store(millis.max(1), Ordering::Relaxed);
        }
    }

    pub(super) fn full(bytes: Bytes) -> Self {
        Self(if bytes.is_empty() { Kind::Empty } else { Kind::Full(bytes) })
    }

    pub(super) fn streaming(slot: Arc<Slot>, left: Option<u64>) -> Self {
        Self(Kind::Streaming { slot, left })
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        let (slot, left) = match &mut self.0 {
            Kind::Empty => return Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            Kind::Streaming { slot, left } => (slot, left),
        };
        match slot.poll_take(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Piece::Data(data)) => {
                if let Some(left) = left {
                    *left = left.saturating_sub(data.len() as u64);
                    if *left == 0 {
                        self.0 = Kind::Empty;
                    }
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Piece::Trailers(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Poll::Ready(Piece::End) => {
                self.0 = Kind::Empty;
                Poll::Ready(None)
            }
            Poll::Ready(Piece::Error(error)) => {
                self.0 = Kind::Empty;
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Streaming { left, .. } => left.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl Default for RequestBody {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Full(_) => "full",
            Kind::Streaming { .. } => "streaming",
        };
        write!(f, "RequestBody({kind}, {:?})", self.size_hint())
    }
}

/// Where the connection's task and the reader of the body meet: one piece at a time, read when it is wanted.
pub(super) struct Slot {
    shared: Arc<Shared>,
    wanted: AtomicBool,
    /// Of the next piece, in milliseconds; 0: the connection's.
    timeout: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    piece: Option<Piece>,
    /// Nothing more comes.
    closed: bool,
    reader: Option<Waker>,
}

pub(super) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    Error(RequestBodyError),
}

impl Slot {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, wanted: AtomicBool::new(false), timeout: AtomicU64::new(0), state: Mutex::default() }
    }

    /// How long the next piece may take, if that is not as everywhere.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let millis = self.timeout.load(Ordering::Relaxed);
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Piece> {
        let mut state = self.state.lock();
        if let Some(piece) = state.piece.take() {
            return Poll::Ready(piece);
        }
        if state.closed {
            return Poll::Ready(Piece::Error(RequestBodyError::Over));
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            state.reader = Some(cx.waker().clone());
        }
        self.wanted.store(true, Ordering::Release);
        drop(state);
        self.shared.wake_others(cx.waker());
        Poll::Pending
    }

    /// The piece that is there already.
    pub(super) fn begin(&self, piece: Piece) {
        self.state.lock().piece = Some(piece);
    }

    /// Whether the reader waits.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Acquire)
    }

    /// Gives the reader its piece. Called by the connection's task, which looks after its own reader by itself.
    pub(super) fn put(&self, piece: Piece, cx: &Context<'_>) {
        let mut state = self.state.lock();
        state.piece = Some(piece);
        self.wanted.store(false, Ordering::Release);
        if let Some(reader) = state.reader.take_if(|reader| !reader.will_wake(cx.waker())) {
            drop(state);
            reader.wake();
        }
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        if let Some(reader) = state.reader.take() {
            drop(state);
            reader.wake();
        }
    }
}

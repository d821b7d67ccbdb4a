//! The response body.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use propylon_exchange::Try;

use crate::attempt::Attempt;
use crate::connection::Incoming;
use crate::outgoing::Progress;
use crate::pool::{Inner, Lease, Pool};
use crate::{BoxError, Error};

/// The body of a peer's response.
///
/// Read to its end it gives the connection back to the pool, if both sides keep it; dropped before, or failed, it closes the
/// connection. Errors are [`Error::Truncated`], [`Error::InvalidBody`], [`Error::BodyIo`], or [`Error::RequestBody`] when
/// the request's body failed meanwhile.
#[derive(Debug)]
pub struct Body(State);

#[derive(Debug)]
enum State {
    /// All of it is here, and the connection is not.
    Whole {
        data: Bytes,
        record: Option<Try>,
        /// How much of the wire it was.
        length: u64,
    },
    /// Boxed: it moves with every layer's response, and takes its time anyhow.
    Streaming(Box<Streaming>),
    Over,
}

#[derive(Debug)]
struct Streaming {
    incoming: Box<Incoming>,
    /// The connection, until the body has ended.
    lease: Option<Lease>,
    /// Where it goes then, if that is still there.
    pool: Weak<Inner>,
    reusable: bool,
    progress: Option<Arc<Progress>>,
    attempt: Option<Attempt>,
    /// Bytes of the heads, until somebody begins to read.
    heads: Option<u64>,
    /// Whether something was passed on since this last waited.
    passed: bool,
    /// An error that waits for what came before it.
    held: Option<Error>,
}

impl Body {
    /// All of it is here, and was so much of the wire.
    pub(crate) fn whole(data: Bytes, record: Option<Try>, length: u64) -> Self {
        Self(State::Whole { data, record, length })
    }

    /// It is to be read from the connection.
    pub(crate) fn streaming(
        incoming: Box<Incoming>,
        lease: Lease,
        pool: &Pool,
        reusable: bool,
        progress: Option<Arc<Progress>>,
        attempt: Option<Attempt>,
        heads: Option<u64>,
    ) -> Self {
        let (lease, pool) = (Some(lease), pool.weak());
        let (passed, held) = (true, None);
        let mut body = Streaming { incoming, lease, pool, reusable, progress, attempt, heads, passed, held };
        if http_body::Body::is_end_stream(&*body.incoming) {
            body.end(true);
            return Self(State::Over);
        }
        Self(State::Streaming(Box::new(body)))
    }

    /// None: the connection is another protocol's.
    pub(crate) fn none() -> Self {
        Self(State::Over)
    }

    /// All of it, if the peer announced its length and it came together with its head: the connection is free for the next
    /// request already. Else, and when it has been read already, `None`.
    /// [`Engine::Hyper`](crate::Engine::Hyper) never knows.
    pub fn take_bytes(&mut self) -> Option<Bytes> {
        if !matches!(self.0, State::Whole { .. }) {
            return None;
        }
        match std::mem::replace(&mut self.0, State::Over) {
            State::Whole { data, record, length } => {
                // From here on it is a response that was received (nginx counts none of one that it does not pass on).
                if let Some(record) = record {
                    record.received(length);
                }
                Some(data)
            }
            _ => None,
        }
    }
}

/// Whether the peer has the whole request: one that answers before it has read it may never read the rest.
pub(crate) fn is_sent(progress: Option<&Arc<Progress>>) -> bool {
    progress.is_none_or(|progress| progress.complete())
}

impl Streaming {
    /// Somebody reads: from here on it is a response that was received (nginx counts none of one that it does not pass on).
    fn begin(&mut self) {
        if let (Some(heads), Some(attempt)) = (self.heads.take(), &mut self.attempt) {
            attempt.body_began(heads);
        }
    }

    /// The next frame. An error waits a turn, so that whoever sends this gets rid of what came before the error.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(error) = self.held.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match http_body::Body::poll_frame(Pin::new(&mut *self.incoming), cx) {
            Poll::Ready(Some(Err(error))) if self.passed => {
                self.held = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            polled => {
                self.passed = polled.is_ready();
                polled
            }
        }
    }

    fn end(&mut self, clean: bool) {
        let Some(lease) = self.lease.take() else { return };
        if let Some(attempt) = &mut self.attempt {
            attempt.finished();
        }
        if clean
            && self.reusable
            && is_sent(self.progress.as_ref())
            && let Some(pool) = Pool::of(&self.pool)
        {
            lease.give_back(&pool);
        }
    }

    fn note(&self, frame: &Frame<Bytes>) {
        let Some(attempt) = &self.attempt else { return };
        if let Some(data) = frame.data_ref() {
            // The other engines count by themselves.
            if let Incoming::Hyper(_) | Incoming::FastCgi(_) | Incoming::Cgi(_) | Incoming::Memcached(_) =
                *self.incoming
            {
                attempt.received(data.len() as u64);
            }
        } else if let Some(trailers) = frame.trailers_ref() {
            attempt.trailers(trailers);
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.lease.is_none() {
            return Poll::Ready(None);
        }
        self.begin();
        Poll::Ready(match ready!(self.poll_incoming(cx)) {
            Some(Ok(frame)) => {
                self.note(&frame);
                if http_body::Body::is_end_stream(&*self.incoming) {
                    self.end(true);
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                self.end(false);
                let cause = self.progress.as_ref().and_then(|progress| progress.take_error());
                Some(Err(cause.map_or(error, |source| Error::RequestBody { source }).into()))
            }
            None => {
                self.end(true);
                None
            }
        })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            State::Streaming(streaming) => streaming.poll_frame(cx),
            State::Whole { .. } => {
                let data = self.take_bytes().filter(|data| !data.is_empty());
                Poll::Ready(data.map(|data| Ok(Frame::data(data))))
            }
            State::Over => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            State::Streaming(streaming) => streaming.lease.is_none(),
            State::Whole { data, .. } => data.is_empty(),
            State::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Streaming(streaming) if streaming.lease.is_some() => streaming.incoming.size_hint(),
            State::Whole { data, .. } => SizeHint::with_exact(data.len() as u64),
            State::Streaming(_) | State::Over => SizeHint::with_exact(0),
        }
    }
}

//! The response body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::attempt::Attempt;
use crate::connection::Incoming;
use crate::outgoing::Progress;
use crate::pool::Lease;
use crate::{BoxError, Error};

/// The body of a peer's response.
///
/// Read to its end it gives the connection back to the pool, if both sides keep it; dropped before, or failed, it closes the
/// connection. Errors are [`Error::Truncated`], [`Error::InvalidBody`], [`Error::BodyIo`], or [`Error::RequestBody`] when
/// the request's body failed meanwhile.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    /// The connection, until the body has ended.
    lease: Option<Lease>,
    reusable: bool,
    progress: Option<Arc<Progress>>,
    attempt: Option<Arc<Attempt>>,
    /// Bytes of the heads, until somebody begins to read.
    heads: Option<u64>,
    /// Whether something was passed on since this last waited.
    passed: bool,
    /// An error that waits for what came before it.
    held: Option<Error>,
}

impl Body {
    pub(crate) fn new(
        incoming: Incoming,
        lease: Lease,
        reusable: bool,
        progress: Option<Arc<Progress>>,
        attempt: Option<Arc<Attempt>>,
        heads: Option<u64>,
    ) -> Self {
        let lease = Some(lease);
        let (passed, held) = (true, None);
        let mut body = Self { incoming, lease, reusable, progress, attempt, heads, passed, held };
        if http_body::Body::is_end_stream(&body.incoming) {
            body.end(true);
        }
        body
    }

    /// None: the connection is another protocol's.
    pub(crate) fn none(incoming: Incoming) -> Self {
        let (passed, held) = (true, None);
        Self {
            incoming,
            lease: None,
            reusable: false,
            progress: None,
            attempt: None,
            heads: None,
            passed,
            held,
        }
    }

    /// All of it, if the peer announced its length and it came together with its head: the connection is free for the next
    /// request then, before any of this is passed on. Else, and when it has been read already, `None`. Only
    /// [`Engine::H1`](crate::Engine::H1) knows.
    pub fn take_bytes(&mut self) -> Option<Bytes> {
        if let (Incoming::H1(incoming), Some(_)) = (&mut self.incoming, &self.lease)
            && let Some(bytes) = incoming.take_bytes()
        {
            self.begin();
            self.end(true);
            return Some(bytes);
        }
        None
    }

    /// Somebody reads: from here on it is a response that was received (nginx counts none of one that it does not pass on).
    fn begin(&mut self) {
        if let (Some(heads), Some(attempt)) = (self.heads.take(), &self.attempt) {
            attempt.body_began(heads);
        }
    }

    /// The next frame. An error waits a turn, so that whoever sends this gets rid of what came before the error.
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(error) = self.held.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match http_body::Body::poll_frame(Pin::new(&mut self.incoming), cx) {
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
        if let Some(attempt) = &self.attempt {
            attempt.finished();
        }
        // A peer that answers before it has read the whole request may never read the rest.
        let sent = self.progress.as_ref().is_none_or(|progress| progress.complete());
        if clean && self.reusable && sent {
            lease.give_back();
        }
    }

    fn note(&self, frame: &Frame<Bytes>) {
        let Some(attempt) = &self.attempt else { return };
        if let Some(data) = frame.data_ref() {
            // The own engine has the bytes of the wire.
            if let Incoming::Hyper(_) = self.incoming {
                attempt.received(data.len() as u64);
            }
        } else if let Some(trailers) = frame.trailers_ref() {
            attempt.trailers(trailers);
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.lease.is_none() {
            return Poll::Ready(None);
        }
        self.begin();
        Poll::Ready(match ready!(self.poll_incoming(cx)) {
            Some(Ok(frame)) => {
                self.note(&frame);
                if self.incoming.is_end_stream() {
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

    fn is_end_stream(&self) -> bool {
        self.lease.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.lease.is_none() { SizeHint::with_exact(0) } else { self.incoming.size_hint() }
    }
}

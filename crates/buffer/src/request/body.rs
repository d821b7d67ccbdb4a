//! What the inner service gets to read.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use crate::error::{BoxError, Error};
use crate::replay::Replay;

/// A request body on its way to the inner service.
pub struct RequestBody<B>(Kind<B>);

enum Kind<B> {
    Empty,
    Whole(Replay),
    Stream(Stream<B>),
}

/// Tells whether a streamed body has begun to be read, whoever holds it.
#[derive(Clone, Debug)]
pub struct Begun(Arc<AtomicBool>);

impl Begun {
    /// Whether somebody has begun to read it, so that it is gone for all others. One that came in one piece is not: it is kept.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// A body that is passed on as it comes: whoever reads first has it, and it is kept if the first piece is all of it.
struct Stream<B> {
    begun: Arc<AtomicBool>,
    slot: Arc<Mutex<Slot<B>>>,
    own: Own<B>,
    hint: SizeHint,
    read: u64,
    limit: Option<u64>,
}

/// What is there for whoever reads next.
enum Slot<B> {
    Unread(Pin<Box<B>>),
    /// It came in one piece.
    Whole(Bytes),
    Gone,
}

/// What is read here.
enum Own<B> {
    /// Nothing yet.
    Unopened,
    Inner(Pin<Box<B>>),
    /// Nothing any more.
    Over,
}

impl<B> RequestBody<B> {
    pub(crate) fn empty() -> Self {
        Self(Kind::Empty)
    }

    pub(crate) fn whole(replay: Replay) -> Self {
        Self(Kind::Whole(replay))
    }

    pub(crate) fn stream(body: B, limit: Option<u64>) -> Self
    where
        B: Body,
    {
        let hint = body.size_hint();
        let slot = Arc::new(Mutex::new(Slot::Unread(Box::pin(body))));
        Self(Kind::Stream(Stream { begun: Arc::default(), slot, own: Own::Unopened, hint, read: 0, limit }))
    }

    /// The whole body, if it was kept.
    #[must_use]
    pub fn replay(&self) -> Option<&Replay> {
        match &self.0 {
            Kind::Whole(replay) => Some(replay),
            _ => None,
        }
    }

    /// What tells whether a streamed body has begun; `None` for one that is whole or empty.
    #[must_use]
    pub fn begun(&self) -> Option<Begun> {
        match &self.0 {
            Kind::Stream(stream) => Some(Begun(Arc::clone(&stream.begun))),
            _ => None,
        }
    }

    /// Whether it can be read from its beginning.
    #[must_use]
    pub fn can_be_read(&self) -> bool {
        match &self.0 {
            Kind::Empty | Kind::Whole(_) => true,
            Kind::Stream(stream) => {
                matches!(stream.own, Own::Unopened) && !matches!(*stream.slot.lock(), Slot::Gone)
            }
        }
    }
}

/// The same body from its beginning. A streamed one can be read as long as nobody has begun to read any of them, and after that
/// if it came in one piece: see [`RequestBody::can_be_read`].
impl<B> Clone for RequestBody<B> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Kind::Empty => Kind::Empty,
            Kind::Whole(replay) => Kind::Whole(replay.clone()),
            Kind::Stream(stream) => Kind::Stream(Stream {
                begun: Arc::clone(&stream.begun),
                slot: Arc::clone(&stream.slot),
                own: Own::Unopened,
                hint: stream.hint,
                read: 0,
                limit: stream.limit,
            }),
        })
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Whole(replay) => Pin::new(replay).poll_frame(cx).map_err(Into::into),
            Kind::Stream(stream) => stream.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Whole(replay) => replay.is_end_stream(),
            Kind::Stream(stream) => match &stream.own {
                Own::Unopened => false,
                Own::Inner(body) => body.is_end_stream(),
                Own::Over => true,
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole(replay) => replay.size_hint(),
            Kind::Stream(stream) => match &stream.own {
                Own::Inner(body) => body.size_hint(),
                Own::Over => SizeHint::with_exact(0),
                Own::Unopened if stream.hint.exact().is_some() => stream.hint,
                Own::Unopened => match &*stream.slot.lock() {
                    Slot::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
                    _ => stream.hint,
                },
            },
        }
    }
}

impl<B> Stream<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if matches!(self.own, Own::Unopened) {
            let mut slot = self.slot.lock();
            match std::mem::replace(&mut *slot, Slot::Gone) {
                Slot::Unread(body) => {
                    self.own = Own::Inner(body);
                    self.begun.store(true, Relaxed);
                }
                Slot::Whole(bytes) => {
                    *slot = Slot::Whole(bytes.clone());
                    self.own = Own::Over;
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Slot::Gone => return Poll::Ready(Some(Err(Error::Gone.into()))),
            }
        }
        let Own::Inner(body) = &mut self.own else { return Poll::Ready(None) };
        let frame = ready!(body.as_mut().poll_frame(cx)).transpose().map_err(Into::into)?;
        if let Some(data) = frame.as_ref().and_then(Frame::data_ref) {
            let first = self.read == 0;
            self.read += data.len() as u64;
            if let Some(limit) = self.limit.filter(|&limit| self.read > limit) {
                return Poll::Ready(Some(Err(Error::TooLarge { size: self.read, limit }.into())));
            }
            if first && body.is_end_stream() {
                *self.slot.lock() = Slot::Whole(data.clone());
                self.begun.store(false, Relaxed);
            }
        }
        Poll::Ready(frame.map(Ok))
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Whole(_) => "whole",
            Kind::Stream(_) => "stream",
        };
        write!(f, "RequestBody({kind})")
    }
}

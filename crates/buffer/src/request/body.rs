//! What the inner service gets to read.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use crate::error::{BoxError, Error};
use crate::replay::Replay;

/// A request body on its way to the inner service.
pub struct RequestBody<B>(Kind<B>);

enum Kind<B> {
    /// One that has ended before it began.
    Untouched(Pin<Box<B>>),
    Whole(Replay),
    Stream(Stream<B>),
}

/// A body that is passed on as it comes: whoever reads first has it.
struct Stream<B> {
    slot: Arc<Mutex<Option<Pin<Box<B>>>>>,
    /// Once it has begun to be read here.
    own: Option<Pin<Box<B>>>,
    hint: SizeHint,
    read: u64,
    limit: Option<u64>,
}

impl<B> RequestBody<B> {
    pub(crate) fn untouched(body: B) -> Self {
        Self(Kind::Untouched(Box::pin(body)))
    }

    pub(crate) fn whole(replay: Replay) -> Self {
        Self(Kind::Whole(replay))
    }

    pub(crate) fn stream(body: B, limit: Option<u64>) -> Self
    where
        B: Body,
    {
        let hint = body.size_hint();
        let slot = Arc::new(Mutex::new(Some(Box::pin(body))));
        Self(Kind::Stream(Stream { slot, own: None, hint, read: 0, limit }))
    }

    /// The whole body, if it was kept.
    #[must_use]
    pub fn replay(&self) -> Option<&Replay> {
        match &self.0 {
            Kind::Whole(replay) => Some(replay),
            _ => None,
        }
    }

    /// The same body from its beginning. That of a streamed one can be read as long as nobody has begun to read any of them:
    /// see [`can_be_read`](Self::can_be_read). `None` for a body that was empty from the start.
    #[must_use]
    pub fn try_clone(&self) -> Option<Self> {
        match &self.0 {
            Kind::Untouched(_) => None,
            Kind::Whole(replay) => Some(Self(Kind::Whole(replay.clone()))),
            Kind::Stream(stream) => Some(Self(Kind::Stream(Stream {
                slot: Arc::clone(&stream.slot),
                own: None,
                hint: stream.hint,
                read: 0,
                limit: stream.limit,
            }))),
        }
    }

    /// Whether it can be read from its beginning.
    #[must_use]
    pub fn can_be_read(&self) -> bool {
        match &self.0 {
            Kind::Untouched(_) | Kind::Whole(_) => true,
            Kind::Stream(stream) => stream.own.is_none() && stream.slot.lock().is_some(),
        }
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
            Kind::Untouched(body) => body.as_mut().poll_frame(cx).map_err(Into::into),
            Kind::Whole(replay) => Pin::new(replay).poll_frame(cx).map_err(Into::into),
            Kind::Stream(stream) => stream.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Untouched(body) => body.is_end_stream(),
            Kind::Whole(replay) => replay.is_end_stream(),
            Kind::Stream(stream) => stream.own.as_ref().is_some_and(|body| body.is_end_stream()),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Untouched(body) => body.size_hint(),
            Kind::Whole(replay) => replay.size_hint(),
            Kind::Stream(stream) => match &stream.own {
                Some(body) => body.size_hint(),
                None => stream.hint,
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
        if self.own.is_none() {
            self.own = self.slot.lock().take();
        }
        let Some(body) = &mut self.own else { return Poll::Ready(Some(Err(Error::Gone.into()))) };
        let frame = ready!(body.as_mut().poll_frame(cx)).transpose().map_err(Into::into)?;
        if let Some(data) = frame.as_ref().and_then(Frame::data_ref) {
            self.read += data.len() as u64;
            if let Some(limit) = self.limit.filter(|&limit| self.read > limit) {
                return Poll::Ready(Some(Err(Error::TooLarge { size: self.read, limit }.into())));
            }
        }
        Poll::Ready(frame.map(Ok))
    }
}

impl<B> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Untouched(_) => "untouched",
            Kind::Whole(_) => "whole",
            Kind::Stream(_) => "stream",
        };
        write!(f, "RequestBody({kind})")
    }
}

//! The response's body, which has the connection until its end.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use propylon_cgi::Left;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::wire::{Broken, Came, Wire};
use crate::{BoxError, Error, Keeper};

/// The body of a response. It has the connection until its end; if the request is still being sent, that goes on while this is
/// polled. What is longer than its head says is cut off there; what is shorter is [`Error::Truncated`].
pub struct Body<I, B, K = ()> {
    wire: Option<Box<Wire<I, B, K>>>,
    /// What came with the head.
    first: Bytes,
    left: Left,
    /// Whether there was more than the head said.
    excess: bool,
}

impl<I, B, K> Body<I, B, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    K: Keeper<I>,
{
    pub(crate) fn new(first: Bytes, left: Option<u64>, wire: Box<Wire<I, B, K>>) -> Self {
        Self { wire: Some(wire), first, left: Left::new(left), excess: false }
    }

    /// None: the connection is kept only if the request is over already.
    pub(crate) fn none(rest: Bytes, mut wire: Wire<I, B, K>) -> Self {
        // What a script wrote all the same.
        let over = loop {
            match wire.next() {
                Ok(Some(Came::Stdout(_))) => {}
                Ok(Some(Came::End)) => break true,
                _ => break false,
            }
        };
        drop(rest);
        wire.finish(over);
        Self { wire: None, first: Bytes::new(), left: Left::new(None), excess: false }
    }

    /// What of `data` is the body's.
    fn measure(&mut self, data: Bytes) -> Bytes {
        let all = data.len();
        let taken = self.left.take(data);
        self.excess |= taken.len() < all;
        taken
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if !self.first.is_empty() {
            let first = std::mem::take(&mut self.first);
            let first = self.measure(first);
            if !first.is_empty() {
                return Poll::Ready(Some(Ok(first)));
            }
        }
        loop {
            let Some(wire) = &mut self.wire else { return Poll::Ready(None) };
            let came = match ready!(wire.poll(cx)) {
                Ok(Came::Stdout(data)) => {
                    let data = self.measure(data);
                    if data.is_empty() {
                        continue;
                    }
                    return Poll::Ready(Some(Ok(data)));
                }
                // The head has gone out: too late for it.
                Ok(Came::Caught) => continue,
                Ok(Came::End) if self.left.may_end() => {
                    if let Some(wire) = self.wire.take() {
                        wire.finish(!self.excess);
                    }
                    return Poll::Ready(None);
                }
                Ok(Came::End | Came::Closed) => Error::Truncated,
                Err(Broken::Io(source)) => Error::BodyIo { source },
                Err(Broken::Invalid(invalid)) => Error::InvalidBody(invalid),
                Err(Broken::RequestBody(source)) => Error::RequestBody { source },
            };
            self.wire = None;
            return Poll::Ready(Some(Err(came)));
        }
    }
}

impl<I, B, K> http_body::Body for Body<I, B, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    K: Keeper<I> + Unpin,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.get_mut().poll_data(cx).map_ok(Frame::data)
    }

    /// Not before the application has said that the request is over.
    fn is_end_stream(&self) -> bool {
        self.wire.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.wire, self.left.known()) {
            (None, _) => SizeHint::with_exact(0),
            (Some(_), Some(left)) => SizeHint::with_exact(left),
            (Some(_), None) => SizeHint::default(),
        }
    }
}

impl<I, B, K> fmt::Debug for Body<I, B, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("left", &self.left).finish_non_exhaustive()
    }
}

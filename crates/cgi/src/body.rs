//! The response's body, which has the connection until its end.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::left::Left;
use crate::transfer::Transfer;
use crate::upload::Bare;
use crate::{BoxError, Error};

/// The body of a response. It has the connection until its end: that of the connection, or what its head says. If the request is still
/// being sent, that goes on while this is polled. What is longer than its head says is cut off there; what is shorter is
/// [`Error::Truncated`].
pub struct Body<I, B> {
    transfer: Option<Box<Transfer<I, B, Bare>>>,
    /// What came with the head.
    first: Bytes,
    left: Left,
    /// Whether TLS need not say that it is over.
    abrupt_end: bool,
}

impl<I, B> Body<I, B>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(
        rest: Bytes,
        length: Option<u64>,
        transfer: Box<Transfer<I, B, Bare>>,
        abrupt_end: bool,
    ) -> Self {
        let mut left = Left::new(length);
        let first = left.take(rest);
        let mut body = Self { transfer: Some(transfer), first, left, abrupt_end };
        body.look();
        body
    }

    /// None: what an application writes all the same is not read.
    pub(crate) fn none() -> Self {
        Self { transfer: None, first: Bytes::new(), left: Left::new(Some(0)), abrupt_end: false }
    }

    /// Lets go of the connection, once all is here that the head said.
    fn look(&mut self) {
        if self.left.known() == Some(0) {
            self.transfer = None;
        }
    }

    /// Whether it may be over where the stream ends like this.
    fn is_end(&self, error: &io::Error) -> bool {
        self.abrupt_end && error.kind() == io::ErrorKind::UnexpectedEof && self.left.known().is_none()
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first))));
        }
        let Some(transfer) = &mut self.transfer else { return Poll::Ready(None) };
        let read = match transfer.poll_send(cx) {
            Ok(()) => ready!(transfer.poll_read(cx)).map_err(|source| Error::BodyIo { source }),
            Err(source) => Err(Error::RequestBody { source }),
        };
        let error = match read {
            Ok(0) if self.left.may_end() => None,
            Ok(0) => Some(Error::Truncated),
            Ok(_) => {
                let data = self.left.take(transfer.input().split().freeze());
                self.look();
                return Poll::Ready(Some(Ok(data)));
            }
            Err(Error::BodyIo { source }) if self.is_end(&source) => None,
            Err(error) => Some(error),
        };
        self.transfer = None;
        Poll::Ready(error.map(Err))
    }
}

impl<I, B> http_body::Body for Body<I, B>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.get_mut().poll_data(cx).map_ok(Frame::data)
    }

    /// Of a body without a length not before its connection has ended.
    fn is_end_stream(&self) -> bool {
        self.transfer.is_none() && self.first.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.len() as u64;
        match (&self.transfer, self.left.known()) {
            (None, _) => SizeHint::with_exact(first),
            (Some(_), Some(left)) => SizeHint::with_exact(first + left),
            (Some(_), None) => SizeHint::default(),
        }
    }
}

impl<I, B> fmt::Debug for Body<I, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("left", &self.left).finish_non_exhaustive()
    }
}

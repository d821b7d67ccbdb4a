//! The value, which has the connection until its end has come.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Frame, SizeHint};
use propylon_cgi::{Bare, Keeper, Transfer};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::{Error, Fault};
use crate::reply::TRAILER;

/// A request has no body: the smallest that is one.
pub(crate) type NoBody = String;

/// An exchange under way.
pub(crate) type Exchange<I> = Transfer<I, NoBody, Bare>;

/// The body of a response: a value. It has the connection until what ends the value has come, and the last piece of it waits for that, so that
/// one which is not as long as was said is never shown as complete.
pub struct Body<I, K = ()> {
    wire: Option<(Box<Exchange<I>>, K)>,
    /// What has not been read yet.
    left: u64,
    /// What can be passed on.
    ready: Bytes,
    /// What can be, once the end has come.
    last: Bytes,
    /// What ends it then.
    error: Option<Error>,
}

impl<I, K> Body<I, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    K: Keeper<I>,
{
    /// The value of which `left` bytes follow in `exchange`.
    pub(crate) fn new(left: u64, exchange: Box<Exchange<I>>, keeper: K) -> Self {
        Self { left, ..Self::over(Some((exchange, keeper))) }
    }

    pub(crate) fn none() -> Self {
        Self::over(None)
    }

    fn over(wire: Option<(Box<Exchange<I>>, K)>) -> Self {
        Self { wire, left: 0, ready: Bytes::new(), last: Bytes::new(), error: None }
    }

    /// All of the value, if that is here and nobody has read any of it: the connection has gone back then.
    pub fn take_bytes(&mut self) -> Option<Bytes> {
        (self.wire.is_none() && self.error.is_none()).then(|| std::mem::take(&mut self.ready))
    }

    /// Takes what was read and is its own; of what ends it, the connection goes back.
    pub(crate) fn gather(&mut self) -> Result<(), Fault> {
        let Some((exchange, _)) = &mut self.wire else { return Ok(()) };
        let input = exchange.input();
        if self.left > 0 {
            let part = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
            let data = input.split_to(part).freeze();
            self.left -= part as u64;
            if self.left > 0 {
                self.ready = data;
                return Ok(());
            }
            self.last = data;
        }
        let come = input.len().min(TRAILER.len());
        if input.get(..come) != TRAILER.get(..come) {
            return Err(Fault::Trailer);
        }
        if come == TRAILER.len() {
            input.advance(come);
            self.ready = std::mem::take(&mut self.last);
            if let Some((exchange, keeper)) = self.wire.take()
                && let Some(connection) = exchange.into_idle()
            {
                keeper.give_back(connection);
            }
        }
        Ok(())
    }

    /// Ends it so: all that came is passed on before, but never all that was said.
    fn fail(&mut self, error: Error) {
        self.wire = None;
        self.ready = std::mem::take(&mut self.last);
        self.ready.truncate(self.ready.len().saturating_sub(1));
        self.error = Some(error);
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            if !self.ready.is_empty() {
                return Poll::Ready(Some(Ok(std::mem::take(&mut self.ready))));
            }
            if let Some(error) = self.error.take() {
                return Poll::Ready(Some(Err(error)));
            }
            let Some((exchange, _)) = &mut self.wire else { return Poll::Ready(None) };
            match ready!(exchange.poll_read(cx)) {
                Ok(0) => self.fail(Error::Truncated),
                Ok(_) => {
                    if let Err(fault) = self.gather() {
                        self.fail(Error::InvalidBody(fault));
                    }
                }
                Err(source) => self.fail(Error::BodyIo { source }),
            }
        }
    }
}

impl<I, K> http_body::Body for Body<I, K>
where
    I: AsyncRead + AsyncWrite + Unpin,
    K: Keeper<I> + Unpin,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.get_mut().poll_data(cx).map_ok(Frame::data)
    }

    fn is_end_stream(&self) -> bool {
        self.wire.is_none() && self.ready.is_empty() && self.error.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left + (self.ready.len() + self.last.len()) as u64)
    }
}

impl<I, K> fmt::Debug for Body<I, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("left", &self.left).finish_non_exhaustive()
    }
}

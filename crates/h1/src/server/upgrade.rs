//! A connection that is handed over to another protocol.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

/// Resolves to the connection when the response that hands it over has been sent.
#[derive(Debug)]
#[must_use = "the connection is closed unless somebody takes it"]
pub struct OnUpgrade(oneshot::Receiver<Upgraded>);

/// The connection is not handed over: the response was another, or it could not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was not handed over")]
pub struct UpgradeError;

impl OnUpgrade {
    pub(super) fn new(receiver: oneshot::Receiver<Upgraded>) -> Self {
        Self(receiver)
    }
}

impl Future for OnUpgrade {
    type Output = Result<Upgraded, UpgradeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|_| UpgradeError)
    }
}

/// A stream that was handed over. What had been read of it already is read first.
pub struct Upgraded {
    io: Box<dyn Io>,
    read: Bytes,
}

/// An [`Upgraded`] taken apart.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts<I> {
    /// The stream itself.
    pub io: I,
    /// What had been read of it already.
    pub read: Bytes,
}

trait Io: AsyncRead + AsyncWrite + Any + Send + Unpin {}

impl<I: AsyncRead + AsyncWrite + Any + Send + Unpin> Io for I {}

impl Upgraded {
    /// `read` is read before what `io` brings.
    pub fn new<I>(io: I, read: Bytes) -> Self
    where
        I: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        Self { io: Box::new(io), read }
    }

    /// The stream as it was given to the connection.
    ///
    /// # Errors
    ///
    /// The stream itself, if it is of another type.
    pub fn downcast<I: 'static>(self) -> Result<Parts<I>, Self> {
        let any: &dyn Any = &*self.io;
        if !any.is::<I>() {
            return Err(self);
        }
        let Self { io, read } = self;
        let any: Box<dyn Any> = io;
        match any.downcast::<I>() {
            Ok(io) => Ok(Parts { io: *io, read }),
            // Looked at above.
            Err(_) => Err(Self::new(tokio::io::empty(), read)),
        }
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut *self.io).poll_read(cx, buf);
        }
        let n = self.read.len().min(buf.remaining());
        buf.put_slice(self.read.get(..n).unwrap_or_default());
        self.read.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_shutdown(cx)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("read", &self.read.len()).finish_non_exhaustive()
    }
}

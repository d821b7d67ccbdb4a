//! A connection that carries another protocol: its peer has switched to it, or nothing else was ever spoken.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::attempt::Attempt;
use crate::connect::Socket;

/// The stream of a response of 101, as a **response extension**: whoever [takes](Self::take) it has it, and if nobody does, the
/// connection is closed with the last clone.
#[derive(Clone)]
pub struct Switched(Arc<Mutex<Option<Upgraded>>>);

impl Switched {
    pub(crate) fn new(upgraded: Upgraded) -> Self {
        Self(Arc::new(Mutex::new(Some(upgraded))))
    }

    /// The stream, for the first who asks.
    #[must_use]
    pub fn take(&self) -> Option<Upgraded> {
        self.0.lock().take()
    }
}

impl fmt::Debug for Switched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Switched").field(&self.0.lock()).finish()
    }
}

/// A connection that carries another protocol: its peer has switched to it, and then what had been read of it already is read first,
/// or it was [opened](crate::Transport::connect) for that.
///
/// The try lasts for as long as this does: its bytes are counted, and recorded when this drops.
#[derive(Debug)]
pub struct Upgraded {
    socket: Socket,
    read: Bytes,
    attempt: Option<Attempt>,
    /// Whether what the peer says first is its response's beginning: there was no head.
    awaits: bool,
    sent: u64,
    received: u64,
}

impl Upgraded {
    pub(crate) fn new(socket: Socket, read: Bytes) -> Self {
        Self { socket, read, attempt: None, awaits: false, sent: 0, received: 0 }
    }

    /// One of which nothing has been read, and on which this much was sent.
    pub(crate) fn opened(socket: Socket, sent: usize, attempt: Option<Attempt>) -> Self {
        Self { socket, read: Bytes::new(), attempt, awaits: true, sent: sent as u64, received: 0 }
    }

    /// Closes it with a reset, which no peer takes for an end in order. A unix socket has none.
    pub fn reset(self) {
        self.socket.reset();
    }

    /// Records what passes as this try's.
    pub(crate) fn recorded(mut self, attempt: Option<Attempt>) -> Self {
        self.attempt = attempt;
        self
    }

    fn wrote(&mut self, n: usize) -> usize {
        self.sent += n as u64;
        n
    }
}

impl Drop for Upgraded {
    fn drop(&mut self) {
        if let Some(attempt) = &mut self.attempt {
            attempt.tunnelled(self.sent, self.received);
        }
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.read.is_empty() {
            let n = self.read.len().min(buf.remaining());
            buf.put_slice(self.read.get(..n).unwrap_or_default());
            self.read.advance(n);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        let n = buf.filled().len() - before;
        self.received += n as u64;
        if self.awaits && n > 0 {
            self.awaits = false;
            if let Some(attempt) = &self.attempt {
                attempt.began();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.socket).poll_write(cx, buf))?;
        Poll::Ready(Ok(self.wrote(n)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, bufs))?;
        Poll::Ready(Ok(self.wrote(n)))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

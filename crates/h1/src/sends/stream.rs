//! A stream whose small messages are sent through a queue.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;

use super::SendQueue;
use super::queue::SMALL;
use super::socket::Socket;

/// A TCP stream whose small messages are sent through a [`SendQueue`].
///
/// What it has taken counts as sent, as what the kernel has taken does: flushing does not wait for it, and dropping the stream does not
/// forget it. Shutting down waits. If it cannot be sent, the next read or write fails, and the connection ends with a reset; a
/// [`client::Connection`](crate::client::Connection) is told that its request did not leave.
pub struct QueuedStream {
    read: OwnedReadHalf,
    socket: Arc<Socket>,
    /// None: everything is sent at once.
    queue: Option<SendQueue>,
}

impl QueuedStream {
    pub(super) fn new(stream: TcpStream, queue: SendQueue) -> Self {
        let (read, write) = stream.into_split();
        Self { read, socket: Arc::new(Socket::new(write)), queue: Some(queue) }
    }

    /// The same without the queue: what is written is sent at once, or waits with its writer, for as long as that likes. What is in the
    /// queue already is sent first.
    #[must_use]
    pub fn direct(mut self) -> Self {
        self.queue = None;
        self
    }

    #[inline]
    fn push<'a>(&self, bytes: impl Iterator<Item = &'a [u8]>, len: usize) -> bool {
        len <= SMALL && self.queue.as_ref().is_some_and(|queue| queue.push(&self.socket, bytes, len))
    }
}

impl QueuedStream {
    /// Has the kernel send `count` bytes of a file from `offset` on, behind all that is queued, without copying them: how many it took, none
    /// if the file has no more. What is not in the kernel's memory is waited for.
    ///
    /// Its [failures](io::ErrorKind): besides the stream's, `InvalidInput` if files of this kind cannot be sent so.
    pub fn poll_send_file(
        &self,
        file: &File,
        offset: u64,
        count: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.socket.poll_ready(cx))?;
        self.socket.poll_send_file(file, offset, count, cx)
    }
}

impl AsRef<TcpStream> for QueuedStream {
    /// The socket, for its options and addresses. What is written to it directly may overtake what is queued.
    fn as_ref(&self) -> &TcpStream {
        self.read.as_ref()
    }
}

impl AsyncRead for QueuedStream {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.read).poll_read(cx, buf));
        if (read.is_err() || buf.filled().len() == before)
            && let Some(failure) = self.socket.failure()
        {
            return Poll::Ready(Err(failure));
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for QueuedStream {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.socket.poll_ready(cx))?;
        if self.push(std::iter::once(buf), buf.len()) {
            return Poll::Ready(Ok(buf.len()));
        }
        self.socket.poll_write(buf, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.socket.poll_ready(cx))?;
        let len = bufs.iter().fold(0_usize, |len, buf| len.saturating_add(buf.len()));
        if self.push(bufs.iter().map(|buf| &**buf), len) {
            return Poll::Ready(Ok(len));
        }
        self.socket.poll_write_vectored(bufs, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.socket.poll_ready(cx))?;
        Poll::Ready(self.socket.shut_down())
    }
}

impl fmt::Debug for QueuedStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueuedStream").field(self.as_ref()).finish()
    }
}

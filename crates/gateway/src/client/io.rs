//! A client's stream, counted and timed.

use std::fs::File;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use propylon_h1::sends::QueuedStream;
use propylon_tls::ServerStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

use super::{Client, Phase, Timeouts};

/// A client's stream.
pub(crate) enum Stream {
    Tcp(QueuedStream),
    Unix(UnixStream),
    Tls(Box<ServerStream<Self>>),
}

/// A client's stream as the HTTP engine sees it: what passes is counted, a write that the client does not take is
/// timed, and what the engine writes on its own is kept back.
pub(crate) struct Io {
    stream: Stream,
    client: Arc<Client>,
    timeouts: Timeouts,
    /// What the engine wrote while no request was being served: its own answer to a malformed head. The gateway gives
    /// that answer itself, with a log line and an error page.
    kept_back: Vec<u8>,
}

impl Io {
    pub(crate) fn new(stream: Stream, client: Arc<Client>, timeouts: Timeouts) -> Self {
        Self { stream, client, timeouts, kept_back: Vec::new() }
    }

    /// What the engine wrote on its own.
    pub(crate) fn kept_back(&self) -> &[u8] {
        &self.kept_back
    }

    /// The stream itself, for what is said after the engine has ended.
    pub(crate) fn into_stream(self) -> Stream {
        self.stream
    }

    fn timed<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &written {
            Poll::Pending if self.client.writing.has_passed() => {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "client timed out")));
            }
            Poll::Pending if self.client.writing.is_armed() => {}
            Poll::Pending => self.client.writing.arm(self.timeouts.send),
            Poll::Ready(_) => self.client.writing.disarm(),
        }
        written
    }

    fn count(&self, n: usize) {
        self.client.sent_raw(n as u64);
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let n = buf.filled().len() - before;
        if n > 0 {
            this.client.bytes_read(n as u64, this.timeouts.header);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.client.phase() != Phase::Busy {
            this.kept_back.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        let n = ready!(this.timed(written))?;
        this.count(n);
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.client.phase() != Phase::Busy {
            let before = this.kept_back.len();
            bufs.iter().for_each(|buf| this.kept_back.extend_from_slice(buf));
            return Poll::Ready(Ok(this.kept_back.len() - before));
        }
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        let n = ready!(this.timed(written))?;
        this.count(n);
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // the driver shuts down, after it has said what there is to say
    }
}

impl Stream {
    /// Ready unless the runtime knows that there is nothing to read. No system call.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tcp(stream) => stream.as_ref().poll_read_ready(cx).map(drop),
            Self::Unix(stream) => stream.poll_read_ready(cx).map(drop),
            // What was decrypted may wait above the socket.
            Self::Tls(_) => Poll::Ready(()),
        }
    }

    /// Whether the kernel can send files on it: what is encrypted, it cannot.
    pub(super) fn sends_files(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    /// Has the kernel send a part of a file.
    pub(super) fn poll_send_file(
        &self,
        file: &File,
        offset: u64,
        count: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => stream.poll_send_file(file, offset, count, cx),
            Self::Unix(_) | Self::Tls(_) => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// The same, of which nothing waits in the worker's queue: what its client does not take is nobody's business but its writer's.
    pub(crate) fn direct(self) -> Self {
        if let Self::Tcp(stream) = self { Self::Tcp(stream.direct()) } else { self }
    }

    /// Closes with a reset, which no client takes for the end of a message. A unix socket has none.
    pub(crate) fn reset(self) {
        match self {
            Self::Tcp(stream) => {
                // It fails only on a connection that is gone.
                let _ = socket2::SockRef::from(stream.as_ref()).set_linger(Some(std::time::Duration::ZERO));
            }
            Self::Unix(_) => {}
            // Without TLS's own word of an end, which nobody says here.
            Self::Tls(stream) => stream.into_inner().0.reset(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(_) | Self::Unix(_) => Poll::Ready(Ok(())), // sockets have nothing to flush
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}

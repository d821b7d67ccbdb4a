//! The bytes of one connection: counted, and with the two faults mended that an HTTP engine above cannot mend.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connect::Socket;
use crate::head::MAX_INTERIM;

/// What is known of a connection's traffic; shared by the task that moves the bytes and whoever uses the connection.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    sent: AtomicU64,
    received: AtomicU64,
    interim: AtomicU32,
    broken: AtomicBool,
    probe: AtomicBool,
}

impl Wire {
    /// Bytes that the kernel took, since the connection began.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Bytes that came, since the connection began.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    /// A new request begins. `probe`: before anything of it is written, the kernel is asked whether the peer has closed.
    pub(crate) fn begin(&self, probe: bool) {
        self.interim.store(0, Relaxed);
        self.probe.store(probe, Relaxed);
    }

    /// An interim response came.
    pub(crate) fn interim(&self) {
        self.interim.fetch_add(1, Relaxed);
    }

    /// Whether more interim responses came than are tolerated.
    pub(crate) fn flooded(&self) -> bool {
        self.interim.load(Relaxed) > MAX_INTERIM
    }

    /// Whether the peer no longer takes what we send.
    pub(crate) fn broken(&self) -> bool {
        self.broken.load(Relaxed)
    }
}

/// A socket that counts.
///
/// - A flood of interim responses ends in a read error: the engine above would go on for ever.
/// - When the peer no longer reads (`EPIPE`, `ECONNRESET`), what is written is dropped instead of failing: the peer may have
///   answered before it closed (a 413, say), and that answer is still to be read. The end of the stream is not far.
/// - The runtime learns of a closed peer only when it polls for events. Where that matters the kernel is asked instead; the
///   engine reads before it takes up a request, and so the request is handed back unsent.
#[derive(Debug)]
pub(crate) struct Metered {
    socket: Socket,
    wire: Arc<Wire>,
}

impl Metered {
    pub(crate) fn new(socket: Socket, wire: Arc<Wire>) -> Self {
        Self { socket, wire }
    }

    /// The socket, for another protocol.
    pub(crate) fn into_socket(self) -> Socket {
        self.socket
    }

    fn written(&self, result: io::Result<usize>, offered: usize) -> io::Result<usize> {
        match result {
            Ok(n) => {
                self.wire.sent.fetch_add(n as u64, Relaxed);
                Ok(n)
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) => {
                self.wire.broken.store(true, Relaxed);
                Ok(offered)
            }
            Err(e) => Err(e),
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.wire.flooded() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(cx, buf);
        if self.wire.probe.swap(false, Relaxed) && polled.is_pending() && !self.socket.is_silent() {
            return Poll::Ready(Ok(()));
        }
        ready!(polled)?;
        self.wire.received.fetch_add((buf.filled().len() - before) as u64, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.wire.broken() {
            return Poll::Ready(Ok(buf.len()));
        }
        let result = ready!(Pin::new(&mut self.socket).poll_write(cx, buf));
        Poll::Ready(self.written(result, buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let offered = || bufs.iter().map(|b| b.len()).sum();
        if self.wire.broken() {
            return Poll::Ready(Ok(offered()));
        }
        let result = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, bufs));
        Poll::Ready(self.written(result, offered()))
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

//! A client's stream as HTTP/2's engine sees it: every frame that passes is seen, and what the client does not take is timed.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Shared;
use super::frames::Frames;
use super::preface::PREFACE;
use crate::client::Stream;

/// How much of what comes after the end is read at once, and thrown away.
const SINK: usize = 4096;

/// The stream of a connection.
pub(super) struct Io {
    stream: Stream,
    shared: Arc<Shared>,
    /// What comes, which the driver looks at too.
    received: Arc<Mutex<Frames>>,
    sent: Frames,
    /// Whether the client has said that nothing comes any more.
    ended: bool,
    /// Whether the end of what is sent has left.
    shut: bool,
}

impl Io {
    pub(super) fn new(stream: Stream, shared: Arc<Shared>, received: Arc<Mutex<Frames>>) -> Self {
        Self { stream, shared, received, sent: Frames::default(), ended: false, shut: false }
    }

    /// The frames of a client, after its preface.
    pub(super) fn received() -> Arc<Mutex<Frames>> {
        Arc::new(Mutex::new(Frames::after(PREFACE.len())))
    }

    /// A write that the client does not take is given up in time.
    fn timed<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let writing = &self.shared.client.writing;
        match &written {
            Poll::Ready(_) => writing.disarm(),
            Poll::Pending if writing.has_passed() => {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "client timed out")));
            }
            Poll::Pending if writing.is_armed() => {}
            Poll::Pending => writing.arm(self.shared.engine.timeouts.send),
        }
        written
    }
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.shared.flood().is_some() {
            return Poll::Pending; // the driver ends it
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        this.ended |= new.is_empty();
        this.received.lock().pass(new, |passing| this.shared.receives(passing));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, buf);
        let n = ready!(this.timed(written))?;
        this.sent.pass(buf.get(..n).unwrap_or_default(), |passing| this.shared.sends(passing));
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        let n = ready!(this.timed(written))?;
        let mut left = n;
        for buf in bufs {
            let taken = left.min(buf.len());
            this.sent.pass(buf.get(..taken).unwrap_or_default(), |passing| this.shared.sends(passing));
            left -= taken;
            if left == 0 {
                break;
            }
        }
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.timed(flushed)
    }

    /// Says the end, and reads what the client is still sending: a reset would otherwise overtake what was said
    /// (`lingering_close`). The driver sees to it that this does not last.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.shut {
            this.shared.shut();
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.shut = true;
        }
        let mut sink = [0; SINK];
        while !this.ended {
            let mut sink = ReadBuf::new(&mut sink);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut sink))?;
            this.ended = sink.filled().is_empty();
        }
        Poll::Ready(Ok(()))
    }
}

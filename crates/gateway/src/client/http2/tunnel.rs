//! A stream that has become another protocol's (RFC 8441): bytes in DATA frames, both ways.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The client's end of a tunnel. Dropped before its end, it is reset.
pub(crate) struct Pipe {
    send: SendStream<Bytes>,
    receive: RecvStream,
    /// What has come and was not read yet.
    read: Bytes,
}

impl Pipe {
    pub(super) fn new(send: SendStream<Bytes>, receive: RecvStream) -> Self {
        Self { send, receive, read: Bytes::new() }
    }

    /// Ends it so that nobody takes it for an end in order (RFC 8441 5).
    pub(crate) fn reset(mut self) {
        self.send.send_reset(Reason::CANCEL);
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.read.is_empty() {
            match ready!(this.receive.poll_data(cx)) {
                Some(Ok(data)) => this.read = data,
                Some(Err(error)) => return Poll::Ready(Err(failure(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let n = this.read.len().min(buf.remaining());
        buf.put_slice(this.read.get(..n).unwrap_or_default());
        this.read.advance(n);
        // The client may send as much as was passed on. Fails only for more than there was.
        let _ = this.receive.flow_control().release_capacity(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        this.send.reserve_capacity(buf.len());
        while this.send.capacity() == 0 {
            match ready!(this.send.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(failure(error))),
                None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            }
        }
        let n = this.send.capacity().min(buf.len());
        let data = Bytes::copy_from_slice(buf.get(..n).unwrap_or_default());
        this.send.send_data(data, false).map_err(failure)?;
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(())) // the connection's task sends what it is given
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Fails only for a stream that is over.
        let _ = self.get_mut().send.send_data(Bytes::new(), true);
        Poll::Ready(Ok(()))
    }
}

fn failure(error: h2::Error) -> io::Error {
    let is_reset = error.is_reset();
    match error.into_io() {
        Some(error) => error,
        None if is_reset => io::ErrorKind::ConnectionReset.into(),
        None => io::ErrorKind::BrokenPipe.into(),
    }
}

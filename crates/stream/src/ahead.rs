//! A stream of which some was read ahead.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::read::STEP;

/// A stream of which some was read ahead: whoever reads it reads that first, as if nobody had looked.
#[derive(Debug)]
pub struct Ahead<I> {
    io: I,
    read: Bytes,
}

impl<I> Ahead<I> {
    /// What was read, and the stream that it was read of.
    pub const fn new(io: I, read: Bytes) -> Self {
        Self { io, read }
    }

    /// What was read ahead, and nobody has read since.
    #[must_use]
    pub const fn read_ahead(&self) -> &Bytes {
        &self.read
    }

    /// Reads more of it ahead, once: how much, at most so many bytes, of which none is the stream's end. Nothing is lost if this is
    /// given up before it is done.
    ///
    /// # Errors
    /// Those of reading.
    pub async fn read_more(&mut self, most: usize) -> io::Result<usize>
    where
        I: AsyncRead + Unpin,
    {
        let mut more = BytesMut::with_capacity(most.min(STEP));
        let n = self.io.read_buf(&mut (&mut more).limit(most.min(STEP))).await?;
        self.read = if self.read.is_empty() { more.freeze() } else { [&*self.read, &more].concat().into() };
        Ok(n)
    }

    /// The stream.
    pub const fn get_ref(&self) -> &I {
        &self.io
    }

    /// The stream, and what was read ahead of it.
    #[must_use]
    pub fn into_parts(self) -> (I, Bytes) {
        (self.io, self.read)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Ahead<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let n = self.read.len().min(buf.remaining());
        buf.put_slice(self.read.get(..n).unwrap_or_default());
        self.read.advance(n);
        if self.read.is_empty() {
            self.read = Bytes::new(); // its memory is not needed any more
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Ahead<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

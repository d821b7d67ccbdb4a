//! A connection to an application.

use std::io::IoSlice;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection to an application: one request at a time.
#[derive(Debug)]
pub struct Connection<I> {
    io: I,
    counters: Arc<Counters>,
    input: BytesMut,
}

/// What passed on a connection.
#[derive(Debug, Default)]
pub struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
}

impl<I> Connection<I> {
    /// A connection that was just made.
    pub fn new(io: I) -> Self {
        Self { io, counters: Arc::default(), input: BytesMut::new() }
    }

    /// The stream.
    pub fn io(&self) -> &I {
        &self.io
    }

    /// What passed on it.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// What was read, and nobody has taken yet.
    pub fn input(&mut self) -> &mut BytesMut {
        &mut self.input
    }
}

impl<I: AsyncRead + Unpin> Connection<I> {
    /// Ready when an idle connection is of no more use: the application has closed it, or says something unasked.
    pub fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut byte = [0];
        Pin::new(&mut self.io).poll_read(cx, &mut ReadBuf::new(&mut byte)).map(drop)
    }

    /// Reads up to `most` bytes more; none: the end.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<std::io::Result<usize>> {
        use tokio::io::AsyncReadExt;
        if self.input.capacity() - self.input.len() < most / 4 {
            self.input.reserve(most);
        }
        // Without state of its own: it may be made anew for each poll.
        let filled = pin!(self.io.read_buf(&mut self.input)).poll(cx);
        if let Poll::Ready(Ok(count)) = filled {
            self.counters.received.fetch_add(count as u64, Relaxed);
        }
        filled
    }
}

impl<I: AsyncWrite + Unpin> Connection<I> {
    /// Writes what the kernel takes of it.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(count)) = written {
            self.counters.sent.fetch_add(count as u64, Relaxed);
        }
        written
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }
}

impl Counters {
    /// Bytes that the kernel took.
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Bytes that came.
    pub fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }
}

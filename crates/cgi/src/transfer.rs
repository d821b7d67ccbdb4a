//! An exchange under way: the connection, and what is left of the request.

use std::fmt;
use std::io;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::BoxError;
use crate::connection::Connection;
use crate::upload::{Failure, Framing, Upload};

/// The least that is read at once.
const LEAST: usize = 8 * 1024;

/// An exchange under way: sends a request, and reads what comes meanwhile. What it means is for whoever speaks the protocol.
pub struct Transfer<I, B, F> {
    connection: Connection<I>,
    upload: Upload<B, F>,
    /// How much is read at once: more while reads fill it.
    read: usize,
    /// The most that it becomes.
    most: usize,
}

impl<I, B, F> Transfer<I, B, F>
where
    I: AsyncRead + AsyncWrite + Unpin,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    F: Framing,
{
    /// Of a request that begins with `head`; up to `most` bytes are read at once.
    pub fn new(connection: Connection<I>, head: BytesMut, body: B, most: usize) -> Self {
        Self { connection, upload: Upload::new(head, body), read: LEAST, most: most.max(LEAST) }
    }

    /// Sends what can be sent.
    ///
    /// # Errors
    /// If the request's body fails. That the application reads no more is none: what it has to say may be here all the same.
    pub fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<(), BoxError> {
        match self.upload.poll(&mut self.connection, cx) {
            Poll::Ready(Err(Failure::Body(error))) => return Err(error),
            Poll::Ready(Err(Failure::Io)) => self.upload.stop(),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        Ok(())
    }

    /// Reads more to the [input](Self::input): how much; none: the end of the connection.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let polled = self.connection.poll_read(cx, self.read);
        if let Poll::Ready(Ok(count)) = polled
            && count >= self.read
        {
            self.read = (self.read * 2).min(self.most);
        }
        polled
    }

    /// What was read, and nobody has taken yet.
    pub fn input(&mut self) -> &mut BytesMut {
        self.connection.input()
    }

    /// Whether the kernel took any of the request.
    pub fn has_begun(&self) -> bool {
        self.upload.has_begun()
    }

    /// The connection, if all of the request was sent and nothing is left of what was read: it may carry another one.
    pub fn into_idle(mut self) -> Option<Connection<I>> {
        let idle = self.upload.is_complete() && self.input().is_empty();
        idle.then(|| {
            *self.connection.input() = BytesMut::new(); // an idle connection holds no buffer
            self.connection
        })
    }
}

impl<I, B, F> fmt::Debug for Transfer<I, B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer").finish_non_exhaustive()
    }
}

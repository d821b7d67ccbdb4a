//! One direction of a tunnel.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::pace::Pace;

/// A direction reads so much at first, and four times as much each time that this was not enough.
const START: usize = 8 << 10;

/// So many turns in one poll: then others have theirs.
const TURNS: u32 = 32;

/// What a direction that cannot go on waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Bytes from its source.
    Reading,
    /// Its destination, to take bytes or the end.
    Writing,
    /// The time, for it has been as fast as it may.
    Pacing,
    /// Nothing: it is over.
    Over,
}

/// Which end of a direction failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Source(io::Error),
    Destination(io::Error),
}

/// One direction: what was read of its source is written to its destination before more is read.
#[derive(Debug)]
pub(crate) struct Flow {
    buffer: BytesMut,
    /// How much is read next.
    size: usize,
    largest: usize,
    pace: Option<Pace>,
    state: State,
    /// Whether something was written and not flushed.
    unflushed: bool,
    /// Whether anything moved since this was last asked.
    moved: bool,
    /// Whether the source was reset, which a write has been told of: what reads as its end is none.
    cut: bool,
}

#[derive(Debug)]
enum State {
    Open,
    /// The source has ended: the destination is to be told.
    Ending,
    /// The source has failed: what it has said before is to leave.
    Failed(io::Error),
    Over,
    /// Nobody takes anything any more.
    Stopped,
}

impl Flow {
    pub(crate) fn new(largest: usize) -> Self {
        let largest = largest.max(1);
        Self {
            buffer: BytesMut::new(),
            size: START.min(largest),
            largest,
            pace: None,
            state: State::Open,
            unflushed: false,
            moved: false,
            cut: false,
        }
    }

    /// The same buffer for another size.
    pub(crate) fn resize(&mut self, largest: usize) {
        self.largest = largest.max(1);
        self.size = START.min(self.largest);
    }

    /// Reads no faster.
    pub(crate) fn pace(&mut self, pace: Option<Pace>) {
        self.pace = pace;
    }

    /// Moves nothing any more.
    pub(crate) fn stop(&mut self) {
        self.state = State::Stopped;
        self.buffer = BytesMut::new();
    }

    /// What its source has said is passed on, and its end is a failure.
    pub(crate) fn cut(&mut self) {
        self.cut = true;
    }

    /// Whether it is [cut](Self::cut).
    pub(crate) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether the source has ended and the destination has all of it, and was told.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.state, State::Over)
    }

    /// Whether anything moved since the last call.
    pub(crate) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Whether a buffer is held.
    #[cfg(test)]
    pub(crate) fn holds_buffer(&self) -> bool {
        self.buffer.capacity() > 0
    }

    /// Moves what can be moved; `wrote` is told of the bytes that the destination took. Returns what it waits for then.
    pub(crate) fn poll<R, W>(
        &mut self,
        source: &mut R,
        destination: &mut W,
        mut wrote: impl FnMut(usize),
        cx: &mut Context<'_>,
    ) -> Result<Waits, Fault>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        for _ in 0..TURNS {
            match self.poll_write(destination, &mut wrote, cx) {
                Poll::Ready(done) => done.map_err(Fault::Destination)?,
                Poll::Pending => return Ok(Waits::Writing),
            }
            match &self.state {
                State::Over | State::Stopped => return Ok(Waits::Over),
                State::Ending => match Pin::new(&mut *destination).poll_shutdown(cx) {
                    Poll::Pending => return Ok(Waits::Writing),
                    // What is not connected any more needs no telling.
                    Poll::Ready(Err(error)) if error.kind() != io::ErrorKind::NotConnected => {
                        return Err(Fault::Destination(error));
                    }
                    Poll::Ready(_) => self.state = State::Over,
                },
                State::Failed(_) => {
                    if self.poll_flush(destination, cx).is_pending() {
                        return Ok(Waits::Writing);
                    }
                    if let State::Failed(error) = std::mem::replace(&mut self.state, State::Stopped) {
                        return Err(Fault::Source(error));
                    }
                }
                State::Open => match self.poll_read(source, cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => {
                        self.state = State::Failed(error);
                        self.buffer = BytesMut::new();
                    }
                    Poll::Pending => {
                        let paced = self.pace.as_ref().is_some_and(Pace::holds);
                        let size = self.size;
                        let waits = self.rest(destination, cx)?;
                        if paced {
                            self.size = size; // it does not wait for bytes
                        }
                        return Ok(if paced && waits == Waits::Reading { Waits::Pacing } else { waits });
                    }
                },
            }
        }
        cx.waker().wake_by_ref();
        Ok(Waits::Reading)
    }

    fn poll_write<W: AsyncWrite + Unpin>(
        &mut self,
        destination: &mut W,
        wrote: &mut impl FnMut(usize),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.buffer.is_empty() {
            let n = ready!(Pin::new(&mut *destination).poll_write(cx, &self.buffer))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.buffer.advance(n);
            self.moved = true;
            self.unflushed = true;
            wrote(n);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read<R: AsyncRead + Unpin>(
        &mut self,
        source: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let mut size = self.size;
        if let Some(pace) = &mut self.pace {
            ready!(pace.poll_ready(cx));
            size = pace.at_once(size);
        }
        // What was written is gone from the front: the room is used again if it is enough.
        if !self.buffer.try_reclaim(size) {
            self.buffer = BytesMut::with_capacity(size);
        }
        let mut limited = bytes::BufMut::limit(&mut self.buffer, size);
        let n = ready!(pin!(source.read_buf(&mut limited)).poll(cx))?;
        self.moved = true;
        if let Some(pace) = &mut self.pace {
            pace.took(n);
        }
        if n == 0 {
            if self.cut {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            self.state = State::Ending;
            self.buffer = BytesMut::new();
        } else if n == self.size {
            self.size = (self.size * 4).min(self.largest);
        }
        Poll::Ready(Ok(()))
    }

    /// Nothing comes for now: what was written leaves, and no buffer is held meanwhile.
    fn rest<W: AsyncWrite + Unpin>(
        &mut self,
        destination: &mut W,
        cx: &mut Context<'_>,
    ) -> Result<Waits, Fault> {
        self.buffer = BytesMut::new();
        self.size = START.min(self.largest);
        match self.poll_flush(destination, cx) {
            Poll::Ready(Ok(())) => Ok(Waits::Reading),
            Poll::Ready(Err(error)) => Err(Fault::Destination(error)),
            Poll::Pending => Ok(Waits::Writing),
        }
    }

    /// What was written leaves.
    fn poll_flush<W: AsyncWrite + Unpin>(
        &mut self,
        destination: &mut W,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unflushed {
            ready!(Pin::new(destination).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

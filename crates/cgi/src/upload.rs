//! The request on its way out.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use tokio::io::AsyncWrite;

use crate::BoxError;
use crate::connection::Connection;

/// How many pieces go out at once.
const SLICES: usize = 16;

/// What is written between the pieces of a request's body.
pub trait Framing {
    /// How much one piece carries, at most.
    const MOST: usize;

    /// What is written: bytes in place, so that one which joins others costs no allocation.
    type Mark: AsRef<[u8]>;

    /// What goes before a piece of so many bytes; of none: what ends the body. May be empty.
    fn before(length: usize) -> Self::Mark;
}

/// Nothing: the body's length was said before it.
#[derive(Debug)]
pub enum Bare {}

impl Framing for Bare {
    const MOST: usize = 64 * 1024;

    type Mark = [u8; 0];

    fn before(_: usize) -> [u8; 0] {
        []
    }
}

/// A request on its way out: what waits to be written, and what of its body is still to come.
pub(crate) struct Upload<B, F> {
    waiting: VecDeque<Bytes>,
    body: Option<Pin<Box<B>>>,
    /// Whether the kernel took any of it.
    begun: bool,
    /// Whether the rest will never be sent.
    stopped: bool,
    framing: PhantomData<F>,
}

/// Why a request was not sent.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The application reads no more.
    Io,
    Body(BoxError),
}

impl<B, F> Upload<B, F>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
    F: Framing,
{
    pub(crate) fn new(mut head: BytesMut, body: B) -> Self {
        let body = if body.is_end_stream() {
            head.extend_from_slice(F::before(0).as_ref()); // all of it in one piece
            None
        } else {
            Some(Box::pin(body))
        };
        let waiting = VecDeque::from([head.freeze()]);
        Self { waiting, body, begun: false, stopped: false, framing: PhantomData }
    }

    /// Whether all of it was sent.
    pub(crate) fn is_complete(&self) -> bool {
        self.body.is_none() && self.waiting.is_empty() && !self.stopped
    }

    /// Whether the kernel took any of it.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Nobody reads the rest.
    pub(crate) fn stop(&mut self) {
        self.body = None;
        self.waiting.clear();
        self.stopped = true;
    }

    /// Sends as much as the connection takes; ready when all is sent.
    pub(crate) fn poll<I>(
        &mut self,
        connection: &mut Connection<I>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>>
    where
        I: AsyncWrite + Unpin,
    {
        loop {
            // What is there of the body leaves with what is before it.
            let pending = self.poll_body(cx).map_err(Failure::Body)?.is_pending();
            ready!(self.poll_write(connection, cx)).map_err(|_| Failure::Io)?;
            match &self.body {
                None => return Poll::Ready(Ok(())),
                Some(_) if pending => return Poll::Pending,
                Some(_) => {}
            }
        }
    }

    /// Takes of the body what can be written at once. Pending: more is to come, and this is woken then.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, BoxError> {
        let room = |waiting: &VecDeque<Bytes>| {
            waiting.len() < SLICES - 2 && waiting.iter().map(Bytes::len).sum::<usize>() < F::MOST
        };
        while let Some(body) = self.body.as_mut().filter(|_| room(&self.waiting)) {
            let frame = match body.as_mut().poll_frame(cx) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(frame) => frame.transpose(),
            };
            let ended = body.is_end_stream();
            match frame {
                Ok(Some(frame)) => {
                    // There are no trailers in CGI.
                    if let Ok(data) = frame.into_data() {
                        self.push(data);
                    }
                    if ended {
                        self.end();
                    }
                }
                Ok(None) => self.end(),
                Err(error) => {
                    self.stop();
                    return Err(error.into());
                }
            }
        }
        Ok(Poll::Ready(()))
    }

    fn push(&mut self, mut data: Bytes) {
        while !data.is_empty() {
            let piece = data.split_to(data.len().min(F::MOST));
            self.mark(piece.len());
            self.waiting.push_back(piece);
        }
    }

    fn end(&mut self) {
        self.body = None;
        self.mark(0);
    }

    /// What goes before a piece of so many bytes waits on its own.
    fn mark(&mut self, length: usize) {
        let mark = F::before(length);
        if !mark.as_ref().is_empty() {
            self.waiting.push_back(Bytes::copy_from_slice(mark.as_ref()));
        }
    }

    fn poll_write<I: AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<I>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = slices.len().min(self.waiting.len());
            for (slice, piece) in slices.iter_mut().zip(&self.waiting) {
                *slice = IoSlice::new(piece);
            }
            let slices = slices.get(..count).unwrap_or_default();
            let mut taken = ready!(connection.poll_write(cx, slices))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.begun = true;
            while let Some(piece) = self.waiting.front_mut().filter(|_| taken > 0) {
                let part = taken.min(piece.len());
                piece.advance(part);
                taken -= part;
                if piece.is_empty() {
                    self.waiting.pop_front();
                }
            }
        }
        connection.poll_flush(cx)
    }
}

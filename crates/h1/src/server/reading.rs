//! Reading: heads while no request is served, pieces of its body while one is.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{Piece, RequestBodyError};
use super::exchange::Exchange;
use super::handle::Shared;
use super::{Config, Deadlines, Observer, ResponseTimeouts, Wait};
use crate::HeadError;
use crate::io::{Input, Output, Readable, SendFile};
use crate::proto::{CONTINUE, Event, RequestParser};

/// The stream with all that belongs to it rather than to a request.
pub(super) struct Wire<I, D> {
    pub(super) io: I,
    pub(super) input: Input,
    pub(super) output: Output,
    pub(super) parser: RequestParser,
    pub(super) config: Arc<Config>,
    pub(super) deadlines: D,
    pub(super) shared: Arc<Shared>,
    /// Requests that have begun.
    pub(super) requests: u64,
    /// Those of the response that is being sent, or was the last one.
    pub(super) timeouts: ResponseTimeouts,
    /// Whether the write deadline is armed.
    pub(super) writing: bool,
    /// Tells without a buffer whether there is anything to read.
    pub(super) readable: Option<Readable<I>>,
    /// Sends parts of files.
    pub(super) send_file: Option<SendFile<I>>,
}

/// What came instead of silence.
pub(super) enum Next {
    /// A head, which the parser has found, and which may be refused yet.
    Head,
    /// A head that is refused, of which so many bytes came.
    Refused(Box<(HeadError, u64)>),
    /// Nothing: the connection is over.
    Closed,
}

impl<I: AsyncRead + AsyncWrite + Unpin, D: Deadlines> Wire<I, D> {
    /// Reads once: see [`Input::poll_fill`].
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.poll_fill(&mut self.io, self.readable, cx)
    }

    /// Waits for the next request head.
    pub(super) fn poll_head<O: Observer>(&mut self, observer: &O, cx: &mut Context<'_>) -> Poll<Next> {
        loop {
            let came = self.input.len();
            if came > 0 {
                match self.parser.find(self.input.bytes(), &self.config.limits) {
                    Ok(true) => {
                        self.deadlines.disarm(Wait::Read);
                        return Poll::Ready(Next::Head);
                    }
                    Ok(false) => {}
                    Err(error) => return Poll::Ready(Next::Refused(Box::new((error, came as u64)))),
                }
            }
            let idle = self.parser.is_idle(self.input.bytes());
            match self.poll_fill(cx) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    if idle {
                        self.head_begins(observer);
                    }
                }
                Poll::Ready(_) => {
                    let cut = self.parser.eof(self.input.bytes());
                    return Poll::Ready(self.given_up(cut));
                }
                // One that has just been accepted is owed an answer to its first request, as in nginx.
                Poll::Pending if idle && self.requests > 0 && self.shared.is_draining() => {
                    return Poll::Ready(Next::Closed);
                }
                Poll::Pending => {
                    self.input.release();
                    if self.deadlines.poll_passed(Wait::Read, cx).is_pending() {
                        return Poll::Pending;
                    }
                    // A client that never said anything is left in silence.
                    let late = self.parser.timed_out(self.input.bytes());
                    return Poll::Ready(self.given_up(late));
                }
            }
        }
    }

    #[cold]
    fn given_up(&self, error: Option<HeadError>) -> Next {
        error.map_or(Next::Closed, |error| Next::Refused(Box::new((error, self.input.len() as u64))))
    }

    fn head_begins<O: Observer>(&mut self, observer: &O) {
        observer.head_began();
        // A new connection has its deadline since it began, as in nginx.
        if self.requests > 0 {
            self.deadlines.arm(Wait::Read, self.config.timeouts.head);
        }
    }

    /// Reads the piece of body that is wanted, and gives it to the reader.
    pub(super) fn poll_piece(&mut self, exchange: &mut Exchange, cx: &mut Context<'_>) -> Poll<()> {
        let Some(incoming) = &mut exchange.incoming else { return Poll::Ready(()) };
        let (piece, over) = loop {
            if let Some(piece) = incoming.stash.take() {
                let over = matches!(piece, Piece::Error(_));
                break (piece, over);
            }
            match incoming.decoder.decode(self.input.bytes(), &self.config.limits) {
                Ok(Event::Data(data)) => {
                    exchange.body_bytes += data.len() as u64;
                    break (Piece::Data(data), incoming.decoder.is_end());
                }
                Ok(Event::Trailers(trailers)) => break (Piece::Trailers(trailers), false),
                Ok(Event::End) => break (Piece::End, true),
                Ok(Event::NeedMore) => {}
                Err(error) => {
                    exchange.broken = true;
                    break (Piece::Error(error.into()), true);
                }
            }
            if exchange.expects && !exchange.answered {
                exchange.expects = false;
                self.output.buffer().extend_from_slice(CONTINUE);
                // Best effort: what the client does not take now, it takes before the response.
                if self.output.poll_write(&mut self.io, self.send_file, cx).is_ready() {
                    self.output.recycle();
                }
            }
            let fault = match self.poll_fill(cx) {
                Poll::Ready(Ok(0)) => incoming.decoder.eof().err().map(RequestBodyError::from),
                Poll::Ready(Ok(_)) => None,
                Poll::Ready(Err(error)) => Some(RequestBodyError::Io(error)),
                Poll::Pending => {
                    self.input.release_large();
                    if !incoming.waiting {
                        incoming.waiting = true;
                        let limit = incoming.slot.timeout().unwrap_or(self.config.timeouts.body);
                        self.deadlines.arm(Wait::Read, limit);
                    }
                    if self.deadlines.poll_passed(Wait::Read, cx).is_pending() {
                        return Poll::Pending;
                    }
                    Some(RequestBodyError::TimedOut)
                }
            };
            if let Some(fault) = fault {
                exchange.broken = true;
                break (Piece::Error(fault), true);
            }
        };
        if incoming.waiting {
            incoming.waiting = false;
            self.deadlines.disarm(Wait::Read);
        }
        incoming.slot.put(piece, cx);
        if over {
            exchange.incoming = None;
        }
        Poll::Ready(())
    }
}

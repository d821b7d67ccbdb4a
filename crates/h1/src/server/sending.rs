//! Sending a response.

use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite};

use super::exchange::Exchange;
use super::observer::End;
use super::reading::Wire;
use super::{Deadlines, SendBuffer, date};
use crate::BodySize;
use crate::io::{ENOUGH, FilePart, Output};
use crate::proto::{Encoder, ResponseToSend, encode_response_dated};

/// How far a response's body has got.
pub(super) struct Outgoing {
    encoder: Encoder,
    state: State,
    /// More is not asked for while so many bytes wait to be sent.
    enough: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// All of it is in the output.
    Whole,
    /// It failed: what there is is sent, and then the message is cut.
    Failed,
}

impl Outgoing {
    /// Whether the message's framing shows if it is cut.
    pub(super) fn shows_a_cut(&self) -> bool {
        !self.encoder.ends_with_connection()
    }

    /// How the message ends once the output is sent; `None` if more comes.
    fn end(&self) -> Option<End> {
        match self.state {
            State::Open => None,
            State::Whole => Some(End::Complete),
            State::Failed => Some(End::Truncated),
        }
    }
}

/// How much is sent until others have their turn: of what the kernel sends by itself, a client may take more than of anything else.
const AT_ONCE: u64 = 2 << 20;

/// What a service knows of the files in its bodies.
pub(super) struct Files<B> {
    pub(super) take: fn(Pin<&mut B>) -> Option<FilePart>,
    pub(super) unreadable: fn(Pin<&mut B>, io::Error),
}

impl<B> Files<B> {
    /// There are none.
    pub(super) fn none() -> Self {
        Self { take: |_| None, unreadable: |_, _| {} }
    }
}

/// How much of a response may wait to be sent.
fn enough<B: Body>(response: &Response<B>) -> usize {
    let small = response.body().size_hint().upper().is_some_and(|bytes| bytes <= ENOUGH as u64);
    if small { ENOUGH } else { response.extensions().get().map_or(ENOUGH, |SendBuffer(bytes)| *bytes) }
}

impl<I: AsyncRead + AsyncWrite + Unpin, D: Deadlines> Wire<I, D> {
    /// Writes the final head to the output. Also says whether the connection stays open.
    pub(super) fn begin_response<B: Body>(
        &mut self,
        exchange: &mut Exchange,
        response: &Response<B>,
    ) -> (Outgoing, bool) {
        let output = &mut self.output;
        self.shared.open.store(0, Ordering::Release);
        self.shared.take_said(exchange.number, output);
        exchange.answered = true;
        // A client that was never told to go on may send its body or not.
        let unasked = exchange.expects && exchange.incoming.is_some();
        let keep_alive = exchange.keep_alive
            && !unasked
            && !exchange.broken
            && self.timeouts.idle.is_some()
            && !self.shared.is_draining();
        let body = response.body();
        let size = if body.is_end_stream() { BodySize::Known(0) } else { body.size_hint().into() };
        let head = ResponseToSend {
            status: response.status(),
            headers: response.headers(),
            extensions: response.extensions(),
            body: size,
            method: &exchange.method,
            version: exchange.version,
            keep_alive,
            date: None,
        };
        let second = || self.deadlines.second().unwrap_or_else(date::second);
        let date = self.config.date.then(|| date::text(second()));
        let sent = encode_response_dated(&head, date.as_ref().map(date::Text::as_slice), output.buffer());
        exchange.sent_head = output.sent() + output.pending() as u64 - exchange.sent_before;
        let outgoing =
            Outgoing { encoder: sent.encoder, state: State::Open, enough: enough(response).max(1) };
        (outgoing, sent.keep_alive)
    }

    /// Sends the body; ready when the kernel has all of the message, or never will.
    pub(super) fn poll_sending<B: Body<Data = Bytes>>(
        &mut self,
        exchange: &mut Exchange,
        outgoing: &mut Outgoing,
        mut body: Pin<&mut B>,
        files: &Files<B>,
        cx: &mut Context<'_>,
    ) -> Poll<End> {
        let until = self.output.sent() + AT_ONCE;
        loop {
            let waits = self.poll_pull(outgoing, body.as_mut(), files.take, cx).is_pending();
            let flushed = self.poll_flush(cx);
            exchange.sent_so_far = self.output.sent();
            match flushed {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(end)) => {
                    return Poll::Ready(match self.output.take_unreadable() {
                        Some(error) => {
                            (files.unreadable)(body, error);
                            End::Truncated
                        }
                        None => end,
                    });
                }
                Poll::Pending if waits => {}
                Poll::Pending => return Poll::Pending,
            }
            if self.output.pending() == 0
                && let Some(end) = outgoing.end()
            {
                return Poll::Ready(end);
            }
            if self.output.sent() >= until {
                cx.waker().wake_by_ref(); // others are waiting for their turn
                return Poll::Pending;
            }
            if waits {
                match self.poll_around(exchange, cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(end)) => return Poll::Ready(end),
                    Poll::Pending => return Poll::Pending,
                }
            }
        }
    }

    /// Moves the body to the output until that has enough. `Pending`: the body has no more as yet.
    fn poll_pull<B: Body<Data = Bytes>>(
        &mut self,
        outgoing: &mut Outgoing,
        mut body: Pin<&mut B>,
        take_file: fn(Pin<&mut B>) -> Option<FilePart>,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        while outgoing.state == State::Open && self.output.pending() < outgoing.enough {
            if !outgoing.encoder.takes_data() {
                // HEAD, 204, 304: whatever the body has is not for the client.
                outgoing.state = State::Whole;
            } else if body.is_end_stream() {
                self.finish(outgoing, None);
            } else if let Some(part) = self.send_file.and_then(|_| take_file(body.as_mut())) {
                self.push_file(outgoing, part);
            } else {
                match body.as_mut().poll_frame(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(None) => self.finish(outgoing, None),
                    Poll::Ready(Some(Err(_))) => outgoing.state = State::Failed,
                    Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                        Ok(data) => self.push(outgoing, data),
                        Err(frame) => {
                            let trailers = frame.into_trailers().ok();
                            self.finish(outgoing, trailers.as_ref());
                        }
                    },
                }
            }
        }
        Poll::Ready(())
    }

    fn push(&mut self, outgoing: &mut Outgoing, data: Bytes) {
        self.push_piece(outgoing, data.len(), |output| output.push(data));
    }

    fn push_file(&mut self, outgoing: &mut Outgoing, part: FilePart) {
        let length = usize::try_from(part.1.end.saturating_sub(part.1.start)).unwrap_or(usize::MAX);
        self.push_piece(outgoing, length, |output| output.push_file(part));
    }

    fn push_piece(&mut self, outgoing: &mut Outgoing, length: usize, push: impl FnOnce(&mut Output)) {
        if length == 0 {
            return;
        }
        if outgoing.encoder.begin(length, self.output.buffer()).is_err() {
            outgoing.state = State::Failed; // longer than it said
            return;
        }
        push(&mut self.output);
        outgoing.encoder.end(self.output.buffer());
        if outgoing.encoder.remaining() == Some(0) {
            outgoing.state = State::Whole;
        }
    }

    fn finish(&mut self, outgoing: &mut Outgoing, trailers: Option<&HeaderMap>) {
        let whole = outgoing.encoder.finish(trailers, self.output.buffer()).is_ok();
        outgoing.state = if whole { State::Whole } else { State::Failed };
    }
}

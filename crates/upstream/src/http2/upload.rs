//! A request's body on its way.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::{Reason, SendStream};
use http_body::{Body, Frame};

use super::shared::Counters;
use crate::head;
use crate::outgoing::Outgoing;

/// How much of a body is remembered until the peer shows that it has begun with the request: about what it takes before it must
/// say that it wants more.
const REMEMBERED: usize = 64 * 1024;

/// A request's body on its way: as much of it as the peer takes, and no more.
#[derive(Debug)]
pub(super) struct Upload {
    stream: SendStream<Bytes>,
    body: Outgoing,
    /// What was taken of the body and not sent yet.
    piece: Bytes,
    taken: Option<Taken>,
    /// Whether all of it was sent, or no more will be.
    over: bool,
    counters: Arc<Counters>,
}

/// What was taken of the body, to have it again.
#[derive(Debug, Default)]
struct Taken {
    frames: VecDeque<Frame<Bytes>>,
    bytes: usize,
}

/// Why the rest of a body is not sent.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The peer does not want it.
    Peer,
    /// The body failed.
    Body,
}

impl Upload {
    pub(super) fn new(stream: SendStream<Bytes>, body: Outgoing, counters: Arc<Counters>) -> Self {
        Self { stream, body, piece: Bytes::new(), taken: Some(Taken::default()), over: false, counters }
    }

    /// Ready when all of it was sent, or no more of it is.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        if self.over {
            return Poll::Ready(Ok(()));
        }
        let sent = ready!(self.poll_send(cx));
        self.over = true;
        Poll::Ready(sent)
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        loop {
            if self.piece.is_empty() {
                match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => self.take(data),
                        Err(frame) => return Poll::Ready(self.end(frame)),
                    },
                    Some(Err(_)) => {
                        self.stop(Reason::CANCEL); // a request that was cut must not look whole
                        return Poll::Ready(Err(Stopped::Body));
                    }
                    None => return Poll::Ready(self.send(Bytes::new(), true)),
                }
            }
            let last = self.body.is_end_stream();
            if self.piece.is_empty() {
                if last {
                    return Poll::Ready(self.send(Bytes::new(), true));
                }
                continue;
            }
            let room = ready!(self.poll_room(cx))?;
            let piece = self.piece.split_to(room.min(self.piece.len()));
            let last = last && self.piece.is_empty();
            self.send(piece, last)?;
            if last {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// How much the peer and the connection take now.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Stopped>> {
        self.stream.reserve_capacity(self.piece.remaining());
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(Stopped::Peer)),
            }
        }
        Poll::Ready(Ok(self.stream.capacity()))
    }

    fn send(&mut self, piece: Bytes, last: bool) -> Result<(), Stopped> {
        self.counters.sends(piece.len());
        self.stream.send_data(piece, last).map_err(|_| Stopped::Peer)
    }

    /// The body ends with trailers.
    fn end(&mut self, frame: Frame<Bytes>) -> Result<(), Stopped> {
        let Ok(mut trailers) = frame.into_trailers() else { return self.send(Bytes::new(), true) };
        head::remove_hop_by_hop(&mut trailers);
        if let Some(taken) = &mut self.taken {
            taken.frames.push_back(Frame::trailers(trailers.clone()));
        }
        self.stream.send_trailers(trailers).map_err(|_| Stopped::Peer)
    }

    fn take(&mut self, data: Bytes) {
        if let Some(taken) = &mut self.taken {
            taken.bytes += data.len();
            taken.frames.push_back(Frame::data(data.clone()));
            if taken.bytes > REMEMBERED {
                self.taken = None;
            }
        }
        self.piece = data;
    }

    /// The peer has begun with the request.
    pub(super) fn forget(&mut self) {
        self.taken = None;
    }

    /// The body from its beginning, if all of it can be had.
    pub(super) fn rewind(self) -> Option<Outgoing> {
        Some(self.body.rewound(self.taken?.frames))
    }

    /// Sends no more of it.
    pub(super) fn stop(&mut self, reason: Reason) {
        if !self.over {
            self.over = true;
            self.stream.send_reset(reason);
        }
    }
}

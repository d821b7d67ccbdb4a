//! What a client sends on a request's stream.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use propylon_h3::{Code, Event, Fault, Refused, RequestHead, RequestStream};
use quinn::{ConnectionError, ReadError, RecvStream, VarInt};

use super::{Shared, Stream, code};
use crate::client::multiplexed;

/// How much is read in one go.
const PIECE: usize = 64 * 1024;

/// A request's stream on its way here.
pub(super) struct Receiver {
    /// There until this is dropped.
    receive: Option<RecvStream>,
    frames: RequestStream,
    input: Bytes,
    /// What was looked at and is still to be told.
    next: Option<Event>,
    ended: bool,
    /// How much of fields is held that have not all come.
    held: usize,
    pub(super) stream: Arc<Stream>,
    pub(super) shared: Arc<Shared>,
}

/// Why there is nothing more.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error("the stream was reset: {0}")]
    Reset(VarInt),
    #[error(transparent)]
    Lost(ConnectionError),
}

/// Why there is no request.
#[derive(Debug)]
pub(super) enum NoHead {
    TimedOut,
    TooLarge,
    Broken(Broken),
}

impl Receiver {
    pub(super) fn new(receive: RecvStream, stream: Arc<Stream>, shared: Arc<Shared>) -> Self {
        let frames = RequestStream::new(shared.config().section);
        Self {
            receive: Some(receive),
            frames,
            input: Bytes::new(),
            next: None,
            ended: false,
            held: 0,
            stream,
            shared,
        }
    }

    /// The request's head, if it comes in time.
    pub(super) async fn head(&mut self) -> Result<RequestHead, NoHead> {
        let shared = self.shared.clone();
        multiplexed::arm(&shared.client, &self.stream.track.body, shared.engine.timeouts.header);
        let head = poll_fn(|cx| self.poll_head(cx)).await;
        self.stream.track.body.disarm();
        head
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<RequestHead, NoHead>> {
        self.stream.track.body_waker.register(cx.waker());
        loop {
            let event = match self.poll_event(cx) {
                Poll::Ready(event) => event.map_err(NoHead::Broken)?,
                Poll::Pending if self.stream.track.body.has_passed() => {
                    return Poll::Ready(Err(NoHead::TimedOut));
                }
                Poll::Pending => return Poll::Pending,
            };
            return Poll::Ready(match event {
                Some(Event::Head(section)) => {
                    self.stream.track.block_came(self.frames.head_length());
                    RequestHead::read(section, self.shared.config().section).map_err(
                        |refused| match refused {
                            Refused::TooLarge => NoHead::TooLarge,
                            Refused::Fault(fault) => NoHead::Broken(self.report(fault)),
                        },
                    )
                }
                Some(Event::Unknown) => {
                    self.shared.wasted("unknown frames");
                    continue;
                }
                Some(Event::TooLarge) => {
                    self.stream.track.block_came(self.frames.head_length());
                    Err(NoHead::TooLarge)
                }
                // Neither comes before a head, nor is an end in order before it.
                Some(Event::Data(_) | Event::Trailers(_)) | None => {
                    let fault = Fault {
                        code: Code::REQUEST_INCOMPLETE,
                        of_connection: false,
                        what: "a stream without a request",
                    };
                    Err(NoHead::Broken(Broken::Fault(fault)))
                }
            });
        }
    }

    /// Looks for what comes next, without waiting for it.
    pub(super) async fn look(&mut self) -> Result<(), Broken> {
        poll_fn(|cx| {
            if let Poll::Ready(event) = self.poll_event(cx) {
                self.next = event?;
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// What comes next; nothing: the stream has ended as it should.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, Broken>> {
        if let Some(event) = self.next.take() {
            return Poll::Ready(Ok(Some(event)));
        }
        loop {
            let read = self.frames.read(&mut self.input);
            if self.frames.held() != self.held {
                self.shared.holds(self.held, self.frames.held());
                self.held = self.frames.held();
            }
            match read {
                Ok(Some(event)) => return Poll::Ready(Ok(Some(event))),
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Err(self.report(fault))),
            }
            if self.ended {
                return Poll::Ready(Ok(None));
            }
            let Some(receive) = &mut self.receive else { return Poll::Ready(Ok(None)) };
            let came = pin!(receive.read_chunk(PIECE, true)).poll(cx);
            match ready!(came) {
                Ok(Some(chunk)) => self.input = chunk.bytes,
                Ok(None) => {
                    self.ended = true;
                    if let Err(fault) = self.frames.end() {
                        return Poll::Ready(Err(self.report(fault)));
                    }
                }
                Err(error) => return Poll::Ready(Err(broken(error))),
            }
        }
    }

    /// Whether all of the stream was read.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.next.is_none()
    }

    /// Nothing more is wanted of it.
    pub(super) fn stop(&mut self, why: Code) {
        if let Some(receive) = &mut self.receive {
            let _ = receive.stop(code(why)); // it fails only where nothing more comes
        }
    }

    /// What is wrong with all of the connection ends it.
    pub(super) fn report(&mut self, fault: Fault) -> Broken {
        if fault.of_connection {
            self.shared.fail(fault);
        } else {
            self.stop(fault.code);
        }
        Broken::Fault(fault)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.holds(self.held, 0);
        if let Some(receive) = self.receive.take().filter(|_| !self.ended) {
            self.stream.leave_unread(receive);
        }
    }
}

/// The response is all that there was to say (RFC 9114 4.1): the rest of the request is not wanted. By now the client has the
/// response; one that meant to send nothing more has said so, and is not told anything.
pub(super) async fn give_up(mut unread: RecvStream) {
    let is_over = poll_fn(|cx| {
        let mut left = PIECE;
        loop {
            let came = pin!(unread.read_chunk(left, true)).poll(cx);
            match came {
                Poll::Ready(Ok(Some(chunk))) if chunk.bytes.len() < left => left -= chunk.bytes.len(),
                Poll::Ready(Ok(Some(_))) | Poll::Pending => return Poll::Ready(false),
                Poll::Ready(Ok(None) | Err(_)) => return Poll::Ready(true),
            }
        }
    });
    if !is_over.await {
        let _ = unread.stop(code(Code::NO_ERROR)); // as above
    }
}

fn broken(error: ReadError) -> Broken {
    match error {
        ReadError::Reset(why) => Broken::Reset(why),
        ReadError::ConnectionLost(error) => Broken::Lost(error),
        // Nobody reads without order, in early data, or what was stopped.
        _ => Broken::Lost(ConnectionError::LocallyClosed),
    }
}

//! What is known of one stream beside the engine: what of it has passed, how it ended, and whose log line waits for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use h2::Reason;
use h2::server::SendResponse;
use http::{HeaderMap, Response, StatusCode};
use parking_lot::Mutex;
use propylon_exchange::{End, Exchange};
use propylon_h1::server::{InterimRefused, SendInterim};

use super::response;
use crate::client::{Client, Deadline, closed_request};
use crate::router::Location;

/// How many interim responses a request may have.
const MOST_INTERIM: u8 = 8;

/// One stream, from its HEADERS to the last frame that the gateway sends on it.
pub(crate) struct Stream {
    /// Bytes of the block of fields that began it, as they came.
    block: AtomicU64,
    /// Bytes of frames that were sent on it.
    sent: AtomicU64,
    /// Those of them that are no body, as nginx counts: also the heads of DATA.
    heads: AtomicU64,
    /// The deadline of the next piece of the request's body, and who waits for that.
    pub(super) body: Deadline,
    pub(super) body_waker: AtomicWaker,
    /// The deadline of the client taking more of the response, and who waits for that.
    pub(super) sending: Deadline,
    pub(super) sending_waker: AtomicWaker,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How it ended, once it has.
    fate: Option<Fate>,
    /// Whether a request was made of it.
    accepted: bool,
    /// What waits for its end.
    parked: Option<(Exchange, Arc<Location>)>,
    /// What answers it, until its final response.
    respond: Option<SendResponse<Bytes>>,
    interim: u8,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Its last frame has left.
    Complete,
    /// The gateway has cut it.
    Cut,
    /// The client has.
    Left,
}

impl Stream {
    pub(super) fn new(client: &Client) -> Self {
        Self {
            block: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            heads: AtomicU64::new(0),
            body: Deadline::new(client.epoch),
            body_waker: AtomicWaker::new(),
            sending: Deadline::new(client.epoch),
            sending_waker: AtomicWaker::new(),
            state: Mutex::default(),
        }
    }

    /// The block of fields that begins it has come, or more of that.
    pub(super) fn block_came(&self, bytes: u64) {
        self.block.fetch_add(bytes, Relaxed);
    }

    /// Bytes of the request's head as nginx counts them: its block of fields as it came.
    pub(crate) fn head_bytes(&self) -> u64 {
        self.block.load(Relaxed)
    }

    /// A frame was sent of which so many bytes are body.
    pub(super) fn sends(&self, bytes: u64, body: u64) {
        self.sent.fetch_add(bytes, Relaxed);
        self.heads.fetch_add(bytes - body, Relaxed);
    }

    /// Bytes that were sent on it that are no body.
    pub(crate) fn sent_heads(&self) -> u64 {
        self.heads.load(Relaxed)
    }

    /// A request was made of it, which is answered by `respond`.
    pub(super) fn accepted(&self, respond: SendResponse<Bytes>) {
        let mut state = self.state.lock();
        (state.accepted, state.respond) = (true, Some(respond));
    }

    /// Whether it has ended already.
    pub(crate) fn is_over(&self) -> bool {
        self.state.lock().fate.is_some()
    }

    /// Ready when the client does not want a response any more.
    pub(super) fn poll_reset(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.state.lock().respond {
            Some(respond) => respond.poll_reset(cx).map(drop),
            None => Poll::Ready(()),
        }
    }

    /// What answers it, for the final response.
    pub(super) fn take_respond(&self) -> Option<SendResponse<Bytes>> {
        self.state.lock().respond.take()
    }

    /// Ends it without a response.
    pub(super) fn reset(&self, reason: Reason) {
        if let Some(mut respond) = self.take_respond() {
            respond.send_reset(reason);
        }
    }

    /// The exchange is over as far as the gateway is concerned: its log line is written when the stream is.
    pub(crate) fn settle(&self, exchange: Exchange, location: Arc<Location>) {
        let mut state = self.state.lock();
        match state.fate {
            Some(fate) => {
                drop(state);
                self.write(fate, &exchange, &location);
            }
            None => state.parked = Some((exchange, location)),
        }
    }

    /// It has ended. Whether nobody has made a request of it.
    pub(super) fn ended(&self, fate: Fate) -> bool {
        let mut state = self.state.lock();
        if state.fate.is_some() {
            return false;
        }
        state.fate = Some(fate);
        let (parked, accepted) = (state.parked.take(), state.accepted);
        drop(state);
        if let Some((exchange, location)) = parked {
            self.write(fate, &exchange, &location);
        }
        !accepted
    }

    fn write(&self, fate: Fate, exchange: &Exchange, location: &Location) {
        if exchange.status().is_none() {
            let status = if fate == Fate::Left { closed_request() } else { StatusCode::BAD_REQUEST };
            exchange.responded(status, &HeaderMap::new());
        }
        let (sent, heads) = (self.sent.load(Relaxed), self.heads.load(Relaxed));
        exchange.set_sent(sent, sent.saturating_sub(heads));
        exchange.ended(match fate {
            Fate::Complete => End::Complete,
            Fate::Cut => End::Truncated,
            Fate::Left => End::ClientClosed,
        });
        location.ended(exchange);
    }
}

impl SendInterim for Stream {
    fn send_interim(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), InterimRefused> {
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(InterimRefused::Status);
        }
        let mut state = self.state.lock();
        if state.interim >= MOST_INTERIM {
            return Err(InterimRefused::TooMany);
        }
        let Some(respond) = &mut state.respond else { return Err(InterimRefused::Late) };
        let mut interim = Response::new(());
        *interim.status_mut() = status;
        *interim.headers_mut() = headers.clone();
        response::remove_hop_by_hop(interim.headers_mut());
        respond.send_informational(interim).map_err(|_| InterimRefused::Late)?;
        state.interim += 1;
        Ok(())
    }
}

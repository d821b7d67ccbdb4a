//! What is known of one stream beside its engine: what of it has passed, how it ended, and whose log line waits for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use propylon_exchange::{End, Exchange};

use super::arm;
use crate::client::{Client, ClientBodyError, Deadline, closed_request};
use crate::router::Location;

/// One stream, from the head of its request to the last byte that the gateway sends on it.
pub(crate) struct Track {
    /// Bytes of the block of fields that began it, as they came.
    block: AtomicU64,
    /// Bytes of frames that were sent on it.
    sent: AtomicU64,
    /// Those of them that are no body, as nginx counts: also the heads of DATA.
    heads: AtomicU64,
    /// The deadline of the next piece of the request's body, and who waits for that.
    pub(in crate::client) body: Deadline,
    pub(in crate::client) body_waker: AtomicWaker,
    /// The deadline of the client taking more of the response, and who waits for that.
    pub(in crate::client) sending: Deadline,
    pub(in crate::client) sending_waker: AtomicWaker,
    /// What the location of its response says of that, in milliseconds; 0: nothing as yet.
    send_timeout: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// How it ended, once it has.
    fate: Option<Fate>,
    /// What waits for its end.
    parked: Option<(Exchange, Arc<Location>)>,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) enum Fate {
    /// Its last frame has left.
    Complete,
    /// The gateway has cut it.
    Cut,
    /// The client has.
    Left,
}

impl Track {
    pub(in crate::client) fn new(client: &Client) -> Self {
        Self {
            block: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            heads: AtomicU64::new(0),
            body: Deadline::new(client.epoch),
            body_waker: AtomicWaker::new(),
            sending: Deadline::new(client.epoch),
            sending_waker: AtomicWaker::new(),
            send_timeout: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// The block of fields that begins it has come, or more of that.
    pub(in crate::client) fn block_came(&self, bytes: u64) {
        self.block.fetch_add(bytes, Relaxed);
    }

    /// Bytes of the request's head as nginx counts them: its block of fields as it came.
    pub(crate) fn head_bytes(&self) -> u64 {
        self.block.load(Relaxed)
    }

    /// So much was sent of which so many bytes are body.
    pub(in crate::client) fn sends(&self, bytes: u64, body: u64) {
        self.sent.fetch_add(bytes, Relaxed);
        self.heads.fetch_add(bytes - body, Relaxed);
    }

    /// Bytes that were sent on it that are no body.
    pub(crate) fn sent_heads(&self) -> u64 {
        self.heads.load(Relaxed)
    }

    /// Whether it has ended already.
    pub(crate) fn is_over(&self) -> bool {
        self.state.lock().fate.is_some()
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

    /// It has ended, if it has not already.
    pub(in crate::client) fn ended(&self, fate: Fate) -> bool {
        let mut state = self.state.lock();
        if state.fate.is_some() {
            return false;
        }
        state.fate = Some(fate);
        let parked = state.parked.take();
        drop(state);
        if let Some((exchange, location)) = parked {
            self.write(fate, &exchange, &location);
        }
        true
    }

    /// What comes of the request's body, if it comes within `timeout`.
    pub(in crate::client) fn timed<T>(
        &self,
        client: &Client,
        timeout: Duration,
        frame: Poll<Option<Result<T, ClientBodyError>>>,
        cx: &Context<'_>,
    ) -> Poll<Option<Result<T, ClientBodyError>>> {
        if frame.is_ready() {
            self.body.disarm();
            return frame;
        }
        self.body_waker.register(cx.waker());
        if self.body.has_passed() {
            self.body.disarm();
            return Poll::Ready(Some(Err(ClientBodyError::Timeout)));
        }
        if !self.body.is_armed() {
            arm(client, &self.body, timeout);
        }
        Poll::Pending
    }

    /// How long the client may take nothing of the response.
    pub(crate) fn set_send_timeout(&self, timeout: Duration) {
        self.send_timeout.store(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Whether the client has taken nothing of the response for as long as its location says, or else is waited for. `timeout`: without
    /// a location.
    pub(in crate::client) fn is_too_slow(
        &self,
        client: &Client,
        timeout: Duration,
        cx: &Context<'_>,
    ) -> bool {
        self.sending_waker.register(cx.waker());
        if self.sending.has_passed() {
            client.says(|| {
                let (id, client) = (client.connection.id, client.connection.peer);
                tracing::info!(target: "propylon_gateway", connection = id, %client, "client timed out (110: Connection timed out) while sending response to client");
            });
            return true;
        }
        if !self.sending.is_armed() {
            let timeout = match self.send_timeout.load(Relaxed) {
                0 => timeout,
                millis => Duration::from_millis(millis),
            };
            arm(client, &self.sending, timeout);
        }
        false
    }

    /// Those who wait for something whose deadline has passed are woken; the others' are no later than `next`.
    pub(super) fn look(&self, next: &Deadline) {
        for (deadline, waker) in [(&self.body, &self.body_waker), (&self.sending, &self.sending_waker)] {
            if deadline.has_passed() {
                waker.wake();
            } else {
                next.no_later_than(deadline);
            }
        }
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

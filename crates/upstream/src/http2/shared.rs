//! A connection as its requests have it.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::SendRequest;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::pool::{Inner, Key};
use crate::wire::Wire;

/// A connection that requests share. When the last of them and the pool let go of it, its task says goodbye.
pub(super) struct Shared {
    /// Only cloned: one that has sent waits for its last request to begin, and asking it takes away what wakes that request's body.
    pub(super) sender: SendRequest<Bytes>,
    pub(super) status: Arc<Status>,
    pub(super) key: Arc<Key>,
    pub(super) opened: Instant,
    pub(super) pool: Weak<Inner>,
    /// Tells the task when it drops.
    pub(super) _owner: oneshot::Sender<()>,
}

/// What the connection's task and its requests know of it.
#[derive(Debug, Default)]
pub(super) struct Status {
    pub(super) wire: Arc<Wire>,
    /// The peer's first SETTINGS are here.
    pub(super) greeted: AtomicBool,
    /// They have been read as well: how many requests the peer takes at once is known.
    pub(super) settled: AtomicBool,
    /// What came is not HTTP/2.
    pub(super) foreign: AtomicBool,
    pub(super) ended: AtomicBool,
    doubt: AtomicU8,
    driver: Mutex<Option<Waker>>,
}

/// Nobody doubts that the peer is there.
const NONE: u8 = 0;
/// Somebody does: it is to be asked.
const ASK: u8 = 1;
/// It has been asked.
const ASKED: u8 = 2;

/// What was sent and received for one request: its heads, not compressed, and its bodies.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Shared {
    /// How many requests the peer takes at once.
    pub(super) fn peer_streams(&self) -> usize {
        self.sender.current_max_send_streams()
    }

    /// What sends one request, if the peer takes more, ever.
    pub(super) fn sender(&self) -> Option<SendRequest<Bytes>> {
        let mut sender = self.sender.clone();
        let asked = sender.poll_ready(&mut Context::from_waker(Waker::noop()));
        (!self.status.has_ended() && !matches!(asked, Poll::Ready(Err(_)))).then_some(sender)
    }

    /// Whether the peer takes more requests, ever.
    pub(super) fn is_open(&self) -> bool {
        self.sender().is_some()
    }

    /// Whether the peer may be asked something now; how much at once is [`peer_streams`](Self::peer_streams).
    pub(super) fn is_ready(&self) -> bool {
        self.status.is_settled() && !self.status.is_doubted() && self.is_open()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Status {
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled.load(Relaxed)
    }

    pub(super) fn is_doubted(&self) -> bool {
        self.doubt.load(Relaxed) != NONE
    }

    /// A request had no answer, and neither had any other meanwhile: until the peer shows that it is there, nobody else is to
    /// wait for it.
    pub(super) fn doubt(&self) {
        if self.doubt.compare_exchange(NONE, ASK, Relaxed, Relaxed).is_ok()
            && let Some(driver) = &*self.driver.lock()
        {
            driver.wake_by_ref();
        }
    }

    /// Whether the peer is to be asked now; then it counts as asked.
    pub(super) fn is_to_be_asked(&self) -> bool {
        self.doubt.compare_exchange(ASK, ASKED, Relaxed, Relaxed).is_ok()
    }

    /// The peer is there.
    pub(super) fn believe(&self) {
        self.doubt.store(NONE, Relaxed);
    }

    pub(super) fn wake_me(&self, waker: &Waker) {
        let mut driver = self.driver.lock();
        if !driver.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *driver = Some(waker.clone());
        }
    }
}

impl Counters {
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    pub(super) fn sends(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn receives(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }
}

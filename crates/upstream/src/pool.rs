//! Kept connections: one pool for each upstream and worker.

use std::future::poll_fn;
use std::num::{NonZeroU32, NonZeroU64};
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use propylon_exchange::clock;
use propylon_h1::sends::SendQueue;
use tokio::time::Instant;

use crate::connect::connect;
use crate::connection::Connection;
use crate::http2::Sharing;
use crate::idle::Idle;
use crate::special::Special;
use crate::task::Task;
use crate::transport::{Fingerprint, Protocol, Transport};
use crate::{Error, Peer};

/// The least time between two sweeps: many connections expire at once, at the price of closing some a little late.
const SWEEP: Duration = Duration::from_secs(1);

/// Stands for never.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long connections are kept, and how many: a builder.
///
/// ```
/// use std::{num::NonZeroU64, time::Duration};
/// use propylon_upstream::{Keepalive, Pool};
///
/// let keepalive = Keepalive::new().connections(64).requests(NonZeroU64::MIN).timeout(Duration::from_secs(5));
/// assert_eq!(Pool::new(keepalive).idle(), 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keepalive {
    connections: usize,
    requests: NonZeroU64,
    time: Duration,
    timeout: Duration,
    streams: NonZeroU32,
}

impl Keepalive {
    /// The defaults: 32 idle connections, 1000 requests each, for an hour, idle for 60 s at most; 100 requests at once on one
    /// of HTTP/2.
    #[must_use]
    pub fn new() -> Self {
        Self {
            connections: 32,
            requests: NonZeroU64::MIN.saturating_add(999),
            time: Duration::from_secs(3600),
            timeout: Duration::from_secs(60),
            streams: NonZeroU32::MIN.saturating_add(99),
        }
    }

    /// Keeps none; with HTTP/2, each request has a connection of its own.
    #[must_use]
    pub fn off() -> Self {
        Self::new().connections(0)
    }

    /// How many idle connections a pool keeps, whatever their peers; the least recently used one goes first. Default 32, 0
    /// for none (nginx: `keepalive`).
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// How many requests a connection serves. Default 1000 (nginx: `keepalive_requests`).
    #[must_use]
    pub fn requests(mut self, requests: NonZeroU64) -> Self {
        self.requests = requests;
        self
    }

    /// How old a connection may be to be kept after a request. Default 1 h (nginx: `keepalive_time`).
    #[must_use]
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// How long a connection may be idle. Default 60 s (nginx: `keepalive_timeout`). Never used after that; closed up to
    /// a second later.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many requests a connection carries at once with HTTP/2, if its peer takes as many; 32,767 at most. More have another
    /// connection. Each may have 64 KiB of its response wait in memory, or of the response's part that is not read yet. Default
    /// 100.
    #[must_use]
    pub fn streams(mut self, streams: NonZeroU32) -> Self {
        self.streams = streams;
        self
    }

    pub(crate) fn max_streams(&self) -> u32 {
        self.streams.get().min(32_767)
    }

    /// Whether requests of HTTP/2 share connections at all.
    pub(crate) fn shares(&self) -> bool {
        self.connections > 0
    }

    /// Whether a connection may have another request after so many, at its age.
    pub(crate) fn wears(&self, requests: u64, opened: Instant, now: Instant) -> bool {
        requests >= self.requests.get() || now.saturating_duration_since(opened) >= self.time
    }
}

impl Default for Keepalive {
    fn default() -> Self {
        Self::new()
    }
}

/// Kept connections to the peers of one upstream: one pool for each upstream and worker. A clone is the same pool.
///
/// Idle connections are closed when the last clone drops. One task a pool closes what idled for too long and what its peer
/// has closed; it only runs while something is idle. With [`Engine::Hyper`](crate::Engine::Hyper) each connection has a task
/// too, which ends when the connection is dropped by the pool or by the exchange that uses it.
///
/// Must be used within a tokio runtime.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    keepalive: Keepalive,
    /// Where connections queue what they send.
    sends: Option<SendQueue>,
    kept: Mutex<Kept>,
    /// Connections that several requests use at once.
    sharing: Mutex<Sharing>,
}

#[derive(Debug)]
struct Kept {
    idle: Idle<Lease>,
    keeper: Option<Task>,
    /// What wakes it.
    waker: Option<Waker>,
}

/// Connections with the same key are interchangeable.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) peer: Peer,
    fingerprint: Fingerprint,
    pub(crate) special: Option<Arc<Special>>,
}

impl Key {
    pub(crate) fn new(peer: &Peer, transport: &Transport, special: Option<&Arc<Special>>) -> Self {
        Self { peer: peer.clone(), fingerprint: transport.fingerprint, special: special.cloned() }
    }

    pub(crate) fn settings(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.special.as_ref().is_some_and(|special| special.security.is_some())
    }

    pub(crate) fn is(&self, peer: &Peer, transport: &Transport, special: Option<&Arc<Special>>) -> bool {
        self.peer == *peer && self.fingerprint == transport.fingerprint && self.special.as_ref() == special
    }
}

/// A connection in use: dropping it closes it, [`give_back`](Self::give_back) keeps it. Boxed, for it moves often.
#[derive(Debug)]
pub(crate) struct Lease(Box<Leased>);

#[derive(Debug)]
pub(crate) struct Leased {
    pub(crate) connection: Connection,
    pub(crate) key: Arc<Key>,
    opened: Instant,
    requests: u64,
}

impl Pool {
    /// A pool that keeps connections so.
    #[must_use]
    pub fn new(keepalive: Keepalive) -> Self {
        Self::build(keepalive, None)
    }

    /// The same, whose connections send small requests through a queue that somebody runs: for one thread's connections. Only for
    /// [`Engine::H1`](crate::Engine::H1) over TCP without TLS; others send at once.
    #[must_use]
    pub fn sending_through(keepalive: Keepalive, sends: SendQueue) -> Self {
        Self::build(keepalive, Some(sends))
    }

    fn build(keepalive: Keepalive, sends: Option<SendQueue>) -> Self {
        let idle = Idle::new(keepalive.connections, keepalive.timeout);
        let kept = Mutex::new(Kept { idle, keeper: None, waker: None });
        Self(Arc::new(Inner { keepalive, sends, kept, sharing: Mutex::default() }))
    }

    /// How it keeps connections.
    #[must_use]
    pub fn keepalive(&self) -> &Keepalive {
        &self.0.keepalive
    }

    /// How many connections are idle.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.0.kept.lock().idle.len()
    }

    /// Closes the idle connections.
    pub fn clear(&self) {
        let cleared = self.0.kept.lock().idle.clear();
        drop(cleared);
    }

    /// A kept connection, if there is one.
    pub(crate) fn take(
        &self,
        peer: &Peer,
        transport: &Transport,
        special: Option<&Arc<Special>>,
    ) -> Option<Lease> {
        let mut kept = self.0.kept.lock();
        if kept.idle.is_empty() {
            return None;
        }
        let is = |lease: &Lease| lease.key.is(peer, transport, special);
        kept.idle.take(clock::now(), is, |lease| lease.connection.state())
    }

    /// A new connection.
    pub(crate) async fn connect(
        &self,
        peer: &Peer,
        transport: &Transport,
        special: Option<&Arc<Special>>,
    ) -> Result<Lease, Error> {
        let mut socket = connect(peer, transport, special.map(|special| &**special)).await?;
        if let Some(sends) = &self.0.sends
            && transport.fingerprint.protocol == Protocol::H1
        {
            socket = socket.sending_through(sends);
        }
        let connection = Connection::open(socket, transport.fingerprint, self.forgetting()).await?;
        let key = Arc::new(Key::new(peer, transport, special));
        Ok(Lease::new(connection, key, clock::now(), 0))
    }

    /// What makes the pool forget the connections that have ended.
    pub(crate) fn forgetting(&self) -> impl FnOnce() + Send + use<> {
        let pool = Arc::downgrade(&self.0);
        move || {
            if let Some(pool) = pool.upgrade() {
                pool.kept.lock().idle.forget(|lease| lease.connection.has_ended());
            }
        }
    }

    pub(crate) fn sharing(&self) -> MutexGuard<'_, Sharing> {
        self.0.sharing.lock()
    }

    pub(crate) fn weak(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    pub(crate) fn of(weak: &Weak<Inner>) -> Option<Self> {
        weak.upgrade().map(Self)
    }
}

impl Deref for Lease {
    type Target = Leased;

    fn deref(&self) -> &Leased {
        &self.0
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Leased {
        &mut self.0
    }
}

impl Lease {
    pub(crate) fn new(connection: Connection, key: Arc<Key>, opened: Instant, requests: u64) -> Self {
        Self(Box::new(Leased { connection, key, opened, requests }))
    }

    /// The connection, and how many requests it has had.
    pub(crate) fn into_connection(self) -> (Connection, u64) {
        (self.0.connection, self.0.requests)
    }

    /// One more request is sent on it.
    pub(crate) fn begin(&mut self) {
        self.requests += 1;
    }

    /// Keeps the connection for the next request, if the pool wants it: the one that it is of.
    pub(crate) fn give_back(mut self, pool: &Pool) {
        if matches!(&self.connection, Connection::Http2(slot) if !slot.is_parked()) {
            return; // it goes back by itself, when the last request on it is over
        }
        let now = clock::now();
        let limits = &pool.0.keepalive;
        if limits.wears(self.requests, self.opened, now) || limits.timeout.is_zero() {
            return;
        }
        let mut kept = pool.0.kept.lock();
        // The pool's task is told from here on, without having run.
        let mut cx = Context::from_waker(kept.waker.as_ref().unwrap_or(Waker::noop()));
        if self.connection.poll_idle(&mut cx).is_ready() {
            return;
        }
        let evicted = kept.idle.put(now, self);
        if kept.keeper.is_none() {
            let at = kept.idle.next_expiry();
            kept.keeper = Some(Task::spawn(keep(pool.weak(), at)));
        }
        drop(kept);
        drop(evicted);
    }
}

/// Closes what has been idle for too long and what its peer has closed, until nothing is idle.
async fn keep(pool: Weak<Inner>, at: Option<Instant>) {
    let mut timer = pin!(tokio::time::sleep_until(at.unwrap_or_else(far)));
    poll_fn(|cx| {
        let Some(pool) = pool.upgrade() else { return Poll::Ready(()) };
        let mut kept = pool.kept.lock();
        kept.idle.forget(|lease| lease.connection.poll_idle(cx).is_ready());
        while timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            drop(kept.idle.expire(now));
            timer.as_mut().reset(kept.idle.next_expiry().map_or_else(far, |next| next.max(now + SWEEP)));
        }
        if kept.idle.is_empty() {
            kept.waker = None;
            kept.keeper = None;
            return Poll::Ready(());
        }
        if !kept.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            kept.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    })
    .await;
}

fn far() -> Instant {
    Instant::now() + FAR
}

//! One client connection: what its stream, its HTTP engine and the edge have to tell each other.

mod body;
mod deadlines;
mod engine;
mod glance;
mod h1;
pub(crate) mod http2;
mod hyper;
mod io;
mod service;
mod upgrade;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use propylon_config::Http1;
use propylon_exchange::{Connection, End, Exchange, clock};
use propylon_h1::server::{Handle, Ticker};
use smallvec::SmallVec;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use body::{ClientBodyError, Received, RequestBody};
pub(crate) use deadlines::{Clients, Deadline};
pub(crate) use engine::{Engine, Timeouts};
pub(crate) use io::Stream;
pub(crate) use service::{Closed, Rejected, Service};
pub(crate) use upgrade::{ClientEnd, HandOver};

use io::Io;

use crate::router::Location;

/// Serves a client's requests until the connection is over, with the engine that the configuration asks for.
pub(crate) async fn serve<S: Service>(
    stream: Stream,
    client: Arc<Client>,
    service: S,
    ticker: &Ticker,
    drain: CancellationToken,
) {
    let Some(engine) = service.engine() else { return }; // a reload took the listener away
    // In a box, as below.
    if engine.http2.spoken && Box::pin(http2::is_spoken(&stream, &client, &engine)).await {
        return Box::pin(http2::serve(stream, client, service, drain)).await;
    }
    let http1 = engine.http1;
    drop(engine);
    match http1 {
        Http1::H1 => h1::serve(stream, client, service, ticker, drain).await,
        // In a box: connections of the other engine have no room for it.
        Http1::Hyper => Box::pin(hyper::serve(stream, client, service, drain)).await,
    }
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// No byte of the next request has come.
    Idle,
    /// Some bytes of a request head have come.
    Head,
    /// A request is being served.
    Busy,
}

/// One client connection.
pub(crate) struct Client {
    pub(crate) connection: Arc<Connection>,
    /// When the worker's time began: deadlines are milliseconds since then.
    epoch: Instant,
    phase: AtomicU8,
    requests: AtomicU64,
    /// Requests that have begun and whose response is not over.
    in_flight: AtomicU64,
    /// When the first byte of the current request came.
    head_began: AtomicU64,
    /// Bytes the kernel has taken from us.
    written: AtomicU64,
    /// Bytes of head that came while the connection was in [`Phase::Head`].
    head_bytes: AtomicU64,
    /// The idle or head deadline.
    pub(crate) reading: Deadline,
    /// The deadline of the next piece of request body.
    pub(crate) body: Deadline,
    /// The deadline of a write that the client does not take.
    pub(crate) writing: Deadline,
    /// Wakes the connection's driver.
    waker: AtomicWaker,
    /// Wakes who waits for the next piece of request body.
    body_waker: AtomicWaker,
    /// Whether the driver is polling the engine.
    polling: AtomicBool,
    finished: Mutex<Finished>,
    /// What the kernel had taken of the response that made the connection another protocol's.
    switching_head: AtomicU64,
    /// Has our own engine finish what is in flight.
    handle: OnceLock<Handle>,
}

/// Exchanges whose last byte was handed over but may not have left.
#[derive(Default)]
struct Finished {
    /// What the kernel had taken when the last exchange was settled.
    mark: u64,
    exchanges: SmallVec<[(Exchange, Arc<Location>); 1]>,
}

impl Client {
    pub(crate) fn new(connection: Connection, epoch: Instant) -> Self {
        Self {
            connection: Arc::new(connection),
            epoch,
            phase: AtomicU8::new(Phase::Idle as u8),
            requests: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            head_began: AtomicU64::new(0),
            written: AtomicU64::new(0),
            head_bytes: AtomicU64::new(0),
            reading: Deadline::new(epoch),
            body: Deadline::new(epoch),
            writing: Deadline::new(epoch),
            waker: AtomicWaker::new(),
            body_waker: AtomicWaker::new(),
            polling: AtomicBool::new(false),
            finished: Mutex::default(),
            switching_head: AtomicU64::new(0),
            handle: OnceLock::new(),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Busy,
        }
    }

    /// The first byte of a head came.
    fn head_begins(&self) {
        self.phase.store(Phase::Head as u8, Relaxed);
        self.head_began.store(self.now_nanos(), Relaxed);
    }

    /// Bytes came: the first ones of a request begin its head.
    fn bytes_read(&self, n: u64, head_timeout: Duration) {
        match self.phase() {
            Phase::Idle => {
                self.head_begins();
                self.head_bytes.store(n, Relaxed);
                // A new connection has had its head deadline since it was accepted, as in nginx.
                if self.requests.load(Relaxed) > 0 {
                    self.reading.arm(head_timeout);
                }
            }
            Phase::Head => {
                self.head_bytes.fetch_add(n, Relaxed);
            }
            Phase::Busy => {}
        }
    }

    /// A whole head has come: a request is served from here on. Returns its number and when it began.
    pub(crate) fn request_begins(&self) -> (u64, Instant) {
        let began = if self.phase() == Phase::Head {
            self.epoch + Duration::from_nanos(self.head_began.load(Relaxed))
        } else {
            clock::now() // pipelined: its bytes came with the previous request's
        };
        self.phase.store(Phase::Busy as u8, Relaxed);
        self.reading.disarm();
        self.in_flight.fetch_add(1, Relaxed);
        (self.requests.fetch_add(1, Relaxed) + 1, began)
    }

    /// A stream has brought the head of a request. Returns its number and when it began.
    pub(crate) fn stream_begins(&self) -> (u64, Instant) {
        (self.requests.fetch_add(1, Relaxed) + 1, clock::now())
    }

    /// The engine that finishes what is in flight when the worker drains.
    fn drained_by(&self, handle: Handle) {
        let _ = self.handle.set(handle); // a connection has one engine
    }

    /// The worker drains.
    fn drain(&self) {
        match self.handle.get() {
            Some(handle) => handle.drain(),
            None => self.waker.wake(),
        }
    }

    /// The engine knows how the exchange ended, and what the kernel took of it.
    fn finishes(&self, sent: u64, sent_head: u64, end: End) {
        self.phase.store(Phase::Idle as u8, Relaxed);
        let exchanges = std::mem::take(&mut self.finished.lock().exchanges);
        if exchanges.is_empty() {
            self.switching_head.store(sent, Relaxed); // its exchange goes on: whoever has that has the connection
        }
        for (exchange, location) in exchanges {
            if exchange.status().is_none() {
                exchange.responded(status_of_left(&exchange), &HeaderMap::new());
            }
            exchange.set_sent(sent, sent.saturating_sub(sent_head));
            exchange.ended(end);
            location.logs.write(&exchange);
        }
    }

    /// Runs `poll`, the driver's look at the engine.
    fn polling<T>(&self, poll: impl FnOnce() -> T) -> T {
        self.polling.store(true, Relaxed);
        let polled = poll();
        self.polling.store(false, Relaxed);
        polled
    }

    /// Bytes of the response that made the connection another protocol's.
    pub(crate) fn switching_head(&self) -> u64 {
        self.switching_head.load(Relaxed)
    }

    /// The engine has ended, and its connection is another protocol's.
    fn switched(&self) {
        let sent = self.written.load(Relaxed).saturating_sub(self.finished.lock().mark);
        self.switching_head.store(sent, Relaxed);
    }

    /// Bytes of the current request's head so far.
    pub(crate) fn head_bytes(&self) -> u64 {
        self.head_bytes.load(Relaxed)
    }

    /// Bytes that are written past the engine.
    pub(crate) fn sent_raw(&self, n: u64) {
        self.written.fetch_add(n, Relaxed);
    }

    /// How many requests the connection has had.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// The exchange's last byte was handed to the connection, or its response was given up.
    pub(crate) fn request_ends(&self, exchange: Exchange, location: Arc<Location>) {
        self.in_flight.fetch_sub(1, Relaxed);
        self.finished.lock().exchanges.push((exchange, location));
        self.body.disarm();
        // Within the driver's own poll the driver looks anyway, right after it.
        if !self.polling.load(Relaxed) {
            self.waker.wake();
        }
    }

    /// Writes the log lines of the exchanges that are over; called when nothing of them is left to be sent.
    fn settle(&self) {
        let mut finished = self.finished.lock();
        if finished.exchanges.is_empty() {
            return;
        }
        let written = self.written.load(Relaxed);
        let sent = written.saturating_sub(finished.mark);
        finished.mark = written;
        let exchanges = std::mem::take(&mut finished.exchanges);
        drop(finished);
        // Several at once were pipelined; what is not body is the last one's head, as near as can be told from here.
        let bodies: u64 = exchanges.iter().map(|(exchange, _)| exchange.body_bytes_sent()).sum();
        let heads = sent.saturating_sub(bodies) / exchanges.len() as u64;
        for (exchange, location) in exchanges {
            let body = exchange.body_bytes_sent();
            exchange.set_sent(body + heads, body);
            location.logs.write(&exchange);
        }
    }

    /// The engine has nothing left to write: exchanges that are over are settled, and the connection rests until its
    /// next request.
    fn rest_if_settled(&self, keepalive: Duration) {
        if self.phase() == Phase::Busy && self.in_flight.load(Relaxed) == 0 {
            self.settle();
            self.phase.store(Phase::Idle as u8, Relaxed);
            self.reading.arm(keepalive);
        }
    }

    fn now_nanos(&self) -> u64 {
        // 584 years of nanoseconds fit.
        u64::try_from(clock::now().saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What the log says of a client that left before it was answered: 400 in the middle of its body, else 499, as in nginx.
pub(crate) fn status_of_left(exchange: &Exchange) -> StatusCode {
    let announced = exchange.head().and_then(|head| {
        let length = std::str::from_utf8(head.headers.value(&CONTENT_LENGTH)?).ok()?.parse::<u64>().ok()?;
        Some(head.bytes + length)
    });
    if announced.is_some_and(|announced| exchange.request_length() < announced) {
        return StatusCode::BAD_REQUEST;
    }
    closed_request()
}

/// What the log says of a client that is not there any more (nginx: 499).
pub(crate) fn closed_request() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

impl Drop for Client {
    fn drop(&mut self) {
        self.settle();
    }
}

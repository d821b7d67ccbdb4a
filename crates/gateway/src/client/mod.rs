//! One client connection: what its stream, its HTTP engine and the edge have to tell each other.

mod body;
mod deadlines;
mod engine;
mod glance;
mod h1;
pub(crate) mod http2;
pub(crate) mod http3;
mod hyper;
mod io;
mod multiplexed;
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
use propylon_exchange::{Connection, Count, End, Exchange, clock};
use propylon_h1::server::{Handle, Ticker};
use smallvec::SmallVec;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use body::{BodyTimeout, ClientBodyError, Received, RequestBody};
pub(crate) use deadlines::{Clients, Deadline};
pub(crate) use engine::{Engine, Http3, Timeouts};
pub(crate) use io::Stream;
pub(crate) use multiplexed::{Multiplexed, Track};
pub(crate) use service::{Closed, Rejected, Service, bytes_of};
pub(crate) use upgrade::{ClientEnd, HandOver};

use io::Io;

use crate::error_log;
use crate::router::Location;
use crate::tally::Open;
use crate::worker::{Place, Worker};

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

/// One client connection. It is its worker's alone, so its numbers have one writer, and none of them is read and written in one.
pub(crate) struct Client {
    pub(crate) connection: Arc<Connection>,
    pub(crate) worker: Arc<Worker>,
    /// Where it came in.
    place: Arc<Place>,
    /// That it is open is counted.
    open: Open,
    /// When the worker's time began: deadlines are milliseconds since then.
    epoch: Instant,
    phase: AtomicU8,
    requests: Count,
    /// Requests that have begun and whose response is not over, where the engine does not tell.
    in_flight: Count,
    /// When the first byte of the current request came.
    head_began: AtomicU64,
    /// Bytes the kernel has taken from us.
    written: Count,
    /// Bytes of head that came while the connection was in [`Phase::Head`].
    head_bytes: Count,
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
    /// Whether there is an exchange in `finished`.
    waiting: AtomicBool,
    told: Told,
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

/// What our own engine has told of the response that was the last to end.
#[derive(Default)]
struct Told {
    /// Which request's; 0: none's.
    request: AtomicU64,
    /// What the kernel has taken of it in all, and so much of that for its head.
    sent: AtomicU64,
    sent_head: AtomicU64,
    /// As [a number](End::number).
    end: AtomicU8,
}

impl Client {
    pub(crate) fn new(
        connection: Connection,
        worker: Arc<Worker>,
        place: Arc<Place>,
        open: Open,
        epoch: Instant,
    ) -> Self {
        Self {
            connection: Arc::new(connection),
            worker,
            place,
            open,
            epoch,
            phase: AtomicU8::new(Phase::Idle as u8),
            requests: Count::default(),
            in_flight: Count::default(),
            head_began: AtomicU64::new(0),
            written: Count::default(),
            head_bytes: Count::default(),
            reading: Deadline::new(epoch),
            body: Deadline::new(epoch),
            writing: Deadline::new(epoch),
            waker: AtomicWaker::new(),
            body_waker: AtomicWaker::new(),
            polling: AtomicBool::new(false),
            finished: Mutex::default(),
            waiting: AtomicBool::new(false),
            told: Told::default(),
            handle: OnceLock::new(),
        }
    }

    /// Says something of the connection, which is no request's alone.
    #[cold]
    pub(crate) fn says(&self, say: impl FnOnce()) {
        let asked = self.connection.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
        let logs = self.place.listener().and_then(|listener| listener.error_logs(asked));
        error_log::at(logs.as_ref(), say);
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Busy,
        }
    }

    /// The connection, which is not one request's at a time, is in this phase.
    pub(crate) fn enters(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
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
                self.head_bytes.set(n);
                // A new connection has had its head deadline since it was accepted, as in nginx.
                if self.requests() > 0 {
                    self.reading.arm(head_timeout);
                }
            }
            Phase::Head => self.head_bytes.add(n),
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
        self.requests.add(1);
        (self.requests(), began)
    }

    /// The same of an engine that does not tell when a response is over.
    pub(crate) fn request_takes_off(&self) -> (u64, Instant) {
        self.in_flight.add(1);
        self.request_begins()
    }

    /// A stream has brought the head of a request. Returns its number and when it began.
    pub(crate) fn stream_begins(&self) -> (u64, Instant) {
        self.requests.add(1);
        (self.requests(), clock::now())
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

    /// Our own engine knows how the exchange ended, and what the kernel took of it.
    fn finishes(&self, sent: u64, sent_head: u64, end: End) {
        self.phase.store(Phase::Idle as u8, Relaxed);
        self.told.tell(self.requests(), sent, sent_head, end);
        if self.waiting.load(Relaxed) {
            self.write_waiting();
        }
    }

    /// The lines of exchanges that were over before the engine told how.
    #[cold]
    fn write_waiting(&self) {
        // Not locked while they are written.
        let exchanges = self.take_finished(&mut self.finished.lock());
        for (exchange, location) in exchanges {
            self.told.write(&exchange, &location);
        }
    }

    /// The response was given up, or the engine has told how it ended: then its log line can be written. Else that waits.
    pub(crate) fn response_ends(&self, exchange: &Exchange, location: &Arc<Location>) {
        self.body.disarm();
        if self.told.request.load(Relaxed) == exchange.number() {
            self.told.write(exchange, location);
        } else {
            self.wait(exchange.clone(), location.clone());
        }
    }

    fn wait(&self, exchange: Exchange, location: Arc<Location>) {
        self.finished.lock().exchanges.push((exchange, location));
        self.waiting.store(true, Relaxed);
    }

    fn take_finished(&self, finished: &mut Finished) -> SmallVec<[(Exchange, Arc<Location>); 1]> {
        self.waiting.store(false, Relaxed);
        std::mem::take(&mut finished.exchanges)
    }

    /// Runs `poll`, the driver's look at the engine.
    fn polling<T>(&self, poll: impl FnOnce() -> T) -> T {
        self.polling.store(true, Relaxed);
        let polled = poll();
        self.polling.store(false, Relaxed);
        polled
    }

    /// Bytes of the response, this request's, that made the connection another protocol's: none until the engine has told.
    pub(crate) fn switching_head(&self, request: u64) -> u64 {
        if self.told.request.load(Relaxed) == request { self.told.sent.load(Relaxed) } else { 0 }
    }

    /// The engine has ended, and its connection is another protocol's.
    fn switched(&self) {
        let sent = self.written.get().saturating_sub(self.finished.lock().mark);
        self.told.tell(self.requests(), sent, sent, End::Complete);
    }

    /// Bytes of the current request's head so far.
    pub(crate) fn head_bytes(&self) -> u64 {
        self.head_bytes.get()
    }

    /// Bytes that are written past the engine.
    pub(crate) fn sent_raw(&self, n: u64) {
        self.written.add(n);
    }

    /// How many requests the connection has had.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// The exchange's last byte was handed to the connection, or its response was given up.
    pub(crate) fn request_ends(&self, exchange: Exchange, location: Arc<Location>) {
        self.wait(exchange, location);
        self.body.disarm();
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
        // Within the driver's own poll the driver looks anyway, right after it.
        if !self.polling.load(Relaxed) {
            self.waker.wake();
        }
    }

    /// Writes the log lines of the exchanges that are over; called when nothing of them is left to be sent, at the latest when the
    /// connection is no longer served: whoever looks at it may be the last to hold it, on another thread.
    pub(crate) fn settle(&self) {
        let mut finished = self.finished.lock();
        if finished.exchanges.is_empty() {
            return;
        }
        let written = self.written.get();
        let sent = written.saturating_sub(finished.mark);
        finished.mark = written;
        let exchanges = self.take_finished(&mut finished);
        drop(finished);
        // Several at once were pipelined; what is not body is the last one's head, as near as can be told from here.
        let bodies: u64 = exchanges.iter().map(|(exchange, _)| exchange.body_bytes_sent()).sum();
        let heads = sent.saturating_sub(bodies) / exchanges.len() as u64;
        for (exchange, location) in exchanges {
            let body = exchange.body_bytes_sent();
            exchange.set_sent(body + heads, body);
            location.ended(&exchange);
        }
    }

    /// The engine has nothing left to write: exchanges that are over are settled, and the connection rests until its
    /// next request.
    fn rest_if_settled(&self, keepalive: Duration) {
        if self.phase() == Phase::Busy && self.in_flight.get() == 0 {
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

impl Told {
    fn tell(&self, request: u64, sent: u64, sent_head: u64, end: End) {
        self.request.store(request, Relaxed);
        self.sent.store(sent, Relaxed);
        self.sent_head.store(sent_head, Relaxed);
        self.end.store(end.number(), Relaxed);
    }

    /// Writes the log line of the exchange whose response this was.
    fn write(&self, exchange: &Exchange, location: &Location) {
        answers_left(exchange);
        let (sent, sent_head) = (self.sent.load(Relaxed), self.sent_head.load(Relaxed));
        exchange.set_sent(sent, sent.saturating_sub(sent_head));
        exchange.ended(End::numbered(self.end.load(Relaxed)).unwrap_or(End::ClientClosed));
        location.ended(exchange);
    }
}

/// If nobody has answered, the client left before it: the status is what the log says of that.
pub(crate) fn answers_left(exchange: &Exchange) {
    if exchange.status().is_none() {
        exchange.responded(status_of_left(exchange), &HeaderMap::new());
    }
}

/// 400 for a client that left in the middle of its body, else 499, as in nginx.
fn status_of_left(exchange: &Exchange) -> StatusCode {
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
        self.settle(); // what a task has left that was dropped
        self.open.had(self.requests());
    }
}

//! One try of a request at one peer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::{Exchange, clock};

/// What is known of one try of a request at one peer. Durations count from the try's [start](Self::started).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TryRecord {
    /// The peer as the configuration or the resolver names it: `10.0.0.1:80`, `unix:/run/app.sock` (`$upstream_addr`).
    pub peer: Arc<str>,
    /// How many internal redirects went before it: logs separate such groups by ` : `.
    pub reroutes: u8,
    /// When it began.
    pub started: Instant,
    /// How long the wait for a free peer took, before it began (`$upstream_queue_time`).
    pub queued: Option<Duration>,
    connected: Option<Instant>,
    head_received: Option<Instant>,
    finished: Option<Instant>,
    /// The peer's status, or the one that stands for its failure: 502, 504 (`$upstream_status`).
    pub status: Option<StatusCode>,
    /// Bytes of response body received (`$upstream_response_length`).
    pub length: u64,
    /// Bytes received from the peer, heads included (`$upstream_bytes_received`).
    pub bytes_received: u64,
    /// Bytes sent to the peer, heads included (`$upstream_bytes_sent`).
    pub bytes_sent: u64,
}

impl TryRecord {
    /// How long it took to have a connection, TLS included; zero for a kept one (`$upstream_connect_time`).
    #[must_use]
    pub fn connect(&self) -> Option<Duration> {
        self.until(self.connected)
    }

    /// How long it took until the response head was there (`$upstream_header_time`).
    #[must_use]
    pub fn header(&self) -> Option<Duration> {
        self.until(self.head_received)
    }

    /// How long it took in all; `None` while it runs (`$upstream_response_time`).
    #[must_use]
    pub fn response(&self) -> Option<Duration> {
        self.until(self.finished)
    }

    fn until(&self, at: Option<Instant>) -> Option<Duration> {
        Some(at?.saturating_duration_since(self.started))
    }

    pub(crate) fn new(peer: Arc<str>, reroutes: u8, started: Instant) -> Self {
        Self {
            peer,
            reroutes,
            started,
            queued: None,
            connected: None,
            head_received: None,
            finished: None,
            status: None,
            length: 0,
            bytes_received: 0,
            bytes_sent: 0,
        }
    }

    fn finish(&mut self) {
        if self.finished.is_none() {
            self.finished = Some(clock::now());
        }
    }
}

impl Exchange {
    /// The next try had to wait so long for a free peer (`$upstream_queue_time`).
    pub fn queued(&self, time: Duration) {
        self.late().queued = Some(time);
    }

    /// A try at `peer` begins.
    #[must_use]
    pub fn open_try(&self, peer: Arc<str>) -> Try {
        self.open(TryRecord::new(peer, self.reroutes(), clock::now()))
    }

    /// A try at `peer` begins on a kept connection: [`open_try`](Self::open_try) and [`Try::connected`] at once.
    #[must_use]
    pub fn open_connected_try(&self, peer: Arc<str>) -> Try {
        let mut record = TryRecord::new(peer, self.reroutes(), clock::now());
        record.connected = Some(record.started);
        self.open(record)
    }

    fn open(&self, mut record: TryRecord) -> Try {
        let mut late = self.late();
        record.queued = late.queued.take();
        late.tries.push(record);
        let index = late.tries.len() - 1;
        drop(late);
        Try { exchange: self.clone(), index, finished: AtomicBool::new(false) }
    }

    /// The newest try has failed, or is given up: see [`Try::failed`].
    pub fn last_try_failed(&self, status: StatusCode) {
        if let Some(record) = self.late().tries.last_mut() {
            record.status = Some(status);
        }
    }

    /// Looks at the tries, oldest first. `read` must not call back into the exchange.
    pub fn with_tries<T>(&self, read: impl FnOnce(&[TryRecord]) -> T) -> T {
        read(&self.late().tries)
    }
}

/// A try that runs: the handle by which a leaf fills in its record. Dropping it closes the record.
#[derive(Debug)]
pub struct Try {
    exchange: Exchange,
    index: usize,
    /// Whether the time was taken.
    finished: AtomicBool,
}

impl Try {
    /// The exchange that the try belongs to.
    #[must_use]
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// There is a connection: a new one, or a kept one.
    pub fn connected(&self) {
        self.record(|r| r.connected = Some(clock::now()));
    }

    /// The response head is there.
    pub fn head_received(&self, status: StatusCode) {
        self.record(|r| {
            r.head_received = Some(clock::now());
            r.status = Some(status);
        });
    }

    /// It failed before a response head was there; `status` is what stands for the failure in logs (502, 504).
    pub fn failed(&self, status: StatusCode) {
        self.record(|r| r.status = Some(status));
    }

    /// `n` more bytes of response body were received.
    pub fn received(&self, n: u64) {
        self.record(|r| r.length += n);
    }

    /// The connection has carried this many bytes each way for this try, heads included.
    pub fn carried(&self, sent: u64, received: u64) {
        self.record(|r| {
            r.bytes_sent = sent;
            r.bytes_received = received;
        });
    }

    /// The response has been read to its end: the time is taken now, whatever the client still waits for.
    pub fn finished(&self) {
        if !self.finished.load(Relaxed) {
            self.finished.store(true, Relaxed);
            self.record(TryRecord::finish);
        }
    }

    /// All of the response is here: [`head_received`](Self::head_received), [`carried`](Self::carried) and
    /// [`finished`](Self::finished) at once.
    pub fn answered(&self, status: StatusCode, sent: u64, received: u64) {
        self.finished.store(true, Relaxed);
        self.record(|r| {
            r.status = Some(status);
            (r.bytes_sent, r.bytes_received) = (sent, received);
            r.head_received = Some(clock::now());
            r.finish();
        });
    }

    /// [`carried`](Self::carried) and [`finished`](Self::finished) at once.
    pub fn over(&self, sent: u64, received: u64) {
        self.finished.store(true, Relaxed);
        self.record(|r| {
            (r.bytes_sent, r.bytes_received) = (sent, received);
            r.finish();
        });
    }

    fn record(&self, write: impl FnOnce(&mut TryRecord)) {
        if let Some(record) = self.exchange.late().tries.get_mut(self.index) {
            write(record);
        }
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        self.finished();
    }
}

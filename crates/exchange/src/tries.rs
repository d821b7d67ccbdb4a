//! One try of a request at one peer.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::Exchange;
use crate::facts::{Count, Moment, Status};

/// What is known of one try of a request at one peer. Durations count from the try's [start](Self::started).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TryRecord<'a> {
    /// The peer as the configuration or the resolver names it: `10.0.0.1:80`, `unix:/run/app.sock` (`$upstream_addr`).
    pub peer: &'a Arc<str>,
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

impl TryRecord<'_> {
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
}

/// What is known of a try when it begins.
#[derive(Debug)]
pub(crate) struct Opened {
    peer: Arc<str>,
    reroutes: u8,
    queued: Option<Duration>,
}

/// What becomes known of a try as it goes on.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    started: Moment,
    connected: Moment,
    head_received: Moment,
    finished: Moment,
    status: Status,
    length: Count,
    bytes_received: Count,
    bytes_sent: Count,
}

impl Progress {
    /// `began`: when the exchange did.
    fn record<'a>(&self, opened: &'a Opened, began: Instant) -> TryRecord<'a> {
        TryRecord {
            peer: &opened.peer,
            reroutes: opened.reroutes,
            started: self.started.get(began).unwrap_or(began),
            queued: opened.queued,
            connected: self.connected.get(began),
            head_received: self.head_received.get(began),
            finished: self.finished.get(began),
            status: self.status.get(),
            length: self.length.get(),
            bytes_received: self.bytes_received.get(),
            bytes_sent: self.bytes_sent.get(),
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
        let reroutes = self.reroutes();
        let index = {
            let late = &mut *self.late();
            late.tries.push(Opened { peer, reroutes, queued: late.queued.take() });
            if late.tries.len() > 1 {
                late.progress.push(Progress::default());
            }
            late.tries.len() - 1
        };
        let opened = Try { exchange: self.clone(), index };
        opened.progress(|progress, began| progress.started.come(began));
        opened
    }

    /// A try at `peer` begins on a kept connection: [`open_try`](Self::open_try) and [`Try::connected`] at once.
    #[must_use]
    pub fn open_connected_try(&self, peer: Arc<str>) -> Try {
        let opened = self.open_try(peer);
        opened.progress(|progress, _| progress.connected.come_with(&progress.started));
        opened
    }

    /// The newest try has failed, or is given up: see [`Try::failed`].
    pub fn last_try_failed(&self, status: StatusCode) {
        let late = self.late();
        if !late.tries.is_empty() {
            late.progress.last().unwrap_or(self.first_try()).status.set(status);
        }
    }

    /// The peer that was tried last.
    #[must_use]
    pub fn last_peer(&self) -> Option<Arc<str>> {
        self.late().tries.last().map(|last| Arc::clone(&last.peer))
    }

    /// Looks at the tries, oldest first. `read` must not call back into the exchange.
    pub fn with_tries<T>(&self, read: impl FnOnce(&[TryRecord<'_>]) -> T) -> T {
        let late = self.late();
        let progress = std::iter::once(self.first_try()).chain(&late.progress);
        let records = late.tries.iter().zip(progress);
        let records: SmallVec<[_; 2]> =
            records.map(|(opened, progress)| progress.record(opened, self.started())).collect();
        read(&records)
    }
}

/// A try that runs: the handle by which a leaf fills in its record. Dropping it closes the record.
#[derive(Debug)]
pub struct Try {
    exchange: Exchange,
    index: usize,
}

impl Try {
    /// The exchange that the try belongs to.
    #[must_use]
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// There is a connection: a new one, or a kept one.
    pub fn connected(&self) {
        self.progress(|progress, began| progress.connected.come(began));
    }

    /// The response head is there.
    pub fn head_received(&self, status: StatusCode) {
        self.progress(|progress, began| {
            progress.head_received.come(began);
            progress.status.set(status);
        });
    }

    /// It failed before a response head was there; `status` is what stands for the failure in logs (502, 504).
    pub fn failed(&self, status: StatusCode) {
        self.progress(|progress, _| progress.status.set(status));
    }

    /// `n` more bytes of response body were received.
    pub fn received(&self, n: u64) {
        self.progress(|progress, _| progress.length.add(n));
    }

    /// The connection has carried this many bytes each way for this try, heads included.
    pub fn carried(&self, sent: u64, received: u64) {
        self.progress(|progress, _| {
            progress.bytes_sent.set(sent);
            progress.bytes_received.set(received);
        });
    }

    /// The response has been read to its end: the time is taken now, whatever the client still waits for.
    pub fn finished(&self) {
        self.progress(|progress, began| {
            if !progress.finished.has_come() {
                progress.finished.come(began);
            }
        });
    }

    /// [`carried`](Self::carried) and [`finished`](Self::finished) at once.
    pub fn over(&self, sent: u64, received: u64) {
        self.carried(sent, received);
        self.finished();
    }

    /// Has `write` fill in the record; it is told when the exchange began.
    fn progress(&self, write: impl FnOnce(&Progress, Instant)) {
        let began = self.exchange.started();
        match self.index.checked_sub(1) {
            None => write(self.exchange.first_try(), began), // of nearly every request the only one
            Some(later) => {
                if let Some(progress) = self.exchange.late().progress.get(later) {
                    write(progress, began);
                }
            }
        }
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        self.finished();
    }
}

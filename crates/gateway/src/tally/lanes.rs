//! The numbers themselves: those of one server, one peer, one zone, as one worker counts them.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use propylon_exchange::{Count, Exchange, TryRecord};

/// Up to which time each part of the distribution of request times goes, in microseconds; what takes longer is in one more part.
pub(crate) const BOUNDS: [u64; 12] = [
    1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

/// The class of a status: 1 to 5; 0: there was none, or nobody was sent it (nginx's 444 and 499).
pub(super) fn class(status: Option<StatusCode>) -> usize {
    match status.map(|status| status.as_u16()) {
        None | Some(444 | 499) => 0,
        Some(code) => usize::from((code / 100).min(5)),
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// One server's exchanges, or one stream's.
#[derive(Debug, Default)]
pub(crate) struct ServerLane {
    /// Of a stream, those that have begun.
    pub(crate) begun: Count,
    /// By class of status.
    pub(crate) responses: [Count; 6],
    pub(crate) received: Count,
    pub(crate) sent: Count,
    /// By how long they took: see [`BOUNDS`].
    pub(crate) times: [Count; BOUNDS.len() + 1],
    pub(crate) nanos: Count,
}

impl ServerLane {
    pub(super) fn count(&self, exchange: &Exchange) {
        add(&self.responses, class(exchange.status()), 1);
        self.received.add(exchange.request_length());
        self.sent.add(exchange.bytes_sent());
        let elapsed = exchange.elapsed();
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        add(&self.times, BOUNDS.iter().take_while(|&&bound| bound < micros).count(), 1);
        self.nanos.add(nanos(elapsed));
    }
}

/// One peer's answers.
#[derive(Debug)]
pub(crate) struct PeerLane {
    /// The name by which tries call the peer. As long as it is held here no other has its place in memory.
    pub(super) name: Arc<str>,
    /// By class of status; 0: no response came.
    pub(crate) responses: [Count; 6],
    pub(crate) received: Count,
    pub(crate) sent: Count,
    /// The sum of the times to the heads that came, and how many did.
    pub(crate) header_nanos: Count,
    pub(crate) headers: Count,
    /// The sum of the times to the ends of responses.
    pub(crate) response_nanos: Count,
    /// The sum of the times to connections, and how many were opened or had.
    pub(crate) connect_nanos: Count,
    pub(crate) connects: Count,
}

impl PeerLane {
    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            responses: Default::default(),
            received: Count::default(),
            sent: Count::default(),
            header_nanos: Count::default(),
            headers: Count::default(),
            response_nanos: Count::default(),
            connect_nanos: Count::default(),
            connects: Count::default(),
        }
    }

    pub(super) fn count(&self, record: &TryRecord<'_>) {
        let header = record.header();
        // What stands for a failure in logs was no answer.
        add(&self.responses, class(record.status.filter(|_| header.is_some())), 1);
        self.received.add(record.bytes_received);
        self.sent.add(record.bytes_sent);
        if let Some(header) = header {
            self.headers.add(1);
            self.header_nanos.add(nanos(header));
            self.response_nanos.add(nanos(record.response().unwrap_or(header)));
        }
        if let Some(connect) = record.connect() {
            self.connects.add(1);
            self.connect_nanos.add(nanos(connect));
        }
    }
}

/// What a cache had to do with requests, in nginx's words.
pub(crate) const OUTCOMES: [&str; 7] =
    ["HIT", "STALE", "UPDATING", "REVALIDATED", "MISS", "EXPIRED", "BYPASS"];

/// The requests that one zone had to do with.
#[derive(Debug, Default)]
pub(crate) struct ZoneLane {
    /// In the order of [`OUTCOMES`].
    pub(crate) responses: [Count; OUTCOMES.len()],
    pub(crate) bytes: [Count; OUTCOMES.len()],
}

impl ZoneLane {
    pub(super) fn count(&self, outcome: &'static str, bytes: u64) {
        if let Some(at) = OUTCOMES.iter().position(|known| *known == outcome) {
            add(&self.responses, at, 1);
            add(&self.bytes, at, bytes);
        }
    }
}

pub(super) fn add(counters: &[Count], at: usize, n: u64) {
    if let Some(counter) = counters.get(at) {
        counter.add(n);
    }
}

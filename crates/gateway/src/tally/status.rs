//! What is counted of a `status_zone`: by one worker, as all else.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use propylon_exchange::{Count, Exchange};

use super::lanes::{add, class};

/// The statuses that are counted one by one: HTTP's (RFC 9110 section 15).
const CODES: std::ops::Range<usize> = 100..600;

/// The requests of one zone, or its connections, if it is one of streams.
#[derive(Debug)]
pub(crate) struct StatusLane {
    /// Those that have come.
    pub(crate) begun: Count,
    /// Those that are over, by class of status.
    pub(crate) responses: [Count; 6],
    codes: Box<[Count]>,
    pub(crate) received: Count,
    pub(crate) sent: Count,
}

impl Default for StatusLane {
    fn default() -> Self {
        Self {
            begun: Count::default(),
            responses: Default::default(),
            codes: CODES.map(|_| Count::default()).collect(),
            received: Count::default(),
            sent: Count::default(),
        }
    }
}

impl StatusLane {
    pub(super) fn count(&self, exchange: &Exchange) {
        let status = exchange.status();
        let class = class(status);
        add(&self.responses, class, 1);
        // Of what nobody was sent there is no status that anybody has seen.
        if let Some(status) = status.filter(|_| class > 0) {
            add(&self.codes, usize::from(status.as_u16()).wrapping_sub(CODES.start), 1);
        }
        self.received.add(exchange.request_length());
        self.sent.add(exchange.bytes_sent());
    }

    /// How often there was each status that there was.
    pub(crate) fn codes(&self) -> impl Iterator<Item = (u16, u64)> {
        let all = (100..).zip(&self.codes).map(|(code, count)| (code, count.get()));
        all.filter(|(_, count)| *count > 0)
    }
}

/// The zones of servers, those of locations, or those of streams: the same name may be one of each.
#[derive(Debug, Default)]
pub(crate) struct Statuses(Mutex<HashMap<Box<str>, Arc<StatusLane>>>);

impl Statuses {
    pub(crate) fn get(&self, zone: &str) -> Arc<StatusLane> {
        Arc::clone(self.0.lock().entry(zone.into()).or_default())
    }

    pub(crate) fn known(&self, zone: &str) -> Option<Arc<StatusLane>> {
        self.0.lock().get(zone).cloned()
    }

    /// Forgets zones that a configuration does not have any more.
    pub(super) fn forget(&self, has: impl Fn(&str) -> bool) {
        self.0.lock().retain(|zone, lane| has(zone) || Arc::strong_count(lane) > 1);
    }
}

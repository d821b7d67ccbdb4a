//! What servers, locations and streams with a `status_zone` have done.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Insight;
use crate::tally::{Ledger, StatusLane};

/// The requests of a `status_zone`, or its connections, if it is one of streams, since they are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusZone {
    /// Its name.
    pub name: String,
    /// Requests that are being served: not known of zones of locations.
    pub processing: u64,
    /// Responses by class: `responses[2]` those with a status from 200 to 299; `responses[0]` requests whose client was sent
    /// none.
    pub responses: [u64; 6],
    /// How often there was each status that there was.
    pub codes: BTreeMap<u16, u64>,
    /// Bytes that came from clients.
    pub received: u64,
    /// Bytes that were sent to clients.
    pub sent: u64,
}

impl StatusZone {
    fn add(&mut self, lane: &StatusLane) {
        let mut over = 0;
        for (sum, counter) in self.responses.iter_mut().zip(&lane.responses) {
            let count = counter.get();
            *sum += count;
            over += count;
        }
        self.processing += lane.begun.get().saturating_sub(over); // which was read before: none is over that has not begun
        for (code, count) in lane.codes() {
            *self.codes.entry(code).or_default() += count;
        }
        self.received += lane.received.get();
        self.sent += lane.sent.get();
    }
}

impl Insight {
    /// The zones of servers, in the order of the configuration.
    #[must_use]
    pub fn server_zones(&self) -> Vec<StatusZone> {
        let config = self.config();
        let names = config.servers.iter().filter_map(|server| server.status_zone.as_deref());
        self.statuses(names, |ledger, zone| ledger.server_zones.known(zone))
    }

    /// The zones of locations, in the order of the configuration.
    #[must_use]
    pub fn location_zones(&self) -> Vec<StatusZone> {
        let config = self.config();
        let names = config.locations().filter_map(|location| location.status_zone.as_deref());
        self.statuses(names, |ledger, zone| ledger.location_zones.known(zone))
    }

    /// The zones of streams, in the order of the configuration.
    #[must_use]
    pub fn stream_zones(&self) -> Vec<StatusZone> {
        let config = self.config();
        let names = config.streams.iter().filter_map(|stream| stream.status_zone.as_deref());
        self.statuses(names, |ledger, zone| ledger.stream_zones.known(zone))
    }

    fn statuses<'n>(
        &self,
        names: impl Iterator<Item = &'n str>,
        lane: impl Fn(&Ledger, &str) -> Option<Arc<StatusLane>>,
    ) -> Vec<StatusZone> {
        let mut all: Vec<StatusZone> = Vec::new();
        for name in names {
            if !all.iter().any(|known| known.name == name) {
                all.push(StatusZone { name: name.to_owned(), ..StatusZone::default() });
            }
        }
        for ledger in self.runtime().ledgers.all() {
            for zone in &mut all {
                if let Some(lane) = lane(&ledger, &zone.name) {
                    zone.add(&lane);
                }
            }
        }
        all
    }
}

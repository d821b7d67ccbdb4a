//! What streams have done.

use super::Insight;
use crate::tally::{ServerLane, stream_label};

/// What a stream has done since connections are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stream {
    /// What it is called: its first address.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Connections that are open.
    pub active: u64,
    /// Those that are over by class: `sessions[2]` those with a status from 200 to 299.
    pub sessions: [u64; 6],
    /// Bytes that came from clients.
    pub received: u64,
    /// Bytes that were sent to clients.
    pub sent: u64,
    /// How long they took together, in nanoseconds.
    pub nanos: u64,
}

impl Stream {
    /// Connections that are over.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.sessions.iter().sum()
    }

    fn add(&mut self, lane: &ServerLane) {
        let mut ended = 0; // before those that have begun: they are never fewer
        for (sum, counter) in self.sessions.iter_mut().zip(&lane.responses) {
            let count = counter.get();
            *sum += count;
            ended += count;
        }
        self.active += lane.begun.get().saturating_sub(ended);
        self.received += lane.received.get();
        self.sent += lane.sent.get();
        self.nanos += lane.nanos.get();
    }
}

impl Insight {
    /// What streams have done, in the order of the configuration.
    #[must_use]
    pub fn streams(&self) -> Vec<Stream> {
        let ledgers = self.runtime().ledgers.all();
        let config = self.config();
        let all = config.streams.iter().map(|stream| {
            let addresses: Vec<_> = stream.listens.iter().map(|listen| listen.address.to_string()).collect();
            let name = addresses.first().cloned().unwrap_or_default();
            let mut told = Stream { name, addresses, ..Stream::default() };
            let label = stream_label(stream);
            ledgers.iter().filter_map(|ledger| ledger.known_server(&label)).for_each(|lane| told.add(&lane));
            told
        });
        all.collect()
    }
}

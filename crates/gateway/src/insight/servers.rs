//! What servers have done.

use propylon_exchange::Count;

use super::Insight;
use crate::tally::{BOUNDS, ServerLane, label};

/// What the servers that are called the same have done since requests are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// What they are called: their first name, or else their first address.
    pub name: String,
    /// Their addresses.
    pub addresses: Vec<String>,
    /// Responses by class: `responses[2]` those with a status from 200 to 299; `responses[0]` requests whose client was sent
    /// none.
    pub responses: [u64; 6],
    /// Bytes that came from clients.
    pub received: u64,
    /// Bytes that were sent to clients.
    pub sent: u64,
    /// How long requests took.
    pub times: Duration,
}

/// How long requests took, from their first byte to the last one of their response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Duration {
    /// Up to so many microseconds each, and how many took no longer than that, those of the parts before too.
    pub parts: Vec<(u64, u64)>,
    /// How many there are.
    pub count: u64,
    /// How long all of them took, in nanoseconds.
    pub nanos: u64,
}

impl Server {
    /// Requests that are over.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.responses.iter().sum()
    }

    fn add(&mut self, lane: &ServerLane) {
        for (sum, counter) in self.responses.iter_mut().zip(&lane.responses) {
            *sum += counter.get();
        }
        self.received += lane.received.get();
        self.sent += lane.sent.get();
        self.times.nanos += lane.nanos.get();
        let mut up_to = 0;
        for (part, counter) in self.times.parts.iter_mut().zip(&lane.times) {
            up_to += counter.get();
            part.1 += up_to;
        }
        self.times.count += up_to + lane.times.last().map_or(0, Count::get);
    }
}

impl Insight {
    /// What servers have done, in the order of the configuration. Those that are called the same are one.
    #[must_use]
    pub fn servers(&self) -> Vec<Server> {
        let config = self.config();
        let mut all: Vec<Server> = Vec::new();
        for server in &config.servers {
            let name = label(server);
            let addresses = server.listens.iter().map(|listen| listen.address.to_string());
            match all.iter_mut().find(|known| known.name == name) {
                Some(known) => {
                    for address in addresses {
                        if !known.addresses.contains(&address) {
                            known.addresses.push(address);
                        }
                    }
                }
                None => {
                    let parts = BOUNDS.iter().map(|&bound| (bound, 0)).collect();
                    let times = Duration { parts, ..Duration::default() };
                    all.push(Server { name, addresses: addresses.collect(), times, ..Server::default() });
                }
            }
        }
        for ledger in self.runtime().ledgers.all() {
            for server in &mut all {
                if let Some(lane) = ledger.known_server(&server.name) {
                    server.add(&lane);
                }
            }
        }
        all
    }
}

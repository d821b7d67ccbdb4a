//! What one worker has counted.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use propylon_exchange::{Count, TryRecord};

use super::{PeerLane, ServerLane, Shared, Statuses, ZoneLane};
use crate::client::{Clients, Phase};

/// From how many peers on those are looked for that nobody has any more.
const MANY: usize = 1024;

/// What one worker has counted. Its locks are taken by others only when somebody looks.
#[derive(Default)]
pub(crate) struct Ledger {
    /// The worker's connections.
    pub(crate) clients: Arc<Clients>,
    pub(crate) accepted: Count,
    pub(crate) closed: Shared,
    /// Requests of connections that are closed.
    requests: Shared,
    /// The most requests that anybody was told of: a head that has begun may be none in the end, and a connection that ends
    /// meanwhile is missed once.
    most: AtomicU64,
    pub(crate) handshakes: Count,
    pub(crate) handshakes_failed: Count,
    pub(crate) handshakes_resumed: Count,
    servers: Mutex<HashMap<Box<str>, Arc<ServerLane>>>,
    zones: Mutex<HashMap<Box<str>, Arc<ZoneLane>>>,
    peers: Mutex<Peers>,
    pub(crate) server_zones: Statuses,
    pub(crate) location_zones: Statuses,
    pub(crate) stream_zones: Statuses,
}

#[derive(Default)]
struct Peers {
    /// By where in memory their names are: each peer has its own.
    by_name: HashMap<usize, Arc<PeerLane>, foldhash::fast::RandomState>,
    /// When there are so many, it is looked which of them are of use.
    many: usize,
}

/// What a look at each connection has found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look {
    /// Requests so far, those under way too: never fewer than before.
    pub(crate) requests: u64,
    /// Connections that wait for a request.
    pub(crate) idle: u64,
    /// Connections of which a part of a request's head has come.
    pub(crate) reading: u64,
}

impl Ledger {
    /// Looks at each connection.
    pub(crate) fn look(&self) -> Look {
        let mut look = Look { requests: self.requests.get(), ..Look::default() };
        self.clients.each(|client| {
            look.requests += client.requests();
            match client.phase() {
                Phase::Idle => look.idle += 1,
                Phase::Head => {
                    look.reading += 1;
                    look.requests += 1; // as in nginx, one has begun with its first byte
                }
                Phase::Busy => {}
            }
        });
        look.requests = self.most.fetch_max(look.requests, Relaxed).max(look.requests);
        look
    }

    /// A handshake of TLS has succeeded.
    pub(crate) fn shook_hands(&self, resumed: bool) {
        self.handshakes.add(1);
        self.handshakes_resumed.add(resumed.into());
    }

    /// The lane of the servers that are called so.
    pub(crate) fn server(&self, label: &str) -> Arc<ServerLane> {
        Arc::clone(self.servers.lock().entry(label.into()).or_default())
    }

    /// The same, if there is one.
    pub(crate) fn known_server(&self, label: &str) -> Option<Arc<ServerLane>> {
        self.servers.lock().get(label).cloned()
    }

    /// The lane of the zone with this name.
    pub(crate) fn zone(&self, name: &str) -> Arc<ZoneLane> {
        Arc::clone(self.zones.lock().entry(name.into()).or_default())
    }

    /// The same, if there is one.
    pub(crate) fn known_zone(&self, name: &str) -> Option<Arc<ZoneLane>> {
        self.zones.lock().get(name).cloned()
    }

    /// The lane of the peer whose name this very text is, if it was tried.
    pub(crate) fn known_peer(&self, name: &Arc<str>) -> Option<Arc<PeerLane>> {
        self.peers.lock().by_name.get(&place(name)).cloned()
    }

    /// Forgets servers and zones that a configuration does not have any more.
    pub(crate) fn forget(&self, server: impl Fn(&str) -> bool, zone: impl Fn(&str) -> bool) {
        self.servers.lock().retain(|label, lane| server(label) || Arc::strong_count(lane) > 1);
        self.zones.lock().retain(|name, lane| zone(name) || Arc::strong_count(lane) > 1);
    }

    /// The tries of an exchange are over.
    pub(super) fn count_tries(&self, tries: &[TryRecord<'_>]) {
        let mut peers = self.peers.lock();
        for record in tries {
            match peers.by_name.get(&place(record.peer)) {
                Some(lane) => lane.count(record),
                None => peers.begin(record.peer).count(record),
            }
        }
    }
}

impl Peers {
    #[cold]
    fn begin(&mut self, name: &Arc<str>) -> Arc<PeerLane> {
        if self.by_name.len() >= self.many.max(MANY) {
            self.by_name.retain(|_, lane| Arc::strong_count(&lane.name) > 1);
            self.many = self.by_name.len() * 2;
        }
        let lane = Arc::new(PeerLane::new(Arc::clone(name)));
        self.by_name.insert(place(name), Arc::clone(&lane));
        lane
    }
}

fn place(name: &Arc<str>) -> usize {
    name.as_ptr().addr()
}

/// An open connection of a client: it is closed when this drops.
pub(crate) struct Open(Arc<Ledger>);

impl Open {
    /// One was accepted.
    pub(crate) fn new(ledger: &Arc<Ledger>) -> Self {
        ledger.accepted.add(1);
        Self(Arc::clone(ledger))
    }

    /// It had so many requests in all.
    pub(crate) fn had(&self, requests: u64) {
        self.0.requests.add(requests);
    }

    /// What it is counted in.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed.add(1);
    }
}

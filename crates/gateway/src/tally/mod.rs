//! What workers count, for whoever looks: numbers that one worker alone writes and that are added up when somebody asks.
//!
//! To count is a load and a store for each number, and a lock or two for a request, which nobody else wants unless somebody looks: its
//! tries' and, if there were any, that of the worker's peers. Requests are counted only where the configuration has an `[admin]`, or
//! a location whose action is `api`. Connections always are: there may be one with the next reload, and then those that are open count.

mod lanes;
mod ledger;
mod status;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::Mutex;
use propylon_config::{self as config, Settings, ZoneName};
use propylon_exchange::Exchange;
use propylon_vars::Template;

use crate::upstreams::Upstreams;

pub(crate) use lanes::{BOUNDS, OUTCOMES, PeerLane, ServerLane, ZoneLane};
pub(crate) use ledger::{Ledger, Open};
pub(crate) use status::{StatusLane, Statuses};

/// A number that any thread may count: what looks at a connection may be the last to hold it.
#[derive(Debug, Default)]
pub(crate) struct Shared(AtomicU64);

impl Shared {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What all workers have counted.
#[derive(Default)]
pub(crate) struct Ledgers {
    all: Mutex<Vec<Arc<Ledger>>>,
}

impl Ledgers {
    /// A worker's own.
    pub(crate) fn open(&self) -> Arc<Ledger> {
        let ledger = Arc::<Ledger>::default();
        self.all.lock().push(Arc::clone(&ledger));
        ledger
    }

    /// Those of all workers.
    pub(crate) fn all(&self) -> Vec<Arc<Ledger>> {
        self.all.lock().clone()
    }

    /// Forgets servers and zones that a configuration does not have any more.
    pub(crate) fn forget(&self, config: &config::Config) {
        let servers = config.servers.iter().map(|server| label(server));
        let labels: Vec<String> =
            servers.chain(config.streams.iter().map(|stream| stream_label(stream))).collect();
        let zones_of_servers: Vec<Option<&str>> =
            config.servers.iter().map(|server| server.status_zone.as_deref()).collect();
        let zones_of_locations: Vec<Option<&str>> =
            config.locations().map(|location| location.status_zone.as_deref()).collect();
        let zones_of_streams: Vec<Option<&str>> =
            config.streams.iter().map(|stream| stream.status_zone.as_deref()).collect();
        for ledger in self.all() {
            ledger.forget(
                |name| labels.iter().any(|label| label == name),
                |name| config.cache_zones.contains_key(name),
            );
            ledger.server_zones.forget(|name| zones_of_servers.contains(&Some(name)));
            ledger.location_zones.forget(|name| zones_of_locations.contains(&Some(name)));
            ledger.stream_zones.forget(|name| zones_of_streams.contains(&Some(name)));
        }
    }
}

/// What a location's exchanges are counted in.
pub(crate) struct Tally {
    ledger: Arc<Ledger>,
    server: Arc<ServerLane>,
    zone: Option<Zones>,
    /// The zones of its server and of the location.
    status: [Option<Arc<StatusLane>>; 2],
}

enum Zones {
    Fixed(Arc<ZoneLane>),
    Named(Template, HashMap<Box<str>, Arc<ZoneLane>>),
}

impl Tally {
    /// That of a place in a server, which has a zone for its status or not; none where nobody counts.
    pub(crate) fn new(
        server: Option<&Arc<ServerLane>>,
        status: Option<&Arc<StatusLane>>,
        settings: &Settings,
        upstreams: &Upstreams<'_>,
    ) -> Option<Box<Self>> {
        let (server, ledger) = (Arc::clone(server?), Arc::clone(upstreams.counted()?));
        let zone = settings.cache.zone.as_ref().map(|zone| match zone {
            ZoneName::Fixed(zone) => Zones::Fixed(ledger.zone(&zone.name)),
            ZoneName::Template(name) => {
                let all = upstreams.config.cache_zones.keys();
                Zones::Named(name.clone(), all.map(|name| (name.clone(), ledger.zone(name))).collect())
            }
        });
        let status = [status.cloned(), None];
        Some(Box::new(Self { ledger, server, zone, status }))
    }

    /// What the place answers is counted as this, too.
    pub(crate) fn also_as(&mut self, zone: &str) {
        let [_, place] = &mut self.status;
        *place = Some(self.ledger.location_zones.get(zone));
    }

    /// A stream's connection has begun.
    pub(crate) fn begin(&self) {
        self.server.begun.add(1);
        self.status.iter().flatten().for_each(|zone| zone.begun.add(1));
    }

    /// An exchange is over.
    pub(crate) fn count(&self, exchange: &Exchange) {
        self.server.count(exchange);
        self.status.iter().flatten().for_each(|zone| zone.count(exchange));
        self.count_beside(exchange);
    }

    /// What was asked for beside a request is over.
    pub(crate) fn count_beside(&self, exchange: &Exchange) {
        exchange.with_tries(|tries| {
            if !tries.is_empty() {
                self.ledger.count_tries(tries);
            }
        });
        self.leave(exchange);
    }

    /// The request goes on elsewhere, or is over: what a cache had to do with it here is counted once, and here.
    pub(crate) fn leave(&self, exchange: &Exchange) {
        let Some(zone) = &self.zone else { return };
        let Some(cached) = exchange.take_cache_outcome() else { return };
        let bytes = exchange.body_bytes_sent();
        match zone {
            Zones::Fixed(lane) => lane.count(cached, bytes),
            Zones::Named(name, all) => {
                let name = name.eval(exchange);
                let lane = std::str::from_utf8(&name).ok().and_then(|name| all.get(name));
                if let Some(lane) = lane {
                    lane.count(cached, bytes);
                }
            }
        }
    }
}

/// What is counted of a server's `status_zone`, if it has one and somebody may ask.
pub(crate) fn zone(server: &config::Server, upstreams: &Upstreams<'_>) -> Option<Arc<StatusLane>> {
    Some(upstreams.counted()?.server_zones.get(server.status_zone.as_deref()?))
}

/// The same of a stream.
pub(crate) fn stream_zone(stream: &config::Stream, upstreams: &Upstreams<'_>) -> Option<Arc<StatusLane>> {
    Some(upstreams.counted()?.stream_zones.get(stream.status_zone.as_deref()?))
}

/// What a server is called where it is counted: by its first name, or else by its first address. Servers that are called the same
/// are counted together.
pub(crate) fn label(server: &config::Server) -> String {
    let name = server.names.first().map(|name| name.value.as_str()).unwrap_or_default();
    match (name, server.listens.first()) {
        ("" | "_", Some(listen)) => listen.address.to_string(),
        (name, _) => name.to_owned(),
    }
}

/// What a stream is called where it is counted: by its first address, which no server has.
pub(crate) fn stream_label(stream: &config::Stream) -> String {
    let address = stream.listens.first().map(|listen| listen.address.to_string()).unwrap_or_default();
    format!("stream {address}")
}

//! Names of upstream servers to addresses: resolved before the workers start, tried again while they do not resolve.
//!
//! A name that does not resolve disables what needs it (502) and nothing else; it never keeps the gateway from starting.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use propylon_config::Address;
use propylon_upstream::{Peer, Peers};
use tokio::time::Instant;

/// How long the start waits for names.
const PATIENCE: Duration = Duration::from_secs(5);

/// How soon a name that did not resolve is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// How long the addresses of a name in a `proxy_pass` with variables are used.
const KEPT: Duration = Duration::from_secs(30);

/// How many names of that kind are remembered.
const MAX_KEPT: usize = 1024;

/// The peers of every upstream, shared by all workers and kept over reloads.
#[derive(Default)]
pub(crate) struct Names {
    groups: Mutex<HashMap<Key, Arc<Group>>>,
    asked: Mutex<HashMap<(Box<str>, u16), Answer>>,
}

/// The addresses of a name, and when they were asked for.
type Answer = (Instant, Arc<[SocketAddr]>);

/// What makes two upstreams the same: name and servers, as written.
type Key = (Box<str>, Vec<String>);

struct Group {
    peers: Peers,
    servers: Vec<Address>,
    /// Servers whose name has not resolved yet.
    missing: Mutex<Vec<String>>,
    /// Whether the error log knows of them.
    reported: AtomicBool,
}

impl Names {
    /// The peers of an upstream with these servers: those whose address is known at once, others as they resolve.
    pub(crate) fn peers(&self, name: &str, servers: &[Address]) -> Peers {
        let key = (Box::from(name), servers.iter().map(ToString::to_string).collect());
        let mut groups = self.groups.lock();
        let group = groups.entry(key).or_insert_with(|| {
            let known = servers.iter().filter_map(literal).collect();
            let missing = servers.iter().filter(|s| literal(s).is_none()).map(ToString::to_string);
            let missing = Mutex::new(missing.collect());
            let (peers, servers) = (Peers::new(name, known), servers.to_vec());
            Arc::new(Group { peers, servers, missing, reported: AtomicBool::new(false) })
        });
        group.peers.clone()
    }

    /// Resolves what is not resolved yet, for a bounded time. Returns the names that still are not.
    pub(crate) async fn resolve(&self) -> Vec<String> {
        let groups: Vec<_> =
            self.groups.lock().values().filter(|g| !g.missing.lock().is_empty()).cloned().collect();
        let all = futures_util::future::join_all(groups.iter().map(|group| group.resolve()));
        // Whoever has not answered by then is tried again in the background.
        let _ = tokio::time::timeout(PATIENCE, all).await;
        groups.iter().flat_map(|group| group.missing.lock().clone()).collect()
    }

    /// Tries names again until each has resolved, for as long as the gateway runs.
    pub(crate) async fn keep_resolving(&self) {
        loop {
            tokio::time::sleep(RETRY).await;
            self.resolve().await;
        }
    }

    /// Forgets upstreams that no configuration names any more: those whose peers nobody else holds.
    pub(crate) fn forget(&self, keep: impl Fn(&str) -> bool) {
        self.groups.lock().retain(|(name, _), _| keep(name));
    }

    /// The addresses of a name that a request brought.
    pub(crate) async fn lookup(&self, host: &str, port: u16) -> io::Result<Arc<[SocketAddr]>> {
        let key = (Box::from(host), port);
        if let Some((at, addresses)) = self.asked.lock().get(&key)
            && at.elapsed() < KEPT
        {
            return Ok(addresses.clone());
        }
        let found: Arc<[SocketAddr]> =
            tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await?.collect();
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        let mut asked = self.asked.lock();
        if asked.len() >= MAX_KEPT {
            asked.retain(|_, (at, _)| at.elapsed() < KEPT);
            if asked.len() >= MAX_KEPT {
                asked.clear();
            }
        }
        asked.insert(key, (Instant::now(), found.clone()));
        Ok(found)
    }
}

impl Group {
    async fn resolve(&self) {
        let mut peers = Vec::new();
        let mut missing = Vec::new();
        for server in &self.servers {
            match server {
                Address::Name { host, port } => match tokio::net::lookup_host((&**host, *port)).await {
                    Ok(found) => peers.extend(found.map(Peer::from)),
                    Err(error) => {
                        if !self.reported.load(Relaxed) {
                            tracing::warn!(
                                target: "propylon_gateway",
                                "host not found in upstream \"{host}\": {error}; what needs it answers 502, and it is tried again"
                            );
                        }
                        missing.push(server.to_string());
                    }
                },
                known => peers.extend(literal(known)),
            }
        }
        self.peers.set(peers);
        if self.reported.swap(!missing.is_empty(), Relaxed) && missing.is_empty() {
            tracing::warn!(target: "propylon_gateway", "all hosts of upstream \"{}\" are found now", self.peers.name());
        }
        *self.missing.lock() = missing;
    }
}

fn literal(address: &Address) -> Option<Peer> {
    match address {
        Address::Socket(addr) => Some(Peer::from(*addr)),
        Address::Unix(path) => Some(Peer::unix(path)),
        Address::Name { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_does_not_resolve_leaves_the_others() {
        let names = Names::default();
        let servers = [
            Address::Socket("127.0.0.1:81".parse().unwrap()),
            Address::Name { host: "no-such-host.invalid".into(), port: 80 },
        ];
        let peers = names.peers("up", &servers);
        assert_eq!(names.resolve().await, ["no-such-host.invalid:80"]);
        assert_eq!(peers.load().iter().map(|p| p.name().to_string()).collect::<Vec<_>>(), ["127.0.0.1:81"]);
    }

    #[tokio::test]
    async fn the_same_upstream_keeps_its_peers() {
        let names = Names::default();
        let servers = [Address::Name { host: "localhost".into(), port: 80 }];
        let peers = names.peers("up", &servers);
        assert!(peers.load().is_empty());
        assert!(names.resolve().await.is_empty());
        assert!(!names.peers("up", &servers).load().is_empty(), "resolved once, for all who ask");
    }
}

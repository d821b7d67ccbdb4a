//! What operators say of peers while the gateway runs.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use propylon_balance::{Group, Peer as Known, Server};
use propylon_config::{Config, UpstreamServer};
use propylon_resolver::Endpoint;
use propylon_upstream::Peer;

use super::peers::peers;
use super::{Definition, Entry, Names};
use crate::insight::{Change, PeerState, Unknown};

/// What was said of all peers. A word is of a server as the configuration has it: when that says something else of the server,
/// the word is forgotten.
#[derive(Default)]
pub(super) struct Said(Mutex<Vec<Word>>);

struct Word {
    upstream: Box<str>,
    server: UpstreamServer,
    /// The peer's name: the very text that is its own (see `called.rs`).
    peer: Arc<str>,
    change: Change,
}

impl Word {
    /// Whether it is of this peer: two with the same address are two.
    fn is_of(&self, server: &UpstreamServer, peer: &Arc<str>) -> bool {
        self.server == *server && Arc::ptr_eq(&self.peer, peer)
    }
}

impl Said {
    /// A peer of a server, as it is to be.
    pub(super) fn heed(&self, server: &UpstreamServer, peer: Server<Peer>) -> Server<Peer> {
        let Change { state, weight, max_conns, max_fails, fail_timeout, slow_start } =
            self.of(server, peer.name());
        let peer = match state {
            None => peer,
            Some(state) => peer.down(state == PeerState::Down).drain(state == PeerState::Drain),
        };
        let peer = set(peer, weight, Server::weight);
        let peer = set(peer, max_conns, Server::max_conns);
        let peer = set(peer, max_fails, Server::max_fails);
        let peer = set(peer, fail_timeout, Server::fail_timeout);
        set(peer, slow_start, Server::slow_start)
    }

    fn of(&self, server: &UpstreamServer, peer: &Arc<str>) -> Change {
        let all = self.0.lock();
        all.iter().find(|word| word.is_of(server, peer)).map(|word| word.change).unwrap_or_default()
    }

    /// Forgets what nobody has any more.
    pub(super) fn retain(&self, keep: impl Fn(&str, &UpstreamServer) -> bool) {
        self.0.lock().retain(|word| keep(&word.upstream, &word.server));
    }
}

fn set<T>(
    peer: Server<Peer>,
    value: Option<T>,
    set: impl FnOnce(Server<Peer>, T) -> Server<Peer>,
) -> Server<Peer> {
    match value {
        None => peer,
        Some(value) => set(peer, value),
    }
}

/// What operators have made of peers, by where in memory the peers' names are.
pub(crate) struct Made(HashMap<usize, (Change, bool)>);

impl Made {
    /// What was said of a peer, and whether its server was added.
    pub(crate) fn of(&self, peer: &Known<Peer>) -> (Change, bool) {
        self.0.get(&place(peer.server().name())).copied().unwrap_or_default()
    }
}

fn place(name: &Arc<str>) -> usize {
    name.as_ptr().addr()
}

impl Names {
    /// The upstreams that a configuration uses, those first that are an `[upstream.NAME]`.
    pub(crate) fn used(&self, config: &Config) -> Vec<Arc<Entry>> {
        let entries = self.entries.lock();
        let named = config.upstreams.values().map(|upstream| Definition::named(upstream, config));
        let named = named.filter_map(|wanted| entries.iter().find(|entry| entry.definition == wanted));
        let direct = entries.iter().filter(|entry| {
            matches!(entry.definition, Definition::Direct(_))
                && crate::gateway::has(config, &entry.definition)
        });
        named.chain(direct).cloned().collect()
    }

    /// Says something of a peer, which holds at once and for all workers.
    pub(crate) fn say_of(
        &self,
        config: &Config,
        upstream: &str,
        id: u32,
        change: impl FnOnce(Change) -> Change,
    ) -> Result<(), Unknown> {
        let used = self.used(config);
        let entry = used.iter().find(|entry| entry.name() == upstream).ok_or(Unknown::Upstream)?;
        let peer = entry.group.peers().iter().find(|peer| peer.id() == id).cloned().ok_or(Unknown::Peer)?;
        let entries = self.entries.lock();
        let server = entry.line_of(&peer).ok_or(Unknown::Peer)?;
        let peer = peer.server().name();
        let mut all = self.said.0.lock();
        let before = all.iter().position(|word| word.is_of(&server, peer)).map(|at| all.remove(at));
        let change = change(before.map(|word| word.change).unwrap_or_default());
        if !change.is_nothing() {
            all.push(Word { upstream: upstream.into(), server, peer: Arc::clone(peer), change });
        }
        drop(all);
        // Requests under way may be those of the configuration before.
        entries.iter().filter(|entry| entry.name() == upstream).for_each(|entry| entry.publish());
        Ok(())
    }
}

impl Entry {
    pub(crate) fn name(&self) -> String {
        self.definition.name()
    }

    /// Whether it is an `[upstream.NAME]`.
    pub(crate) fn is_named(&self) -> bool {
        matches!(self.definition, Definition::Named { .. })
    }

    pub(crate) fn group(&self) -> &Group<Peer> {
        &self.group
    }

    /// What operators have made of its peers, of all at once: to find a peer's server costs by the number of servers.
    pub(crate) fn made(&self) -> Made {
        let (found, mut called) = (self.found.lock(), self.called.lock().clone());
        let said = self.said.0.lock();
        let words: HashMap<usize, &Word> = said.iter().map(|word| (place(&word.peer), word)).collect();
        let mut turn = called.turn();
        let mut made = HashMap::default();
        for (at, (server, endpoints)) in found.iter().enumerate() {
            let added = at >= self.configured;
            for peer in peers(server, endpoints.as_deref(), &mut turn) {
                let word = words.get(&place(peer.name())).filter(|word| word.is_of(server, peer.name()));
                let change = word.map(|word| word.change).unwrap_or_default();
                if added || !change.is_nothing() {
                    made.insert(place(peer.name()), (change, added));
                }
            }
        }
        Made(made)
    }

    /// Its servers.
    pub(super) fn servers(&self) -> Vec<UpstreamServer> {
        self.found.lock().iter().map(|(server, _)| server.clone()).collect()
    }

    /// The server that a peer is of: the names are given out once more as `publish` does it.
    pub(super) fn line_of(&self, peer: &Known<Peer>) -> Option<UpstreamServer> {
        let (found, mut called) = (self.found.lock(), self.called.lock().clone());
        let mut turn = called.turn();
        let is_its = |(server, found): &&(UpstreamServer, Option<Vec<Endpoint>>)| {
            let peers = peers(server, found.as_deref(), &mut turn);
            peers.iter().any(|one| Arc::ptr_eq(one.name(), peer.server().name()))
        };
        found.iter().find(is_its).map(|(server, _)| server.clone())
    }
}

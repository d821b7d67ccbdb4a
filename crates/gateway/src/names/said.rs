//! What operators say of peers while the gateway runs.

use std::sync::Arc;

use parking_lot::Mutex;
use propylon_balance::{Group, Peer as Known, Server};
use propylon_config::{Config, UpstreamServer};
use propylon_upstream::Peer;

use super::{Definition, Entry, Names};
use crate::insight::{Change, PeerState, Unknown};

/// What was said of all peers. A word is of a server as the configuration has it: when that says something else of the server,
/// the word is forgotten.
#[derive(Default)]
pub(super) struct Said(Mutex<Vec<Word>>);

struct Word {
    upstream: Box<str>,
    server: UpstreamServer,
    /// The peer's name.
    peer: Arc<str>,
    change: Change,
}

impl Said {
    /// A peer of an upstream, as it is to be.
    pub(super) fn heed(&self, upstream: &str, server: &UpstreamServer, peer: Server<Peer>) -> Server<Peer> {
        let all = self.0.lock();
        let is_meant =
            |word: &&Word| *word.upstream == *upstream && word.server == *server && word.peer == *peer.name();
        let Some(Change { state, weight }) = all.iter().find(is_meant).map(|word| word.change) else {
            return peer;
        };
        let peer = match state {
            None => peer,
            Some(state) => peer.down(state == PeerState::Down).drain(state == PeerState::Drain),
        };
        match weight {
            None => peer,
            Some(weight) => peer.weight(weight),
        }
    }

    /// Forgets what nobody has any more.
    pub(super) fn retain(&self, keep: impl Fn(&str, &UpstreamServer) -> bool) {
        self.0.lock().retain(|word| keep(&word.upstream, &word.server));
    }
}

impl Names {
    /// The groups that a configuration uses, by their names, and whether they are an `[upstream.NAME]`.
    pub(crate) fn groups(&self, config: &Config) -> Vec<(String, bool, Group<Peer>)> {
        let entries = self.entries.lock();
        let named = config.upstreams.values().map(|upstream| Definition::named(upstream, config));
        let named = named.filter_map(|wanted| entries.iter().find(|entry| entry.definition == wanted));
        let direct = entries.iter().filter(|entry| {
            matches!(entry.definition, Definition::Direct(_))
                && crate::gateway::has(config, &entry.definition)
        });
        let told = |entry: &Arc<Entry>| {
            let is_named = matches!(entry.definition, Definition::Named { .. });
            (entry.definition.name(), is_named, entry.group.clone())
        };
        named.chain(direct).map(told).collect()
    }

    /// What was said of a peer.
    pub(crate) fn said_of(&self, upstream: &str, peer: &Known<Peer>) -> Change {
        let server = peer.server();
        let all = self.said.0.lock();
        let mut about = all.iter().filter(|word| *word.upstream == *upstream && word.peer == *server.name());
        about.find(|word| *word.server.written == **server.text()).map(|word| word.change).unwrap_or_default()
    }

    /// Says something of a peer, which holds at once and for all workers.
    pub(crate) fn say_of(
        &self,
        config: &Config,
        upstream: &str,
        id: u32,
        change: impl FnOnce(Change) -> Change,
    ) -> Result<(), Unknown> {
        let (_, _, group) =
            self.groups(config).into_iter().find(|(name, ..)| name == upstream).ok_or(Unknown::Upstream)?;
        let peer = group.peers().iter().find(|peer| peer.id() == id).cloned().ok_or(Unknown::Peer)?;
        let entries = self.entries.lock();
        let entry =
            entries.iter().find(|entry| entry.definition.name() == upstream).ok_or(Unknown::Upstream)?;
        let change = change(self.said_of(upstream, &peer));
        let server = entry.line_of(&peer).ok_or(Unknown::Peer)?;
        let mut all = self.said.0.lock();
        all.retain(|word| {
            *word.upstream != *upstream
                || word.peer != *peer.server().name()
                || word.server.written != server.written
        });
        if !change.is_nothing() {
            let peer = Arc::clone(peer.server().name());
            all.push(Word { upstream: upstream.into(), server, peer, change });
        }
        drop(all);
        // Requests under way may be those of the configuration before.
        entries.iter().filter(|entry| entry.definition.name() == upstream).for_each(|entry| entry.publish());
        Ok(())
    }
}

impl Entry {
    /// Its servers.
    pub(super) fn servers(&self) -> Vec<UpstreamServer> {
        self.found.lock().iter().map(|(server, _)| server.clone()).collect()
    }

    /// The server that a peer is of.
    fn line_of(&self, peer: &Known<Peer>) -> Option<UpstreamServer> {
        let found = self.found.lock();
        let mut lines = found.iter().map(|(server, _)| server);
        lines.find(|server| *server.written == **peer.server().text()).cloned()
    }
}

//! The peers of every upstream: known at once, resolved before the workers start, or followed for as long as they are in use.
//!
//! A name that does not resolve disables what needs it (502) and nothing else; it never keeps the gateway from starting.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use propylon_balance::{Group, GroupBuilder, Sessions};
use propylon_config::{self as config, Address, UpstreamServer};
use propylon_resolver::{Endpoint, Resolver};
use propylon_upstream::Peer;
use tokio::task::AbortHandle;

mod added;
mod called;
mod peers;
mod said;

use crate::health::Probes;
use crate::upstreams::report_change;

use added::Added;
use called::Called;
use peers::{literal, peers, plain, question};
use said::Said;

/// How long the start waits for names.
const PATIENCE: Duration = Duration::from_secs(5);

/// How soon a name that did not resolve is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What makes two upstreams the same.
#[derive(Clone, PartialEq)]
pub(crate) enum Definition {
    Named {
        upstream: Arc<config::Upstream>,
        /// Who is asked for the names of its servers, if any is followed.
        resolver: Option<config::Resolver>,
    },
    /// An address that a `proxy_pass` names.
    Direct(Address),
}

impl Definition {
    /// The upstream as `config` has it.
    pub(crate) fn named(upstream: &Arc<config::Upstream>, config: &config::Config) -> Self {
        let follows = upstream.servers.iter().any(|server| server.resolve);
        let resolver = follows.then(|| upstream.resolver.as_ref().unwrap_or(&config.resolver).clone());
        Self::Named { upstream: upstream.clone(), resolver }
    }

    /// How its clients come back, and its name.
    pub(crate) fn sticky(&self) -> Option<(&str, &config::Sticky)> {
        match self {
            Self::Named { upstream, .. } => Some((&upstream.name, upstream.sticky.as_ref()?)),
            Self::Direct(_) => None,
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Named { upstream, .. } => upstream.name.to_string(),
            Self::Direct(address) => address.to_string(),
        }
    }

    fn servers(&self) -> Vec<UpstreamServer> {
        match self {
            Self::Named { upstream, .. } => upstream.servers.clone(),
            Self::Direct(address) => vec![plain(address)],
        }
    }
}

/// The peers of every upstream, shared by all workers and kept over reloads.
#[derive(Default)]
pub(crate) struct Names {
    /// The newest last.
    entries: Mutex<Vec<Arc<Entry>>>,
    resolvers: Mutex<Vec<(config::Resolver, Resolver)>>,
    /// Sessions that were learnt, by the upstream's name.
    sessions: Mutex<HashMap<Box<str>, Sessions>>,
    /// What operators say of peers.
    said: Arc<Said>,
    /// The servers that operators add.
    added: Added,
}

/// An upstream, or an address that a `proxy_pass` names.
pub(crate) struct Entry {
    definition: Definition,
    resolver: Option<Resolver>,
    group: Group<Peer>,
    /// What its peers are called.
    called: Mutex<Called>,
    said: Arc<Said>,
    /// What each server stands for, those first that stand in the configuration; `None`: its name has not resolved yet.
    found: Mutex<Vec<(UpstreamServer, Option<Vec<Endpoint>>)>>,
    /// How many of them stand in the configuration.
    configured: usize,
    /// Whether the error log knows that a name is missing.
    reported: AtomicBool,
    following: Mutex<Vec<AbortHandle>>,
    /// The active checks.
    checking: Mutex<Option<AbortHandle>>,
}

impl Names {
    /// The resolver that a configuration asks for; `None`: nobody is to be asked while requests are served.
    pub(crate) fn resolver(&self, wanted: &config::Resolver) -> Option<Resolver> {
        let config::Resolver::On { servers, valid, timeout, ipv4, ipv6 } = wanted else { return None };
        let mut resolvers = self.resolvers.lock();
        if let Some((_, resolver)) = resolvers.iter().find(|(known, _)| known == wanted) {
            return Some(resolver.clone());
        }
        let mut builder =
            Resolver::builder().servers(servers.iter().copied()).timeout(*timeout).ipv4(*ipv4).ipv6(*ipv6);
        if let Some(valid) = valid {
            builder = builder.valid(*valid);
        }
        let resolver = builder
            .build()
            .inspect_err(|error| tracing::error!(target: "propylon_gateway", "{error}"))
            .ok()?;
        resolvers.push((wanted.clone(), resolver.clone()));
        Some(resolver)
    }

    /// The peers of an upstream: those whose address is known at once, others as they resolve. One that takes the place of
    /// another with the same name goes on with what is known of the servers that stay.
    pub(crate) fn group(&self, definition: &Definition) -> Group<Peer> {
        let resolver = match definition {
            Definition::Named { resolver, .. } => {
                resolver.as_ref().and_then(|resolver| self.resolver(resolver))
            }
            Definition::Direct(_) => None,
        };
        let mut entries = self.entries.lock();
        if let Some(entry) = entries.iter().find(|entry| entry.definition == *definition) {
            return entry.group.clone();
        }
        let name = definition.name();
        let mut builder = GroupBuilder::new(&*name).observer(report_change);
        if let Definition::Named { upstream, .. } = definition {
            if let Some(queue) = upstream.queue {
                builder = builder.queue(queue.size, queue.timeout);
            }
            builder = builder.mandatory(upstream.health_check.as_ref().is_some_and(|check| check.mandatory));
        }
        let same = |entry: &&Arc<Entry>| {
            std::mem::discriminant(&entry.definition) == std::mem::discriminant(definition)
                && entry.definition.name() == name
        };
        let (group, called) = match entries.iter().rfind(same) {
            Some(old) => (builder.successor_of(&old.group), old.called.lock().clone()),
            None => (builder.build(), Called::default()),
        };
        let added = match definition {
            Definition::Named { upstream, .. } => self.added.to(upstream),
            Definition::Direct(_) => Vec::new(),
        };
        let servers = definition.servers();
        let configured = servers.len();
        let found = servers.into_iter().chain(added).map(|server| {
            let known = literal(&server.address);
            (server, known)
        });
        let entry = Arc::new(Entry {
            definition: definition.clone(),
            resolver,
            group: group.clone(),
            called: Mutex::new(called),
            said: Arc::clone(&self.said),
            found: Mutex::new(found.collect()),
            configured,
            reported: AtomicBool::new(false),
            following: Mutex::default(),
            checking: Mutex::default(),
        });
        entry.publish();
        entries.push(entry);
        group
    }

    /// Resolves what is not resolved yet, for a bounded time. Returns the names that still are not.
    pub(crate) async fn resolve(&self) -> Vec<String> {
        let entries: Vec<_> =
            self.entries.lock().iter().filter(|entry| !entry.missing().is_empty()).cloned().collect();
        let all = futures_util::future::join_all(entries.iter().map(|entry| entry.resolve()));
        // Whoever has not answered by then is tried again in the background.
        let _ = tokio::time::timeout(PATIENCE, all).await;
        entries.iter().flat_map(|entry| entry.missing()).collect()
    }

    /// Tries names again until each has resolved, for as long as the gateway runs.
    pub(crate) async fn keep_resolving(&self) {
        loop {
            tokio::time::sleep(RETRY).await;
            self.resolve().await;
        }
    }

    /// Follows the names that are to be followed, from now on.
    pub(crate) fn follow(&self) {
        for entry in self.entries.lock().iter() {
            entry.follow();
        }
    }

    /// Checks the peers of each upstream that asks for it, from now on.
    pub(crate) fn check(&self, probes: &Probes) {
        for entry in self.entries.lock().iter() {
            let Definition::Named { upstream, .. } = &entry.definition else { continue };
            let (Some(check), Some(probe)) = (&upstream.health_check, probes.of(&upstream.name)) else {
                // Nobody would ever find out that a peer is well again.
                entry.group.peers().iter().for_each(|peer| entry.group.set_healthy(peer, true));
                continue;
            };
            let task = tokio::spawn(probe.run(check.clone(), entry.group.clone()));
            if let Some(old) = entry.checking.lock().replace(task.abort_handle()) {
                old.abort(); // the transport may be another one now
            }
        }
    }

    /// The table of an upstream's sessions, the same over reloads, with room for so many.
    pub(crate) fn sessions(&self, upstream: &str, capacity: usize) -> Sessions {
        let mut all = self.sessions.lock();
        let sessions = all.entry(upstream.into()).or_insert_with(|| Sessions::new(capacity));
        sessions.resize(capacity);
        sessions.clone()
    }

    /// Forgets upstreams that no configuration has any more.
    pub(crate) fn forget(&self, keep: impl Fn(&Definition) -> bool) {
        let mut entries = self.entries.lock();
        entries.retain(|entry| keep(&entry.definition));
        let learns = |name: &str| {
            let named = entries.iter().filter_map(|entry| entry.definition.sticky());
            named
                .into_iter()
                .any(|(known, sticky)| known == name && matches!(sticky, config::Sticky::Learn(_)))
        };
        self.sessions.lock().retain(|name, _| learns(name));
        self.added.retain(&entries);
        // First, for what was said is looked at while an entry is held that publishes its peers.
        let known: Vec<_> = entries.iter().map(|entry| (entry.definition.name(), entry.servers())).collect();
        self.said.retain(|upstream, server| {
            known.iter().any(|(name, servers)| name == upstream && servers.contains(server))
        });
    }

    /// Forgets resolvers that no configuration asks for any more.
    pub(crate) fn forget_resolvers(&self, keep: impl Fn(&config::Resolver) -> bool) {
        self.resolvers.lock().retain(|(resolver, _)| keep(resolver));
    }
}

impl Entry {
    fn missing(&self) -> Vec<String> {
        let found = self.found.lock();
        found
            .iter()
            .filter(|(_, found)| found.is_none())
            .map(|(server, _)| server.address.to_string())
            .collect()
    }

    /// Makes peers of what is known: locked to the end, so that nobody sets older ones after newer ones.
    fn publish(&self) {
        let (found, mut called) = (self.found.lock(), self.called.lock());
        let mut turn = called.turn();
        let servers = found.iter().flat_map(|(server, found)| {
            let peers = peers(server, found.as_deref(), &mut turn);
            peers.into_iter().map(|peer| self.said.heed(server, peer)).collect::<Vec<_>>()
        });
        self.group.set(servers.collect::<Vec<_>>());
    }

    fn found(&self, server: &UpstreamServer, endpoints: &[Endpoint]) {
        for (known, found) in self.found.lock().iter_mut().filter(|(known, _)| known == server) {
            let _ = known;
            *found = Some(endpoints.to_vec());
        }
        self.publish();
    }

    async fn resolve(&self) {
        let missing: Vec<_> = self
            .found
            .lock()
            .iter()
            .filter(|(_, found)| found.is_none())
            .map(|(server, _)| server.clone())
            .collect();
        for server in missing {
            let Address::Name { host, port } = &server.address.value else { continue };
            let answer = match (&self.resolver, question(&server)) {
                (Some(resolver), Some(question)) => resolver
                    .resolve(&question)
                    .await
                    .map(|found| found.to_vec())
                    .map_err(|error| error.to_string()),
                _ => match tokio::net::lookup_host((&**host, *port)).await {
                    Ok(found) => Ok(found.map(|address| Endpoint::from(address.ip())).collect()),
                    Err(error) => Err(error.to_string()),
                },
            };
            match answer {
                Ok(endpoints) => self.found(&server, &endpoints),
                Err(error) if !self.reported.swap(true, Relaxed) => tracing::warn!(
                    target: "propylon_gateway",
                    "host not found in upstream \"{host}\": {error}; requests that need this upstream get 502 until the name is resolved"
                ),
                Err(_) => {}
            }
        }
        if self.missing().is_empty() && self.reported.swap(false, Relaxed) {
            tracing::warn!(target: "propylon_gateway", "all hosts of upstream \"{}\" are resolved now", self.group.name());
        }
    }

    fn follow(self: &Arc<Self>) {
        let mut following = self.following.lock();
        let Some(resolver) = self.resolver.as_ref().filter(|_| following.is_empty()) else { return };
        let servers: Vec<_> = self.found.lock().iter().map(|(server, _)| server.clone()).collect();
        for server in servers {
            let Some(question) = question(&server) else { continue };
            let (mut watch, entry) = (resolver.watch(question), Arc::downgrade(self));
            let task = tokio::spawn(async move {
                loop {
                    let answer = watch.changed().await;
                    let Some(entry) = entry.upgrade() else { return };
                    match answer {
                        Ok(found) => entry.changed(&server, &found),
                        // The name is gone: so are its servers.
                        Err(error) if error.is_final() => entry.changed(&server, &[]),
                        Err(error) => tracing::warn!(target: "propylon_gateway", "{error}"),
                    }
                }
            });
            following.push(task.abort_handle());
        }
    }

    fn changed(&self, server: &UpstreamServer, endpoints: &[Endpoint]) {
        let known = self
            .found
            .lock()
            .iter()
            .any(|(known, found)| known == server && found.as_deref() == Some(endpoints));
        if !known {
            let addresses: Vec<_> = endpoints.iter().map(|endpoint| endpoint.ip.to_string()).collect();
            tracing::info!(
                target: "propylon_gateway",
                "upstream \"{}\": the addresses of {} are now {}", self.group.name(), server.written, addresses.join(", ")
            );
            self.found(server, endpoints);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.following.lock().iter().chain(&*self.checking.lock()).for_each(AbortHandle::abort);
    }
}

#[cfg(test)]
mod tests;

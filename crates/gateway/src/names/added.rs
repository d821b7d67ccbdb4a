//! Servers that operators add to an upstream while the gateway runs, and the file that keeps them if it has a `state`.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use propylon_config::{self as config, Config, UpstreamServer};

use super::peers::literal;
use super::{Definition, Entry, Names};
use crate::insight::MembershipError;

/// The servers that were added. A configuration that is refused has no say in those of the one in force, which may have another file.
///
/// Files are read and written without the lock of what is known: whoever looks waits for no disk.
#[derive(Default)]
pub(super) struct Added {
    known: Mutex<HashMap<Key, Members>>,
    /// Whoever changes something: one after the other.
    changing: Mutex<()>,
}

/// An upstream's name, and where its servers are kept.
type Key = (Box<str>, Option<Box<Path>>);

fn key(upstream: &config::Upstream) -> Key {
    (upstream.name.clone(), upstream.state().map(Into::into))
}

/// Those of one upstream.
#[derive(Default)]
struct Members {
    servers: Vec<UpstreamServer>,
    /// What is wrong with the file: it is not written over.
    fault: Option<String>,
}

impl Members {
    fn read(upstream: &config::Upstream) -> Self {
        let Some(file) = upstream.state() else { return Self::default() };
        match read(file, upstream) {
            Ok(servers) => Self { servers, fault: None },
            Err(fault) => Self { servers: Vec::new(), fault: Some(fault) },
        }
    }
}

impl Added {
    /// The servers of an upstream that do not stand in its configuration; its file is read when it was not yet, or was no good.
    pub(super) fn to(&self, upstream: &config::Upstream) -> Vec<UpstreamServer> {
        self.read(upstream, true);
        let configured = |server: &UpstreamServer| !has_address(&upstream.servers, server);
        self.good(upstream).unwrap_or_default().into_iter().filter(configured).collect()
    }

    /// Reads an upstream's file if nobody has, and `again` if it was no good.
    fn read(&self, upstream: &config::Upstream, again: bool) {
        let is_known = |all: &HashMap<Key, Members>| {
            all.get(&key(upstream)).is_some_and(|known| known.fault.is_none() || !again)
        };
        if is_known(&self.known.lock()) {
            return;
        }
        let read = Members::read(upstream);
        let mut all = self.known.lock();
        // Somebody else may have read it meanwhile, and written it since.
        if !is_known(&all) {
            all.insert(key(upstream), read);
        }
    }

    /// Those of an upstream; none: its file was not read yet, or was no good.
    fn good(&self, upstream: &config::Upstream) -> Option<Vec<UpstreamServer>> {
        let all = self.known.lock();
        all.get(&key(upstream)).filter(|known| known.fault.is_none()).map(|known| known.servers.clone())
    }

    /// Those of an upstream, for who is to [set](Self::set) others.
    fn before(&self, upstream: &config::Upstream) -> Result<Vec<UpstreamServer>, MembershipError> {
        self.read(upstream, false);
        self.good(upstream).ok_or_else(|| MembershipError::State(self.fault(upstream).unwrap_or_default()))
    }

    /// Other servers, first in the file. The caller has it that nobody else changes anything.
    fn set(&self, upstream: &config::Upstream, servers: Vec<UpstreamServer>) -> Result<(), MembershipError> {
        if let Some(file) = upstream.state() {
            write(file, &config::write_servers(&servers))
                .map_err(|error| MembershipError::State(format!("{}: {error}", file.display())))?;
        }
        self.known.lock().insert(key(upstream), Members { servers, fault: None });
        Ok(())
    }

    /// Forgets those of upstreams that nobody has any more.
    pub(super) fn retain(&self, entries: &[Arc<Entry>]) {
        let keys: Vec<Key> = entries.iter().filter_map(|entry| Some(key(entry.upstream()?))).collect();
        self.known.lock().retain(|known, _| keys.contains(known));
    }

    fn fault(&self, upstream: &config::Upstream) -> Option<String> {
        self.known.lock().get(&key(upstream)).and_then(|members| members.fault.clone())
    }

    /// Whether a server was added, and does not stand in the configuration.
    pub(super) fn has(&self, upstream: &config::Upstream, server: &UpstreamServer) -> bool {
        let all = self.known.lock();
        let added = all.get(&key(upstream)).is_some_and(|members| members.servers.contains(server));
        added && !has_address(&upstream.servers, server)
    }
}

impl Names {
    /// What is wrong with the files of servers; one that was no good is read again.
    pub(crate) fn faults(&self, config: &Config) -> Vec<String> {
        let mut faults = Vec::new();
        for upstream in config.upstreams.values().filter(|upstream| upstream.state().is_some()) {
            let was_broken = self.added.fault(upstream).is_some();
            let servers = self.added.to(upstream);
            match self.added.fault(upstream) {
                Some(fault) => {
                    tracing::error!(target: "propylon_gateway", "upstream \"{}\": {fault}", upstream.name);
                    faults.push(format!("upstream \"{}\": {fault}", upstream.name));
                }
                None if was_broken => {
                    for entry in self.entries_of(upstream) {
                        servers.iter().for_each(|server| entry.join(server.clone()));
                    }
                }
                None => {}
            }
        }
        faults
    }

    /// Adds a server to an upstream. Returns the number of its peer.
    pub(crate) fn add(
        &self,
        config: &Config,
        upstream: &str,
        server: &UpstreamServer,
    ) -> Result<u32, MembershipError> {
        let upstream = config.upstreams.get(upstream).ok_or(MembershipError::NoUpstream)?;
        upstream.takes(server).map_err(MembershipError::Invalid)?;
        let used = self.used(config);
        let entry = used.iter().find(|entry| entry.is_of(upstream)).ok_or(MembershipError::NoUpstream)?;
        let _turn = self.added.changing.lock();
        let before = self.added.before(upstream)?;
        if has_address(&before, server) || has_address(&upstream.servers, server) {
            return Err(MembershipError::Exists);
        }
        self.added.set(upstream, before.into_iter().chain([server.clone()]).collect())?;
        for entry in self.entries_of(upstream) {
            entry.join(server.clone());
        }
        entry.peer_of(server).ok_or(MembershipError::NoPeer)
    }

    /// Takes a server out that was added. Requests under way go on.
    pub(crate) fn remove(&self, config: &Config, upstream: &str, peer: u32) -> Result<(), MembershipError> {
        let upstream = config.upstreams.get(upstream).ok_or(MembershipError::NoUpstream)?;
        let used = self.used(config);
        let entry = used.iter().find(|entry| entry.is_of(upstream)).ok_or(MembershipError::NoUpstream)?;
        let peers = entry.group.peers();
        let peer = peers.iter().find(|known| known.id() == peer).ok_or(MembershipError::NoPeer)?;
        let server = entry.line_of(peer).ok_or(MembershipError::NoPeer)?;
        let _turn = self.added.changing.lock();
        if !self.added.has(upstream, &server) {
            return Err(MembershipError::Configured);
        }
        let left = self.added.before(upstream)?.into_iter().filter(|known| *known != server);
        self.added.set(upstream, left.collect())?;
        for entry in self.entries_of(upstream) {
            entry.leave(&server);
        }
        self.said.retain(|name, known| name != &*upstream.name || *known != server);
        Ok(())
    }

    /// All that have its servers: requests under way may be those of the configuration before.
    fn entries_of(&self, upstream: &config::Upstream) -> Vec<Arc<Entry>> {
        self.entries.lock().iter().filter(|entry| entry.is_of(upstream)).cloned().collect()
    }
}

impl Entry {
    /// Its `[upstream.NAME]`.
    fn upstream(&self) -> Option<&config::Upstream> {
        match &self.definition {
            Definition::Named { upstream, .. } => Some(upstream),
            Definition::Direct(_) => None,
        }
    }

    /// Whether it has the servers that are added to this one.
    fn is_of(&self, wanted: &config::Upstream) -> bool {
        self.upstream().is_some_and(|known| known.name == wanted.name && known.state() == wanted.state())
    }

    fn join(&self, server: UpstreamServer) {
        let mut found = self.found.lock();
        // One that was made meanwhile knows it.
        if !found.iter().any(|(known, _)| *known == server) {
            let known = literal(&server.address);
            found.push((server, known));
            drop(found);
            self.publish();
        }
    }

    fn leave(&self, server: &UpstreamServer) {
        self.found.lock().retain(|(known, _)| known != server);
        self.publish();
    }

    /// The number of a server's peer.
    fn peer_of(&self, server: &UpstreamServer) -> Option<u32> {
        let peers = self.group.peers();
        let of_it = peers.iter().find(|peer| self.line_of(peer).as_ref() == Some(server));
        of_it.map(|peer| peer.id())
    }
}

fn has_address(servers: &[UpstreamServer], wanted: &UpstreamServer) -> bool {
    servers.iter().any(|server| server.address == wanted.address)
}

/// The servers in a file; one that is not there has none.
fn read(file: &Path, upstream: &config::Upstream) -> Result<Vec<UpstreamServer>, String> {
    let name = file.display();
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot read the servers in {name}: {error}")),
    };
    let servers = config::read_servers(&text, &name.to_string())
        .map_err(|report| format!("cannot read the servers in {name}:\n{report}"))?;
    match servers.iter().find_map(|server| upstream.takes(server).err()) {
        Some(why) => Err(format!("cannot use the servers in {name}: {why}")),
        None => Ok(servers),
    }
}

/// All of it or nothing.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().ok_or(ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    // Without it the old file may be back after a crash.
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

//! The peers of one upstream.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::watch;

use crate::queue::Queue;
use crate::server::Server;
use crate::slot::Slot;
use crate::state::{Clock, History, Limits, State};

/// The peers of one upstream, shared by all workers. A clone is the same group.
///
/// ```
/// use propylon_balance::{Group, Server};
///
/// let group = Group::new("backend");
/// group.set([Server::new("10.0.0.1:80", ()), Server::new("10.0.0.2:80", ()).backup(true)]);
/// assert_eq!(group.peers().iter().count(), 2);
/// ```
pub struct Group<T>(Arc<Shared<T>>);

struct Shared<T> {
    name: Arc<str>,
    peers: ArcSwap<Peers<T>>,
    /// Held by who changes the peers and what is said of them, so that the two agree.
    changing: Mutex<()>,
    /// How often they were set: who has seen them needs not look again.
    version: AtomicU64,
    /// How many of them are in service at all.
    tries: AtomicUsize,
    clock: Clock,
    next_id: AtomicU32,
    queue: Option<Arc<Queue>>,
    observer: Option<Observer>,
    /// Whether new peers get requests only once an active check has found them well.
    mandatory: AtomicBool,
    /// Told when there are others.
    changes: watch::Sender<()>,
    /// The peers that this group goes on with.
    before: Option<Arc<Peers<T>>>,
}

/// What happened to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It has failed too often, and gets no requests for its `fail_timeout` (nginx: "upstream server temporarily
    /// disabled").
    Unavailable,
    /// It has served again after that.
    Available,
    /// Active checks have found it unhealthy.
    Unhealthy,
    /// Active checks have found it healthy again.
    Healthy,
}

type Observer = Box<dyn Fn(&str, &str, Change) + Send + Sync>;

/// A peer: a server and what is known of it.
#[derive(Debug)]
pub struct Peer<T> {
    pub(crate) server: Server<T>,
    pub(crate) state: Arc<State>,
    pub(crate) id: u32,
    pub(crate) clock: Clock,
    /// What sticky sessions call it.
    pub(crate) called: Arc<str>,
}

/// The peers at one moment.
#[derive(Debug)]
pub struct Peers<T> {
    pub(crate) primary: Vec<Arc<Peer<T>>>,
    pub(crate) backup: Vec<Arc<Peer<T>>>,
    /// What choosing looks at of each of them.
    pub(crate) slots: Slots,
    /// Up to which point of all weights each of `primary` reaches.
    reach: Vec<u64>,
    /// Those of `primary` by what sticky sessions call them.
    called: HashMap<Arc<[u8]>, SmallVec<[usize; 1]>>,
}

/// What choosing looks at of each peer, in their order.
#[derive(Debug)]
pub(crate) struct Slots {
    pub(crate) primary: Box<[Slot]>,
    pub(crate) backup: Box<[Slot]>,
}

impl<T> Group<T> {
    /// A group without peers.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        GroupBuilder::new(name).build()
    }

    /// Its name: what logs print when there is no peer to name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// Replaces the servers. What is known of a server is kept if its name and text stay the same; requests under way go
    /// on. One call at a time: `servers` must not call it again.
    pub fn set(&self, servers: impl IntoIterator<Item = Server<T>>) {
        let _changing = self.0.changing.lock();
        let old = self.0.peers.load_full();
        let before: Vec<_> = self.0.before.iter().flat_map(|peers| peers.iter()).collect();
        let same = |server: &Server<T>, taken: &[u32]| {
            old.iter().chain(before.iter().copied()).find(|peer| {
                // Two servers that are written alike are two peers.
                !taken.contains(&peer.id)
                    && peer.server.name == server.name
                    && peer.server.written == server.written
                    && peer.server.backup == server.backup
            })
        };
        let mut taken: Vec<u32> = Vec::new();
        let (mut primary, mut backup) = (Vec::new(), Vec::new());
        for server in servers {
            let (state, id) = match same(&server, &taken) {
                Some(peer) => (Arc::clone(&peer.state), peer.id),
                None => {
                    let state = Arc::<State>::default();
                    if self.0.mandatory.load(Relaxed) {
                        state.require_check(false);
                    }
                    (state, self.0.next_id.fetch_add(1, Relaxed))
                }
            };
            taken.push(id);
            let list = if server.backup { &mut backup } else { &mut primary };
            let called = server.session_name();
            list.push(Arc::new(Peer { server, state, id, clock: self.0.clock, called }));
        }
        let peers = Peers::new(primary, backup);
        self.0.tries.store(peers.tries(), Relaxed);
        self.0.peers.store(Arc::new(peers));
        self.0.version.fetch_add(1, Release);
        self.0.changes.send_replace(());
        if let Some(queue) = &self.0.queue {
            queue.wake_all();
        }
    }

    /// The peers as they are now.
    #[must_use]
    pub fn peers(&self) -> Arc<Peers<T>> {
        self.0.peers.load_full()
    }

    /// The peers as they are now, for a moment: no count is touched that other workers write.
    pub(crate) fn current(&self) -> arc_swap::Guard<Arc<Peers<T>>> {
        self.0.peers.load()
    }

    /// How many peers are in service at all: as many can be tried for one request.
    #[must_use]
    pub fn tries(&self) -> usize {
        self.0.tries.load(Relaxed)
    }

    /// Another number as soon as there are other peers.
    pub(crate) fn version(&self) -> u64 {
        self.0.version.load(Acquire)
    }

    pub(crate) fn queue(&self) -> Option<&Queue> {
        self.0.queue.as_deref()
    }

    pub(crate) fn tell(&self, peer: &Peer<T>, change: Change) {
        if let Some(observer) = &self.0.observer {
            observer(&self.0.name, &peer.server.name, change);
        }
    }

    /// What tells when the peers are others.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    /// From now on nothing is sent to a peer that has not been found well by a check; with `anew`, by one from now on.
    pub(crate) fn require_checks(&self, anew: bool) {
        let _changing = self.0.changing.lock();
        self.0.mandatory.store(true, Relaxed);
        self.current().iter().for_each(|peer| peer.state.require_check(anew));
    }

    /// Takes the verdict of an active check.
    pub fn set_healthy(&self, peer: &Peer<T>, healthy: bool) {
        if peer.state.set_healthy(healthy, self.0.clock) {
            self.tell(peer, if healthy { Change::Healthy } else { Change::Unhealthy });
            if let Some(queue) = self.queue().filter(|_| healthy) {
                queue.wake_all();
            }
        }
    }
}

/// A [`Group`] with a queue and an observer: a builder.
pub struct GroupBuilder {
    name: Arc<str>,
    queue: Option<(usize, std::time::Duration)>,
    observer: Option<Observer>,
    mandatory: bool,
}

impl GroupBuilder {
    /// A group without a queue, whose changes nobody is told.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), queue: None, observer: None, mandatory: false }
    }

    /// How many requests may wait for a place at a peer, and for how long (nginx: `queue N timeout=`).
    #[must_use]
    pub fn queue(mut self, size: usize, timeout: std::time::Duration) -> Self {
        self.queue = Some((size, timeout));
        self
    }

    /// Who is told of changes: the group's name, the peer's, and what happened. Called on whatever thread found out: it must
    /// not block.
    #[must_use]
    pub fn observer(mut self, observer: impl Fn(&str, &str, Change) + Send + Sync + 'static) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Whether a new peer gets requests only once a [check](crate::HealthCheck) has found it well. Default no (nginx:
    /// `health_check mandatory`).
    #[must_use]
    pub fn mandatory(mut self, on: bool) -> Self {
        self.mandatory = on;
        self
    }

    /// The group, without peers.
    #[must_use]
    pub fn build<T>(self) -> Group<T> {
        self.make(None)
    }

    /// The group that takes the place of `old`, without peers: what is known of a server there is known here, and shared as
    /// long as both are in use.
    #[must_use]
    pub fn successor_of<T>(self, old: &Group<T>) -> Group<T> {
        self.make(Some(old))
    }

    fn make<T>(self, old: Option<&Group<T>>) -> Group<T> {
        let queue = self.queue.map(|(size, timeout)| {
            // Who waits in the old one must be woken by what becomes free in either.
            let same = old.and_then(|old| old.0.queue.as_ref()).filter(|queue| queue.is(size, timeout));
            same.map_or_else(|| Arc::new(Queue::new(size, timeout)), Arc::clone)
        });
        Group(Arc::new(Shared {
            name: self.name,
            peers: ArcSwap::from_pointee(Peers::new(Vec::new(), Vec::new())),
            changing: Mutex::default(),
            version: AtomicU64::new(0),
            tries: AtomicUsize::new(0),
            clock: old.map_or_else(Clock::start, |old| old.0.clock),
            next_id: AtomicU32::new(old.map_or(0, |old| old.0.next_id.load(Relaxed))),
            queue,
            observer: self.observer,
            mandatory: AtomicBool::new(self.mandatory),
            changes: watch::Sender::new(()),
            before: old.map(Group::peers),
        }))
    }
}

impl fmt::Debug for GroupBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupBuilder").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T> Clone for Group<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Group<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl<T> Peers<T> {
    pub(crate) fn new(primary: Vec<Arc<Peer<T>>>, backup: Vec<Arc<Peer<T>>>) -> Self {
        let reach = primary.iter().scan(0, |sum, peer| {
            *sum += u64::from(peer.server.weight);
            Some(*sum)
        });
        let mut called: HashMap<Arc<[u8]>, SmallVec<[usize; 1]>> = HashMap::new();
        for (index, peer) in primary.iter().enumerate() {
            called.entry(Arc::clone(&peer.called).into()).or_default().push(index);
        }
        let slots = |peers: &[Arc<Peer<T>>]| peers.iter().map(|peer| Slot::of(peer)).collect();
        let slots = Slots { primary: slots(&primary), backup: slots(&backup) };
        Self { reach: reach.collect(), called, slots, primary, backup }
    }

    /// The peers that sticky sessions call so, backups aside.
    pub(crate) fn called(&self, name: &[u8]) -> &[usize] {
        self.called.get(name).map(|indices| &**indices).unwrap_or_default()
    }

    /// The sum of the weights, backups aside.
    pub(crate) fn total(&self) -> u64 {
        self.reach.last().copied().unwrap_or_default()
    }

    /// The peer in whose share of all weights `point` lies, modulo their sum.
    pub(crate) fn at(&self, point: u64) -> Option<usize> {
        let point = point.checked_rem(self.total())?;
        Some(self.reach.partition_point(|&reach| reach <= point))
    }

    /// All of them, backups last.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Peer<T>>> {
        self.primary.iter().chain(&self.backup)
    }

    /// How many are in service at all: as many can be tried for one request.
    #[must_use]
    pub fn tries(&self) -> usize {
        self.iter().filter(|peer| !peer.server.down && !peer.server.drain).count()
    }

    /// Whether there is only one, for which failures do not count: there is nothing else to go to.
    pub(crate) fn is_single(&self) -> bool {
        self.primary.len() == 1 && self.backup.is_empty()
    }
}

impl<T> Peer<T> {
    /// The server as it was configured.
    #[must_use]
    pub fn server(&self) -> &Server<T> {
        &self.server
    }

    /// Requests under way.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.state.conns()
    }

    /// Requests so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.state.requests()
    }

    /// Failures so far.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.state.failures()
    }

    /// What has happened to it so far.
    #[must_use]
    pub fn history(&self) -> History {
        self.state.history()
    }

    /// Whether it would be sent a request now, but for the limit of requests at the same time.
    #[must_use]
    pub fn is_available(&self) -> bool {
        Slot::of(self).is_available()
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { max_fails: self.server.max_fails, fail_timeout: self.server.fail_timeout }
    }
}

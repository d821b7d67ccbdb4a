//! One worker's choice among the peers of a group.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::error::{BuildError, Error};
use crate::group::{Change, Group, Peer};
use crate::method::{Method, Times};
use crate::pick::{Key, Nobody, Picker};
use crate::slot::Slot;
use crate::sticky::{ServedBy, Wanted};

/// One worker's choice among the peers of a [`Group`]: whose turn it is. Routes of the same upstream share it by cloning.
///
/// ```
/// use propylon_balance::{Balancer, Group, Key, Method, Server};
///
/// let group = Group::new("backend");
/// group.set([Server::new("a", ()).weight(5), Server::new("b", ()).weight(2), Server::new("c", ())]);
/// let balancer = Balancer::new(group, Method::RoundRobin)?;
/// let pick = || Some(balancer.pick(Key::None, None).ok()?.peer().server().name().to_string());
/// let names: String = (0..8).filter_map(|_| pick()).collect();
/// assert_eq!(names, "abaacaba");
/// # Ok::<(), propylon_balance::BuildError>(())
/// ```
pub struct Balancer<T>(Arc<Inner<T>>);

struct Inner<T> {
    group: Group<T>,
    times: Times,
    /// One worker's: nobody waits for it.
    picker: Mutex<Picker<T>>,
}

/// The peers that were tried for one request: put it into the extensions of the request and of its repetitions, and each
/// peer gets it once. A clone is the same list.
#[derive(Clone, Debug, Default)]
pub struct Tried(Arc<Mutex<SmallVec<[u32; 8]>>>);

impl Tried {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(&self, id: u32) {
        self.0.lock().push(id);
    }
}

/// A peer that was chosen, with one of its places: dropping it gives the place back.
pub struct Picked<T> {
    peer: Arc<Peer<T>>,
    balancer: Balancer<T>,
    /// In a box, for most methods do not measure.
    timed: Option<Box<Timed>>,
    pub(crate) verdict: Verdict,
    /// Whether the response says who served.
    pub(crate) tells: bool,
    /// What is done when the peer is done with the request, unless it failed.
    at_end: Option<Box<dyn FnOnce() + Send + Sync>>,
}

/// What is known of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    None,
    /// Good unless somebody says otherwise.
    Open,
    Good,
    Failed,
}

/// What a method that measures wants to know of a request.
struct Timed {
    /// When it was sent; none once it has failed.
    since: Option<Instant>,
    /// Since when it counts among those that wait.
    pending: Option<u64>,
}

impl<T> Balancer<T> {
    /// Chooses among the peers of `group` so.
    ///
    /// # Errors
    /// If the group has backups and the method knows none. A group that gets them later keeps them unused.
    pub fn new(group: Group<T>, method: Method) -> Result<Self, BuildError> {
        if !method.allows_backup() && !group.current().backup.is_empty() {
            return Err(BuildError::Backup);
        }
        let picker = Mutex::new(Picker::new(method, fastrand::Rng::new()));
        Ok(Self(Arc::new(Inner { group, times: method.times(), picker })))
    }

    /// It takes the place of `old`: if both choose by the same method, the turns go on where they are.
    #[must_use]
    pub fn successor_of(self, old: &Self) -> Self {
        let method = self.0.picker.lock().method();
        let known = {
            let picker = old.0.picker.lock();
            (picker.method() == method).then(|| picker.clone())
        };
        if let Some(known) = known {
            *self.0.picker.lock() = known;
        }
        self
    }

    /// The peers.
    #[must_use]
    pub fn group(&self) -> &Group<T> {
        &self.0.group
    }

    /// Chooses a peer, or none if all are unavailable, full or tried.
    ///
    /// # Errors
    /// [`Error::NoLivePeers`].
    pub fn pick(&self, key: Key<'_>, tried: Option<&Tried>) -> Result<Picked<T>, Error> {
        self.pick_bound(None, key, tried)
    }

    /// The same for a request that is bound to a peer: it gets that one if it can serve, also while it drains.
    ///
    /// # Errors
    /// [`Error::NoLivePeers`].
    pub fn pick_bound(
        &self,
        wanted: Option<&Wanted>,
        key: Key<'_>,
        tried: Option<&Tried>,
    ) -> Result<Picked<T>, Error> {
        self.try_pick(wanted, key, tried).map_err(|_| self.no_live_peers())
    }

    fn try_pick(
        &self,
        wanted: Option<&Wanted>,
        key: Key<'_>,
        tried: Option<&Tried>,
    ) -> Result<Picked<T>, Nobody> {
        let wanted = wanted.map(|wanted| &*wanted.0).unwrap_or_default();
        let peer = {
            let mut picker = self.0.picker.lock();
            picker.follow(&self.0.group);
            match tried {
                Some(tried) => picker.pick(wanted, key, &tried.0.lock()),
                None => picker.pick(wanted, key, &[]),
            }?
        };
        if let Some(tried) = tried {
            tried.add(peer.id);
        }
        let measured = self.0.times.header || self.0.times.last_byte;
        let timed = measured.then(|| {
            let since = Instant::now();
            let now = peer.clock.at(since);
            peer.state.was_asked(now);
            let pending = self.0.times.pending.then(|| peer.state.pending(now));
            Box::new(Timed { since: Some(since), pending })
        });
        let (balancer, verdict) = (self.clone(), Verdict::None);
        Ok(Picked { peer, balancer, timed, verdict, tells: false, at_end: None })
    }

    /// Chooses a peer, after waiting for a place if all are full and the group has a queue: for those who send no requests. Gives the
    /// time waited, if it had to.
    ///
    /// # Errors
    /// Any: nobody lives, the queue is full, or the wait in it was too long.
    pub async fn pick_or_queue(
        &self,
        key: Key<'_>,
        tried: Option<&Tried>,
    ) -> Result<(Picked<T>, Option<Duration>), Error> {
        match self.pick_or_wait(None, key, tried) {
            Some(picked) => Ok((picked?, None)),
            None => self.wait(None, key, tried).await.map(|(picked, waited)| (picked, Some(waited))),
        }
    }

    /// Chooses a peer, after waiting for a place if all are full and the group has a queue. Gives the time waited.
    pub(crate) async fn wait(
        &self,
        wanted: Option<&Wanted>,
        key: Key<'_>,
        tried: Option<&Tried>,
    ) -> Result<(Picked<T>, Duration), Error> {
        let Some(queue) = self.0.group.queue() else { return Err(self.no_live_peers()) };
        let group = || Arc::clone(self.0.group.name());
        let place = queue.enter(is_first(tried)).ok_or_else(|| Error::QueueFull { group: group() })?;
        let since = Instant::now();
        let attempt = || match self.try_pick(wanted, key, tried) {
            Ok(picked) => Some(Ok(picked)),
            Err(Nobody::Full) => None,
            Err(Nobody::Lives) => Some(Err(self.no_live_peers())),
        };
        match tokio::time::timeout(queue.timeout, place.until(attempt)).await {
            Ok(picked) => Ok((picked?, since.elapsed())),
            Err(_) => Err(Error::QueueTimeout { group: group() }),
        }
    }

    /// Chooses a peer now; `None`: there is a queue to wait in, and all are full, or others wait already.
    pub(crate) fn pick_or_wait(
        &self,
        wanted: Option<&Wanted>,
        key: Key<'_>,
        tried: Option<&Tried>,
    ) -> Option<Result<Picked<T>, Error>> {
        // What becomes free is for those who came before. They would not take a place at a peer that drains, though, and one that
        // has been tried for a request is of no use to it.
        let queue = self.0.group.queue();
        if let Some(queue) = queue.filter(|queue| queue.is_busy() && is_first(tried) && !self.drains(wanted))
        {
            let peers = self.0.group.current();
            if peers.slots.primary.iter().chain(&peers.slots.backup).any(|slot| slot.is_able(&[])) {
                queue.nudge();
            }
            return None;
        }
        match self.try_pick(wanted, key, tried) {
            Ok(picked) => Some(Ok(picked)),
            Err(Nobody::Full) if queue.is_some() => None,
            Err(_) => Some(Err(self.no_live_peers())),
        }
    }

    /// Whether the peer that is wanted drains.
    fn drains(&self, wanted: Option<&Wanted>) -> bool {
        let peers = self.0.group.current();
        let indices = wanted.map(|wanted| peers.called(&wanted.0)).unwrap_or_default();
        indices.iter().any(|&index| peers.slots.primary.get(index).is_some_and(Slot::drains))
    }

    fn no_live_peers(&self) -> Error {
        Error::NoLivePeers { group: Arc::clone(self.0.group.name()) }
    }
}

/// Whether no peer has been tried yet: any of them will do.
fn is_first(tried: Option<&Tried>) -> bool {
    tried.is_none_or(Tried::is_empty)
}

impl<T> Picked<T> {
    /// The peer.
    #[must_use]
    pub fn peer(&self) -> &Arc<Peer<T>> {
        &self.peer
    }

    /// What the response should say, if anything.
    pub(crate) fn name_for_sessions(&self) -> Option<ServedBy> {
        self.tells.then(|| ServedBy(Arc::clone(&self.peer.called)))
    }

    /// The response head is there. Times count from the choice.
    pub fn responded(&mut self) {
        if self.balancer.0.times.header {
            self.is_answered();
        }
        if let Some(since) = self.since().filter(|_| self.balancer.0.times.header) {
            self.peer.state.record_header_time(since.elapsed());
        }
    }

    /// The peer did what it should. Only the first judgement counts.
    pub fn succeeded(&mut self) {
        if matches!(self.verdict, Verdict::Good | Verdict::Failed) {
            return;
        }
        self.verdict = Verdict::Good;
        if self.peer.state.succeeded(self.peer.clock) {
            self.balancer.0.group.tell(&self.peer, Change::Available);
        }
    }

    /// The peer failed: it counts towards `max_fails`. A failure after a success counts too.
    pub fn failed(&mut self) {
        self.verdict = Verdict::Failed;
        self.at_end = None;
        if let Some(timed) = &mut self.timed {
            timed.since = None; // a quick failure would make it look good
        }
        let group = &self.balancer.0.group;
        if group.current().is_single() {
            return; // nginx: the only server is never unavailable
        }
        if self.peer.state.failed(self.peer.limits(), self.peer.clock) {
            group.tell(&self.peer, Change::Unavailable);
        }
        self.balancer.0.picker.lock().failed(&self.peer);
    }

    /// The response broke off. nginx does not hold that against the peer.
    pub(crate) fn was_cut(&mut self) {
        self.at_end = None;
        if let Some(timed) = &mut self.timed {
            timed.since = None;
        }
        self.peer.state.was_cut();
    }

    fn since(&self) -> Option<Instant> {
        self.timed.as_ref().and_then(|timed| timed.since)
    }

    fn is_answered(&mut self) {
        if let Some(since) = self.timed.as_mut().and_then(|timed| timed.pending.take()) {
            self.peer.state.no_longer_pending(since);
        }
    }

    /// Whether the peer has [failed](Self::failed).
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.verdict == Verdict::Failed
    }

    /// `done` is called when the peer is done with the request, unless it fails or has failed already.
    pub fn at_end(&mut self, done: impl FnOnce() + Send + Sync + 'static) {
        if !self.has_failed() {
            self.at_end = Some(Box::new(done));
        }
    }

    /// The response has been read to its end.
    pub fn ended(&self) {
        if let Some(since) = self.since().filter(|_| self.balancer.0.times.last_byte) {
            self.peer.state.record_last_byte_time(since.elapsed());
        }
    }
}

impl<T> Drop for Picked<T> {
    fn drop(&mut self) {
        if self.verdict == Verdict::Open {
            self.succeeded();
        }
        self.peer.state.end();
        self.is_answered();
        if let Some(done) = self.at_end.take() {
            done();
        }
        if let Some(queue) = self.balancer.0.group.queue() {
            queue.wake();
        }
    }
}

impl<T> Clone for Balancer<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Balancer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Balancer").field("group", &self.0.group).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Picked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picked").field("peer", &self.peer.server.name).finish_non_exhaustive()
    }
}

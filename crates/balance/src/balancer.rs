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
    judged: bool,
    failed: bool,
    /// Whether the response says who served.
    pub(crate) tells: bool,
    /// What is done when the peer is done with the request, unless it failed.
    at_end: Option<Box<dyn FnOnce() + Send + Sync>>,
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
        let peers = self.0.group.current();
        let peer = {
            let mut picker = self.0.picker.lock();
            match tried {
                Some(tried) => picker.pick(&peers, wanted, key, &tried.0.lock()),
                None => picker.pick(&peers, wanted, key, &[]),
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
        let balancer = self.clone();
        Ok(Picked { peer, balancer, timed, judged: false, failed: false, tells: false, at_end: None })
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
        let place = queue.enter().ok_or_else(|| Error::QueueFull { group: group() })?;
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

    /// Chooses a peer now; `None`: all are full, and there is a queue to wait in.
    pub(crate) fn pick_or_wait(
        &self,
        wanted: Option<&Wanted>,
        key: Key<'_>,
        tried: Option<&Tried>,
    ) -> Option<Result<Picked<T>, Error>> {
        match self.try_pick(wanted, key, tried) {
            Ok(picked) => Some(Ok(picked)),
            Err(Nobody::Full) if self.0.group.queue().is_some() => None,
            Err(_) => Some(Err(self.no_live_peers())),
        }
    }

    fn no_live_peers(&self) -> Error {
        Error::NoLivePeers { group: Arc::clone(self.0.group.name()) }
    }
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
        if std::mem::replace(&mut self.judged, true) {
            return;
        }
        if self.peer.state.succeeded(self.peer.clock) {
            self.balancer.0.group.tell(&self.peer, Change::Available);
        }
    }

    /// The peer failed: it counts towards `max_fails`. A failure after a success counts too (a response that was cut).
    pub fn failed(&mut self) {
        (self.judged, self.failed) = (true, true);
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
        self.failed
    }

    /// `done` is called when the peer is done with the request, unless it fails or has failed already.
    pub fn at_end(&mut self, done: impl FnOnce() + Send + Sync + 'static) {
        if !self.failed {
            self.at_end = Some(Box::new(done));
        }
    }

    /// The response has been read to its end.
    pub(crate) fn ended(&self) {
        if let Some(since) = self.since().filter(|_| self.balancer.0.times.last_byte) {
            self.peer.state.record_last_byte_time(since.elapsed());
        }
    }
}

impl<T> Drop for Picked<T> {
    fn drop(&mut self) {
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

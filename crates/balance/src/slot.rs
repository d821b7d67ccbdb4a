//! What choosing looks at of a peer: side by side in memory, for most methods look at all of them for each request.

use std::sync::Arc;
use std::time::Duration;

use crate::group::Peer;
use crate::state::{Clock, FULL, Limits, State};

/// The part of a peer that choosing looks at.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) state: Arc<State>,
    pub(crate) id: u32,
    pub(crate) weight: u32,
    max_conns: u32,
    down: bool,
    drain: bool,
    rest: Box<Rest>,
}

/// What is looked at when something is the matter.
#[derive(Debug)]
struct Rest {
    clock: Clock,
    limits: Limits,
    slow_start: Duration,
}

impl Slot {
    pub(crate) fn of<T>(peer: &Peer<T>) -> Self {
        let server = &peer.server;
        let rest = Rest { clock: peer.clock, limits: peer.limits(), slow_start: server.slow_start };
        Self {
            state: Arc::clone(&peer.state),
            id: peer.id,
            weight: server.weight,
            max_conns: server.max_conns,
            down: server.down,
            drain: server.drain,
            rest: Box::new(rest),
        }
    }

    /// Whether it would be sent a request now, but for the limit of requests at the same time.
    pub(crate) fn is_available(&self) -> bool {
        !self.down && self.state.is_healthy() && !(self.state.has_failed() && self.is_failing())
    }

    // Out of the way of the loops over all peers.
    #[cold]
    fn is_failing(&self) -> bool {
        self.state.is_failing(self.rest.limits, self.rest.clock)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.max_conns > 0 && self.state.conns() >= self.max_conns
    }

    /// Whether a request may go to it, but for its places.
    pub(crate) fn is_alive(&self, tried: &[u32]) -> bool {
        !self.drain && self.is_available() && !tried.contains(&self.id)
    }

    /// Whether a request may go to it.
    pub(crate) fn is_able(&self, tried: &[u32]) -> bool {
        self.is_alive(tried) && !self.is_full()
    }

    /// Whether a request that is bound to it may go to it: one that drains takes no others.
    pub(crate) fn may_stay(&self, tried: &[u32]) -> bool {
        self.is_available() && !self.is_full() && !tried.contains(&self.id)
    }

    pub(crate) fn drains(&self) -> bool {
        self.drain
    }

    pub(crate) fn fail_timeout(&self) -> Duration {
        self.rest.limits.fail_timeout
    }

    /// Milliseconds since the group began.
    pub(crate) fn now(&self) -> u64 {
        self.rest.clock.now()
    }

    /// The part of its weight that it has, in 1/256.
    pub(crate) fn strength(&self) -> u32 {
        if self.state.has_recovered() { self.recovering() } else { FULL }
    }

    #[cold]
    fn recovering(&self) -> u32 {
        self.state.strength(self.rest.slow_start, self.rest.clock)
    }
}

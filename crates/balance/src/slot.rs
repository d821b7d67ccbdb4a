//! What choosing looks at of a peer: side by side in memory, for most methods look at all of them for each request.

use std::sync::Arc;
use std::time::Duration;

use crate::group::Peer;
use crate::state::{Clock, Limits, State};

/// The part of a peer that choosing looks at.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) state: Arc<State>,
    pub(crate) id: u32,
    pub(crate) weight: u32,
    max_conns: u32,
    down: bool,
    drain: bool,
    pub(crate) clock: Clock,
    limits: Limits,
    slow_start: Duration,
}

impl Slot {
    pub(crate) fn of<T>(peer: &Peer<T>) -> Self {
        let server = &peer.server;
        Self {
            state: Arc::clone(&peer.state),
            id: peer.id,
            weight: server.weight,
            max_conns: server.max_conns,
            down: server.down,
            drain: server.drain,
            clock: peer.clock,
            limits: peer.limits(),
            slow_start: server.slow_start,
        }
    }

    /// Whether it would be sent a request now, but for the limit of requests at the same time.
    pub(crate) fn is_available(&self) -> bool {
        !self.down && self.state.is_healthy() && !self.state.is_failing(self.limits, self.clock)
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
        self.limits.fail_timeout
    }

    /// The part of its weight that it has, in 1/256.
    pub(crate) fn strength(&self) -> u64 {
        self.state.strength(self.slow_start, self.clock)
    }
}

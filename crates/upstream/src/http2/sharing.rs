//! Which connections have room for another request, and which are about to have some: knows no sockets.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::shared::Shared;
use crate::Keepalive;
use crate::pool::Key;

/// The connections of a pool on which something is under way.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    open: Vec<Open>,
    opening: Vec<Opening>,
}

#[derive(Debug)]
struct Open {
    shared: Arc<Shared>,
    /// Requests under way.
    active: usize,
    /// Requests that it has had.
    requests: u64,
}

/// A connection that is being made, or whose peer has not said yet how many requests it takes at once.
#[derive(Debug)]
struct Opening {
    key: Arc<Key>,
    gate: watch::Receiver<Gate>,
    /// How many more may wait for it.
    room: u32,
}

/// How the making of a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    Opening,
    Open,
    /// It cannot be had: each may see for itself.
    Failed,
}

/// Whose turn it is to make a connection.
pub(super) enum Turn {
    /// Somebody else's, who is at it.
    Theirs(watch::Receiver<Gate>),
    /// Ours: others wait for it until this is dropped.
    Ours(watch::Sender<Gate>),
}

impl Sharing {
    /// The first connection with room for a request, which is counted, and whether it is the connection's first.
    pub(super) fn room(
        &mut self,
        is: impl Fn(&Key) -> bool,
        keepalive: &Keepalive,
        now: Instant,
    ) -> Option<Arc<Shared>> {
        let most = keepalive.max_streams() as usize;
        let open = self.open.iter_mut().find(|open| {
            is(&open.shared.key)
                && open.active < most
                && !keepalive.wears(open.requests, open.shared.opened, now)
                && open.active < open.shared.peer_streams()
                && open.shared.is_ready()
        })?;
        open.active += 1;
        open.requests += 1;
        Some(Arc::clone(&open.shared))
    }

    /// A connection with one request under way, the last of so many.
    pub(super) fn add(&mut self, shared: Arc<Shared>, requests: u64) {
        self.open.push(Open { shared, active: 1, requests });
    }

    /// A request is over. If it was the only one, the connection is no longer here: returns how many it has had.
    pub(super) fn release(&mut self, shared: &Arc<Shared>) -> Option<u64> {
        let at = self.open.iter().position(|open| Arc::ptr_eq(&open.shared, shared))?;
        let open = self.open.get_mut(at)?;
        open.active -= 1;
        let idle = open.active == 0;
        idle.then(|| self.open.swap_remove(at).requests)
    }

    /// Whose turn it is to make a connection of a key that it `is`. `room`: how many may share one.
    pub(super) fn turn(&mut self, is: impl Fn(&Key) -> bool, key: impl FnOnce() -> Key, room: u32) -> Turn {
        // A sender that is gone has left without a result.
        self.opening
            .retain(|opening| opening.gate.has_changed().is_ok() && *opening.gate.borrow() == Gate::Opening);
        let found = self.opening.iter_mut().find(|opening| is(&opening.key) && opening.room > 0);
        if let Some(opening) = found {
            opening.room -= 1;
            return Turn::Theirs(opening.gate.clone());
        }
        let (sender, gate) = watch::channel(Gate::Opening);
        self.opening.push(Opening { key: Arc::new(key()), gate, room: room.saturating_sub(1) });
        Turn::Ours(sender)
    }
}

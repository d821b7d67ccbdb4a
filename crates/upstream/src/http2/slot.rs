//! A request's part in a connection.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use http::Request;

use super::sending::Sending;
use super::shared::{Counters, Shared};
use crate::connection::{Answer, Connection, Failure, Outbound};
use crate::idle::State;
use crate::interim::Listener;
use crate::outgoing::Outgoing;
use crate::pool::{Lease, Pool};

/// A request's part in a connection, until this drops; or a connection that nobody uses, in the pool.
pub(crate) struct Slot {
    pub(super) shared: Arc<Shared>,
    pub(super) counters: Arc<Counters>,
    /// Whether the connection has served others before.
    pub(super) kept: bool,
    /// How much had come on the connection when the request was sent, if it was.
    began: Option<u64>,
    parked: bool,
}

impl Slot {
    /// A part that [`Sharing`](super::Sharing) has counted.
    pub(super) fn new(shared: Arc<Shared>, kept: bool) -> Self {
        Self { shared, counters: Arc::default(), kept, began: None, parked: false }
    }

    pub(super) fn into_lease(self) -> Lease {
        let Shared { key, opened, .. } = &*self.shared;
        let (key, opened) = (Arc::clone(key), *opened);
        Lease::new(Connection::Http2(self), key, opened, 0)
    }

    /// The connection of one that was in the pool.
    pub(super) fn into_shared(self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    pub(crate) fn state(&self) -> State {
        if !self.shared.is_open() {
            State::Dead
        } else if self.shared.status.is_doubted() || !self.shared.status.is_settled() {
            State::Settling
        } else {
            State::Ready
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.shared.status.has_ended()
    }

    /// Whether it is a connection that nobody uses.
    pub(crate) fn is_parked(&self) -> bool {
        self.parked
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Outgoing>,
        listener: Option<Listener>,
    ) -> Result<Answer, Failure> {
        self.begin(request, listener).map_err(|failure| *failure)?.await
    }

    fn begin(
        &mut self,
        request: Request<Outgoing>,
        listener: Option<Listener>,
    ) -> Result<Sending, Box<Failure>> {
        // It may have gone away since.
        let Some(mut sender) = self.shared.sender() else {
            return Err(Box::new(Failure::unsent(Outbound::Plain(request))));
        };
        let sending = Sending::begin(self, &mut sender, request, listener)?;
        self.began = Some(self.shared.status.wire.received());
        Ok(sending)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.parked {
            return;
        }
        let status = &self.shared.status;
        if self.began == Some(status.wire.received()) && !status.ended.load(Relaxed) {
            status.doubt();
        }
        let Some(pool) = Pool::of(&self.shared.pool) else { return };
        let released = pool.sharing().release(&self.shared);
        if let Some(requests) = released.filter(|_| self.shared.is_open()) {
            let parked = Self {
                shared: Arc::clone(&self.shared),
                counters: Arc::clone(&self.counters),
                kept: true,
                began: None,
                parked: true,
            };
            let Shared { key, opened, .. } = &*self.shared;
            Lease::new(Connection::Http2(parked), Arc::clone(key), *opened, requests).give_back(&pool);
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("parked", &self.parked).finish_non_exhaustive()
    }
}

//! What a request's service may ask of the connection.

use std::fmt;
use std::sync::Arc;

use super::handle::{Handle, Shared};
use super::{Interim, OnUpgrade};
use crate::ReceivedRequest;

/// What a service may ask of the connection that the request came on. Nothing is allocated until it asks.
#[derive(Clone)]
pub struct Context {
    pub(super) shared: Arc<Shared>,
    pub(super) number: u64,
    pub(super) interim: bool,
    pub(super) upgrade: bool,
    pub(super) received: ReceivedRequest,
}

impl Context {
    /// The number of the request on its connection, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The exact target, and the raw head.
    #[must_use]
    pub fn received(&self) -> &ReceivedRequest {
        &self.received
    }

    /// [`interim`](Self::interim) and [`received`](Self::received) at once.
    #[must_use]
    pub fn into_parts(self) -> (Option<Interim>, ReceivedRequest) {
        let Self { shared, number, interim, received, .. } = self;
        (interim.then(|| Interim::new(shared, number)), received)
    }

    /// Sends interim responses. `None` to a client of HTTP/1.0, which knows none.
    #[must_use]
    pub fn interim(&self) -> Option<Interim> {
        self.interim.then(|| Interim::new(Arc::clone(&self.shared), self.number))
    }

    /// The connection itself, once a response of 101, or 2xx to CONNECT, has been sent. `None` if the request asks for
    /// neither. Only the last one asked for resolves.
    #[must_use]
    pub fn on_upgrade(&self) -> Option<OnUpgrade> {
        self.upgrade.then(|| OnUpgrade::new(self.shared.await_upgrade(self.number)))
    }

    /// Speaks to the connection.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("number", &self.number).finish_non_exhaustive()
    }
}

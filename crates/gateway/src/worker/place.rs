//! Where a worker listens.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use propylon_config::ListenAddress;

use crate::router::{Listener, Router};
use crate::stream::At;

/// A listening address. Its connections look here for each request, which costs less than a search in the router.
pub(crate) struct Place {
    pub(super) address: ListenAddress,
    /// Only this worker's thread looks here: a lock that nobody waits for is the cheapest way.
    pub(super) listener: Mutex<Option<Arc<Listener>>>,
    /// The stream that is there instead.
    pub(super) stream: Mutex<Option<Arc<At>>>,
}

impl Place {
    pub(super) fn new(address: ListenAddress, router: &Router) -> Self {
        let (listener, stream) = (router.listener(&address), router.stream(&address));
        Self { address, listener: Mutex::new(listener), stream: Mutex::new(stream) }
    }

    /// Is routed by this from now on.
    pub(super) fn route_by(&self, router: &Router) {
        *self.listener.lock() = router.listener(&self.address);
        *self.stream.lock() = router.stream(&self.address);
    }

    /// The stream as the configuration in force has it, if it is one.
    pub(crate) fn stream(&self) -> Option<Arc<At>> {
        self.stream.lock().clone()
    }

    /// The listener as the configuration in force has it; none if a reload took it away while clients were connected.
    pub(crate) fn listener(&self) -> Option<Arc<Listener>> {
        self.listener.lock().clone()
    }

    /// The same for a look during which nobody else may look.
    pub(crate) fn look(&self) -> MutexGuard<'_, Option<Arc<Listener>>> {
        self.listener.lock()
    }
}

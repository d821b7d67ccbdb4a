//! Where a worker listens.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use propylon_config::ListenAddress;

use crate::router::Listener;

/// A listening address. Its connections look here for each request, which costs less than a search in the router.
pub(crate) struct Place {
    pub(super) address: ListenAddress,
    /// Only this worker's thread looks here: a lock that nobody waits for is the cheapest way.
    pub(super) listener: Mutex<Option<Arc<Listener>>>,
}

impl Place {
    pub(super) fn new(address: ListenAddress, listener: Option<Arc<Listener>>) -> Self {
        Self { address, listener: Mutex::new(listener) }
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

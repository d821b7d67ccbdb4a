//! What the workers share and what outlives a reload.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use propylon_access_log::Sinks;

use crate::names::Names;
use crate::tls::Store;
use crate::zones::Zones;

/// What the workers share and what outlives a reload.
pub(crate) struct Runtime {
    /// The open logs.
    pub(crate) sinks: Sinks,
    /// The upstreams' peers.
    pub(crate) names: Names,
    /// Certificates and keys.
    pub(crate) tls: Store,
    /// What limits count.
    pub(crate) zones: Zones,
    /// The number of the next client connection.
    connections: AtomicU64,
}

impl Runtime {
    pub(crate) fn new(sinks: Sinks) -> Self {
        Self {
            sinks,
            names: Names::default(),
            tls: Store::default(),
            zones: Zones::default(),
            connections: AtomicU64::new(0),
        }
    }

    /// A number for a new client connection, unique in the process.
    pub(crate) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Relaxed) + 1
    }
}

//! What passed on a connection.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What passed on a connection since it began: can be looked at while somebody uses the connection.
#[derive(Debug, Default)]
pub struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Counters {
    /// Bytes that the kernel took.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    /// Bytes that came.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Relaxed)
    }

    pub(super) fn set(&self, sent: u64, received: u64) {
        self.sent.store(sent, Relaxed);
        self.received.store(received, Relaxed);
    }
}

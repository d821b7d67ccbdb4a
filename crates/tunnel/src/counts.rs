use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What went through a tunnel: readable while it runs, and after it was dropped.
#[derive(Debug, Default)]
pub struct Counts {
    to_upstream: AtomicU64,
    to_client: AtomicU64,
}

impl Counts {
    /// Bytes that the upstream's stream took.
    #[must_use]
    pub fn to_upstream(&self) -> u64 {
        self.to_upstream.load(Relaxed)
    }

    /// Bytes that the client's stream took.
    #[must_use]
    pub fn to_client(&self) -> u64 {
        self.to_client.load(Relaxed)
    }

    pub(crate) fn add_to_upstream(&self, n: usize) {
        self.to_upstream.fetch_add(n as u64, Relaxed);
    }

    pub(crate) fn add_to_client(&self, n: usize) {
        self.to_client.fetch_add(n as u64, Relaxed);
    }
}

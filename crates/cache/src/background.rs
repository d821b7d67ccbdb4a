//! Work that outlives the request that it began with.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Something to be done in the background.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Whoever runs it, and how much of it there may be.
#[derive(Clone)]
pub(crate) struct Background {
    spawn: Arc<dyn Fn(Work) + Send + Sync>,
    running: Arc<AtomicUsize>,
    limit: usize,
}

/// Room for one thing to be done.
pub(crate) struct Place {
    background: Background,
}

impl Background {
    pub(crate) fn new(spawn: impl Fn(Work) + Send + Sync + 'static) -> Self {
        Self { spawn: Arc::new(spawn), running: Arc::default(), limit: 1024 }
    }

    pub(crate) const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Room for one thing more, if there is some.
    pub(crate) fn place(&self) -> Option<Place> {
        if self.running.fetch_add(1, Ordering::Relaxed) < self.limit {
            return Some(Place { background: self.clone() });
        }
        self.running.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Place {
    /// Does it there.
    pub(crate) fn run(self, work: impl Future<Output = ()> + Send + 'static) {
        let spawn = Arc::clone(&self.background.spawn);
        spawn(Box::pin(async move {
            let _place = self;
            work.await;
        }));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.background.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background")
            .field("running", &self.running)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

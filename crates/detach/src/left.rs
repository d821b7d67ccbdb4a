use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

/// A request that goes on without its client, to be run until it ends.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs requests whose client has left, so many at once. A clone shares the limit.
#[derive(Clone)]
pub struct Left {
    spawn: Arc<dyn Fn(Work) + Send + Sync>,
    running: Arc<AtomicUsize>,
    limit: usize,
    counts: Counts,
}

/// What became of requests whose client has left, for whoever looks. A clone is the same counts.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    running: AtomicU64,
    ended: AtomicU64,
    given_up: AtomicU64,
}

impl Left {
    /// Those that `spawn` runs, 1000 at once.
    #[must_use]
    pub fn new(spawn: impl Fn(Work) + Send + Sync + 'static) -> Self {
        Self { spawn: Arc::new(spawn), running: Arc::default(), limit: 1000, counts: Counts::default() }
    }

    /// How many may be under way; what is more ends with its client. Default: 1000.
    #[must_use]
    pub const fn at_once(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Counts there. Default: in counts of their own.
    #[must_use]
    pub fn counting(mut self, counts: Counts) -> Self {
        self.counts = counts;
        self
    }

    /// What became of them.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Goes on with one more, if there is room; else it is dropped, and counted.
    pub fn run(&self, work: impl Future<Output = ()> + Send + 'static) {
        let numbers = &self.counts.0;
        if self.running.fetch_add(1, Relaxed) >= self.limit {
            self.running.fetch_sub(1, Relaxed);
            numbers.given_up.fetch_add(1, Relaxed);
            return;
        }
        numbers.running.fetch_add(1, Relaxed);
        let place = Place { running: Arc::clone(&self.running), counts: self.counts.clone() };
        (self.spawn)(Box::pin(async move {
            let _place = place;
            work.await;
        }));
    }
}

impl fmt::Debug for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Left")
            .field("limit", &self.limit)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl Counts {
    /// How many are under way.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.0.running.load(Relaxed)
    }

    /// How many have come to their end, one way or another.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.0.ended.load(Relaxed)
    }

    /// How many ended with their clients, for there were too many.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.0.given_up.load(Relaxed)
    }
}

/// Given back however it ends, also when whoever runs it stops.
struct Place {
    running: Arc<AtomicUsize>,
    counts: Counts,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Relaxed);
        self.counts.0.running.fetch_sub(1, Relaxed);
        self.counts.0.ended.fetch_add(1, Relaxed);
    }
}

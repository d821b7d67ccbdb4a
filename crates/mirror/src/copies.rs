use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

/// A copy on its way, to be run until it ends.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs copies in the background, so many at once. A clone shares the limit.
///
/// ```
/// use propylon_mirror::Copies;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let copies = Copies::new(|work| drop(tokio::spawn(work))).at_once(1);
/// assert!(copies.send(std::future::pending).is_ok());
/// assert!(copies.send(std::future::pending).is_err(), "the first one is under way");
/// assert_eq!((copies.counts().sent(), copies.counts().dropped()), (1, 1));
/// # }
/// ```
#[derive(Clone)]
pub struct Copies {
    spawn: Arc<dyn Fn(Work) + Send + Sync>,
    running: Arc<AtomicUsize>,
    limit: usize,
    counts: Counts,
}

/// What became of copies, for whoever looks. A clone is the same counts.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    sent: AtomicU64,
    dropped: AtomicU64,
    running: AtomicU64,
}

/// As many copies are under way as may be: this one was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mirrored request dropped: {limit} mirrored requests are under way")]
pub struct TooMany {
    /// How many may be.
    pub limit: usize,
}

impl Copies {
    /// Copies that `spawn` runs, 1000 at once.
    #[must_use]
    pub fn new(spawn: impl Fn(Work) + Send + Sync + 'static) -> Self {
        Self { spawn: Arc::new(spawn), running: Arc::default(), limit: 1000, counts: Counts::default() }
    }

    /// How many may be under way; what is more is dropped. Default: 1000.
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

    /// Makes one more, and runs it.
    ///
    /// # Errors
    /// When there are too many; then it is not made, but counted.
    pub fn send<F>(&self, copy: impl FnOnce() -> F) -> Result<(), TooMany>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let numbers = &self.counts.0;
        if self.running.fetch_add(1, Relaxed) >= self.limit {
            self.running.fetch_sub(1, Relaxed);
            numbers.dropped.fetch_add(1, Relaxed);
            return Err(TooMany { limit: self.limit });
        }
        numbers.sent.fetch_add(1, Relaxed);
        numbers.running.fetch_add(1, Relaxed);
        let place = Place { running: Arc::clone(&self.running), counts: self.counts.clone() };
        let copy = copy();
        (self.spawn)(Box::pin(async move {
            let _place = place;
            copy.await;
        }));
        Ok(())
    }
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copies")
            .field("limit", &self.limit)
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

impl Counts {
    /// Copies that were sent, those under way too.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Relaxed)
    }

    /// Copies that were not, for there were too many.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Relaxed)
    }

    /// Copies under way.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.0.running.load(Relaxed)
    }
}

/// Given back however a copy ends, also when whoever runs it stops.
struct Place {
    running: Arc<AtomicUsize>,
    counts: Counts,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Relaxed);
        self.counts.0.running.fetch_sub(1, Relaxed);
    }
}

//! Where spans wait for their way to the collector.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};

use crate::Span;

/// What has become of spans. A clone counts the same.
#[derive(Clone, Debug, Default)]
pub struct Counts(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    exported: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

impl Counts {
    /// Spans that the collector has taken.
    #[must_use]
    pub fn exported(&self) -> u64 {
        self.0.exported.load(Relaxed)
    }

    /// Spans that were dropped, because too many waited already.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Relaxed)
    }

    /// Spans that were lost, because the collector was not there or did not take them.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.0.failed.load(Relaxed)
    }

    pub(crate) fn export(&self, spans: u64) {
        self.0.exported.fetch_add(spans, Relaxed);
    }

    pub(crate) fn fail(&self, spans: u64) {
        self.0.failed.fetch_add(spans, Relaxed);
    }
}

/// Takes spans, from whatever thread, and never waits: what there is no room for is dropped and counted. A clone is the same.
#[derive(Clone, Debug)]
pub struct Spans(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: mpsc::Sender<Bytes>,
    bell: Arc<Bell>,
    counts: Counts,
    batch: usize,
}

impl Spans {
    /// The way in, and the way out: so many may wait, and so many are a batch.
    pub(crate) fn new(room: usize, batch: usize, counts: Counts) -> (Self, Waiting) {
        let (queue, waiting) = mpsc::channel(room);
        let bell = Arc::new(Bell::default());
        let spans = Self(Arc::new(Shared { queue, bell: bell.clone(), counts, batch: batch.min(room) }));
        (spans, Waiting { waiting, bell })
    }

    /// Takes a span that is over.
    pub fn record(&self, span: &Span) {
        let Shared { queue, bell, counts, batch } = &*self.0;
        // Encoded here: what waits is short, and how much of it there may be is known.
        if queue.capacity() == 0 || queue.try_send(span.encode()).is_err() {
            counts.0.dropped.fetch_add(1, Relaxed);
            return;
        }
        // A ring crosses threads: once for each batch.
        if queue.max_capacity() - queue.capacity() >= *batch {
            bell.ring();
        }
    }

    /// No more will come: what waits is sent, without further tries, and the exporter ends.
    pub fn finish(&self) {
        self.0.bell.end();
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.queue.max_capacity() - self.0.queue.capacity()
    }

    /// What has become of them.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.0.counts
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.bell.end();
    }
}

/// Tells the exporter that there is something to do.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: AtomicBool,
    over: AtomicBool,
    wakes: Notify,
}

impl Bell {
    fn ring(&self) {
        if !self.rung.swap(true, Relaxed) {
            self.wakes.notify_one();
        }
    }

    fn end(&self) {
        self.over.store(true, Relaxed);
        self.wakes.notify_one();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Until it rings.
    pub(crate) async fn heard(&self) {
        self.wakes.notified().await;
    }

    /// Until all is over, whatever else it rings for.
    pub(crate) async fn over(&self) {
        while !self.is_over() {
            self.wakes.notified().await;
        }
    }

    /// It may ring again.
    pub(crate) fn still(&self) {
        self.rung.store(false, Relaxed);
    }
}

/// What waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    waiting: mpsc::Receiver<Bytes>,
    pub(crate) bell: Arc<Bell>,
}

impl Waiting {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The oldest, so many at most, and not much more than so many bytes.
    pub(crate) fn take(&mut self, most: usize, bytes: usize) -> Vec<Bytes> {
        let mut taken = Vec::with_capacity(most.min(self.len()));
        let mut length = 0;
        while taken.len() < most
            && length < bytes
            && let Ok(span) = self.waiting.try_recv()
        {
            length += span.len();
            taken.push(span);
        }
        taken
    }
}

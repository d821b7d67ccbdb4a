//! Requests that wait for a place at a peer.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use tokio::sync::Notify;

/// Who waits, in the order of coming; of all workers.
#[derive(Debug)]
pub(crate) struct Queue {
    size: usize,
    pub(crate) timeout: Duration,
    waiting: AtomicUsize,
    free: Notify,
}

impl Queue {
    pub(crate) fn new(size: usize, timeout: Duration) -> Self {
        Self { size, timeout, waiting: AtomicUsize::new(0), free: Notify::new() }
    }

    pub(crate) fn is(&self, size: usize, timeout: Duration) -> bool {
        self.size == size && self.timeout == timeout
    }

    /// A place in the queue, if there is one.
    pub(crate) fn enter(&self) -> Option<Waiting<'_>> {
        let entered =
            self.waiting.fetch_update(SeqCst, SeqCst, |waiting| (waiting < self.size).then_some(waiting + 1));
        entered.is_ok().then(|| Waiting(self)) // made only if entered: its drop leaves
    }

    /// A peer has room for one more.
    pub(crate) fn wake(&self) {
        if self.waiting.load(SeqCst) > 0 {
            self.free.notify_one();
        }
    }

    /// There may be room for many.
    pub(crate) fn wake_all(&self) {
        for _ in 0..self.waiting.load(SeqCst) {
            self.free.notify_one();
        }
    }
}

/// A place in the queue; dropping it leaves.
#[derive(Debug)]
pub(crate) struct Waiting<'a>(&'a Queue);

impl Waiting<'_> {
    /// Tries until it succeeds.
    pub(crate) async fn until<P>(&self, mut attempt: impl FnMut() -> Option<P>) -> P {
        loop {
            let notified = self.0.free.notified();
            let mut notified = std::pin::pin!(notified);
            // What becomes free from here on is not missed.
            notified.as_mut().enable();
            if let Some(picked) = attempt() {
                return picked;
            }
            notified.await;
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

//! Coarse deadlines: an atomic number each, looked at ten times a second by one task a worker.
//!
//! A timer a request costs more than the request's parsing; a client that is a tenth of a second too slow is not.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};

use super::Client;

/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(100);

/// The deadline that is none.
const NEVER: u64 = u64::MAX;

/// A point in time that may pass; looking is the worker's business.
pub(crate) struct Deadline {
    epoch: Instant,
    at: AtomicU64,
}

impl Deadline {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self { epoch, at: AtomicU64::new(NEVER) }
    }

    /// The deadline is `after` from now.
    pub(crate) fn arm(&self, after: Duration) {
        self.at.store(millis(self.epoch.elapsed().saturating_add(after)), Relaxed);
    }

    /// The deadline is `after` from now, unless it is earlier.
    pub(crate) fn arm_no_later(&self, after: Duration) {
        self.at.fetch_min(millis(self.epoch.elapsed().saturating_add(after)), Relaxed);
    }

    /// The deadline is that of `other`, unless it is earlier.
    pub(crate) fn no_later_than(&self, other: &Self) {
        self.at.fetch_min(other.at.load(Relaxed), Relaxed);
    }

    /// There is no deadline.
    pub(crate) fn disarm(&self) {
        self.at.store(NEVER, Relaxed);
    }

    /// Whether there is a deadline.
    pub(crate) fn is_armed(&self) -> bool {
        self.at.load(Relaxed) != NEVER
    }

    /// Whether the deadline has passed.
    pub(crate) fn has_passed(&self) -> bool {
        let at = self.at.load(Relaxed);
        at != NEVER && at <= millis(self.epoch.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER)
}

/// The connections of one worker.
#[derive(Default)]
pub(crate) struct Clients {
    all: Mutex<Vec<Weak<Client>>>,
    /// Somebody connected while there was nobody.
    first: Notify,
}

impl Clients {
    pub(crate) fn add(&self, client: &Arc<Client>) {
        let mut all = self.all.lock();
        all.push(Arc::downgrade(client));
        if all.len() == 1 {
            self.first.notify_one();
        }
    }

    /// Looks at each. From any thread: whoever accepts does not wait while they are looked at, nor for what is left to be done for
    /// one that has ended meanwhile.
    pub(crate) fn each(&self, look: impl FnMut(&Arc<Client>)) {
        let all: Vec<_> = self.all.lock().iter().filter_map(Weak::upgrade).collect();
        all.iter().for_each(look);
    }

    /// Wakes every connection one of whose deadlines has passed, for as long as the worker lives.
    pub(crate) async fn watch(&self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.all.lock().is_empty() {
                self.first.notified().await; // an idle worker does not wake up
            }
            ticks.tick().await;
            self.all.lock().retain(|client| {
                let Some(client) = client.upgrade() else { return false };
                client.look();
                true
            });
        }
    }

    /// Has every connection finish.
    pub(crate) fn drain(&self) {
        for client in self.all.lock().iter().filter_map(Weak::upgrade) {
            client.drain();
        }
    }
}

impl Client {
    fn look(&self) {
        if self.reading.has_passed() || self.writing.has_passed() {
            self.waker.wake();
        }
        if self.body.has_passed() {
            self.body_waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_unless_it_is_moved() {
        let deadline = Deadline::new(Instant::now());
        assert!(!deadline.has_passed());
        deadline.arm(Duration::from_secs(2));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!deadline.has_passed());
        deadline.arm(Duration::from_secs(2));
        tokio::time::advance(Duration::from_millis(1999)).await;
        assert!(!deadline.has_passed());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(deadline.has_passed());
        deadline.disarm();
        assert!(!deadline.has_passed());
    }
}

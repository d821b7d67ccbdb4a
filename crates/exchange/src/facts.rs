//! Facts that are numbers.
//!
//! They are read, changed and stored, not in one instruction: each has one writer at a time, and a locked instruction costs more
//! than all the rest of a fact. Whoever reads on another thread sees what was recorded last, or a moment before.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::clock;

/// A number that has one writer at a time, and that any thread may read: to count is a load and a store.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`. What another thread adds at the same time may be lost.
    pub fn add(&self, n: u64) {
        self.set(self.get().wrapping_add(n));
    }

    /// It is `n` from here on.
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// What it is now, or was a moment before.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A status, once there is one.
#[derive(Debug, Default)]
pub(crate) struct Status(AtomicU16);

impl Status {
    pub(crate) fn set(&self, status: StatusCode) {
        self.0.store(status.as_u16(), Relaxed);
    }

    pub(crate) fn get(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.0.load(Relaxed)).ok() // 0 is none
    }
}

/// A point in time, once it has come: nanoseconds from the beginning of the exchange, and one more.
#[derive(Debug, Default)]
pub(crate) struct Moment(AtomicU64);

impl Moment {
    /// It has come now. `began`: when the exchange did.
    pub(crate) fn come(&self, began: Instant) {
        self.0.store(clock::nanos_since(began).saturating_add(1), Relaxed);
    }

    /// It has come when `other` did.
    pub(crate) fn come_with(&self, other: &Self) {
        self.0.store(other.0.load(Relaxed), Relaxed);
    }

    pub(crate) fn has_come(&self) -> bool {
        self.0.load(Relaxed) != 0
    }

    pub(crate) fn get(&self, began: Instant) -> Option<Instant> {
        Some(began + Duration::from_nanos(self.0.load(Relaxed).checked_sub(1)?))
    }
}

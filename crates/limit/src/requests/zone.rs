use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::time::Instant;

use super::bucket::Bucket;
use crate::table::{ENTRY, Parts, Table};

/// How many requests each key may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate(u64);

impl RequestRate {
    /// So many each second (`10r/s`).
    #[must_use]
    pub const fn per_second(requests: NonZeroU32) -> Self {
        Self(requests.get() as u64 * 1000)
    }

    /// So many each minute (`30r/m`).
    #[must_use]
    pub const fn per_minute(requests: NonZeroU32) -> Self {
        Self(requests.get() as u64 * 1000 / 60)
    }

    /// In thousandths of a request each second; at least one.
    pub(crate) const fn thousandths(self) -> u64 {
        self.0
    }
}

/// What the requests of each key are ahead of their rate: a bounded table, shared by all threads. A clone is the same table.
///
/// An entry takes about 128 bytes, whatever the length of its key: only a keyed hash of it is kept. With each new key one or
/// two go that have not been used for a minute and owe nothing; when the table is full, the one that was used least recently.
#[derive(Clone)]
pub struct RequestZone {
    table: Arc<Keys>,
    rate: RequestRate,
}

struct Keys {
    parts: Parts<Bucket>,
    epoch: Instant,
}

impl RequestZone {
    /// A table of about so many bytes, which is empty.
    #[must_use]
    pub fn new(rate: RequestRate, bytes: usize) -> Self {
        let keys = Keys { parts: Parts::new(bytes / ENTRY), epoch: Instant::now() };
        Self { table: Arc::new(keys), rate }
    }

    /// The same table at another rate.
    #[must_use]
    pub fn at(&self, rate: RequestRate) -> Self {
        Self { table: self.table.clone(), rate }
    }

    /// How many keys are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.parts.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn rate(&self) -> u64 {
        self.rate.thousandths()
    }

    /// In whole milliseconds, as nginx counts.
    pub(super) fn time(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.table.epoch);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn key(&self, key: &[u8]) -> u128 {
        self.table.parts.key(key)
    }

    /// How far ahead another request of the key would be; with `charge` it is let in unless that is more than so much.
    pub(super) fn look(&self, key: u128, now: u64, charge: Option<u64>) -> u64 {
        self.with(key, now, |bucket, rate| {
            let ahead = bucket.ahead(now, rate);
            match charge {
                Some(most) if ahead <= most => bucket.charge(now, rate),
                _ => ahead,
            }
        })
    }

    /// Uses the key's bucket; a key that is new makes place for itself.
    fn with<T>(&self, key: u128, now: u64, look: impl FnOnce(&mut Bucket, u64) -> T) -> T {
        let rate = self.rate();
        let mut part = self.table.parts.part(key);
        if let Some(bucket) = part.used(key) {
            return look(bucket, rate);
        }
        forget(&mut part, now, rate);
        let mut bucket = Bucket::default();
        let found = look(&mut bucket, rate);
        part.add(key, bucket);
        found
    }
}

/// Forgets up to two that are idle, and the oldest one if there is no place for another.
fn forget(part: &mut Table<Bucket>, now: u64, rate: u64) {
    for _ in 0..2 {
        if part.oldest().is_some_and(|oldest| oldest.is_idle(now, rate)) {
            part.remove_oldest();
        }
    }
    if part.is_full() {
        part.remove_oldest();
    }
}

impl fmt::Debug for RequestZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestZone").field("rate", &self.rate).finish_non_exhaustive()
    }
}

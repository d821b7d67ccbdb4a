//! Ids that nobody has yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::Id;

/// Gives ids that nobody has yet. A clone goes on with the same numbers: one for a process.
#[derive(Clone, Debug)]
pub struct Issuer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What tells this issuer from others of the same second.
    start: u32,
    next: AtomicU32,
}

/// How the numbers of an id are written: nginx's `v1` and `on`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// The last byte first.
    One,
    /// The first byte first.
    #[default]
    Two,
}

/// Ids of the second version count from here, and all by steps: the last byte tells the version, and is never 0.
const FIRST: u32 = 0x0303_0302;
const STEP: u32 = 0x100;

impl Issuer {
    /// An issuer that `start` tells from others: it should be different for each process.
    #[must_use]
    pub fn new(start: u32) -> Self {
        Self(Arc::new(Inner { start, next: AtomicU32::new(0) }))
    }

    /// The issuer of this process: the time and its number tell it from others, as in nginx.
    #[must_use]
    pub fn of_process() -> Self {
        let part = now().subsec_micros() / 20;
        Self::new((part << 16) | (std::process::id() & 0xffff))
    }

    /// A new id. `service`: of whom.
    #[must_use]
    pub fn issue(&self, version: Version, service: [u8; 4]) -> Id {
        let count = self.0.next.fetch_add(1, Ordering::Relaxed).wrapping_mul(STEP);
        let time = u32::try_from(now().as_secs() & u64::from(u32::MAX)).unwrap_or_default();
        let [service, time, start, last] = match version {
            Version::One => {
                [service, time.to_le_bytes(), self.0.start.to_le_bytes(), count.wrapping_add(1).to_le_bytes()]
            }
            Version::Two => {
                let last = FIRST.wrapping_add(count);
                [service, time.to_be_bytes(), self.0.start.to_be_bytes(), last.to_be_bytes()]
            }
        };
        let mut bytes = [0; 16];
        bytes
            .iter_mut()
            .zip(service.into_iter().chain(time).chain(start).chain(last))
            .for_each(|(to, from)| *to = from);
        Id::new(bytes)
    }
}

#[expect(clippy::disallowed_methods, reason = "ids have the wall clock's time in them")]
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

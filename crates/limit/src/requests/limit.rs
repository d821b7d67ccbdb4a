use std::fmt;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::time::Instant;

use super::RequestZone;
use super::bucket::REQUEST;

/// A key of [`check_requests`] that is longer is not counted, as in nginx.
pub const LONGEST_REQUEST_KEY: usize = 65_535;

/// How far ahead of its rate a key may be.
#[derive(Clone, Debug)]
pub struct RequestLimit {
    zone: RequestZone,
    /// In thousandths of a request, as all below.
    burst: u64,
    /// What is not delayed; none: nothing is.
    delay: Option<u64>,
}

impl RequestLimit {
    /// A key may not be ahead of the zone's rate at all.
    #[must_use]
    pub const fn new(zone: RequestZone) -> Self {
        Self { zone, burst: 0, delay: Some(0) }
    }

    /// So many requests may be ahead; each of them waits until it is no more.
    #[must_use]
    pub const fn burst(mut self, requests: u32) -> Self {
        self.burst = requests as u64 * REQUEST;
        self
    }

    /// So many of those do not wait.
    #[must_use]
    pub const fn delay_after(mut self, requests: u32) -> Self {
        self.delay = Some(requests as u64 * REQUEST);
        self
    }

    /// None of those waits.
    #[must_use]
    pub const fn no_delay(mut self) -> Self {
        self.delay = None;
        self
    }

    /// The zone.
    #[must_use]
    pub const fn zone(&self) -> &RequestZone {
        &self.zone
    }

    /// How many milliseconds a request that is so far ahead waits.
    fn wait(&self, ahead: u64) -> u64 {
        let Some(delay) = self.delay else { return 0 };
        ahead.saturating_sub(delay).saturating_mul(1000) / self.zone.rate().max(1)
    }
}

/// How far a request is ahead of its rate. Shown as nginx does: `1.250`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Excess(u64);

impl Excess {
    /// In thousandths of a request.
    #[must_use]
    pub const fn thousandths(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / REQUEST, self.0 % REQUEST)
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestVerdict {
    /// It has no key: nothing is counted.
    Uncounted,
    /// It goes on.
    Passed,
    /// It goes on after a while.
    Delayed {
        /// So much later.
        by: Duration,
        /// How far it is ahead.
        excess: Excess,
        /// Of which limit.
        limit: usize,
    },
    /// It goes no further, and does not count.
    Rejected {
        /// How far it would be ahead.
        excess: Excess,
        /// Of which limit.
        limit: usize,
    },
}

/// Decides about a request by all `limits` at once, as nginx: it counts in all of them or, if one of them rejects it, in none; of
/// several delays the longest counts. `key` gives the key of each limit, in order, until one rejects; none, an empty one and one of
/// more than 65,535 bytes are not counted.
///
/// ```
/// use std::num::NonZeroU32;
/// use propylon_limit::{RequestLimit, RequestRate, RequestVerdict, RequestZone, check_requests};
/// use tokio::time::Instant;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let zone = RequestZone::new(RequestRate::per_second(NonZeroU32::MIN), 1 << 20);
/// let limits = [RequestLimit::new(zone).burst(1).no_delay()];
/// let now = Instant::now();
/// let ask = || check_requests(&limits, now, |_| Some("192.0.2.1"));
/// assert_eq!(ask(), RequestVerdict::Passed);
/// assert_eq!(ask(), RequestVerdict::Passed);
/// let RequestVerdict::Rejected { excess, .. } = ask() else { panic!() };
/// assert_eq!(excess.to_string(), "2.000");
/// # }
/// ```
pub fn check_requests<K: AsRef<[u8]>>(
    limits: &[RequestLimit],
    now: Instant,
    mut key: impl FnMut(usize) -> Option<K>,
) -> RequestVerdict {
    let last = limits.len().wrapping_sub(1);
    // Those that are charged when all have been asked.
    let mut counted: SmallVec<[(usize, &RequestLimit, u128); 2]> = SmallVec::new();
    let mut worst = (0, 0, None);
    for (at, limit) in limits.iter().enumerate() {
        let Some(key) = key(at) else { continue };
        let key = key.as_ref();
        if key.is_empty() || key.len() > LONGEST_REQUEST_KEY {
            continue;
        }
        let (key, time) = (limit.zone.key(key), limit.zone.time(now));
        let ahead = limit.zone.look(key, time, (at == last).then_some(limit.burst));
        if ahead > limit.burst {
            return RequestVerdict::Rejected { excess: Excess(ahead), limit: at };
        }
        if at == last {
            worst = (limit.wait(ahead), ahead, Some(at));
        } else {
            counted.push((at, limit, key));
        }
    }
    if worst.2.is_none() && counted.is_empty() {
        return RequestVerdict::Uncounted;
    }
    while let Some((at, limit, key)) = counted.pop() {
        let ahead = limit.zone.look(key, limit.zone.time(now), Some(u64::MAX));
        let wait = limit.wait(ahead);
        if wait > worst.0 {
            worst = (wait, ahead, Some(at));
        }
    }
    match worst {
        (0, ..) | (.., None) => RequestVerdict::Passed,
        (millis, ahead, Some(limit)) => {
            RequestVerdict::Delayed { by: Duration::from_millis(millis), excess: Excess(ahead), limit }
        }
    }
}

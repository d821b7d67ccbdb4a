//! When how many bytes may go. Pure: instants come in, no clock is read.

use std::num::NonZeroU64;
use std::time::Duration;

use tokio::time::Instant;

const SECOND: u128 = 1_000_000_000;

/// What is sent at once: what so much time is good for.
const STEP: Duration = Duration::from_millis(100);

/// How many steps that came late are made up for. What is more than that is lost: a body that rested does not go faster then.
const LATE: u32 = 3;

/// How fast a body may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: NonZeroU64,
    pub(super) after: u64,
}

impl Rate {
    /// So many bytes each second.
    #[must_use]
    pub const fn new(bytes: NonZeroU64) -> Self {
        Self { per_second: bytes, after: 0 }
    }

    /// The first `bytes` go as fast as they can.
    #[must_use]
    pub const fn after(mut self, bytes: u64) -> Self {
        self.after = bytes;
        self
    }

    /// Bytes each second.
    #[must_use]
    pub const fn per_second(&self) -> NonZeroU64 {
        self.per_second
    }
}

/// How one body goes.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: u64,
    /// What may still go at any speed.
    free: u64,
    /// What goes at once.
    step: u64,
    step_time: Duration,
    /// Until when what has gone was good for; none: nothing has.
    paid: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(rate: Rate) -> Self {
        let Rate { per_second, after } = rate;
        let step = u128::from(per_second.get()) * STEP.as_nanos() / SECOND;
        let step = u64::try_from(step).unwrap_or(u64::MAX).max(1);
        Self {
            rate: per_second.get(),
            free: after,
            step,
            step_time: time(step, per_second.get()),
            paid: None,
        }
    }

    /// How many of `wanted` bytes, at least one, may go now; or when to ask again.
    pub(crate) fn allow(&mut self, now: Instant, wanted: u64) -> Result<u64, Instant> {
        if self.free > 0 {
            return Ok(self.free.min(wanted));
        }
        let earliest = now.checked_sub(self.step_time * LATE).unwrap_or(now);
        // The first step goes at once.
        let paid = self
            .paid
            .map_or_else(|| now.checked_sub(self.step_time).unwrap_or(now), |paid| paid.max(earliest));
        self.paid = Some(paid);
        let step = self.step.min(wanted);
        let allowed = bytes(now.saturating_duration_since(paid), self.rate);
        if allowed < step {
            return Err(paid.checked_add(time(step, self.rate)).unwrap_or(now + STEP));
        }
        Ok(allowed.min(wanted))
    }

    /// So many have gone.
    pub(crate) fn gone(&mut self, bytes: u64) {
        if self.free > 0 {
            self.free = self.free.saturating_sub(bytes);
        } else {
            self.paid = self.paid.and_then(|paid| paid.checked_add(time(bytes, self.rate)));
        }
    }
}

/// How long so many bytes take.
fn time(bytes: u64, rate: u64) -> Duration {
    let nanos = (u128::from(bytes) * SECOND).div_ceil(u128::from(rate.max(1)));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// How many bytes that is time for.
fn bytes(time: Duration, rate: u64) -> u64 {
    u64::try_from(time.as_nanos() * u128::from(rate) / SECOND).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(bytes: u64) -> Rate {
        Rate::new(NonZeroU64::new(bytes).unwrap())
    }

    /// How many bytes go within `millis` if one asks when told to, `late` milliseconds after, and on a clock of that step.
    fn sent(rate: Rate, wanted: u64, millis: u64, late: u64) -> u64 {
        let (mut pace, start) = (Pace::new(rate), Instant::now());
        let (mut now, end, mut all) = (start, start + Duration::from_millis(millis), 0);
        while now < end {
            match pace.allow(now, wanted) {
                Ok(n) => {
                    assert!(n > 0 && n <= wanted);
                    pace.gone(n);
                    all += n;
                }
                Err(at) => {
                    assert!(at > now);
                    let millis = u64::try_from((at - start).as_nanos().div_ceil(1_000_000)).unwrap();
                    now = start + Duration::from_millis(millis + late);
                }
            }
        }
        all
    }

    #[track_caller]
    fn check(per_second: u64, wanted: u64, late: u64) {
        let found = sent(rate(per_second), wanted, 5000, late);
        let expected = per_second * 5;
        assert!(found.abs_diff(expected) * 10 <= expected, "{found} instead of {expected}");
    }

    #[test]
    fn five_seconds_are_within_a_tenth() {
        for late in [0, 1, 20, 100] {
            for wanted in [1, 100, 16 << 10, 1 << 20] {
                check(1000, wanted, late);
                check(20 << 10, wanted.max(3), late);
                check(100 << 10, wanted.max(10), late);
                check(10 << 20, wanted.max(1000), late);
            }
        }
        check(2, 100, 0);
        check(7, 100, 0);
    }

    #[test]
    fn the_first_bytes_are_free() {
        let rate = rate(1000).after(50_000);
        let found = sent(rate, 1 << 14, 5000, 0);
        assert!((50_000 + 5000..50_000 + 5200).contains(&found), "{found}");
    }

    #[test]
    fn what_rested_is_not_made_up_for() {
        let (mut pace, start) = (Pace::new(rate(1000)), Instant::now());
        assert_eq!(pace.allow(start, 5000), Ok(100));
        pace.gone(100);
        assert_eq!(pace.allow(start + Duration::from_secs(60), 5000), Ok(300));
    }

    #[test]
    fn any_rate_is_a_rate() {
        let now = Instant::now();
        for per_second in [1, u64::MAX] {
            let mut pace = Pace::new(rate(per_second));
            let n = pace.allow(now, u64::MAX).unwrap();
            pace.gone(n);
            assert!(pace.allow(now, u64::MAX).is_err());
        }
    }
}

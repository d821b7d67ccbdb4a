//! What is known of a peer: shared by all workers, atomic, and kept when the group's settings change.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::Duration;

use tokio::time::Instant;

/// Marks, counts and times of one peer. Times are milliseconds since the group began.
///
/// What every choice looks at stands first, in a cache line of its own: peers do not slow each other down.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct State {
    /// Requests under way, and all that were sent to it: one word, for both change together.
    load: AtomicU64,
    /// Failures that count.
    fails: AtomicU32,
    /// When it became available again, for `slow_start`; 0: it always was.
    recovered: AtomicU64,
    /// Whether active checks keep it out.
    unhealthy: AtomicBool,
    /// Averages in microseconds; 0: not known.
    header_time: AtomicU64,
    last_byte_time: AtomicU64,
    /// When it was last chosen, for methods that measure.
    asked: AtomicU64,
    /// Requests whose time is being measured, and the sum of the times at which they began.
    pending: AtomicU64,
    pending_since: AtomicU64,
    /// When the window of failures began, or when the peer was last tried after it had been unavailable.
    checked: AtomicU64,
    /// When the last failure was.
    accessed: AtomicU64,
    /// Whether it has been probed.
    probed: AtomicBool,
    /// Whether probes have come to a verdict.
    judged: AtomicBool,
    /// Probes of a kind, one after the other: twice their number, and one if they found it well.
    streak: AtomicU32,
    /// Whether it has been reported as unavailable.
    reported: AtomicBool,
    failures: AtomicU64,
    cut: AtomicU64,
    /// What happened to it, for whoever wants to know.
    checks: AtomicU64,
    failed_checks: AtomicU64,
    times_unavailable: AtomicU64,
    times_unhealthy: AtomicU64,
}

/// What has happened to a peer so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct History {
    /// How often an active check has probed it.
    pub checks: u64,
    /// How many of these probes found it not well.
    pub failed_checks: u64,
    /// How many of its responses broke off.
    pub cut: u64,
    /// How often failures have made it unavailable.
    pub unavailable: u64,
    /// How often active checks have made it unhealthy.
    pub unhealthy: u64,
}

/// How many bits of a load are the requests under way: more than there can be connections. The other 40 last for a year of 30,000
/// requests a second.
const UNDER_WAY: u32 = 24;

/// Another request, which is under way.
const ONE_MORE: u64 = (1 << UNDER_WAY) + 1;

fn under_way(load: u64) -> u32 {
    u32::try_from(load & ((1 << UNDER_WAY) - 1)).unwrap_or(u32::MAX)
}

/// What makes a peer fail, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) max_fails: u32,
    pub(crate) fail_timeout: Duration,
}

/// The time since a group began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds, at least 1: 0 stands for "never".
    pub(crate) fn now(self) -> u64 {
        self.at(Instant::now())
    }

    /// The same of another moment than now.
    pub(crate) fn at(self, moment: Instant) -> u64 {
        let elapsed = moment.saturating_duration_since(self.0);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl State {
    pub(crate) fn conns(&self) -> u32 {
        under_way(self.load.load(Relaxed))
    }

    pub(crate) fn requests(&self) -> u64 {
        self.load.load(Relaxed) >> UNDER_WAY
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    pub(crate) fn history(&self) -> History {
        History {
            checks: self.checks.load(Relaxed),
            failed_checks: self.failed_checks.load(Relaxed),
            cut: self.cut.load(Relaxed),
            unavailable: self.times_unavailable.load(Relaxed),
            unhealthy: self.times_unhealthy.load(Relaxed),
        }
    }

    /// A response of it broke off.
    pub(crate) fn was_cut(&self) {
        self.cut.fetch_add(1, Relaxed);
    }

    pub(crate) fn is_healthy(&self) -> bool {
        !self.unhealthy.load(Relaxed)
    }

    /// Whether an active check has probed it.
    pub(crate) fn is_probed(&self) -> bool {
        self.probed.load(Relaxed)
    }

    /// Whether active checks have come to a verdict.
    pub(crate) fn is_judged(&self) -> bool {
        self.judged.load(Relaxed)
    }

    /// A probe is over. Gives the verdict once there are enough of a kind, one after the other.
    pub(crate) fn was_checked(&self, well: bool, passes: u32, fails: u32) -> Option<bool> {
        self.probed.store(true, Relaxed);
        self.checks.fetch_add(1, Relaxed);
        if !well {
            self.failed_checks.fetch_add(1, Relaxed);
        }
        // One task probes a peer at a time.
        let (kind, streak) = (u32::from(well), self.streak.load(Relaxed));
        let times = if streak & 1 == kind { streak >> 1 } else { 0 };
        let times = (times + 1).min(u32::MAX >> 1);
        self.streak.store(times << 1 | kind, Relaxed);
        (times >= if well { passes } else { fails }).then_some(well)
    }

    /// Nothing is to be sent to it before a probe has found it well: not even if one has already, with `anew`.
    pub(crate) fn require_check(&self, anew: bool) {
        if anew || !self.probed.load(Relaxed) {
            self.probed.store(false, Relaxed);
            self.judged.store(false, Relaxed);
            self.streak.store(0, Relaxed);
            self.unhealthy.store(true, Relaxed);
        }
    }

    /// Takes the verdict of active checks. Returns whether it is another one than before.
    pub(crate) fn set_healthy(&self, healthy: bool, clock: Clock) -> bool {
        let first = !self.judged.swap(true, Relaxed);
        let changed = self.unhealthy.swap(!healthy, Relaxed) == healthy;
        if changed && healthy {
            self.recovered.store(clock.now(), Relaxed);
        }
        // One that was only not probed yet has not been found unhealthy before.
        let changed = changed || first && !healthy;
        if changed && !healthy {
            self.times_unhealthy.fetch_add(1, Relaxed);
        }
        changed
    }

    /// Whether there are failures that may count.
    pub(crate) fn has_failed(&self) -> bool {
        self.fails.load(Relaxed) > 0
    }

    /// Whether it was unavailable once.
    pub(crate) fn has_recovered(&self) -> bool {
        self.recovered.load(Relaxed) > 0
    }

    /// Whether failures keep it out (nginx: `fails >= max_fails && now - checked <= fail_timeout`).
    pub(crate) fn is_failing(&self, limits: Limits, clock: Clock) -> bool {
        let fails = self.fails.load(Relaxed);
        // The clock is read only where something has failed.
        fails > 0
            && limits.max_fails > 0
            && fails >= limits.max_fails
            && clock.now().saturating_sub(self.checked.load(Relaxed)) <= millis(limits.fail_timeout)
    }

    /// It was chosen. A peer whose time of unavailability is over is tried: whether it lives is decided by this request.
    pub(crate) fn chosen(&self, limits: Limits, clock: Clock) {
        if self.fails.load(Relaxed) == 0 {
            return;
        }
        let now = clock.now();
        if now.saturating_sub(self.checked.load(Relaxed)) > millis(limits.fail_timeout) {
            self.checked.store(now, Relaxed);
        }
    }

    /// It failed. Returns whether that makes it unavailable, for the first time.
    pub(crate) fn failed(&self, limits: Limits, clock: Clock) -> bool {
        self.failures.fetch_add(1, Relaxed);
        let now = clock.now();
        let fails = self.fails.fetch_add(1, Relaxed).saturating_add(1);
        self.accessed.store(now, Relaxed);
        self.checked.store(now, Relaxed);
        let unavailable =
            limits.max_fails > 0 && fails >= limits.max_fails && !self.reported.swap(true, Relaxed);
        if unavailable {
            self.times_unavailable.fetch_add(1, Relaxed);
        }
        unavailable
    }

    /// It served. Returns whether it is available again after it had not been.
    pub(crate) fn succeeded(&self, clock: Clock) -> bool {
        if self.fails.load(Relaxed) == 0 || self.accessed.load(Relaxed) >= self.checked.load(Relaxed) {
            return false;
        }
        self.fails.store(0, Relaxed);
        let recovered = self.reported.swap(false, Relaxed);
        if recovered {
            self.recovered.store(clock.now(), Relaxed);
        }
        recovered
    }

    /// Takes one of `max` places; 0: any number. Exact, whoever else takes one at the same time.
    pub(crate) fn begin(&self, max: u32) -> bool {
        if max == 0 {
            self.load.fetch_add(ONE_MORE, Relaxed);
            return true;
        }
        let free = |load| (under_way(load) < max).then_some(load + ONE_MORE);
        self.load.fetch_update(Relaxed, Relaxed, free).is_ok()
    }

    pub(crate) fn end(&self) {
        self.load.fetch_sub(1, Relaxed);
    }

    /// The part of its weight that it has, in 1/256, while it starts slowly.
    pub(crate) fn strength(&self, slow_start: Duration, clock: Clock) -> u32 {
        let recovered = self.recovered.load(Relaxed);
        if recovered == 0 || slow_start.is_zero() {
            return FULL;
        }
        let since = clock.now().saturating_sub(recovered);
        let part = since.saturating_mul(FULL.into()) / millis(slow_start).max(1);
        u32::try_from(part).unwrap_or(FULL).min(FULL)
    }

    /// When it was last chosen.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Relaxed)
    }

    /// It was chosen, by a method that measures.
    pub(crate) fn was_asked(&self, now: u64) {
        self.asked.store(now, Relaxed);
    }

    /// A request waits from now on: gives what ends that.
    pub(crate) fn pending(&self, now: u64) -> u64 {
        self.pending.fetch_add(1, Relaxed);
        self.pending_since.fetch_add(now, Relaxed);
        now
    }

    pub(crate) fn no_longer_pending(&self, since: u64) {
        self.pending.fetch_sub(1, Relaxed);
        self.pending_since.fetch_sub(since, Relaxed);
    }

    /// How long requests have waited, on average; 0 without any. Roughly, while others change it.
    pub(crate) fn age_of_pending(&self, now: u64) -> u64 {
        let since = |count| self.pending_since.load(Relaxed).checked_div(count);
        since(self.pending.load(Relaxed)).map_or(0, |since| now.saturating_sub(since))
    }

    pub(crate) fn header_time(&self) -> u64 {
        self.header_time.load(Relaxed)
    }

    pub(crate) fn last_byte_time(&self) -> u64 {
        self.last_byte_time.load(Relaxed)
    }

    pub(crate) fn record_header_time(&self, time: Duration) {
        average(&self.header_time, time);
    }

    pub(crate) fn record_last_byte_time(&self, time: Duration) {
        average(&self.last_byte_time, time);
    }
}

/// All of a weight.
pub(crate) const FULL: u32 = 256;

/// An exponentially weighted average over the last twenty or so, as nginx's; two that write at once may lose one of them, which
/// changes little.
fn average(average: &AtomicU64, time: Duration) {
    let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    let old = average.load(Relaxed);
    let new = if old == 0 { time } else { old - old / 20 + time / 20 };
    average.store(new.max(1), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { max_fails: 2, fail_timeout: Duration::from_secs(10) };

    #[tokio::test(start_paused = true)]
    async fn a_peer_fails_and_comes_back() {
        let (state, clock) = (State::default(), Clock::start());
        assert!(!state.failed(LIMITS, clock));
        assert!(!state.is_failing(LIMITS, clock));
        assert!(state.failed(LIMITS, clock), "the second one is too many");
        assert!(!state.failed(LIMITS, clock), "and is told once");
        assert!(state.is_failing(LIMITS, clock));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(state.is_failing(LIMITS, clock), "up to its end");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!state.is_failing(LIMITS, clock));
        state.chosen(LIMITS, clock);
        assert!(state.is_failing(LIMITS, clock), "one request tries it, others go elsewhere");
        assert!(state.succeeded(clock));
        assert!(!state.is_failing(LIMITS, clock));
        assert!(!state.failed(LIMITS, clock), "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_between_two_failures_forgives_only_after_the_window() {
        let (state, clock) = (State::default(), Clock::start());
        state.failed(LIMITS, clock);
        state.chosen(LIMITS, clock);
        assert!(!state.succeeded(clock));
        assert!(state.failed(LIMITS, clock), "within the window both count");
    }

    #[test]
    fn places_are_exact() {
        let state = State::default();
        assert!(state.begin(2) && state.begin(2) && !state.begin(2));
        state.end();
        assert!(state.begin(2));
        assert!(state.begin(0), "no limit");
        assert_eq!((state.conns(), state.requests()), (3, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_start_is_linear() {
        let (state, clock) = (State::default(), Clock::start());
        let slow = Duration::from_secs(100);
        assert_eq!(state.strength(slow, clock), FULL, "at first there is nothing to recover from");
        assert!(state.set_healthy(false, clock) && !state.set_healthy(false, clock));
        assert!(state.set_healthy(true, clock));
        for part in [0, 1, 2, 3, 4, 5] {
            assert_eq!(state.strength(slow, clock), FULL * part.min(4) / 4);
            tokio::time::advance(slow / 4).await;
        }
        assert_eq!(state.strength(Duration::ZERO, clock), FULL);
    }
}

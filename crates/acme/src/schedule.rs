//! When a certificate is renewed, and when what has failed is tried again: numbers in, numbers out.

use std::time::{Duration, SystemTime};

/// The longest time between two looks at the wall clock, which may be set, or go on while the machine sleeps.
pub(crate) const LOOK: Duration = Duration::from_secs(3600);

/// The first wait after a failure. It doubles from one to the next: five tries in the first hour, which is what public
/// authorities take.
const FIRST: Duration = Duration::from_secs(120);

/// The longest of them.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// The longest wait that an authority may ask for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How often an authority may be asked when it wants a certificate renewed, and how seldom.
pub(crate) const ASK: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));

/// When a certificate is renewed that nobody has said more of: when a third of its lifetime is left, or up to a fiftieth of it
/// sooner. `spread` (0 to 1) is that part, so that certificates that came together are not all renewed together.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use propylon_acme::schedule::renewal;
///
/// let (day, from) = (Duration::from_secs(86_400), SystemTime::UNIX_EPOCH);
/// assert_eq!(renewal(from, from + 90 * day, 0.0), from + 60 * day);
/// ```
#[must_use]
pub fn renewal(not_before: SystemTime, not_after: SystemTime, spread: f64) -> SystemTime {
    let lifetime = not_after.duration_since(not_before).unwrap_or_default();
    let due = not_before + lifetime * 2 / 3;
    due - (lifetime / 50).mul_f64(spread.clamp(0.0, 1.0))
}

/// The same where the authority has named a time (RFC 9773): a point of its window, but never in the last eighth of the
/// lifetime.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use propylon_acme::schedule::suggested;
///
/// let (day, from) = (Duration::from_secs(86_400), SystemTime::UNIX_EPOCH);
/// let window = (from + 10 * day, from + 20 * day);
/// assert_eq!(suggested(window, from, from + 80 * day, 0.5), from + 15 * day);
/// ```
#[must_use]
pub fn suggested(
    (start, end): (SystemTime, SystemTime),
    not_before: SystemTime,
    not_after: SystemTime,
    spread: f64,
) -> SystemTime {
    let width = end.duration_since(start).unwrap_or_default();
    let lifetime = not_after.duration_since(not_before).unwrap_or_default();
    (start + width.mul_f64(spread.clamp(0.0, 1.0))).min(not_after - lifetime / 8)
}

/// How long nobody tries after so many failures in a row: two minutes, twice as long each time, six hours at most, and up to
/// half as long again, by `spread` (0 to 1). What the authority has asked for counts if it is longer, up to a week.
///
/// ```
/// use std::time::Duration;
/// use propylon_acme::schedule::back_off;
///
/// assert_eq!(back_off(1, None, 0.0), Duration::from_secs(120));
/// assert_eq!(back_off(3, None, 0.0), Duration::from_secs(480));
/// assert_eq!(back_off(1, Some(Duration::from_secs(3600)), 0.0), Duration::from_secs(3600));
/// ```
#[must_use]
pub fn back_off(failures: u32, retry_after: Option<Duration>, spread: f64) -> Duration {
    let doubled = FIRST * 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    let wait = doubled.min(LONGEST).mul_f64(1.0 + spread.clamp(0.0, 1.0) / 2.0);
    wait.max(retry_after.unwrap_or_default().min(PATIENCE))
}

/// How long until the authority is asked again when it wants a certificate renewed, if it has said this.
pub(crate) fn ask_again(after: Duration) -> Duration {
    after.clamp(ASK.0, ASK.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(days: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * days
    }

    #[test]
    fn a_third_of_the_lifetime_is_left() {
        for (from, until, spread, expected) in [
            (at(0), at(90), 0.0, at(60)),
            (at(100), at(106), 0.0, at(104)),
            (at(0), at(150), 1.0, at(97)),
            (at(0), at(150), 7.0, at(97)),
            (at(5), at(5), 0.0, at(5)),
            (at(5), at(4), 0.5, at(5)),
        ] {
            assert_eq!(renewal(from, until, spread), expected, "{from:?} {until:?} {spread}");
        }
    }

    #[test]
    fn the_authority_may_name_a_time() {
        let check = |window: (u32, u32), spread: f64, expected: SystemTime| {
            assert_eq!(
                suggested((at(window.0), at(window.1)), at(0), at(80), spread),
                expected,
                "{window:?}"
            );
        };
        check((10, 20), 0.0, at(10));
        check((10, 20), 1.0, at(20));
        check((20, 10), 0.5, at(20)); // no window at all
        check((75, 79), 0.0, at(70)); // too late to be of use
    }

    #[test]
    fn nobody_is_asked_without_pause() {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        for (failures, expected) in
            [(0, 2), (1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (8, 256), (9, 360), (40, 360), (u32::MAX, 360)]
        {
            assert_eq!(back_off(failures, None, 0.0), minutes(expected), "{failures} failures");
        }
        assert_eq!(back_off(1, None, 1.0), minutes(3));
        assert_eq!(back_off(9, Some(minutes(1)), 0.0), minutes(360), "its own pause is longer");
        assert_eq!(back_off(1, Some(DAY * 365), 0.0), DAY * 7);
        // What Let's Encrypt takes of failed validations: five an hour.
        let mut tried = Duration::ZERO;
        let tries = (1..).take_while(|&failures| {
            tried += back_off(failures, None, 0.0);
            tried < minutes(60)
        });
        assert_eq!(1 + tries.count(), 5);
        assert_eq!(ask_again(Duration::ZERO), minutes(1));
        assert_eq!(ask_again(DAY * 9), DAY);
    }
}

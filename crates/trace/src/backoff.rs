//! When a batch is tried again. Pure.

use std::time::Duration;

/// How often a batch is sent at most.
pub(crate) const TRIES: u32 = 5;

const FIRST: Duration = Duration::from_secs(1);

/// The longest that a collector is obeyed in; its other batches wait as well.
const LONGEST: Duration = Duration::from_secs(60);

/// How long to wait after so many failures: what the collector asks for, else longer each time. `random`: from 0 to 1, so that
/// not all come at once.
pub(crate) fn pause(failures: u32, asked: Option<Duration>, random: f64) -> Duration {
    match asked {
        Some(asked) => asked.min(LONGEST),
        None => {
            let most = FIRST * 2_u32.saturating_pow(failures.saturating_sub(1)).min(32);
            most.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_each_time_but_as_the_collector_says() {
        let check = |failures, asked: Option<u64>, random, expected: u64| {
            let asked = asked.map(Duration::from_secs);
            assert_eq!(pause(failures, asked, random), Duration::from_millis(expected), "{failures}");
        };
        check(1, None, 1.0, 1000);
        check(1, None, 0.0, 500);
        check(2, None, 1.0, 2000);
        check(4, None, 0.5, 6000);
        check(1000, None, 1.0, 32_000);
        check(1, Some(7), 0.3, 7000);
        check(9, Some(0), 0.3, 0);
        check(1, Some(100_000), 0.3, 60_000);
    }
}

//! The wall clock as text.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use propylon_exchange::clock::{self, Instant};

/// The time since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "wall-clock time for text only: nothing is decided by it")]
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// One second in nginx's two log forms, in the local time zone.
#[derive(Debug, Default)]
pub(crate) struct Stamp {
    second: u64,
    /// `28/Sep/1970:12:00:00 +0600`
    pub(crate) common: String,
    /// `1970-09-28T12:00:00+06:00`
    pub(crate) iso8601: String,
}

impl Stamp {
    fn new(second: u64, zone: TimeZone) -> Self {
        let at = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
        let at = at.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone);
        Self {
            second,
            common: at.strftime("%d/%b/%Y:%H:%M:%S %z").to_string(),
            iso8601: at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        }
    }
}

/// Looks at the present second's text, which is made at most once a second and thread. The wall clock is asked once a second too: the
/// other one tells when.
pub(crate) fn with_stamp(look: impl FnOnce(&Stamp)) {
    thread_local!(static LAST: RefCell<Option<(Instant, Stamp)>> = const { RefCell::new(None) });
    let since = clock::now();
    LAST.with_borrow_mut(|last| match last {
        Some((until, stamp)) if since < *until => look(stamp),
        _ => {
            let now = now();
            let rest = Duration::from_secs(1).saturating_sub(Duration::from_nanos(now.subsec_nanos().into()));
            let (_, stamp) = last.insert((since + rest, Stamp::new(now.as_secs(), TimeZone::system())));
            look(stamp);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_print_as_in_nginx() {
        fn check(second: u64, hours: i8, common: &str, iso8601: &str) {
            let stamp = Stamp::new(second, jiff::tz::offset(hours).to_time_zone());
            assert_eq!(stamp.common, common);
            assert_eq!(stamp.iso8601, iso8601);
        }
        check(0, 0, "01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00+00:00");
        check(1_700_000_000, 6, "15/Nov/2023:04:13:20 +0600", "2023-11-15T04:13:20+06:00");
        check(1_700_000_000, -3, "14/Nov/2023:19:13:20 -0300", "2023-11-14T19:13:20-03:00");
    }

    #[test]
    fn the_stamp_is_of_now() {
        let before = now().as_secs();
        let mut second = 0;
        with_stamp(|stamp| second = stamp.second);
        assert!((before..=now().as_secs()).contains(&second));
    }
}

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
            common: at.strftime("%d/%b/%Y:%H:%M:%S %z").to_string(),
            iso8601: at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        }
    }
}

/// Which clock a date is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Where this machine is.
    Local,
    /// Greenwich.
    Gmt,
}

/// The form of a date in nginx's pages (`$date_local`, `$date_gmt`).
pub(crate) const DATE: &str = "%A, %d-%b-%Y %H:%M:%S %Z";

/// The present time in the form of `strftime`; nothing if there is no such form.
#[must_use]
pub fn date(form: &str, zone: Zone) -> Option<String> {
    let at = i64::try_from(now().as_secs()).ok().and_then(|second| Timestamp::from_second(second).ok())?;
    date_at(at, form, zone)
}

fn date_at(at: Timestamp, form: &str, zone: Zone) -> Option<String> {
    match zone {
        Zone::Local => jiff::fmt::strtime::format(form, &at.to_zoned(TimeZone::system())).ok(),
        // The name that C has for it.
        Zone::Gmt => {
            let gmt = form.split("%%").map(|part| part.replace("%Z", "GMT")).collect::<Vec<_>>().join("%%");
            jiff::fmt::strtime::format(gmt, &at.to_zoned(TimeZone::UTC)).ok()
        }
    }
}

/// Looks at the present second's text, which is made at most once a second and thread. The wall clock is asked once a second too: the
/// other one tells when.
pub(crate) fn with_stamp(look: impl FnOnce(&Stamp)) {
    thread_local!(static LAST: RefCell<Option<(Instant, Stamp)>> = const { RefCell::new(None) });
    LAST.with_borrow_mut(|last| look(stamp_at(clock::now(), last, now)));
}

/// The stamp at `at`: the last one, until its second is over.
fn stamp_at(at: Instant, last: &mut Option<(Instant, Stamp)>, now: impl FnOnce() -> Duration) -> &Stamp {
    if last.as_ref().is_none_or(|(until, _)| at >= *until) {
        let now = now();
        let rest = Duration::from_secs(1).saturating_sub(Duration::from_nanos(now.subsec_nanos().into()));
        *last = Some((at + rest, Stamp::new(now.as_secs(), TimeZone::system())));
    }
    &last.get_or_insert_with(|| (at, Stamp::default())).1
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
    fn dates_have_the_form_that_is_asked_for() {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let gmt = |form| date_at(at, form, Zone::Gmt);
        assert_eq!(gmt(DATE).unwrap(), "Tuesday, 14-Nov-2023 22:13:20 GMT");
        assert_eq!(gmt("%s %% %%Z").unwrap(), "1700000000 % %Z");
        assert_eq!(gmt("%!"), None);
        assert_eq!(date_at(at, "%s", Zone::Local).unwrap(), "1700000000");
    }

    #[test]
    fn the_stamp_is_of_now() {
        let zone = TimeZone::system();
        let before = now().as_secs();
        let mut common = String::new();
        with_stamp(|stamp| common.clone_from(&stamp.common));
        let expected = |second| Stamp::new(second, zone.clone()).common;
        assert!((before..=now().as_secs()).any(|second| expected(second) == common), "{common}");
    }

    #[test]
    fn a_stamp_is_good_until_its_second_is_over() {
        let (start, mut last) = (clock::now(), None);
        for (millis, wall, expected) in
            [(0, 10_250, 10), (749, 99_000, 10), (750, 11_000, 11), (1749, 99_000, 11), (9000, 20_999, 20)]
        {
            let stamp =
                stamp_at(start + Duration::from_millis(millis), &mut last, || Duration::from_millis(wall));
            assert_eq!(stamp.common, Stamp::new(expected, TimeZone::system()).common, "{millis}");
        }
    }
}

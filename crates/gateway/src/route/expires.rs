//! `expires`: configuration to the values of `Expires` and `Cache-Control`.

use std::time::SystemTime;

use http::response::Parts;
use jiff::civil::Time;
use jiff::{Timestamp, ToSpan, Zoned};
use propylon_config::{Expires, ExpiresRule, Settings};
use propylon_exchange::Keep;

use super::carry;

/// Whether the variables of a request are asked for.
pub(crate) fn asks(settings: &Settings) -> bool {
    matches!(settings.expires, Some(Expires::Template { .. }))
}

/// What the template needs to be kept.
pub(crate) fn needs(settings: &Settings) -> Keep {
    carry::needs(match &settings.expires {
        Some(Expires::Template { value, .. }) => Some(value),
        _ => None,
    })
}

/// The rule for a response.
pub(crate) fn rule(config: &Expires, parts: &Parts) -> Option<propylon_headers::Expires> {
    use propylon_headers::Expires as Rule;
    let rule = match config {
        Expires::Fixed(rule) => *rule,
        Expires::Template { value, modified } => {
            let text = carry::eval(value, parts)?;
            // As in nginx, a value that means nothing changes nothing.
            ExpiresRule::parse(std::str::from_utf8(&text).ok()?, *modified).ok()?
        }
    };
    match rule {
        ExpiresRule::Off => None,
        ExpiresRule::Epoch => Some(Rule::Epoch),
        ExpiresRule::Max => Some(Rule::Max),
        ExpiresRule::Access(seconds) => Some(Rule::Access(seconds)),
        ExpiresRule::Modified(seconds) => Some(Rule::Modified(seconds)),
        ExpiresRule::Daily(seconds) => next(&Zoned::now(), seconds).map(Rule::Until),
    }
}

/// When so many seconds of a day will next have passed.
fn next(now: &Zoned, seconds: u32) -> Option<SystemTime> {
    let at = |days: i64| {
        let day = now.date().checked_add(days.days()).ok()?.to_datetime(Time::midnight());
        let time = day.checked_add(i64::from(seconds).seconds()).ok()?;
        Some(time.to_zoned(now.time_zone().clone()).ok()?.timestamp())
    };
    let later = |time: &Timestamp| time.as_second() > now.timestamp().as_second();
    at(0).filter(later).or_else(|| at(1)).map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use jiff::civil::DateTime;
    use jiff::tz::TimeZone;

    use super::*;

    /// Times of the day of central Europe.
    #[track_caller]
    fn check(now: &str, seconds: u32, expected: &str) {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let at = |time: &str| time.parse::<DateTime>().unwrap().to_zoned(zone.clone()).unwrap();
        assert_eq!(next(&at(now), seconds), Some(SystemTime::from(at(expected).timestamp())));
    }

    #[test]
    fn times_of_the_day_are_local() {
        let afternoon = 15 * 3600 + 1800;
        check("2026-11-25T12:00:00", afternoon, "2026-11-25T15:30:00");
        check("2026-11-25T15:30:00", afternoon, "2026-11-26T15:30:00");
        check("2026-12-31T20:00:00", 0, "2027-01-01T00:00:00");
        check("2026-11-25T12:00:00", 86_400, "2026-11-26T00:00:00");
        // The clocks are put back in between.
        check("2026-10-24T16:00:00", afternoon, "2026-10-25T15:30:00");
    }
}

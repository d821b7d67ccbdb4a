//! HTTP dates, RFC 9110 5.6.7, and nothing else that looks like a date.

use http::HeaderValue;

/// The time that `text` names, in seconds since 1970: an IMF-fixdate, or one of the two obsolete forms. None for anything
/// else, which RFC 9111 5.3 makes the past.
///
/// `now`, in the same seconds, is for the two-digit year of RFC 850's form.
#[must_use]
pub fn parse(text: &[u8], now: i64) -> Option<i64> {
    let mut rest = Scanner(text);
    let weekday = rest.letters();
    let seconds = if WEEKDAYS.iter().any(|long| long.eq_ignore_ascii_case(weekday)) {
        rfc850(&mut rest, now)
    } else if weekday.len() == 3 && WEEKDAYS.iter().any(|long| starts(long, weekday)) {
        if rest.0.first() == Some(&b',') { imf_fixdate(&mut rest) } else { asctime(&mut rest) }
    } else {
        None
    };
    seconds.filter(|_| rest.0.is_empty())
}

const WEEKDAYS: [&[u8]; 7] =
    [b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday", b"Sunday"];
const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// `Sun, 06 Nov 1994 08:49:37 GMT`, after the weekday.
fn imf_fixdate(rest: &mut Scanner<'_>) -> Option<i64> {
    rest.exactly(b", ")?;
    let day = rest.digits(2)?;
    rest.exactly(b" ")?;
    let month = rest.month()?;
    rest.exactly(b" ")?;
    let year = rest.digits(4)?;
    rest.exactly(b" ")?;
    let time = rest.time()?;
    rest.exactly(b" ")?;
    rest.exactly(b"GMT")?;
    Some(days(year, month, day)? * 86_400 + time)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`, after the weekday.
fn rfc850(rest: &mut Scanner<'_>, now: i64) -> Option<i64> {
    rest.exactly(b", ")?;
    let day = rest.digits(2)?;
    rest.exactly(b"-")?;
    let month = rest.month()?;
    rest.exactly(b"-")?;
    let short = rest.digits(2)?;
    rest.exactly(b" ")?;
    let time = rest.time()?;
    rest.exactly(b" ")?;
    rest.exactly(b"GMT")?;
    // "MUST interpret a timestamp that appears to be more than 50 years in the future as representing the most recent
    // year in the past that had the same last two digits."
    let latest = year_of(now) + 50;
    let year = latest - (latest - short).rem_euclid(100);
    Some(days(year, month, day)? * 86_400 + time)
}

/// `Sun Nov  6 08:49:37 1994`, after the weekday.
fn asctime(rest: &mut Scanner<'_>) -> Option<i64> {
    rest.exactly(b" ")?;
    let month = rest.month()?;
    rest.exactly(b" ")?;
    let day = if rest.0.first() == Some(&b' ') {
        rest.exactly(b" ")?;
        rest.digits(1)?
    } else {
        rest.digits(2)?
    };
    rest.exactly(b" ")?;
    let time = rest.time()?;
    rest.exactly(b" ")?;
    let year = rest.digits(4)?;
    Some(days(year, month, day)? * 86_400 + time)
}

/// What is left of a text.
struct Scanner<'a>(&'a [u8]);

impl<'a> Scanner<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn letters(&mut self) -> &'a [u8] {
        let n = self.0.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        self.take(n).unwrap_or_default()
    }

    /// These bytes, letters in any case.
    fn exactly(&mut self, wanted: &[u8]) -> Option<()> {
        self.take(wanted.len())?.eq_ignore_ascii_case(wanted).then_some(())
    }

    fn digits(&mut self, n: usize) -> Option<i64> {
        self.take(n)?
            .iter()
            .try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
    }

    /// From 1.
    fn month(&mut self) -> Option<i64> {
        let name = self.take(3)?;
        (1..)
            .zip(MONTHS.chunks(3))
            .find(|(_, month)| month.eq_ignore_ascii_case(name))
            .map(|(month, _)| month)
    }

    /// `08:49:37` in seconds. A leap second is one.
    fn time(&mut self) -> Option<i64> {
        let hours = self.digits(2)?;
        self.exactly(b":")?;
        let minutes = self.digits(2)?;
        self.exactly(b":")?;
        let seconds = self.digits(2)?;
        (hours < 24 && minutes < 60 && seconds <= 60).then_some((hours * 60 + minutes) * 60 + seconds)
    }
}

fn starts(long: &[u8], short: &[u8]) -> bool {
    long.get(..short.len()).is_some_and(|start| start.eq_ignore_ascii_case(short))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, if there is such a day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March have their leap day at the end.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468)
}

/// The year that a time is in.
fn year_of(seconds: i64) -> i64 {
    civil(seconds.div_euclid(86_400)).0
}

/// Year, month and day of the month of a day since 1970-01-01.
fn civil(day: i64) -> (i64, i64, i64) {
    let days = day + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = (from_march + 2) % 12 + 1;
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// The IMF-fixdate of a time in seconds since 1970.
#[must_use]
pub fn format(seconds: i64) -> HeaderValue {
    let (day, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, of_month) = civil(day);
    let name = |names: &'static [u8], index: i64| {
        let at = usize::try_from(index * 3).unwrap_or(0);
        names.get(at..at + 3).and_then(|name| str::from_utf8(name).ok()).unwrap_or_default()
    };
    let weekday = name(b"SunMonTueWedThuFriSat", (day + 4).rem_euclid(7));
    let month = name(MONTHS, month - 1);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    let text = format!("{weekday}, {of_month:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT");
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-26.
    const NOW: i64 = 1_795_651_200;

    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(parse(text.as_bytes(), NOW), expected, "{text:?}");
    }

    /// RFC 9110 5.6.7: "A recipient that parses a timestamp value in an HTTP field MUST accept all three HTTP-date
    /// formats."
    #[test]
    fn three_forms_in_any_case() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "sun, 06 nOV 1994 08:49:37 gmt",
            "SUNDAY, 06-NOV-94 08:49:37 gmt",
            "sun nov  6 08:49:37 1994",
            "Mon, 06 Nov 1994 08:49:37 GMT", // the wrong weekday is no reason to refuse
        ] {
            check(text, Some(784_111_777));
        }
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1));
        check("Thu, 29 Feb 2024 12:00:00 GMT", Some(1_709_208_000));
        check("Fri, 15 Jan 2055 00:00:00 GMT", Some(2_683_584_000));
        check("Sat, 31 Dec 2016 23:59:60 GMT", Some(1_483_228_800));
        check("Sat Nov 26 00:00:00 2016", Some(1_480_118_400));
    }

    #[test]
    fn nothing_else() {
        for text in [
            "",
            "0",
            "-1",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun 06 Nov 1994 08:49:37 GMT",
            "Sun,  06 Nov 1994 08:49:37 GMT",
            "Sun, 06  Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994  08:49:37 GMT",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08.49.37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 08:00:61 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 2023 08:49:37 GMT",
            "Sun, 06 Nox 1994 08:49:37 GMT",
            "Sux, 06 Nov 1994 08:49:37 GMT",
            "Sund, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06 Nov 94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov 006 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            " Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "02.01.18",
            "1994-11-06T08:49:37Z",
        ] {
            check(text, None);
        }
    }

    /// RFC 9110 5.6.7: "more than 50 years in the future [is] the most recent year in the past that had the same last two
    /// digits".
    #[test]
    fn two_digit_years_are_within_fifty_years() {
        let of = |year| days(year, 1, 1).unwrap() * 86_400;
        check("Friday, 01-Jan-76 00:00:00 GMT", Some(of(2076)));
        check("Friday, 01-Jan-77 00:00:00 GMT", Some(of(1977)));
        check("Friday, 01-Jan-26 00:00:00 GMT", Some(of(2026)));
        check("Friday, 01-Jan-00 00:00:00 GMT", Some(of(2000)));
        assert_eq!(parse(b"Friday, 01-Jan-01 00:00:00 GMT", of(1999)), Some(of(2001)));
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(format(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(format(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
        for day in (-200_000..200_000).step_by(37) {
            let time = day * 86_400 + 12_345;
            assert_eq!(parse(format(time).as_bytes(), NOW), Some(time));
        }
    }

    #[test]
    fn years_begin_and_end() {
        for year in [1600, 1899, 1900, 1969, 1970, 1999, 2000, 2024, 2100, 9999] {
            let first = days(year, 1, 1).unwrap() * 86_400;
            assert_eq!((year_of(first), year_of(first - 1)), (year, year - 1));
        }
    }
}

//! Ranges of what is stored: RFC 9110 14.

use std::ops::Range;

use http::header::{self, HeaderMap};
use http::{HeaderValue, Method, StatusCode};

use super::date;
use super::fields::Members;
use super::validation::is_weak;

/// How much of what is stored is the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// All of it.
    Whole,
    /// These bytes: 206.
    Part(Range<u64>),
    /// There are no such bytes: 416.
    Unsatisfiable,
}

/// What a request asks for of a stored answer that is `length` bytes long. Several ranges are answered with all of it, which
/// RFC 9110 14.2 allows.
#[must_use]
pub fn select(
    method: &Method,
    request: &HeaderMap,
    status: StatusCode,
    stored: &HeaderMap,
    length: u64,
) -> Selected {
    // "A server MUST ignore a Range header field received with a request method that is unrecognized or for which range
    // handling is not defined": it is for GET.
    if method != Method::GET || status != StatusCode::OK || !if_range(request, stored) {
        return Selected::Whole;
    }
    let mut lines = request.get_all(header::RANGE).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => parse(line.as_bytes(), length).unwrap_or(Selected::Whole),
        _ => Selected::Whole,
    }
}

/// The first byte that a request asks for, if it asks for one range from a byte on; None for a suffix.
#[must_use]
pub fn offset(request: &HeaderMap) -> Option<u64> {
    let ranges = ranges(request.get(header::RANGE)?.as_bytes())?;
    let first = Members(ranges).next()?;
    let dash = first.iter().position(|byte| *byte == b'-')?;
    position(first.get(..dash)?)
}

/// None: it cannot be read, or has several ranges.
fn parse(value: &[u8], length: u64) -> Option<Selected> {
    let mut ranges = Members(ranges(value)?);
    let (range, None) = (ranges.next()?, ranges.next()) else { return None };
    let dash = range.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (range.get(..dash)?, range.get(dash + 1..)?);
    let part = match (first.is_empty(), last.is_empty()) {
        (true, true) => return None,
        // "the last N bytes"
        (true, false) => length.saturating_sub(position(last)?)..length,
        (false, true) => position(first)?..length,
        (false, false) => {
            let (first, last) = (position(first)?, position(last)?);
            if last < first {
                return None; // "an int-range is invalid if the last-pos value is present and less than first-pos"
            }
            first..length.min(last.saturating_add(1))
        }
    };
    Some(if part.start < part.end { Selected::Part(part) } else { Selected::Unsatisfiable })
}

/// What is behind `bytes=`.
fn ranges(value: &[u8]) -> Option<&[u8]> {
    let (unit, ranges) = value.split_at_checked(6)?;
    unit.eq_ignore_ascii_case(b"bytes=").then_some(ranges)
}

fn position(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, byte| {
        byte.is_ascii_digit().then(|| value.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
    })
}

/// RFC 9110 13.1.5: If-Range with a tag is compared strongly, with a date exactly; where it is false, Range is ignored.
fn if_range(request: &HeaderMap, stored: &HeaderMap) -> bool {
    let Some(condition) = request.get(header::IF_RANGE) else { return true };
    if condition.as_bytes().contains(&b'"') {
        return stored.get(header::ETAG).is_some_and(|ours| ours == condition && !is_weak(ours));
    }
    // "the HTTP-date [is] a strong validator" only if it is well before the date of the response (8.8.2.2).
    let time = |value: &HeaderValue| date::parse(value.as_bytes(), 0);
    let field = |name| stored.get(name).and_then(time);
    match (time(condition), field(header::LAST_MODIFIED), field(header::DATE)) {
        (Some(wanted), Some(modified), Some(date)) => wanted == modified && date > modified,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(range: &str, expected: &Selected) {
        let request = HeaderMap::from_iter([(header::RANGE, range.parse().unwrap())]);
        let found = select(&Method::GET, &request, StatusCode::OK, &HeaderMap::new(), 10);
        assert_eq!(found, *expected, "{range:?}");
    }

    #[test]
    fn ranges_of_ten_bytes() {
        let part = |range| Selected::Part(range);
        check("bytes=0-1", &part(0..2));
        check("bytes=1-", &part(1..10));
        check("bytes=-1", &part(9..10));
        check("bytes=-100", &part(0..10));
        check("bytes=5-100", &part(5..10));
        check("bytes=0-99999999999999999999999", &part(0..10));
        check("BYTES=0-0", &part(0..1));
        check("bytes=9-9", &part(9..10));
        for range in ["bytes=10-", "bytes=10-12", "bytes=-0"] {
            check(range, &Selected::Unsatisfiable);
        }
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=2-1",
            "bytes=a-b",
            "lines=0-1",
            "bytes=0-1,3-4",
            "bytes=0-1x",
        ] {
            check(range, &Selected::Whole);
        }
    }

    #[test]
    fn only_where_ranges_are_meant() {
        let request = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=0-1"))]);
        let select = |method, status| select(&method, &request, status, &HeaderMap::new(), 10);
        assert_eq!(select(Method::HEAD, StatusCode::OK), Selected::Whole);
        assert_eq!(select(Method::GET, StatusCode::NOT_FOUND), Selected::Whole);
        assert_eq!(select(Method::GET, StatusCode::PARTIAL_CONTENT), Selected::Whole);
    }

    #[test]
    fn only_if_it_is_still_the_same() {
        let (old, older, newer) = (
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:36 GMT",
            "Sun, 06 Nov 1994 08:50:00 GMT",
        );
        for (condition, tag, date, expected) in [
            ("\"a\"", "\"a\"", newer, true),
            ("\"b\"", "\"a\"", newer, false),
            ("W/\"a\"", "W/\"a\"", newer, false),
            (old, "\"a\"", newer, true),
            (older, "\"a\"", newer, false),
            (newer, "\"a\"", newer, false),
            (old, "\"a\"", old, false),
            ("nonsense", "\"a\"", newer, false),
        ] {
            let value = |text: &str| text.parse::<HeaderValue>().unwrap();
            let request = HeaderMap::from_iter([
                (header::RANGE, value("bytes=0-1")),
                (header::IF_RANGE, value(condition)),
            ]);
            let stored = HeaderMap::from_iter([
                (header::ETAG, value(tag)),
                (header::LAST_MODIFIED, value(old)),
                (header::DATE, value(date)),
            ]);
            let found = select(&Method::GET, &request, StatusCode::OK, &stored, 10);
            assert_eq!(found != Selected::Whole, expected, "{condition}, {tag}, {date}");
        }
    }

    #[test]
    fn offsets() {
        for (range, expected) in
            [("bytes=5-", Some(5)), ("bytes=7-9,1-2", Some(7)), ("bytes=-5", None), ("lines=5-", None)]
        {
            let request = HeaderMap::from_iter([(header::RANGE, range.parse().unwrap())]);
            assert_eq!(offset(&request), expected, "{range}");
        }
    }
}

//! Ranges of what there is: RFC 9110 14.

use std::ops::Range;

use http::header::{self, HeaderMap};
use http::{HeaderValue, Method, StatusCode};

use crate::date;
use crate::list::Members;
use crate::preconditions::is_weak;

/// How much of what there is is the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selected {
    /// All of it.
    Whole,
    /// These bytes: 206.
    Part(Range<u64>),
    /// Several ranges, each as it was asked for: 206 in several parts.
    Parts(Vec<Range<u64>>),
    /// There are no such bytes: 416.
    Unsatisfiable,
}

/// How many ranges are answered one by one. RFC 9110 14.2: "A server that supports range requests MAY ignore or reject a Range
/// header field that contains an invalid ranges-specifier [...], that includes more than two overlapping ranges or a set of
/// many small ranges".
const RANGES: usize = 16;

/// What a request asks for of an answer with this head that is `length` bytes long. Ranges that are more than all of it together, or
/// very many, are answered with all of it.
#[must_use]
pub fn select(
    method: &Method,
    request: &HeaderMap,
    status: StatusCode,
    ours: &HeaderMap,
    length: u64,
) -> Selected {
    // "A server MUST ignore a Range header field received with a request method that is unrecognized or for which range
    // handling is not defined": it is for GET.
    if method != Method::GET || status != StatusCode::OK || !if_range(request, ours) {
        return Selected::Whole;
    }
    let mut lines = request.get_all(header::RANGE).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => parse(line.as_bytes(), length).unwrap_or(Selected::Whole),
        _ => Selected::Whole,
    }
}

/// Where the first of the ranges that a request asks for begins, whether the rest of the field can be read or not; None for a suffix.
#[must_use]
pub fn offset(request: &HeaderMap) -> Option<u64> {
    let ranges = ranges(request.get(header::RANGE)?.as_bytes())?;
    let first = Members(ranges).next()?;
    let dash = first.iter().position(|byte| *byte == b'-')?;
    position(first.get(..dash)?)
}

/// None: it cannot be read, or asks for too much.
fn parse(value: &[u8], length: u64) -> Option<Selected> {
    let mut parts = Vec::new();
    let mut any = false;
    for (count, range) in Members(ranges(value)?).enumerate() {
        if count >= RANGES {
            return None;
        }
        any = true;
        parts.extend(Some(part(range, length)?).filter(|part| part.start < part.end));
    }
    if !any {
        return None;
    }
    let sum: u64 = parts.iter().map(|part| part.end - part.start).sum();
    match parts.as_slice() {
        [] => Some(Selected::Unsatisfiable),
        [one] => Some(Selected::Part(one.clone())),
        _ if sum > length => None,
        _ => Some(Selected::Parts(parts)),
    }
}

/// What one range selects, perhaps nothing. None: it cannot be read.
fn part(range: &[u8], length: u64) -> Option<Range<u64>> {
    let dash = range.iter().position(|byte| *byte == b'-')?;
    let (first, last) = (range.get(..dash)?, range.get(dash + 1..)?);
    match (first.is_empty(), last.is_empty()) {
        (true, true) => None,
        // "the last N bytes"
        (true, false) => Some(length.saturating_sub(position(last)?)..length),
        (false, true) => Some(position(first)?..length),
        (false, false) => {
            let (first, last) = (position(first)?, position(last)?);
            // "An int-range is invalid if the last-pos value is present and less than first-pos."
            (last >= first).then(|| first..length.min(last.saturating_add(1)))
        }
    }
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
fn if_range(request: &HeaderMap, ours: &HeaderMap) -> bool {
    let Some(condition) = request.get(header::IF_RANGE) else { return true };
    if condition.as_bytes().contains(&b'"') {
        return ours.get(header::ETAG).is_some_and(|tag| tag == condition && !is_weak(tag));
    }
    // "the HTTP-date [is] a strong validator" only if it is well before the date of the response (8.8.2.2).
    let time = |value: &HeaderValue| date::parse(value.as_bytes(), 0);
    let field = |name| ours.get(name).and_then(time);
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
        check("bytes=0-1, 3-4,", &Selected::Parts(vec![0..2, 3..5]));
        check("bytes=-1,0-0", &Selected::Parts(vec![9..10, 0..1]));
        check("bytes=1-2,20-", &part(1..3));
        let many = |n| format!("bytes={}", vec!["0-0"; n].join(","));
        check(&many(10), &Selected::Parts(vec![0..1; 10]));
        check(&many(11), &Selected::Whole);
        check(&many(17).replace("0-0", "11-"), &Selected::Whole);
        for range in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=10-,11-"] {
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
            "bytes=0-1,x",
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

//! Preconditions (RFC 9110 section 13). Pure.

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::ranges::{self, Ranges};

/// How `If-Modified-Since` is compared (nginx: `if_modified_since`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfModifiedSince {
    /// The field is ignored.
    Off,
    /// Only the very time of the file counts as not modified.
    #[default]
    Exact,
    /// A file that is not newer counts as not modified (RFC 9110).
    Before,
}

/// What identifies a file's present content.
#[derive(Clone, Debug)]
pub(crate) struct Validators {
    /// Seconds since the epoch.
    pub(crate) modified: u64,
    /// Always a strong one.
    pub(crate) etag: Option<HeaderValue>,
}

/// The fields of a request that ask for less than a whole file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    if_match: Vec<HeaderValue>,
    if_none_match: Vec<HeaderValue>,
    if_modified_since: Option<u64>,
    if_unmodified_since: Option<u64>,
    if_range: Option<HeaderValue>,
    range: Option<HeaderValue>,
}

/// What is to be answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    Whole,
    Parts(Vec<std::ops::Range<u64>>),
    NotModified,
    PreconditionFailed,
    Unsatisfiable,
}

impl Conditions {
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let list = |name: HeaderName| headers.get_all(name).iter().cloned().collect();
        // RFC 9110 14.2: ranges are defined for GET alone.
        let range = headers.get(RANGE).filter(|_| *method == Method::GET).cloned();
        Self {
            if_match: list(IF_MATCH),
            if_none_match: list(IF_NONE_MATCH),
            // A date that is none is ignored (13.1.3, 13.1.4).
            if_modified_since: headers.get(IF_MODIFIED_SINCE).and_then(seconds),
            if_unmodified_since: headers.get(IF_UNMODIFIED_SINCE).and_then(seconds),
            if_range: headers.get(IF_RANGE).filter(|_| range.is_some()).cloned(),
            range,
        }
    }

    /// In the order of RFC 9110 section 13.2.2; `max_ranges`: how many parts a response may have.
    pub(crate) fn plan(
        &self,
        file: &Validators,
        size: u64,
        since: IfModifiedSince,
        max_ranges: usize,
    ) -> Plan {
        let etag = file.etag.as_ref().map(HeaderValue::as_bytes);
        if !self.if_match.is_empty() {
            if !lists(&self.if_match, etag, Comparison::Strong) {
                return Plan::PreconditionFailed;
            }
        } else if self.if_unmodified_since.is_some_and(|since| file.modified > since) {
            return Plan::PreconditionFailed;
        }
        let unchanged = if self.if_none_match.is_empty() {
            self.if_modified_since.is_some_and(|seen| match since {
                IfModifiedSince::Off => false,
                IfModifiedSince::Exact => file.modified == seen,
                IfModifiedSince::Before => file.modified <= seen,
            })
        } else {
            lists(&self.if_none_match, etag, Comparison::Weak)
        };
        if unchanged {
            return Plan::NotModified;
        }
        match &self.range {
            Some(range) if self.if_range.as_ref().is_none_or(|validator| is_current(validator, file)) => {
                match ranges::parse(range.as_bytes(), size, max_ranges) {
                    Ranges::Parts(parts) => Plan::Parts(parts),
                    Ranges::Ignored => Plan::Whole,
                    Ranges::Unsatisfiable => Plan::Unsatisfiable,
                }
            }
            _ => Plan::Whole,
        }
    }
}

/// `If-Range`: a strong entity tag, or the exact date.
fn is_current(validator: &HeaderValue, file: &Validators) -> bool {
    if validator.as_bytes().ends_with(b"\"") {
        return file.etag.as_ref() == Some(validator);
    }
    seconds(validator) == Some(file.modified)
}

fn seconds(value: &HeaderValue) -> Option<u64> {
    let time = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
    time.duration_since(std::time::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// Whether `etag` is among those listed, or `*` is.
fn lists(lines: &[HeaderValue], etag: Option<&[u8]>, comparison: Comparison) -> bool {
    lines.iter().any(|line| {
        let line = line.as_bytes();
        line.trim_ascii() == b"*" || etag.is_some_and(|etag| lists_tag(line, etag, comparison))
    })
}

fn lists_tag(mut line: &[u8], etag: &[u8], comparison: Comparison) -> bool {
    loop {
        while let [b' ' | b'\t' | b',', rest @ ..] = line {
            line = rest;
        }
        let (weak, tag) = match line {
            [b'W' | b'w', b'/', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let [b'"', inside @ ..] = tag else { return false };
        let Some(end) = inside.iter().position(|&byte| byte == b'"') else { return false };
        if tag.get(..end + 2) == Some(etag) && (!weak || comparison == Comparison::Weak) {
            return true;
        }
        line = tag.get(end + 2..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: u64 = 784_111_777; // Sun, 06 Nov 1994 08:49:37 GMT
    const TIME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn plan(fields: &[(&str, &str)], since: IfModifiedSince, method: &Method) -> Plan {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap_or(RANGE);
            headers.append(name, HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("")));
        }
        let file = Validators { modified: MODIFIED, etag: Some(HeaderValue::from_static("\"a-1\"")) };
        Conditions::of(method, &headers).plan(&file, 100, since, usize::MAX)
    }

    #[test]
    fn preconditions_in_the_order_of_the_rfc() {
        #[track_caller]
        fn check(fields: &[(&str, &str)], expected: &Plan) {
            assert_eq!(plan(fields, IfModifiedSince::Exact, &Method::GET), *expected, "{fields:?}");
        }
        let (whole, same, failed) = (Plan::Whole, Plan::NotModified, Plan::PreconditionFailed);
        check(&[], &whole);
        check(&[("if-modified-since", TIME)], &same);
        check(&[("if-modified-since", BEFORE)], &whole);
        check(&[("if-modified-since", AFTER)], &whole);
        check(&[("if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT")], &same);
        check(&[("if-modified-since", "Sun Nov  6 08:49:37 1994")], &same);
        check(&[("if-modified-since", "yesterday")], &whole);
        check(&[("if-none-match", "\"a-1\"")], &same);
        check(&[("if-none-match", "W/\"a-1\"")], &same);
        check(&[("if-none-match", "\"b\", \"a-1\"")], &same);
        check(&[("if-none-match", "\"b\""), ("if-none-match", "\"a-1\"")], &same);
        check(&[("if-none-match", "\"a,\"\"b\"")], &whole);
        check(&[("if-none-match", "*")], &same);
        check(&[("if-none-match", "a-1")], &whole);
        check(&[("if-none-match", "\"a-1")], &whole);
        check(&[("if-none-match", "")], &whole);
        // 13.1.3: the date is ignored beside tags.
        check(&[("if-none-match", "\"b\""), ("if-modified-since", TIME)], &whole);
        check(&[("if-none-match", "\"a-1\""), ("if-modified-since", BEFORE)], &same);
        check(&[("if-match", "\"a-1\"")], &whole);
        check(&[("if-match", "W/\"a-1\"")], &failed);
        check(&[("if-match", "\"b\"")], &failed);
        check(&[("if-match", "*")], &whole);
        check(&[("if-unmodified-since", TIME)], &whole);
        check(&[("if-unmodified-since", AFTER)], &whole);
        check(&[("if-unmodified-since", BEFORE)], &failed);
        check(&[("if-unmodified-since", "yesterday")], &whole);
        // 13.1.4: the date is ignored beside tags.
        check(&[("if-match", "\"a-1\""), ("if-unmodified-since", BEFORE)], &whole);
        check(&[("if-match", "\"a-1\""), ("if-none-match", "\"a-1\"")], &same);
        check(&[("if-match", "\"b\""), ("if-none-match", "\"a-1\"")], &failed);
    }

    #[test]
    fn how_dates_are_compared() {
        #[track_caller]
        fn check(since: IfModifiedSince, date: &str, expected: &Plan) {
            assert_eq!(
                plan(&[("if-modified-since", date)], since, &Method::GET),
                *expected,
                "{since:?} {date}"
            );
        }
        check(IfModifiedSince::Before, BEFORE, &Plan::Whole);
        check(IfModifiedSince::Before, TIME, &Plan::NotModified);
        check(IfModifiedSince::Before, AFTER, &Plan::NotModified);
        check(IfModifiedSince::Off, TIME, &Plan::Whole);
    }

    #[test]
    fn ranges_and_what_they_depend_on() {
        #[track_caller]
        fn check(fields: &[(&str, &str)], expected: &Plan) {
            assert_eq!(plan(fields, IfModifiedSince::Exact, &Method::GET), *expected, "{fields:?}");
        }
        let (range, whole) = (("range", "bytes=10-19"), Plan::Whole);
        let part = Plan::Parts(std::iter::once(10..20).collect());
        check(&[range], &part);
        check(&[range, ("if-range", "\"a-1\"")], &part);
        check(&[range, ("if-range", "W/\"a-1\"")], &whole);
        check(&[range, ("if-range", "\"b\"")], &whole);
        check(&[range, ("if-range", TIME)], &part);
        check(&[range, ("if-range", AFTER)], &whole);
        check(&[range, ("if-range", "")], &whole);
        check(&[range, ("if-none-match", "\"a-1\"")], &Plan::NotModified);
        check(&[("range", "bytes=100-")], &Plan::Unsatisfiable);
        assert_eq!(plan(&[range], IfModifiedSince::Exact, &Method::HEAD), whole);
    }
}

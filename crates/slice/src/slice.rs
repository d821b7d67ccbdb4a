//! Slices, and what responses say of them. Pure.

use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;

use http::header::{self, HeaderMap};
use http::{HeaderValue, Method, StatusCode};
use propylon_conditions::is_weak;
use propylon_conditions::range::{self, Selected};

/// What one request asks for: an aligned part of a representation. A request has it among its extensions. As a text it is the value
/// of `Range`, nginx's `$slice_range`.
///
/// ```
/// use std::num::NonZeroU64;
/// use propylon_slice::Slice;
///
/// let slice = Slice::around(2_500_000, NonZeroU64::new(1 << 20).unwrap());
/// assert_eq!(slice.to_string(), "bytes=2097152-3145727");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    start: u64,
    size: NonZeroU64,
}

impl Slice {
    /// The slice of this size that a byte is in.
    #[must_use]
    pub const fn around(position: u64, size: NonZeroU64) -> Self {
        Self { start: position - position % size.get(), size }
    }

    /// The one that the answer to this request begins with, as far as that can be known before its length is.
    pub(crate) fn first(method: &Method, headers: &HeaderMap, size: NonZeroU64) -> Self {
        // With a condition it may be all of it, and so it is where the field cannot be read; of several ranges, and of so many last bytes, nobody
        // knows.
        let selected = range::select(method, headers, StatusCode::OK, &HeaderMap::new(), u64::MAX);
        let start = match selected {
            Selected::Part(part) if range::offset(headers).is_some() => part.start,
            _ => 0,
        };
        Self::around(start, size)
    }

    /// Its first byte.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// The bytes of it that a representation of this length has.
    #[must_use]
    pub fn within(self, length: u64) -> Range<u64> {
        self.start..self.start.saturating_add(self.size.get()).min(length).max(self.start)
    }
}

impl fmt::Display for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.start.saturating_add(self.size.get() - 1);
        write!(f, "bytes={}-{last}", self.start)
    }
}

/// What `Content-Range` says: these bytes, of so many, if that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContentRange {
    /// None: there are none (416).
    pub(crate) part: Option<Range<u64>>,
    pub(crate) length: Option<u64>,
}

impl ContentRange {
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(header::CONTENT_RANGE).iter();
        let (line, None) = (lines.next()?, lines.next()) else { return None };
        let (unit, rest) = line.as_bytes().split_at_checked(6)?;
        let slash = rest.iter().position(|byte| *byte == b'/')?;
        let (part, length) = (rest.get(..slash)?.trim_ascii(), rest.get(slash + 1..)?.trim_ascii());
        if !unit.eq_ignore_ascii_case(b"bytes ") {
            return None;
        }
        let length = if length == b"*" { None } else { Some(number(length)?) };
        if part == b"*" {
            return Some(Self { part: None, length });
        }
        let dash = part.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (part.get(..dash)?.trim_ascii(), part.get(dash + 1..)?.trim_ascii());
        let (first, last) = (number(first)?, number(last)?);
        // RFC 9110 14.4: invalid if the last position is before the first, or not before the length.
        let sound = first <= last && length.is_none_or(|length| last < length);
        sound.then(|| Self { part: Some(first..last.saturating_add(1)), length })
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// What tells whether two slices are of the same representation.
#[derive(Clone, Debug)]
pub(crate) struct Validators {
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
    length: u64,
}

impl Validators {
    pub(crate) fn new(headers: &HeaderMap, length: u64) -> Self {
        let field = |name| headers.get(name).cloned();
        Self { etag: field(header::ETAG), modified: field(header::LAST_MODIFIED), length }
    }

    /// Whether a slice with this head, of a representation of this length, goes with the others. A strong tag is enough: servers that
    /// share it may have got what it names at different times.
    pub(crate) fn hold(&self, headers: &HeaderMap, length: u64) -> bool {
        let same = |name, ours: &Option<HeaderValue>| headers.get(name) == ours.as_ref();
        let strong = self.etag.as_ref().is_some_and(|tag| !is_weak(tag));
        self.length == length
            && same(header::ETAG, &self.etag)
            && (strong || same(header::LAST_MODIFIED, &self.modified))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: NonZeroU64 = NonZeroU64::new(10).unwrap();

    fn fields(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn slices_are_aligned() {
        for (position, text, within) in [
            (0, "bytes=0-9", 0..10),
            (9, "bytes=0-9", 0..10),
            (10, "bytes=10-19", 10..15),
            (25, "bytes=20-29", 20..20),
            (u64::MAX, "bytes=18446744073709551610-18446744073709551615", u64::MAX - 5..u64::MAX - 5),
        ] {
            let slice = Slice::around(position, TEN);
            assert_eq!((slice.to_string().as_str(), slice.within(15)), (text, within));
        }
    }

    #[test]
    fn the_first_one_is_where_the_range_begins() {
        #[track_caller]
        fn check(method: &Method, request: &[(&'static str, &'static str)], expected: u64) {
            assert_eq!(Slice::first(method, &fields(request), TEN).start(), expected, "{request:?}");
        }
        let range = |value| ("range", value);
        check(&Method::GET, &[], 0);
        check(&Method::GET, &[range("bytes=25-")], 20);
        check(&Method::GET, &[range("bytes=25-99")], 20);
        check(&Method::GET, &[range("bytes=-5")], 0);
        check(&Method::GET, &[range("bytes=25-26,30-31")], 0);
        check(&Method::GET, &[range("lines=25-")], 0);
        for unreadable in ["bytes=25-5", "bytes=25-x", "bytes=25", "bytes=25-,x"] {
            check(&Method::GET, &[range(unreadable)], 0);
        }
        check(&Method::GET, &[range("bytes=25-"), range("bytes=35-")], 0);
        check(&Method::GET, &[range("bytes=25-"), ("if-range", "\"a\"")], 0);
        check(&Method::HEAD, &[range("bytes=25-")], 0);
    }

    #[test]
    fn content_ranges() {
        #[track_caller]
        fn check(value: &'static str, expected: Option<(Option<Range<u64>>, Option<u64>)>) {
            let found = ContentRange::of(&fields(&[("content-range", value)]));
            assert_eq!(found, expected.map(|(part, length)| ContentRange { part, length }), "{value}");
        }
        check("bytes 0-9/15", Some((Some(0..10), Some(15))));
        check("Bytes 0 - 9 / 15", Some((Some(0..10), Some(15))));
        check("bytes 0-9/*", Some((Some(0..10), None)));
        check("bytes */0", Some((None, Some(0))));
        for wrong in [
            "",
            "bytes",
            "bytes 0-9",
            "bytes 9-0/15",
            "bytes 0-15/15",
            "bytes -9/15",
            "bytes 0-/15",
            "bytes 0-9/x",
            "lines 0-9/15",
            "bytes=0-9/15",
            "bytes 0-99999999999999999999/*",
        ] {
            check(wrong, None);
        }
        assert_eq!(ContentRange::of(&fields(&[])), None);
        let two = [("content-range", "bytes 0-9/15"), ("content-range", "bytes 0-9/15")];
        assert_eq!(ContentRange::of(&fields(&two)), None);
    }

    #[test]
    fn slices_of_one_representation() {
        const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        const NEW: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
        #[track_caller]
        fn check(
            ours: &[(&'static str, &'static str)],
            theirs: &[(&'static str, &'static str)],
            expected: bool,
        ) {
            let validators = Validators::new(&fields(ours), 15);
            assert_eq!(validators.hold(&fields(theirs), 15), expected, "{ours:?}, {theirs:?}");
            assert!(!validators.hold(&fields(theirs), 16));
        }
        let (tag, weak, other) = (("etag", "\"a\""), ("etag", "W/\"a\""), ("etag", "\"b\""));
        let (old, new) = (("last-modified", OLD), ("last-modified", NEW));
        check(&[], &[], true);
        check(&[tag], &[tag], true);
        check(&[tag], &[other], false);
        check(&[tag], &[], false);
        check(&[], &[tag], false);
        check(&[tag], &[weak], false);
        check(&[tag, old], &[tag, new], true);
        check(&[weak, old], &[weak, old], true);
        check(&[weak, old], &[weak, new], false);
        check(&[old], &[old], true);
        check(&[old], &[new], false);
        check(&[old], &[], false);
        check(&[], &[other], false);
    }
}

//! A line of `Set-Cookie`: its parts, and what it is with some of them changed. Pure.

use std::borrow::Cow;
use std::ops::Range;

use smallvec::SmallVec;

/// What stands between two semicolons, without the blanks before it.
#[derive(Debug)]
pub(crate) struct Part<'l> {
    pub(crate) name: &'l [u8],
    pub(crate) value: Option<&'l [u8]>,
    pub(crate) is: Name,
    /// Where it is in its line, without and with what stands before it.
    own: Range<usize>,
    all: Range<usize>,
}

/// A name without regard to its case and the blanks around it (RFC 6265 5.2), if it has no more than eight letters, which those that
/// rules are for have not: one word, so that a comparison is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(u64);

/// The parts of a line: the cookie itself, and its attributes.
pub(crate) struct Parts<'l> {
    line: &'l [u8],
    /// Where the last one ended; not at the beginning.
    end: Option<usize>,
}

pub(crate) fn parts(line: &[u8]) -> Parts<'_> {
    Parts { line, end: None }
}

impl<'l> Iterator for Parts<'l> {
    type Item = Part<'l>;

    #[inline]
    fn next(&mut self) -> Option<Part<'l>> {
        let before = self.end.unwrap_or_default();
        // Past the semicolon that ended it.
        let from = if self.end.is_some() { before + 1 } else { 0 };
        let rest = self.line.get(from..)?;
        let text = rest.get(..memchr::memchr(b';', rest).unwrap_or(rest.len()))?;
        let end = from + text.len();
        self.end = Some(end);
        let text = text.trim_ascii_start();
        let (name, value) = match text.iter().position(|&byte| byte == b'=') {
            Some(at) => (text.get(..at)?, text.get(at + 1..)),
            None => (text, None),
        };
        Some(Part { name, value, is: Name::of(name), own: end - text.len()..end, all: before..end })
    }
}

impl Name {
    pub(crate) const DOMAIN: Self = Self::known(*b"domain  ");
    pub(crate) const PATH: Self = Self::known(*b"path    ");
    pub(crate) const SECURE: Self = Self::known(*b"secure  ");
    pub(crate) const HTTP_ONLY: Self = Self::known(*b"httponly");
    pub(crate) const SAME_SITE: Self = Self::known(*b"samesite");

    const fn known(lower: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(lower))
    }

    /// None of the above if it is another.
    #[inline]
    fn of(name: &[u8]) -> Self {
        /// In each byte what tells an upper-case letter from a lower-case one; no other byte becomes a letter by it. What is no letter of
        /// a shorter name is a blank by it.
        const CASE: u64 = u64::from_le_bytes([b' '; 8]);
        let name = name.trim_ascii_end();
        let word = match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
            // Two halves, which overlap.
            (Some(first), Some(last)) if name.len() <= 8 => {
                u64::from(u32::from_le_bytes(*first))
                    | u64::from(u32::from_le_bytes(*last)) << (8 * (name.len() - 4))
            }
            (None, _) => name.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
            _ => return Self(0),
        };
        Self(word | CASE)
    }
}

/// What becomes of a line: one part after the other is kept, changed or removed.
pub(crate) struct Changes<'l> {
    line: &'l [u8],
    /// In order.
    edits: SmallVec<[Edit<'l>; 4]>,
}

/// What takes the place of what.
type Edit<'l> = (Range<usize>, Cow<'l, [u8]>);

impl<'l> Changes<'l> {
    /// Of a line that begins with this part.
    pub(crate) fn new(line: &'l [u8], cookie: &Part<'l>) -> Self {
        let mut changes = Self { line, edits: SmallVec::new() };
        changes.put(cookie.all.start..cookie.own.start, b"");
        changes
    }

    /// The next part stays.
    pub(crate) fn keep(&mut self, part: &Part<'l>) {
        self.put(part.all.start..part.own.start, b"; ");
    }

    /// The next part goes.
    pub(crate) fn remove(&mut self, part: &Part<'l>) {
        self.put(part.all.clone(), b"");
    }

    /// Another in the place of the next part.
    pub(crate) fn replace(&mut self, part: &Part<'l>, with: &'l [u8]) {
        self.keep(part);
        self.put(part.own.clone(), with);
    }

    /// The next part has another value, but for so many bytes at its beginning and its end.
    pub(crate) fn replace_value(
        &mut self,
        part: &Part<'l>,
        (before, behind): (usize, usize),
        with: Cow<'l, [u8]>,
    ) {
        self.keep(part);
        let value = part.value.map_or(0, <[u8]>::len);
        let start = part.own.end - value + before;
        self.edits.push((start..(part.own.end - behind).max(start), with));
    }

    /// One more part, behind all others.
    pub(crate) fn add(&mut self, part: &'l [u8]) {
        let end = self.line.len();
        self.put(end..end, b"; ");
        self.put(end..end, part);
    }

    fn put(&mut self, place: Range<usize>, text: &'l [u8]) {
        if self.line.get(place.clone()) != Some(text) {
            self.edits.push((place, text.into()));
        }
    }

    /// The line with all of them.
    pub(crate) fn write(&self) -> Vec<u8> {
        let (gone, come) = self
            .edits
            .iter()
            .fold((0, 0), |(gone, come), (place, with)| (gone + place.len(), come + with.len()));
        // Not a byte more: a vector that is full becomes `Bytes` as it is.
        let mut written = Vec::with_capacity(self.line.len() - gone + come);
        let mut at = 0;
        for (place, with) in &self.edits {
            written.extend_from_slice(self.line.get(at..place.start).unwrap_or_default());
            written.extend_from_slice(with);
            at = place.end;
        }
        written.extend_from_slice(self.line.get(at..).unwrap_or_default());
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line with all parts kept.
    fn written(line: &str) -> String {
        let mut parts = parts(line.as_bytes());
        let mut changes = Changes::new(line.as_bytes(), &parts.next().unwrap());
        parts.for_each(|part| changes.keep(&part));
        String::from_utf8(changes.write()).unwrap()
    }

    #[test]
    fn a_line_is_written_as_nginx_writes_it() {
        for (line, expected) in [
            ("a=b", "a=b"),
            (" a=", "a="),
            ("a=b=c;d=e=f", "a=b=c; d=e=f"),
            ("a=b;secure;  Max-Age=3 ;;x", "a=b; secure; Max-Age=3 ; ; x"),
            ("a=b; ", "a=b; "),
        ] {
            assert_eq!(written(line), expected, "{line}");
        }
    }

    #[test]
    fn values_are_found_in_any_case() {
        let paths = parts(b"path=p; PATH=/a; path; Domain=d").skip(1).filter(|part| part.is == Name::PATH);
        let values: Vec<_> = paths.map(|part| part.value).collect();
        assert_eq!(values, [Some(&b"/a"[..]), None]);
    }

    #[test]
    fn names_are_known_in_any_case_and_by_all_their_letters() {
        fn check(name: &[u8], expected: bool) {
            assert_eq!(Name::of(name) == Name::PATH, expected, "{name:?}");
        }
        for name in ["path", "PATH", "pAtH", "Path ", "path     \t"] {
            check(name.as_bytes(), true);
        }
        for name in
            ["", "p", "pat", "paths", "path.", "path path", "path    .", "domain", "p\x01th", "pa\x14h"]
        {
            check(name.as_bytes(), false);
        }
        // Whatever stands in the place of a letter, it is that letter.
        for byte in 0..=u8::MAX {
            check(&[b'p', b'a', byte, b'h'], byte.eq_ignore_ascii_case(&b't'));
        }
        for (name, is) in [
            ("Domain", Name::DOMAIN),
            ("secure", Name::SECURE),
            ("HttpOnly", Name::HTTP_ONLY),
            ("SameSite", Name::SAME_SITE),
        ] {
            assert_eq!(Name::of(name.as_bytes()), is, "{name}");
            for at in 0..name.len() {
                let mut other = name.as_bytes().to_vec();
                other[at] = b'x';
                assert_ne!(Name::of(&other), is, "{at} of {name}");
            }
        }
    }

    #[test]
    fn a_line_that_is_written_anew_has_no_room_left() {
        let line = b" a=b;path=/x/y ; Secure;;";
        let mut parts = parts(line);
        let mut changes = Changes::new(line, &parts.next().unwrap());
        for part in parts {
            match part.is {
                Name::PATH => changes.replace_value(&part, (1, 3), Cow::Borrowed(b"long/er")),
                _ => changes.keep(&part),
            }
        }
        let written = changes.write();
        assert_eq!(written, b"a=b; path=/long/er/y ; Secure; ; ");
        assert_eq!(written.capacity(), written.len());
    }
}

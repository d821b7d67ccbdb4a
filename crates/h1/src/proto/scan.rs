use memchr::memchr;

use crate::{HeadErrorKind, Limits};

/// Finds the lines of a head that may come in pieces: every byte is looked at once, and limits are judged at the byte
/// that passes them, so that a verdict does not depend on how the head was cut.
#[derive(Debug, Clone, Default)]
pub(super) struct Scanner {
    /// Where the line begins that is not complete yet.
    line: usize,
    /// Up to where no LF was found in it.
    seen: usize,
    /// Header lines that are complete.
    fields: usize,
}

/// What the scanner saw.
#[derive(Debug)]
pub(super) enum Scan {
    /// The first line is complete, and no more was looked at; the scanner is to be called again.
    FirstLine(usize),
    /// The head is complete: what is behind its empty line.
    Complete(usize),
    /// It is not.
    Partial,
}

impl Scanner {
    /// Whether nothing has been looked at.
    pub(super) fn is_fresh(&self) -> bool {
        self.line == 0 && self.seen == 0
    }

    /// Whether the first line has been found.
    pub(super) fn has_first_line(&self) -> bool {
        self.line > 0
    }

    /// Looks at what is new in `buf`, which begins with the first line.
    pub(super) fn scan(&mut self, buf: &[u8], limits: &Limits) -> Result<Scan, HeadErrorKind> {
        if self.line == 0 {
            return Ok(match self.next_line(buf, limits)? {
                Some(end) => Scan::FirstLine(end),
                None => Scan::Partial,
            });
        }
        loop {
            let start = self.line;
            let Some(end) = self.next_line(buf, limits)? else { return Ok(Scan::Partial) };
            if is_empty_line(buf, start, end) {
                *self = Self::default();
                return Ok(Scan::Complete(end));
            }
            self.fields += 1;
            if self.fields > limits.fields {
                return Err(HeadErrorKind::TooManyFields);
            }
        }
    }

    fn next_line(&mut self, buf: &[u8], limits: &Limits) -> Result<Option<usize>, HeadErrorKind> {
        let found = memchr(b'\n', buf.get(self.seen..).unwrap_or_default()).map(|at| self.seen + at + 1);
        // A line that is not complete ends one byte further at least.
        let end = found.unwrap_or(buf.len() + 1);
        let (line_limit, too_long) = if self.line == 0 {
            (limits.first_line, HeadErrorKind::FirstLineTooLong)
        } else {
            (limits.header_line, HeadErrorKind::HeaderLineTooLong)
        };
        if end - self.line > line_limit || end > limits.head {
            let line_first = self.line.saturating_add(line_limit) <= limits.head;
            return Err(if line_first { too_long } else { HeadErrorKind::HeadTooLarge });
        }
        self.seen = found.unwrap_or(buf.len());
        if let Some(end) = found {
            self.line = end;
        }
        Ok(found)
    }
}

/// What is behind the first line and behind the empty one of a head that is here as a whole and that no limit forbids: nearly every
/// one. `None` of any other: a [`Scanner`] tells what is the matter.
#[inline]
pub(super) fn scan_whole(buf: &[u8], limits: &Limits) -> Option<(usize, usize)> {
    // No line of a buffer this small can be too long.
    if buf.len() > limits.first_line.min(limits.header_line).min(limits.head) {
        return None;
    }
    let (mut first, mut lines, mut end, mut empty) = (0, 0, 0, false);
    line_feeds(buf, |at| {
        let start = std::mem::replace(&mut end, at + 1);
        if lines == 0 {
            first = end;
        }
        lines += 1;
        empty = end - start <= 2 && is_empty_line(buf, start, end);
        empty
    });
    (empty && lines <= limits.fields.saturating_add(2)).then_some((first, end))
}

/// Tells `found` where the line feeds are, until it has enough; whether it had. Eight bytes at a time: lines of a head are so short
/// that a search begun anew for each costs more than the search.
#[inline]
fn line_feeds(bytes: &[u8], mut found: impl FnMut(usize) -> bool) -> bool {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let mut feeds = is(*word, b'\n');
        while feeds != 0 {
            if found(at + (feeds.trailing_zeros() / 8) as usize) {
                return true;
            }
            feeds &= feeds - 1;
        }
        at += 8;
    }
    tail.iter().enumerate().any(|(more, byte)| *byte == b'\n' && found(at + more))
}

/// Where `byte` is first, in something short.
#[inline]
pub(super) fn position(bytes: &[u8], byte: u8) -> Option<usize> {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let found = is(*word, byte);
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    tail.iter().position(|it| *it == byte).map(|more| at + more)
}

/// The highest bit of each byte that is `byte`: of those that are zero once its bits are flipped.
#[inline]
fn is(word: [u8; 8], byte: u8) -> u64 {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    let flipped = u64::from_le_bytes(word) ^ u64::from_le_bytes([byte; 8]);
    !(((flipped & LOW) + LOW) | flipped | LOW)
}

/// Where the first control is, other than tab.
#[inline]
pub(super) fn control(bytes: &[u8]) -> Option<usize> {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let mut found = controls(*word);
        if found != 0 {
            found &= !is(*word, b'\t');
            if found != 0 {
                return Some(at + (found.trailing_zeros() / 8) as usize);
            }
        }
        at += 8;
    }
    tail.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t').map(|more| at + more)
}

/// The highest bit of each byte that is below a blank, or 0x7F.
#[inline]
fn controls(word: [u8; 8]) -> u64 {
    const NOT_BELOW_BLANK: u64 = 0xE0E0_E0E0_E0E0_E0E0;
    let high = u64::from_le_bytes(word) & NOT_BELOW_BLANK;
    is(high.to_le_bytes(), 0) | is(word, 0x7F)
}

#[inline]
fn is_empty_line(buf: &[u8], start: usize, end: usize) -> bool {
    matches!(buf.get(start..end), Some(b"\r\n" | b"\n"))
}

/// The line without its end: LF, or CR LF.
#[inline]
pub(super) fn content(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{control, line_feeds};

    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![Just(b'\n'), Just(0x0B), Just(0x8A), Just(b'\t'), Just(b' '), Just(0x7F), any::<u8>()]
    }

    proptest! {
        #[test]
        fn line_feeds_are_where_they_are(bytes in prop::collection::vec(byte(), 0..50)) {
            let expected: Vec<_> = memchr::memchr_iter(b'\n', &bytes).collect();
            let mut found = Vec::new();
            line_feeds(&bytes, |at| {
                found.push(at);
                false
            });
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn the_first_control_is_where_it_is(
            plain in prop::collection::vec(prop_oneof![0x20..0x7Fu8, 0x80..=0xFFu8, Just(b'\t'), Just(b' ')], 0..40),
            more in prop::collection::vec(byte(), 0..10),
        ) {
            let bytes = [plain, more].concat();
            let expected = bytes.iter().position(|byte| (*byte < b' ' && *byte != b'\t') || *byte == 0x7F);
            prop_assert_eq!(control(&bytes), expected);
        }
    }
}

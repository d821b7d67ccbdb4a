use bytes::Bytes;
use memchr::memchr;

use crate::{HeadError, HeadErrorKind, Limits};

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

/// What is wrong with a head that came, whose first line ends there.
#[cold]
pub(super) fn refused(kind: HeadErrorKind, raw: &Bytes, line_end: usize) -> HeadError {
    HeadError::new(kind, raw.slice_ref(content(raw.get(..line_end).unwrap_or_default())))
}

/// What is wrong with a head of which so much has come.
pub(super) fn failed(kind: HeadErrorKind, buf: &[u8], limits: &Limits) -> HeadError {
    let line = content(buf.get(..memchr(b'\n', buf).map_or(buf.len(), |at| at + 1)).unwrap_or_default());
    HeadError::new(kind, Bytes::copy_from_slice(line.get(..limits.first_line).unwrap_or(line)))
}

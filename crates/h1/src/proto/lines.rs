use super::trusted::feeds_and_colons;
use crate::Limits;

/// Lines that there is room for at once: more than most heads have.
const ROOM: usize = 16;

/// The largest head whose lines can be told.
const LARGEST: usize = u32::MAX as usize;

/// Where the lines of a head are, and their first colons: found in one pass. Of a head with many lines only the first: one looks for the
/// others when those have been read.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    found: [Line; ROOM],
    /// How many are there, those that there is no room for too; the empty one is not among them.
    count: usize,
    /// Whether the empty line was found.
    complete: bool,
}

/// No colon: further on than any can be.
const NONE: u32 = u32::MAX;

/// One line of a head, which begins behind the one before.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    /// Where its first colon is, or [`NONE`].
    colon: u32,
    /// Where its line feed is.
    end: u32,
}

impl Line {
    pub(super) fn colon(self) -> usize {
        self.colon as usize
    }

    pub(super) fn end(self) -> usize {
        self.end as usize
    }
}

impl Lines {
    /// Those that there was room for.
    #[inline]
    pub(super) fn found(&self) -> &[Line] {
        self.found.get(..self.count).unwrap_or(&self.found)
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether these are all up to the empty line.
    #[inline]
    pub(super) fn are_all(&self) -> bool {
        self.complete && self.count <= ROOM
    }

    /// Looks for the lines of a head that is here as a whole and that no limit forbids: nearly every one. What is behind the first line
    /// and behind the empty one; `None` of any other head: a `Scanner` tells what is the matter.
    #[inline]
    pub(super) fn find_whole(&mut self, bytes: &[u8], limits: &Limits) -> Option<(usize, usize)> {
        // No line of a buffer this small can be too long.
        if bytes.len() > limits.first_line.min(limits.header_line).min(limits.head) {
            return None;
        }
        let end = self.look(bytes, 0, true)?;
        let first = self.found().first()?.end() + 1;
        (self.count - 1 <= limits.fields).then_some((first, end))
    }

    /// Looks for the lines that begin at `start`, as many as there is room for, and for the empty one behind them.
    pub(super) fn find(&mut self, bytes: &[u8], start: usize) {
        self.look(bytes, start, false);
    }

    /// The same; `all`: lines that there is no room for are counted. What is behind the empty line, if that was found.
    fn look(&mut self, bytes: &[u8], start: usize, all: bool) -> Option<usize> {
        (self.count, self.complete) = (0, false);
        let bytes = bytes.get(..LARGEST).unwrap_or(bytes);
        let mut at = u32::try_from(start).ok()?;
        // Where the line begins, and its first colon once that is found.
        let (mut begin, mut colon) = (at, NONE);
        loop {
            let rest = bytes.get(at as usize..)?;
            let (mut feeds, mut colons) = match rest.first_chunk() {
                Some(block) => feeds_and_colons(block),
                None if rest.is_empty() => return None,
                None => feeds_and_colons(&padded(rest)),
            };
            while feeds != 0 {
                let feed = feeds.trailing_zeros();
                let end = at + feed;
                if is_empty(bytes, begin as usize, end as usize) {
                    self.complete = true;
                    return Some(end as usize + 1);
                }
                let own = colons & !(u32::MAX << feed);
                self.push(Line { colon: if colon == NONE { first(own, at) } else { colon }, end });
                if !all && self.count == ROOM {
                    return None; // the others are looked for when these have been read: each byte is looked at once
                }
                (begin, colon) = (end + 1, NONE);
                feeds &= feeds - 1;
                colons ^= own;
            }
            if colon == NONE {
                colon = first(colons, at);
            }
            at = at.checked_add(16)?;
        }
    }

    #[inline]
    fn push(&mut self, line: Line) {
        if let Some(place) = self.found.get_mut(self.count) {
            *place = line;
        }
        self.count += 1;
    }
}

/// The last bytes of a head, and nothing of consequence behind.
fn padded(rest: &[u8]) -> [u8; 16] {
    let mut block = [0; 16];
    block.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    block
}

/// Where the first of the bytes is that are marked in sixteen that begin at `at`; [`NONE`] if none is.
#[inline]
fn first(marks: u32, at: u32) -> u32 {
    if marks == 0 { NONE } else { at + marks.trailing_zeros() }
}

/// Whether there is nothing before the line feed but the CR that belongs to it.
#[inline]
fn is_empty(bytes: &[u8], begin: usize, feed: usize) -> bool {
    feed == begin || (feed == begin + 1 && bytes.get(begin) == Some(&b'\r'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, found without haste: lines up to the empty one, each with its colon.
    fn expected(bytes: &[u8], start: usize) -> (Vec<(usize, usize)>, Option<usize>) {
        let (mut lines, mut begin) = (Vec::new(), start);
        loop {
            let Some(end) = bytes[begin..].iter().position(|byte| *byte == b'\n').map(|at| begin + at) else {
                return (lines, None);
            };
            if matches!(&bytes[begin..end], b"" | b"\r") {
                return (lines, Some(end + 1));
            }
            let colon = bytes[begin..end].iter().position(|byte| *byte == b':');
            lines.push((colon.map_or(NONE as usize, |at| begin + at), end));
            begin = end + 1;
        }
    }

    #[test]
    fn the_first_byte_of_all_may_be_a_colon() {
        let mut found = Lines::default();
        found.find(b":aaaaaaaaaaaaaaaaaaaaa:\n\n", 0);
        assert_eq!(found.found().iter().map(|line| line.colon()).collect::<Vec<_>>(), [0]);
    }

    fn byte() -> impl Strategy<Value = u8> {
        prop_oneof![4 => Just(b'a'), 1 => Just(b':'), 1 => Just(b'\n'), 1 => Just(b'\r'), 1 => any::<u8>()]
    }

    proptest! {
        #[test]
        fn lines_are_where_they_are(
            start in 0..20usize,
            lines in prop::collection::vec((prop::collection::vec(byte(), 0..30), any::<bool>()), 0..30),
        ) {
            let mut bytes = vec![b'\n'; start];
            for (line, crlf) in &lines {
                bytes.extend_from_slice(line);
                bytes.extend_from_slice(if *crlf { b"\r\n" } else { b"\n" });
            }
            let (expected, end) = expected(&bytes, start);
            let mut found = Lines::default();
            prop_assert_eq!(found.look(&bytes, start, true), end);
            prop_assert_eq!(found.count(), expected.len());
            prop_assert_eq!(found.are_all(), end.is_some() && expected.len() <= ROOM);
            let places: Vec<_> = found.found().iter().map(|line| (line.colon(), line.end())).collect();
            prop_assert_eq!(&places[..], &expected[..expected.len().min(ROOM)]);

            // In rounds, as many at a time as there is room for.
            let (mut places, mut start) = (Vec::new(), start);
            loop {
                found.find(&bytes, start);
                prop_assert!(found.count() <= ROOM);
                places.extend(found.found().iter().map(|line| (line.colon(), line.end())));
                match found.found().last() {
                    Some(last) if !found.are_all() && found.count() == ROOM => start = last.end() + 1,
                    _ => break,
                }
            }
            prop_assert_eq!(places, expected);
            prop_assert_eq!(found.are_all(), end.is_some());
        }
    }
}

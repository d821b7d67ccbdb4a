//! Frames, as they pass in either direction (RFC 9113 4.1): their heads, without their meaning.

/// Types of frames (RFC 9113 6).
pub(super) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING.
const FIRST: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// How much of a payload is looked at.
const WORD: usize = 8;

/// How long a frame's head is.
pub(super) const HEAD: usize = 9;

/// What a frame says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) length: u32,
}

impl Head {
    fn parse([a, b, c, kind, flags, stream @ ..]: [u8; HEAD]) -> Self {
        let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
        Self { kind, flags, stream, length: u32::from_be_bytes([0, a, b, c]) }
    }

    /// Whether it is the last of its stream in this direction.
    pub(super) fn ends_stream(self) -> bool {
        matches!(self.kind, kind::DATA | kind::HEADERS) && self.flags & FIRST != 0
    }

    /// Whether it is the reply to one of ours.
    pub(super) fn is_ack(self) -> bool {
        matches!(self.kind, kind::SETTINGS | kind::PING) && self.flags & FIRST != 0
    }

    /// Whether a block of fields goes on in the next frame.
    fn is_continued(self) -> bool {
        matches!(self.kind, kind::HEADERS | kind::CONTINUATION) && self.flags & END_HEADERS == 0
    }
}

/// What passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passing {
    /// The head of a frame has.
    Begins(Head),
    /// All of a frame has; with the first eight bytes of its payload, or as many as it has.
    Ends(Head, u64),
}

/// Follows the frames of one direction.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// What comes before the first frame.
    preface: usize,
    bytes: [u8; HEAD],
    known: usize,
    current: Head,
    /// What is to come of the current frame's payload.
    left: usize,
    /// The beginning of that payload.
    word: u64,
    within: bool,
    continued: bool,
    count: u64,
}

impl Frames {
    /// Frames after a preface of so many bytes.
    pub(super) fn after(preface: usize) -> Self {
        Self { preface, ..Self::default() }
    }

    /// How many frames have passed.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Whether a frame, or a block of fields, has begun and not come to its end.
    pub(super) fn is_midway(&self) -> bool {
        self.within || self.known > 0 || self.continued
    }

    /// These bytes pass.
    pub(super) fn pass(&mut self, mut bytes: &[u8], mut tell: impl FnMut(Passing)) {
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        bytes = bytes.get(preface..).unwrap_or_default();
        loop {
            if !self.within {
                let Some((head, rest)) = self.head(bytes) else { return };
                bytes = rest;
                self.current = head;
                self.left = head.length as usize;
                self.word = 0;
                self.within = true;
                tell(Passing::Begins(head));
            }
            bytes = self.payload(bytes);
            if self.left > 0 {
                return;
            }
            self.within = false;
            self.count += 1;
            self.continued = match self.current.kind {
                kind::HEADERS | kind::CONTINUATION => self.current.is_continued(),
                _ => self.continued,
            };
            tell(Passing::Ends(self.current, self.word));
        }
    }

    /// The next head, and what comes after it; none: it is not all there.
    fn head<'b>(&mut self, bytes: &'b [u8]) -> Option<(Head, &'b [u8])> {
        if self.known == 0
            && let Some((head, rest)) = bytes.split_first_chunk()
        {
            return Some((Head::parse(*head), rest));
        }
        let (now, rest) = bytes.split_at_checked(HEAD - self.known).unwrap_or((bytes, &[]));
        if let Some(place) = self.bytes.get_mut(self.known..self.known + now.len()) {
            place.copy_from_slice(now);
        }
        self.known += now.len();
        if self.known < HEAD {
            return None;
        }
        self.known = 0;
        Some((Head::parse(self.bytes), rest))
    }

    fn payload<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let (now, rest) = bytes.split_at_checked(self.left).unwrap_or((bytes, &[]));
        let passed = self.current.length as usize - self.left;
        for &byte in now.iter().take(WORD.saturating_sub(passed)) {
            self.word = self.word << 8 | u64::from(byte);
        }
        self.left -= now.len();
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, flags];
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn seen(frames: &mut Frames, parts: &[&[u8]]) -> Vec<Passing> {
        let mut seen = Vec::new();
        parts.iter().for_each(|part| frames.pass(part, |passing| seen.push(passing)));
        seen
    }

    #[test]
    fn frames_are_seen_however_they_come() {
        let mut bytes = b"PREFACE".to_vec();
        bytes.extend(frame(kind::SETTINGS, 0, 0, &[]));
        bytes.extend(frame(kind::HEADERS, 0x5, 1, b"fields"));
        bytes.extend(frame(kind::RST_STREAM, 0, 0x8000_0003, &[0, 0, 0, 8]));
        let head = |kind, flags, stream, length| Head { kind, flags, stream, length };
        let all = [
            (head(kind::SETTINGS, 0, 0, 0), 0),
            (head(kind::HEADERS, 0x5, 1, 6), u64::from_be_bytes(*b"\0\0fields")),
            (head(kind::RST_STREAM, 0, 3, 4), 8),
        ];
        let expected: Vec<_> = all
            .into_iter()
            .flat_map(|(head, word)| [Passing::Begins(head), Passing::Ends(head, word)])
            .collect();
        assert_eq!(seen(&mut Frames::after(7), &[&bytes]), expected);
        let singles: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(seen(&mut Frames::after(7), &singles), expected);
        for cut in 0..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            assert_eq!(seen(&mut Frames::after(7), &[first, second]), expected, "{cut}");
        }
    }

    #[test]
    fn midway_is_within_a_frame_or_a_block_of_fields() {
        let mut frames = Frames::default();
        let mut step = |bytes: &[u8]| {
            frames.pass(bytes, |_| {});
            frames.is_midway()
        };
        assert!(!step(b""));
        assert!(step(&[0, 0]));
        assert!(step(&[1, kind::HEADERS, 0, 0, 0, 0, 1]), "its payload is missing");
        assert!(step(&[0x82]), "its block of fields goes on");
        assert!(step(&frame(kind::CONTINUATION, 0, 1, b"")));
        assert!(!step(&frame(kind::CONTINUATION, 0x4, 1, b"")));
        assert!(!step(&frame(kind::PING, 0, 0, &[0; 8])));
    }
}

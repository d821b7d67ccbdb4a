//! Frames (RFC 9114 7): what stands before a payload.

use bytes::{Buf, Bytes};

use crate::{Code, Fault, varint};

/// Types of frames.
pub(crate) mod kind {
    pub(crate) const DATA: u64 = 0x0;
    pub(crate) const HEADERS: u64 = 0x1;
    pub(crate) const CANCEL_PUSH: u64 = 0x3;
    pub(crate) const SETTINGS: u64 = 0x4;
    pub(crate) const PUSH_PROMISE: u64 = 0x5;
    pub(crate) const GOAWAY: u64 = 0x7;
    pub(crate) const MAX_PUSH_ID: u64 = 0xd;
    /// Those of HTTP/2 that HTTP/3 has no use for (RFC 9114 7.2.8).
    pub(crate) const OF_HTTP2: [u64; 4] = [0x2, 0x6, 0x8, 0x9];
}

/// The type and the length of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: u64,
    pub(crate) length: u64,
}

/// How long a head is at most.
const MOST: usize = 16;

/// A head that may come in pieces.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    bytes: [u8; MOST],
    known: usize,
}

impl Heads {
    /// Takes a head from `input`, or what there is of one.
    pub(crate) fn read(&mut self, input: &mut Bytes) -> Option<Head> {
        if self.known == 0
            && let Some((head, length)) = parse(input)
        {
            input.advance(length);
            return Some(head);
        }
        while let Some(place) = self.bytes.get_mut(self.known)
            && let Some(byte) = input.first()
        {
            *place = *byte;
            self.known += 1;
            input.advance(1);
            if let Some((head, _)) = parse(self.bytes.get(..self.known)?) {
                self.known = 0;
                return Some(head);
            }
        }
        None
    }

    /// Whether a part of one has come.
    pub(crate) fn is_midway(&self) -> bool {
        self.known > 0
    }
}

fn parse(bytes: &[u8]) -> Option<(Head, usize)> {
    let (kind, first) = varint::read(bytes)?;
    let (length, second) = varint::read(bytes.get(first..)?)?;
    Some((Head { kind, length }, first + second))
}

/// Takes up to `left` bytes of a payload from `input`.
pub(crate) fn take(left: &mut u64, input: &mut Bytes) -> Bytes {
    let part = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    *left -= part as u64;
    input.split_to(part)
}

pub(crate) const fn unexpected(what: &'static str) -> Fault {
    Fault::connection(Code::FRAME_UNEXPECTED, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_come_in_any_pieces() {
        let bytes = b"\x40\x0d\x80\x00\x01\x00rest";
        let head = Head { kind: 0xd, length: 256 };
        for cut in 0..6 {
            let mut heads = Heads::default();
            let (mut first, mut second) =
                (Bytes::from_static(&bytes[..cut]), Bytes::from_static(&bytes[cut..]));
            assert_eq!(heads.read(&mut first), None);
            assert_eq!(heads.is_midway(), cut > 0);
            assert_eq!(heads.read(&mut second), Some(head));
            assert_eq!((&*second, heads.is_midway()), (&b"rest"[..], false));
        }
    }
}

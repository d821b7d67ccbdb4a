//! A whole response in memory.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::key::Key;
use super::meta::Meta;

/// What a hit from memory shares with the zone.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) key: Key,
    pub(super) meta: Meta,
    pub(super) body: Body,
}

/// A body in memory that is nobody else's: no slice of it holds a larger buffer of the connection that it came from.
#[derive(Clone, Debug)]
pub(super) enum Body {
    One(Bytes),
    /// With where they begin, in order.
    Many(Arc<[(u64, Bytes)]>, u64),
}

/// The size of a large body's pieces.
pub(super) const BLOCK: usize = 64 << 10;

/// Of a larger body there is no second one, not even while its pieces are joined.
const HUGE: usize = 64 * BLOCK;

/// What an object takes beside its text.
const OVERHEAD: usize = 320;

impl Object {
    /// About how much memory it takes.
    pub(super) fn weight(&self) -> u64 {
        let head = OVERHEAD + self.key.as_bytes().len() + self.meta.weight();
        self.body.len() + head as u64
    }
}

impl Body {
    /// Of pieces in blocks that are the store's own. They are joined once instead of being sent one by one each time, but for those of a
    /// body of which nobody wants two in memory: of these only small ones are, for they cost more than their bytes.
    pub(super) fn new(mut pieces: Vec<Bytes>, exact: bool) -> Self {
        let length: usize = pieces.iter().map(Bytes::len).sum();
        match pieces.as_slice() {
            [] => return Self::One(Bytes::new()),
            [one] if exact => return Self::One(one.clone()),
            [_] => {
                return Self::One(pieces.pop().map_or_else(Bytes::new, |one| Bytes::copy_from_slice(&one)));
            }
            few if exact && few.len() == length.div_ceil(BLOCK) => {}
            few if exact && length > HUGE && length / few.len() >= BLOCK / 16 => {}
            _ => pieces = join(&pieces, length),
        }
        match pieces.as_slice() {
            [one] => Self::One(one.clone()),
            _ => {
                let mut at = 0;
                let begins = |piece: Bytes| {
                    let begin = at;
                    at += piece.len() as u64;
                    (begin, piece)
                };
                Self::Many(pieces.into_iter().map(begins).collect(), length as u64)
            }
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::One(bytes) => bytes.len() as u64,
            Self::Many(_, length) => *length,
        }
    }
}

/// The same bytes in blocks of [`BLOCK`].
fn join(pieces: &[Bytes], length: usize) -> Vec<Bytes> {
    let mut left = length;
    let mut blocks = Vec::with_capacity(length.div_ceil(BLOCK));
    let mut block = BytesMut::with_capacity(left.min(BLOCK));
    for piece in pieces {
        let mut piece = piece.clone();
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(BLOCK - block.len()));
            block.extend_from_slice(&part);
            if block.len() == BLOCK {
                left -= BLOCK;
                blocks.push(std::mem::replace(&mut block, BytesMut::with_capacity(left.min(BLOCK))).freeze());
            }
        }
    }
    if !block.is_empty() {
        blocks.push(block.freeze());
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_are_joined_and_large_ones_kept() {
        let text: Bytes = (0..=255).cycle().take(3 * BLOCK + 5).collect();
        for (size, exact, expected) in [
            (text.len(), true, 1),
            (text.len(), false, 1),
            (BLOCK, true, 4),
            (BLOCK / 8, true, 4),
            (1000, true, 4),
            (BLOCK, false, 4),
            (1, false, 4),
        ] {
            let pieces: Vec<_> = text.chunks(size).map(Bytes::copy_from_slice).collect();
            let body = Body::new(pieces, exact);
            assert_eq!(body.len(), text.len() as u64);
            let (count, bytes) = match body {
                Body::One(bytes) => (1, bytes.to_vec()),
                Body::Many(pieces, _) => {
                    let mut bytes = Vec::new();
                    for (begin, piece) in pieces.iter() {
                        assert_eq!(*begin, bytes.len() as u64);
                        bytes.extend_from_slice(piece);
                    }
                    (pieces.len(), bytes)
                }
            };
            assert_eq!((count, bytes == text), (expected, true), "{size}");
        }
        let huge = |size| {
            let piece = Bytes::from(vec![0; size]);
            match Body::new(vec![piece; (HUGE + BLOCK).div_ceil(size)], true) {
                Body::Many(pieces, _) => pieces.len(),
                Body::One(_) => 1,
            }
        };
        assert_eq!([huge(BLOCK), huge(BLOCK / 8), huge(1024)], [65, 520, 65]);
        assert!(matches!(Body::new(vec![], true), Body::One(bytes) if bytes.is_empty()));
        let few = Body::new(vec![Bytes::from_static(b"ab"), Bytes::from_static(b"c")], true);
        assert!(matches!(few, Body::One(bytes) if bytes == "abc"));
    }
}

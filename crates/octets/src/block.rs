//! Sixteen bytes at once.
#![expect(unsafe_code, reason = "measured: half of what eight bytes at a time take; proved beside its use")]

/// Which of sixteen bytes are line feeds, and which are colons: a bit each, the lowest for the first.
///
/// ```
/// let (feeds, colons) = propylon_octets::feeds_and_colons(b"Host: a\r\nAge: 10");
/// assert_eq!((feeds, colons), (1 << 8, 1 << 4 | 1 << 12));
/// ```
#[must_use]
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline]
pub fn feeds_and_colons(block: &[u8; 16]) -> (u32, u32) {
    // SAFETY: it has to have SSE2, which is part of what this is compiled for: see the condition above.
    unsafe { sse2::feeds_and_colons(block) }
}

/// Which of sixteen bytes are line feeds, and which are colons: a bit each, the lowest for the first.
///
/// ```
/// let (feeds, colons) = propylon_octets::feeds_and_colons(b"Host: a\r\nAge: 10");
/// assert_eq!((feeds, colons), (1 << 8, 1 << 4 | 1 << 12));
/// ```
#[must_use]
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline]
pub fn feeds_and_colons(block: &[u8; 16]) -> (u32, u32) {
    (words::those_that_are(b'\n', block), words::those_that_are(b':', block))
}

/// Half of what eight bytes at a time take.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2 {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};

    #[inline]
    #[target_feature(enable = "sse2")]
    pub(super) fn feeds_and_colons(block: &[u8; 16]) -> (u32, u32) {
        let (&[low, high], []) = block.as_chunks::<8>() else { return (0, 0) };
        let bytes = _mm_set_epi64x(i64::from_le_bytes(high), i64::from_le_bytes(low));
        (those_that_are(b'\n', bytes), those_that_are(b':', bytes))
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn those_that_are(byte: u8, bytes: __m128i) -> u32 {
        _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()))).cast_unsigned()
    }
}

/// For all other processors.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
mod words {
    pub(super) fn those_that_are(byte: u8, block: &[u8; 16]) -> u32 {
        let (words, _) = block.as_chunks::<8>();
        words.iter().rev().fold(0, |bits, word| bits << 8 | in_word(byte, *word))
    }

    fn in_word(byte: u8, word: [u8; 8]) -> u32 {
        const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
        /// Brings the highest bits of all bytes together.
        const GATHER: u64 = 0x0002_0408_1020_4081;
        let flipped = u64::from_le_bytes(word) ^ u64::from_le_bytes([byte; 8]);
        // The highest bit of each byte that is zero once its bits are flipped.
        let zero = !(((flipped & LOW) + LOW) | flipped | LOW);
        let [.., bits] = zero.wrapping_mul(GATHER).to_le_bytes();
        bits.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn some_byte() -> impl Strategy<Value = u8> {
        prop_oneof![Just(b'\n'), Just(0x0B), Just(0x8A), Just(b':'), Just(b';'), Just(0xBA), any::<u8>()]
    }

    proptest! {
        #[test]
        fn feeds_and_colons_are_where_they_are(block in prop::array::uniform16(some_byte())) {
            let expected = |byte| (0..16).filter(|at| block[*at] == byte).fold(0, |bits, at| bits | 1 << at);
            let expected = (expected(b'\n'), expected(b':'));
            prop_assert_eq!(feeds_and_colons(&block), expected);
            let in_words = (words::those_that_are(b'\n', &block), words::those_that_are(b':', &block));
            prop_assert_eq!(in_words, expected);
        }
    }
}

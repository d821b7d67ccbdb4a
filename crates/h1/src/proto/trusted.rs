//! The two things that the compiler cannot see to be right: all `unsafe` of this crate is here.
#![expect(unsafe_code, reason = "measured and proved beside each use")]

use bytes::Bytes;
use http::HeaderValue;
use http::header::InvalidHeaderValue;

/// A field's value, judged sixteen bytes at a time: `http` looks at one after the other, which is 8 instructions a byte where a value
/// is short, a twentieth of what a proxy does for a request.
#[inline]
pub(super) fn value(bytes: Bytes) -> Result<HeaderValue, InvalidHeaderValue> {
    if !is_plain(&bytes) {
        return HeaderValue::from_maybe_shared(bytes);
    }
    // SAFETY: it has to be valid UTF-8, and no byte in it that `HeaderValue` refuses. All of them are blanks or visible ASCII: that is
    // UTF-8, and none of it is refused.
    Ok(unsafe { HeaderValue::from_maybe_shared_unchecked(bytes) })
}

/// Whether there could be such a value.
#[inline]
pub(super) fn is_value(bytes: &[u8]) -> bool {
    is_plain(bytes) || HeaderValue::from_bytes(bytes).is_ok()
}

/// Whether all of it is blanks and visible ASCII.
#[inline(never)]
fn is_plain(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk::<16>() {
        let (blocks, _) = bytes.as_chunks::<16>();
        return blocks.iter().all(are_plain) && are_plain(last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return are_plain(first) & are_plain(last);
    }
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => are_plain(first) & are_plain(last),
        _ => bytes.iter().all(is_plain_byte),
    }
}

/// The same of so many that the compiler looks at all of them at once.
#[inline]
fn are_plain<const N: usize>(bytes: &[u8; N]) -> bool {
    bytes.iter().fold(true, |plain, byte| plain & is_plain_byte(byte))
}

#[inline]
fn is_plain_byte(byte: &u8) -> bool {
    (b' '..=b'~').contains(byte)
}

/// Which of sixteen bytes are line feeds, and which are colons: a bit each, the lowest for the first.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline]
pub(super) fn feeds_and_colons(block: &[u8; 16]) -> (u32, u32) {
    // SAFETY: it has to have SSE2, which is part of what this is compiled for: see the condition above.
    unsafe { sse2::feeds_and_colons(block) }
}

/// Which of sixteen bytes are line feeds, and which are colons: a bit each, the lowest for the first.
#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline]
pub(super) fn feeds_and_colons(block: &[u8; 16]) -> (u32, u32) {
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

    fn is_valid(byte: u8) -> bool {
        byte == b'\t' || (byte >= b' ' && byte != 0x7F)
    }

    /// Whatever is accepted is what `http` accepts, wherever in a value of whatever length a byte is.
    #[test]
    fn a_value_is_refused_for_each_byte_that_http_refuses_in_each_place() {
        for len in 0..40 {
            let text = vec![b'a'; len];
            assert_eq!(value(text.clone().into()).unwrap().as_bytes(), text);
            for at in 0..len {
                for byte in 0..=u8::MAX {
                    let mut text = text.clone();
                    text[at] = byte;
                    let plain = (b' '..=b'~').contains(&byte);
                    assert_eq!(is_plain(&text), plain, "{byte} at {at} of {len}");
                    let value = value(Bytes::from(text.clone()));
                    assert_eq!(value.is_ok(), is_valid(byte), "{byte} at {at} of {len}");
                    assert_eq!(value.is_ok(), HeaderValue::from_bytes(&text).is_ok());
                    assert_eq!(value.is_ok(), is_value(&text));
                    assert!(value.is_ok_and(|value| value.as_bytes() == text) || !is_valid(byte));
                }
            }
        }
    }

    fn some_byte() -> impl Strategy<Value = u8> {
        prop_oneof![Just(b'\n'), Just(0x0B), Just(0x8A), Just(b':'), Just(b';'), Just(0xBA), any::<u8>()]
    }

    proptest! {
        #[test]
        fn values_are_what_http_says(bytes in prop::collection::vec(prop_oneof![b' '..=b'~', some_byte()], 0..80)) {
            let theirs = HeaderValue::from_bytes(&bytes);
            prop_assert_eq!(value(bytes.into()).ok(), theirs.ok());
        }

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

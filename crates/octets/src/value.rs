//! Values of fields. `http` looks at one byte after the other: 8 instructions a byte where a value is short, a twentieth of what a proxy does for
//! a request.
#![expect(unsafe_code, reason = "measured: see above; proved beside its use")]

use bytes::Bytes;
use http::HeaderValue;
use http::header::InvalidHeaderValue;

/// The value of a field (RFC 9110 5.5) that these bytes are, which are not copied.
///
/// # Errors
/// They are none.
#[inline]
pub fn value(bytes: Bytes) -> Result<HeaderValue, InvalidHeaderValue> {
    if !is_plain(&bytes) {
        return HeaderValue::from_maybe_shared(bytes);
    }
    // SAFETY: it has to be valid UTF-8, and no byte in it that `HeaderValue` refuses. All of them are blanks or visible ASCII: that is
    // UTF-8, and none of it is refused.
    Ok(unsafe { HeaderValue::from_maybe_shared_unchecked(bytes) })
}

/// The same of a copy of these bytes.
///
/// # Errors
/// They are none.
#[inline]
pub fn copied_value(bytes: &[u8]) -> Result<HeaderValue, InvalidHeaderValue> {
    value(Bytes::copy_from_slice(bytes))
}

/// Whether these bytes are the value of a field.
#[inline]
#[must_use]
pub fn is_value(bytes: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_accepted(byte: u8) -> bool {
        byte == b'\t' || (byte >= b' ' && byte != 0x7F)
    }

    /// Whatever is accepted is what `http` accepts, wherever in a value of whatever length a byte is.
    #[test]
    fn a_value_is_refused_for_each_byte_that_http_refuses_in_each_place() {
        for len in 0..40 {
            let text = vec![b'a'; len];
            assert_eq!(copied_value(&text).unwrap().as_bytes(), text);
            for at in 0..len {
                for byte in 0..=u8::MAX {
                    let mut text = text.clone();
                    text[at] = byte;
                    let plain = (b' '..=b'~').contains(&byte);
                    assert_eq!(is_plain(&text), plain, "{byte} at {at} of {len}");
                    let judged = value(Bytes::from(text.clone()));
                    assert_eq!(judged.is_ok(), is_accepted(byte), "{byte} at {at} of {len}");
                    assert_eq!(judged.is_ok(), HeaderValue::from_bytes(&text).is_ok());
                    assert_eq!(judged.is_ok(), is_value(&text));
                    assert!(judged.is_ok_and(|value| value.as_bytes() == text) || !is_accepted(byte));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn values_are_what_http_says(
            bytes in prop::collection::vec(prop_oneof![b' '..=b'~', prop_oneof![Just(b'\n'), Just(0x7F), any::<u8>()]], 0..80),
        ) {
            let theirs = HeaderValue::from_bytes(&bytes);
            prop_assert_eq!(is_value(&bytes), theirs.is_ok());
            prop_assert_eq!(value(bytes.into()).ok(), theirs.ok());
        }
    }
}

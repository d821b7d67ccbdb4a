//! Integers of QUIC (RFC 9000 16).

use bytes::{Buf, BufMut, Bytes};

/// The largest that can be written.
pub(crate) const MAX: u64 = (1 << 62) - 1;

/// How many bytes one takes that begins so.
pub(crate) const fn length(first: u8) -> usize {
    1 << (first >> 6)
}

/// One from the beginning of `bytes`, and its length; `None` if it is not all there.
pub(crate) fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let length = length(*bytes.first()?);
    let mut value = 0;
    for (place, byte) in bytes.get(..length)?.iter().enumerate() {
        let byte = if place == 0 { byte & 0x3f } else { *byte };
        value = value << 8 | u64::from(byte);
    }
    Some((value, length))
}

/// Takes one from `bytes`, if it is all there.
pub(crate) fn take(bytes: &mut Bytes) -> Option<u64> {
    let (value, length) = read(bytes)?;
    bytes.advance(length);
    Some(value)
}

/// Writes one, as short as it can be; none is larger than [`MAX`].
pub(crate) fn put(value: u64, out: &mut impl BufMut) {
    let value = value.min(MAX);
    match (u8::try_from(value), u16::try_from(value), u32::try_from(value)) {
        (Ok(value), ..) if value < 1 << 6 => out.put_u8(value),
        (_, Ok(value), _) if value < 1 << 14 => out.put_u16(value | 1 << 14),
        (_, _, Ok(value)) if value < 1 << 30 => out.put_u32(value | 1 << 31),
        _ => out.put_u64(value | 3 << 62),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9000 A.1.
    #[test]
    fn integers_are_those_of_the_rfc() {
        let eight = [0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c];
        for (bytes, value) in [
            (&eight[..], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
        ] {
            assert_eq!(read(bytes), Some((value, bytes.len())));
            let mut written = Vec::new();
            put(value, &mut written);
            assert_eq!(written, bytes);
            assert_eq!(read(&bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(read(&[0x40, 0x25]), Some((37, 2)), "longer than it has to be");
    }

    #[test]
    fn none_is_lost_at_the_edges() {
        for value in [0, 63, 64, 16_383, 16_384, (1 << 30) - 1, 1 << 30, MAX] {
            let mut written = Vec::new();
            put(value, &mut written);
            assert_eq!(read(&written), Some((value, written.len())));
        }
    }
}

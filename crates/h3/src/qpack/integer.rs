//! Integers with a prefix (RFC 7541 5.1, as RFC 9204 4.1.1 has them).

/// More bytes than this are of none that can be meant.
const MOST_BYTES: u32 = 10;

/// One that begins in the low `bits` of the first byte; with what follows it. `None` if it is not all there, or too large.
pub(super) fn read(bytes: &[u8], bits: u32) -> Option<(u64, &[u8])> {
    let (first, mut rest) = bytes.split_first()?;
    let most = (1_u64 << bits) - 1;
    let mut value = u64::from(*first) & most;
    if value < most {
        return Some((value, rest));
    }
    for place in 0..MOST_BYTES {
        let (byte, after) = rest.split_first()?;
        rest = after;
        let part = u64::from(byte & 0x7f);
        let part = part.checked_shl(7 * place).filter(|shifted| shifted >> (7 * place) == part)?;
        value = value.checked_add(part)?;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

/// Writes one into the low `bits` of a byte whose others are those of `first`, and what follows it.
#[expect(clippy::cast_possible_truncation, reason = "no more than seven bits are left, or the prefix's")]
pub(super) fn write(value: u64, bits: u32, first: u8, out: &mut Vec<u8>) {
    let most = (1_u64 << bits) - 1;
    if value < most {
        out.push(first | value as u8);
        return;
    }
    out.push(first | most as u8);
    let mut left = value - most;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7541 C.1.
    #[test]
    fn integers_are_those_of_the_rfc() {
        for (value, bits, bytes) in [(10, 5, &[0x0a][..]), (1337, 5, &[0x1f, 0x9a, 0x0a]), (42, 8, &[0x2a])] {
            let mut written = Vec::new();
            write(value, bits, 0, &mut written);
            assert_eq!(written, bytes);
            assert_eq!(read(bytes, bits), Some((value, &[][..])));
        }
    }

    #[test]
    fn what_is_no_integer_is_none() {
        assert_eq!(read(&[], 5), None);
        assert_eq!(read(&[0x1f], 5), None);
        assert_eq!(read(&[0x1f, 0x80], 5), None);
        assert_eq!(read(&[0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], 5), None);
        assert_eq!(
            read(&[0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 5),
            None,
            "too large"
        );
        let mut largest = Vec::new();
        write(u64::MAX, 3, 0, &mut largest);
        assert_eq!(read(&largest, 3), Some((u64::MAX, &[][..])));
    }
}

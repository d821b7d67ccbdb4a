//! CRC32c (RFC 3309), which a header may carry.

/// The checksum of `bytes`. A bit at a time: few headers have one, and none is longer than some KiB.
pub(crate) fn crc32c(bytes: impl Iterator<Item = u8>) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    !bytes.fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (POLYNOMIAL & 0_u32.wrapping_sub(crc & 1)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_as_others_do() {
        assert_eq!(crc32c(b"123456789".iter().copied()), 0xe306_9283);
        assert_eq!(crc32c([0; 32].into_iter()), 0x8a91_36aa); // RFC 3720 B.4
        assert_eq!(crc32c([].into_iter()), 0);
    }
}

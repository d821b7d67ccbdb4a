//! The code of texts (RFC 7541, appendix B). It is canonical: how long each symbol's is says all of it.

/// How long the code of each byte is, and last that of the end of a text, which never stands in one.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, //
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, //
    30,
];

const SHORTEST: usize = 5;
const LONGEST: usize = 30;

/// What is made of the lengths.
struct Code {
    /// Each symbol's bits.
    of_symbol: [u32; 257],
    /// The symbols, in the order of their codes.
    symbols: [u16; 257],
    /// Of each length: the first code, and how many symbols come before it.
    first: [(u32, u16); LONGEST + 2],
}

static CODE: Code = code();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "257 symbols and 30 lengths, when this is compiled"
)]
const fn code() -> Code {
    let mut made = Code { of_symbol: [0; 257], symbols: [0; 257], first: [(0, 0); LONGEST + 2] };
    let (mut length, mut next, mut count) = (SHORTEST, 0_u32, 0_usize);
    while length <= LONGEST {
        made.first[length] = (next, count as u16);
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                made.of_symbol[symbol] = next;
                made.symbols[count] = symbol as u16;
                next += 1;
                count += 1;
            }
            symbol += 1;
        }
        next <<= 1;
        length += 1;
    }
    made.first[LONGEST + 1] = (next, count as u16);
    made
}

/// The text that is coded so, if it takes no more than `most` bytes.
pub(super) fn decode(coded: &[u8], most: usize) -> Result<Vec<u8>, Undecodable> {
    // No symbol is shorter than five bits.
    let mut text = Vec::with_capacity((coded.len().saturating_mul(8) / SHORTEST).min(most));
    let (mut bits, mut known) = (0_u64, 0_usize);
    let mut coded = coded.iter();
    loop {
        while known <= 32
            && let Some(byte) = coded.next()
        {
            bits = bits << 8 | u64::from(*byte);
            known += 8;
        }
        let Some((symbol, length)) = symbol(bits, known) else { break };
        known -= length;
        bits &= (1 << known) - 1;
        if text.len() == most {
            return Err(Undecodable::TooLong);
        }
        text.push(u8::try_from(symbol).map_err(|_| Undecodable::Malformed)?); // 256: the end, which nobody may write
    }
    // What is left is less than a byte of ones.
    if known < 8 && bits == (1 << known) - 1 { Ok(text) } else { Err(Undecodable::Malformed) }
}

/// Why a text cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undecodable {
    Malformed,
    TooLong,
}

/// The symbol that `known` bits begin with, and how many of them it takes; none if it takes more.
fn symbol(bits: u64, known: usize) -> Option<(u16, usize)> {
    for length in SHORTEST..=LONGEST.min(known) {
        let code = u32::try_from(bits >> (known - length)).ok()?;
        let (first, before) = *CODE.first.get(length)?;
        let (_, after) = *CODE.first.get(length + 1)?;
        let place = code.checked_sub(first)?;
        if place < u32::from(after - before) {
            let symbol = CODE.symbols.get(usize::from(before) + usize::try_from(place).ok()?)?;
            return Some((*symbol, length));
        }
    }
    None
}

/// How many bytes a text takes when it is coded.
pub(super) fn length(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|&byte| usize::from(length_of(byte))).sum();
    bits.div_ceil(8)
}

/// Writes a text in its code.
#[expect(clippy::cast_possible_truncation, reason = "a byte at a time")]
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) {
    let (mut bits, mut known) = (0_u64, 0_u32);
    for &byte in text {
        let code = CODE.of_symbol.get(usize::from(byte)).copied().unwrap_or_default();
        let length = u32::from(length_of(byte));
        bits = bits << length | u64::from(code);
        known += length;
        while known >= 8 {
            known -= 8;
            out.push((bits >> known) as u8);
        }
        bits &= (1 << known) - 1;
    }
    if known > 0 {
        out.push((bits << (8 - known)) as u8 | 0xff >> known);
    }
}

fn length_of(byte: u8) -> u8 {
    LENGTHS.get(usize::from(byte)).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(text, &mut out);
        assert_eq!(out.len(), length(text));
        out
    }

    /// RFC 7541 C.4.1, C.6.1.
    #[test]
    fn texts_are_those_of_the_rfc() {
        let example = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(coded(b"www.example.com"), example);
        assert_eq!(decode(&example, 15).unwrap(), b"www.example.com");
        assert_eq!(decode(&example, 14), Err(Undecodable::TooLong));
        assert_eq!(coded(b"private"), [0xae, 0xc3, 0x77, 0x1a, 0x4b]);
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&coded(&all), 256).unwrap(), all);
        for byte in all {
            assert_eq!(decode(&coded(&[byte]), 1).unwrap(), [byte]);
        }
        assert_eq!(decode(&[], 0).unwrap(), b"");
    }

    /// RFC 7541 5.2: padding is of ones and shorter than a byte, and the end is never written.
    #[test]
    fn what_is_no_text_is_refused() {
        for wrong in [&[0xff][..], &[0xff; 4], &[0xae, 0xc3, 0x77, 0x1a, 0x4b, 0xff], &[0b0000_0000]] {
            assert_eq!(decode(wrong, 99), Err(Undecodable::Malformed), "{wrong:x?}");
        }
        assert_eq!(decode(&[0b0000_0111], 9).unwrap(), b"0");
    }
}

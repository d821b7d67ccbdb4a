//! Shares of all keys, each leading to the number of a value: the patterns of `split_clients`. Pure.

use crate::DefinitionErrorKind;

/// Hundredths of a percent in the whole.
const WHOLE: u32 = 10_000;

/// Shares in the order in which they were written: a key belongs to one, always to the same.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    /// Hundredths of a percent so far.
    total: u32,
    /// The sum of the bounds so far.
    bound: u32,
    /// Below which hash each value is chosen; none: all that is left.
    bounds: Vec<(Option<u32>, usize)>,
}

impl Shares {
    /// Adds the share of value number `value`: `0.5%`, or `*` for what is left.
    pub(crate) fn add(&mut self, pattern: &str, value: usize) -> Result<(), DefinitionErrorKind> {
        if pattern == "*" {
            self.total = WHOLE;
            self.bounds.push((None, value));
            return Ok(());
        }
        let share = percent(pattern).ok_or_else(|| DefinitionErrorKind::Percent(pattern.into()))?;
        self.total = self.total.saturating_add(share);
        if self.total > WHOLE {
            return Err(DefinitionErrorKind::TooMuch);
        }
        if self.total == WHOLE {
            self.bounds.push((None, value));
            return Ok(());
        }
        let part = u64::from(share) * u64::from(u32::MAX) / u64::from(WHOLE);
        self.bound = self.bound.saturating_add(u32::try_from(part).unwrap_or(u32::MAX));
        self.bounds.push((Some(self.bound), value));
        Ok(())
    }

    /// The value that `key` belongs to.
    pub(crate) fn find(&self, key: &[u8]) -> Option<usize> {
        let hash = murmur2(key);
        self.bounds.iter().find(|(bound, _)| bound.is_none_or(|bound| hash < bound)).map(|(_, value)| *value)
    }
}

/// `12.34%` in hundredths of a percent; nothing is not a share.
fn percent(text: &str) -> Option<u32> {
    let (whole, part) = text.strip_suffix('%').map(|text| text.split_once('.').unwrap_or((text, "")))?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && part.is_empty() || part.len() > 2 || !digits(whole) || !digits(part) {
        return None;
    }
    let number = format!("{whole}{part:0<2}").parse().ok()?;
    (number > 0).then_some(number)
}

/// MurmurHash2 of 32 bits with the seed 0, as in nginx.
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    // nginx takes the length modulo 2^32 too.
    #[expect(clippy::cast_possible_truncation, reason = "the hash is defined so")]
    let mut hash = key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| tail << 8 | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents() {
        let check = |text: &str, expected: Option<u32>| assert_eq!(percent(text), expected, "{text}");
        check("0.5%", Some(50));
        check("100%", Some(10_000));
        check(".25%", Some(25));
        check("33.33%", Some(3333));
        check("0%", None);
        check("0.001%", None);
        check("5", None);
        check("%", None);
        check("-1%", None);
    }

    #[test]
    fn shares_of_a_hundred_are_all() {
        let mut shares = Shares::default();
        for (n, pattern) in ["10%", "20.5%", "69.5%"].iter().enumerate() {
            shares.add(pattern, n).unwrap();
        }
        let mut found = [0_u32; 3];
        for n in 0..10_000 {
            found[shares.find(n.to_string().as_bytes()).unwrap()] += 1;
        }
        assert!(found[0].abs_diff(1_000) < 150 && found[1].abs_diff(2_050) < 200, "{found:?}");
        assert!(matches!(shares.add("1%", 3), Err(DefinitionErrorKind::TooMuch)));
    }

    #[test]
    fn what_is_left_is_nothing_or_the_star() {
        let mut shares = Shares::default();
        shares.add("0.01%", 0).unwrap();
        assert!((0..100u32).any(|n| shares.find(&n.to_le_bytes()).is_none()));
        shares.add("*", 1).unwrap();
        assert!((0..100u32).all(|n| shares.find(&n.to_le_bytes()).is_some()));
    }

    #[test]
    fn the_hash_is_murmurs() {
        // Values of the reference implementation, seed 0.
        assert_eq!(murmur2(b""), 0);
        assert_eq!(murmur2(b"a"), 0x9268_5f5e);
        assert_eq!(murmur2(b"abc"), 0x1357_7c9b);
    }
}

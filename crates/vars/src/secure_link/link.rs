//! Links of a hash, and of the second that they are good until.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use md5::{Digest as _, Md5};

/// The hash of a link, and how long it is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link<'a> {
    /// None: it cannot be read.
    hash: Option<[u8; 16]>,
    expires: Option<(&'a [u8], u64)>,
}

/// What a link is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is good.
    Right,
    /// It was.
    Expired,
    /// It never was.
    Wrong,
}

impl<'a> Link<'a> {
    /// Reads `hash`, or `hash,second`.
    pub(super) fn parse(text: &'a [u8]) -> Self {
        let Some(comma) = text.iter().position(|byte| *byte == b',') else {
            return Self { hash: hash(text), expires: None };
        };
        let (before, digits) =
            (text.get(..comma).unwrap_or_default(), text.get(comma + 1..).unwrap_or_default());
        match second(digits) {
            Some(second) => Self { hash: hash(before), expires: Some((digits, second)) },
            None => Self { hash: None, expires: None },
        }
    }

    /// Until when it is good, in seconds since 1970, as it is written; none: always.
    pub(super) fn expires(&self) -> Option<&'a [u8]> {
        self.expires.map(|(text, _)| text)
    }

    /// Whether its hash is that of this text, and it is good `now`, in seconds since 1970.
    pub(super) fn verify(&self, text: &[u8], now: u64) -> Verdict {
        let Some(hash) = self.hash else { return Verdict::Wrong };
        if !same(&hash, &Md5::digest(text).into()) {
            Verdict::Wrong
        } else if self.expires.is_some_and(|(_, second)| second < now) {
            Verdict::Expired
        } else {
            Verdict::Right
        }
    }
}

/// The same time for all that differ.
pub(super) fn same(one: &[u8; 16], other: &[u8; 16]) -> bool {
    one.iter().zip(other).fold(0, |found, (one, other)| found | (one ^ other)) == 0
}

fn second(digits: &[u8]) -> Option<u64> {
    let value = digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit).filter(|value| *value <= i64::MAX as u64)
    });
    value.filter(|value| *value > 0)
}

/// As nginx: with `=` at its end or without, behind which nothing is looked at, and whatever the bits are that are of no byte.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// 16 bytes in base64url.
fn hash(text: &[u8]) -> Option<[u8; 16]> {
    let end = text.iter().position(|byte| *byte == b'=').unwrap_or(text.len());
    // As many as 24 digits are.
    let mut found = [0; 18];
    let length = BASE64.decode_slice(text.get(..end)?, &mut found).ok()?;
    found.get(..length)?.try_into().ok().filter(|_| text.len() <= 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    // echo -n '2147483647/s/link127.0.0.1 secret' | openssl md5 -binary | openssl base64 | tr +/ -_ | tr -d =
    const GOOD: &str = "_e4Nc3iduzkWRm01TBBNYw";
    const TEXT: &[u8] = b"2147483647/s/link127.0.0.1 secret";

    #[track_caller]
    fn check(link: &str, now: u64, expected: Verdict) {
        assert_eq!(Link::parse(link.as_bytes()).verify(TEXT, now), expected, "{link}");
    }

    #[test]
    fn links_are_judged() {
        check(GOOD, 1, Verdict::Right);
        check(&format!("{GOOD}=="), 1, Verdict::Right);
        check(&format!("{GOOD}=A"), 1, Verdict::Right);
        check(&GOOD.replace("Yw", "Yx"), 1, Verdict::Right);
        check(&format!("{GOOD},2147483647"), 2_147_483_647, Verdict::Right);
        check(&format!("{GOOD},2147483647"), 2_147_483_648, Verdict::Expired);
        for wrong in [
            String::new(),
            GOOD.replace('_', "/"),
            GOOD.replace('4', "5"),
            GOOD.replace("_e", "e"),
            format!("{GOOD}===="),
            format!("{GOOD}A"),
            format!("{GOOD}AA"),
            format!("{GOOD},"),
            format!("{GOOD},0"),
            format!("{GOOD},-1"),
            format!("{GOOD},soon"),
            format!("{GOOD},99999999999999999999"),
            format!(",{GOOD}"),
        ] {
            check(&wrong, 1, Verdict::Wrong);
        }
    }

    #[test]
    fn the_end_is_as_it_is_written() {
        for (text, expected) in
            [("a,007", Some("007")), ("a", None), ("a,x", None), ("a,0", None), ("wrong,5", Some("5"))]
        {
            assert_eq!(Link::parse(text.as_bytes()).expires(), expected.map(str::as_bytes), "{text}");
        }
    }
}

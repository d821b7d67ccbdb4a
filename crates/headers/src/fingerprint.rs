//! One word that says which names a header map cannot hold.

use http::HeaderMap;

/// The set of names in a header map, as one word: a name whose bit is not set is not there.
///
/// Made in one pass over the fields; after it, looking for a name that is absent costs a shift and a test, where
/// [`HeaderMap::remove`] would hash it and probe. A bit that is set proves nothing (64 bits, unbounded names): the map
/// decides then.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self(headers.keys().fold(0, |bits, name| bits | bit(name.as_str())))
    }

    pub(crate) const fn name(name: &str) -> Self {
        Self(bit(name))
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn may_hold(self, name: Self) -> bool {
        self.0 & name.0 != 0
    }
}

/// The bit of a name in lower case, chosen by its length and its first, middle and last byte. The multiplier is one that
/// keeps the fields of ordinary requests apart from the names that are removed from them (tested below).
const fn bit(name: &str) -> u64 {
    const SPREAD: u32 = 0xb7fa_870b;
    let bytes = name.as_bytes();
    let (first, last) = match bytes {
        [] => (0, 0),
        [only] => (*only, *only),
        [first, .., last] => (*first, *last),
    };
    let middle = match bytes.split_at_checked(bytes.len() / 2) {
        Some((_, [middle, ..])) => *middle,
        _ => 0,
    };
    let length = bytes.len().to_le_bytes()[0];
    let key = u32::from_le_bytes([length, first, last, middle]);
    1 << (key.wrapping_mul(SPREAD) >> 26)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hop_by_hop;

    #[test]
    fn a_name_that_is_there_is_seen() {
        let mut headers = HeaderMap::new();
        for name in ["a", "te", "host", "x-forwarded-for", "connection"] {
            headers.insert(name, http::HeaderValue::from_static("v"));
        }
        let seen = Fingerprint::of(&headers);
        for name in headers.keys() {
            assert!(seen.may_hold(Fingerprint::name(name.as_str())), "{name}");
        }
        assert!(!Fingerprint::of(&HeaderMap::new()).may_hold(Fingerprint::name("te")));
    }

    #[test]
    fn a_browser_s_fields_look_like_nothing_that_is_removed() {
        for name in [
            "host",
            "user-agent",
            "accept",
            "accept-encoding",
            "accept-language",
            "cookie",
            "cache-control",
            "referer",
            "content-type",
            "content-length",
            "authorization",
            "origin",
            "if-none-match",
            "range",
            "sec-fetch-site",
            "sec-fetch-mode",
            "sec-fetch-dest",
            "upgrade-insecure-requests",
            "sec-ch-ua",
            "x-forwarded-for",
            "traceparent",
        ] {
            assert!(!hop_by_hop::ALL.may_hold(Fingerprint::name(name)), "{name}");
        }
    }
}

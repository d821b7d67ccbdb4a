//! What a request says that concerns a cache.

use http::HeaderMap;

/// Which of the fields that concern a cache a request has: found in one pass, for most requests have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(u8);

impl Fields {
    /// If-None-Match, If-Modified-Since
    pub(crate) const CONDITION: Self = Self(1);
    /// Range
    pub(crate) const RANGE: Self = Self(2);
    /// Cache-Control, Pragma
    pub(crate) const DIRECTIVES: Self = Self(4);
    /// If-Match, If-Unmodified-Since
    pub(crate) const PRECONDITION: Self = Self(8);
    /// Upgrade
    pub(crate) const UPGRADE: Self = Self(16);
    /// Those by which less than all of a response may be what the client gets.
    pub(crate) const JUDGED: Self = Self(Self::CONDITION.0 | Self::RANGE.0 | Self::PRECONDITION.0);

    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut found = 0;
        for name in headers.keys() {
            found |= match name.as_str() {
                "if-none-match" | "if-modified-since" => Self::CONDITION.0,
                "range" => Self::RANGE.0,
                "cache-control" | "pragma" => Self::DIRECTIVES.0,
                "if-match" | "if-unmodified-since" => Self::PRECONDITION.0,
                "upgrade" => Self::UPGRADE.0,
                _ => 0,
            };
        }
        Self(found)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn fields_are_found() {
        for (name, expected) in [
            ("if-none-match", Fields::CONDITION),
            ("if-modified-since", Fields::CONDITION),
            ("range", Fields::RANGE),
            ("cache-control", Fields::DIRECTIVES),
            ("pragma", Fields::DIRECTIVES),
            ("if-match", Fields::PRECONDITION),
            ("if-unmodified-since", Fields::PRECONDITION),
            ("upgrade", Fields::UPGRADE),
            ("accept", Fields::default()),
        ] {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static("x"))]);
            assert_eq!(Fields::of(&headers), expected, "{name}");
        }
    }
}

//! What is remembered of a stored response beside its head: on what terms it may be used.

use std::time::Duration;

use bytes::{Buf as _, Bytes};

use super::directives::{Delta, ResponseDirectives};
use super::rules::Rules;

/// On what terms a stored response may be used. Ten bytes in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    flags: u8,
    stale_while_revalidate: u32,
    stale_if_error: Option<u32>,
}

/// Never without validation.
const VALIDATE: u8 = 1;
/// Never stale, whatever else is said.
const NEVER_STALE: u8 = 2;
/// Not stale, unless a window is given expressly.
const NOT_STALE: u8 = 4;
/// An answer to HEAD: there is no body.
const HEAD: u8 = 8;
/// There was no answer: an error is remembered.
const ERROR: u8 = 16;

const VERSION: u8 = 1;
const NO_WINDOW: u32 = u32::MAX;

impl Terms {
    /// Those of a response with these directives.
    pub(super) fn new(rules: &Rules, said: &ResponseDirectives, head: bool) -> Self {
        let mut flags = if head { HEAD } else { 0 };
        if said.no_cache {
            flags |= VALIDATE;
        }
        if rules.guard {
            // RFC 9111 4.2.4: "A cache MUST NOT generate a stale response if it is prohibited by an explicit in-protocol
            // directive (e.g., by a no-cache response directive, a must-revalidate response directive, or an applicable
            // s-maxage or proxy-revalidate response directive".
            if said.must_revalidate || said.proxy_revalidate || said.no_cache {
                flags |= NEVER_STALE;
            }
            if said.s_maxage != Delta::Absent {
                flags |= NOT_STALE;
            }
        }
        let stale_while_revalidate = said.stale_while_revalidate.seconds().unwrap_or_default();
        let mut stale_if_error = said.stale_if_error.seconds();
        if !rules.guard && stale_while_revalidate > 0 {
            // nginx takes the one for the other.
            stale_if_error = stale_if_error.or(Some(stale_while_revalidate));
        }
        Self { flags, stale_while_revalidate, stale_if_error }
    }

    /// Those of an error that is remembered.
    #[must_use]
    pub const fn of_error() -> Self {
        Self { flags: ERROR | NEVER_STALE, stale_while_revalidate: 0, stale_if_error: None }
    }

    /// Whether it is an error that is remembered.
    #[must_use]
    pub const fn remembered(self) -> bool {
        self.flags & ERROR != 0
    }

    /// The same, without the need of validation before each use.
    pub(super) const fn without_validation(self) -> Self {
        Self { flags: self.flags & !VALIDATE, ..self }
    }

    /// Whether it must be validated before each use.
    #[must_use]
    pub const fn validate(self) -> bool {
        self.flags & VALIDATE != 0
    }

    /// Whether it is an answer to HEAD, which has no body to answer a GET with.
    #[must_use]
    pub const fn head(self) -> bool {
        self.flags & HEAD != 0
    }

    /// Whether it may be used when it is stale at all.
    #[must_use]
    pub const fn may_be_stale(self) -> bool {
        self.flags & (NEVER_STALE | NOT_STALE) == 0
    }

    /// Whether it may be served while it is refreshed, after it has been stale for so long.
    #[must_use]
    pub fn while_revalidating(self, stale: Duration) -> bool {
        let window = Duration::from_secs(self.stale_while_revalidate.into());
        self.flags & NEVER_STALE == 0 && stale <= window && !window.is_zero()
    }

    /// Whether it may be served in the place of an error, after it has been stale for so long. None: it does not say.
    #[must_use]
    pub fn on_error(self, stale: Duration) -> Option<bool> {
        let window = Duration::from_secs(self.stale_if_error?.into());
        Some(self.flags & NEVER_STALE == 0 && stale <= window)
    }

    /// Whether it may be of use when it is stale and cannot be validated.
    #[must_use]
    pub const fn has_window(self) -> bool {
        self.stale_while_revalidate > 0 || self.stale_if_error.is_some()
    }

    /// For the store.
    #[must_use]
    pub fn encode(self) -> Bytes {
        let mut bytes = [0; 10];
        let [version, flags, rest @ ..] = &mut bytes;
        (*version, *flags) = (VERSION, self.flags);
        let (first, second) = rest.split_at_mut(4);
        first.copy_from_slice(&self.stale_while_revalidate.to_le_bytes());
        second.copy_from_slice(&self.stale_if_error.unwrap_or(NO_WINDOW).to_le_bytes());
        Bytes::copy_from_slice(&bytes)
    }

    /// From the store: what [`encode`](Self::encode) made.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        if bytes.try_get_u8().ok()? != VERSION {
            return None;
        }
        let flags = bytes.try_get_u8().ok()?;
        let stale_while_revalidate = bytes.try_get_u32_le().ok()?;
        let stale_if_error = Some(bytes.try_get_u32_le().ok()?).filter(|window| *window != NO_WINDOW);
        bytes.is_empty().then_some(Self { flags, stale_while_revalidate, stale_if_error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for flags in 0..32 {
            for stale_if_error in [None, Some(0), Some(7)] {
                let terms = Terms { flags, stale_while_revalidate: 5, stale_if_error };
                let bytes = terms.encode();
                assert_eq!(Terms::decode(&bytes), Some(terms));
                assert_eq!(Terms::decode(bytes.get(1..).unwrap()), None);
                assert_eq!(Terms::decode(&[&bytes[..], b"x"].concat()), None);
            }
        }
        assert_eq!(Terms::decode(b""), None);
    }
}

//! What is worth another try, in nginx's terms.

use std::fmt;
use std::ops::BitOr;

use http::{Method, StatusCode};

/// Why a try was no good (nginx: a parameter of `proxy_next_upstream`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// The connection could not be made, or broke.
    Error,
    /// Something took too long.
    Timeout,
    /// The response was empty or no HTTP.
    InvalidHeader,
    /// A connection was not permitted (EACCES, EPERM: a socket's mode, a firewall's rule). An error too: [`Conditions::ERROR`]
    /// has it as well.
    Denied,
    /// The response has this status: 403, 404, 429, 500, 502, 503 or 504.
    Status(StatusCode),
}

/// A set of [`Condition`]s, and whether requests that change things are sent again as well.
///
/// ```
/// use propylon_retry::{Condition, Conditions};
///
/// let on = Conditions::ERROR | Conditions::TIMEOUT | Conditions::HTTP_503;
/// assert!(on.contains(Condition::Error) && !on.contains(Condition::InvalidHeader));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conditions(u16);

const NAMES: [(Conditions, &str); 12] = [
    (Conditions::ERROR, "error"),
    (Conditions::TIMEOUT, "timeout"),
    (Conditions::INVALID_HEADER, "invalid_header"),
    (Conditions::DENIED, "denied"),
    (Conditions::HTTP_403, "http_403"),
    (Conditions::HTTP_404, "http_404"),
    (Conditions::HTTP_429, "http_429"),
    (Conditions::HTTP_500, "http_500"),
    (Conditions::HTTP_502, "http_502"),
    (Conditions::HTTP_503, "http_503"),
    (Conditions::HTTP_504, "http_504"),
    (Conditions::NON_IDEMPOTENT, "non_idempotent"),
];

impl Conditions {
    /// None: nothing is tried again (nginx: `off`).
    pub const NONE: Self = Self(0);
    /// [`Condition::Error`].
    pub const ERROR: Self = Self(1);
    /// [`Condition::Timeout`].
    pub const TIMEOUT: Self = Self(1 << 1);
    /// [`Condition::InvalidHeader`].
    pub const INVALID_HEADER: Self = Self(1 << 2);
    /// [`Condition::Denied`].
    pub const DENIED: Self = Self(1 << 3);
    /// A response of 403.
    pub const HTTP_403: Self = Self(1 << 4);
    /// A response of 404.
    pub const HTTP_404: Self = Self(1 << 5);
    /// A response of 429.
    pub const HTTP_429: Self = Self(1 << 6);
    /// A response of 500.
    pub const HTTP_500: Self = Self(1 << 7);
    /// A response of 502.
    pub const HTTP_502: Self = Self(1 << 8);
    /// A response of 503.
    pub const HTTP_503: Self = Self(1 << 9);
    /// A response of 504.
    pub const HTTP_504: Self = Self(1 << 10);
    /// Requests that have been sent and are not safe to repeat (POST, LOCK, PATCH) are tried again too.
    pub const NON_IDEMPOTENT: Self = Self(1 << 11);

    /// Whether the condition is in the set.
    #[must_use]
    pub fn contains(self, condition: Condition) -> bool {
        let one = match condition {
            Condition::Error => Self::ERROR,
            Condition::Timeout => Self::TIMEOUT,
            Condition::InvalidHeader => Self::INVALID_HEADER,
            Condition::Denied => Self::ERROR | Self::DENIED,
            Condition::Status(status) => match status.as_u16() {
                403 => Self::HTTP_403,
                404 => Self::HTTP_404,
                429 => Self::HTTP_429,
                500 => Self::HTTP_500,
                502 => Self::HTTP_502,
                503 => Self::HTTP_503,
                504 => Self::HTTP_504,
                _ => Self::NONE,
            },
        };
        self.has(one)
    }

    /// Whether requests are tried again that are not safe to repeat.
    #[must_use]
    pub fn non_idempotent(self) -> bool {
        self.has(Self::NON_IDEMPOTENT)
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// nginx's name of a condition.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|&(one, _)| one)
    }

    fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }
}

/// nginx's default: `error timeout`.
impl Default for Conditions {
    fn default() -> Self {
        Self::ERROR | Self::TIMEOUT
    }
}

impl BitOr for Conditions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(NAMES.iter().filter(|(one, _)| self.has(*one)).map(|(_, name)| name)).finish()
    }
}

/// Whether a request may be sent again after it may have had its effect: nginx's list, for which a second time could do harm.
pub(crate) fn is_idempotent(method: &Method) -> bool {
    *method != Method::POST && *method != Method::PATCH && method.as_str() != "LOCK"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_nginxs() {
        for (one, name) in NAMES {
            assert_eq!(Conditions::from_name(name), Some(one));
        }
        assert_eq!(Conditions::from_name("http_501"), None);
        assert_eq!(format!("{:?}", Conditions::default()), r#"{"error", "timeout"}"#);
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let on = Conditions::default() | Conditions::HTTP_404;
        assert!(on.contains(Condition::Timeout) && on.contains(Condition::Status(StatusCode::NOT_FOUND)));
        assert!(!on.contains(Condition::Status(StatusCode::OK)));
        assert!(on.contains(Condition::Denied), "it is an error too");
        assert!(
            Conditions::DENIED.contains(Condition::Denied) && !Conditions::DENIED.contains(Condition::Error)
        );
        assert!(!Conditions::TIMEOUT.contains(Condition::Denied));
        assert!(!on.non_idempotent() && (on | Conditions::NON_IDEMPOTENT).non_idempotent());
    }
}

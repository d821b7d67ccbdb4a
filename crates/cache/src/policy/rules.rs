//! The switches: where RFC 9111 leaves room, and where nginx's habits are others.

use std::time::Duration;

use http::{HeaderName, StatusCode};

/// How responses are judged. [`rfc`](Self::rfc) is the default; [`nginx`](Self::nginx) does as `proxy_cache` does.
///
/// What is safe in both is no switch: who may share a response to a request with `Authorization`, `Vary: *`, fields that
/// `Connection` names, `Age`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "switches that do not depend on one another")]
pub struct Rules {
    /// Responses with `Set-Cookie` are stored, cookie and all.
    pub set_cookie: bool,
    /// Clients' `Cache-Control` and `Pragma` are obeyed.
    pub request_directives: bool,
    /// Without a word on freshness, a tenth of the age of what has a `Last-Modified` (RFC 9111 4.2.2).
    pub heuristic: bool,
    /// An unsafe request that is answered without an error removes what is stored for its URI (RFC 9111 4.4).
    pub invalidate: bool,
    /// `must-revalidate`, `proxy-revalidate`, `s-maxage` and `no-cache` keep what is stale from being used.
    pub guard: bool,
    /// `Expires` and `Age` are counted from the response's own `Date` (RFC 9111 4.2.1, 4.2.3). Else `Expires` is a time of
    /// this machine's clock.
    pub origin_dates: bool,
    /// What must be validated before each use is stored too, if it can be validated.
    pub unfresh: bool,
    /// What is stale is validated, rather than asked for anew.
    pub revalidate: bool,
    /// A 304 updates the stored fields (RFC 9111 3.2). Else only how long they are fresh, and only answers of 200 and 206 are
    /// validated: as in nginx.
    pub update_fields: bool,
    /// `If-Match` and `If-Unmodified-Since` are judged by what is stored. RFC 9111 4.3.2 leaves them to the origin: such
    /// requests go past the cache.
    pub preconditions: bool,
    /// Others read an answer only when all of it is stored, and wait until then. Else they read it while it comes.
    pub whole: bool,
    /// Answers of 206 are stored: for keys that tell ranges apart.
    pub partial: bool,
    /// The key tells apart who asks with different `Authorization`.
    pub authorization_in_key: bool,
    /// Fields of RFC 9213 that go before `Cache-Control` and `Expires`, the first that is there and valid.
    pub targeted: Vec<HeaderName>,
    /// What responses say that is not listened to.
    pub ignore: Ignore,
    /// How long what does not say it is fresh: the first that is for its status.
    pub valid: Vec<Valid>,
    /// When a stale response is better than none.
    pub use_stale: Conditions,
}

impl Rules {
    /// RFC 9111 in full, and RFC 9213's `CDN-Cache-Control`.
    #[must_use]
    pub fn rfc() -> Self {
        Self {
            set_cookie: true,
            request_directives: true,
            heuristic: true,
            invalidate: true,
            guard: true,
            origin_dates: true,
            unfresh: true,
            revalidate: true,
            update_fields: true,
            preconditions: false,
            whole: false,
            partial: false,
            authorization_in_key: false,
            targeted: vec![HeaderName::from_static("cdn-cache-control")],
            ignore: Ignore::NOTHING,
            valid: Vec::new(),
            use_stale: Conditions::FAILURES,
        }
    }

    /// What nginx's `proxy_cache` does when nothing else is configured.
    #[must_use]
    pub fn nginx() -> Self {
        Self {
            set_cookie: false,
            request_directives: false,
            heuristic: false,
            invalidate: false,
            guard: false,
            origin_dates: false,
            unfresh: false,
            revalidate: false,
            update_fields: false,
            preconditions: true,
            whole: true,
            partial: true,
            authorization_in_key: false,
            targeted: Vec::new(),
            ignore: Ignore::NOTHING,
            valid: Vec::new(),
            use_stale: Conditions::NONE,
        }
    }

    /// What [`valid`](Self::valid) has for this status.
    #[must_use]
    pub fn valid_for(&self, status: StatusCode) -> Option<Duration> {
        self.valid
            .iter()
            .find(|valid| valid.status.is_none_or(|wanted| wanted == status))
            .map(|valid| valid.time)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::rfc()
    }
}

/// One of [`Rules::valid`]: nginx's `proxy_cache_valid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Valid {
    /// The status that it is for; none for any.
    pub status: Option<StatusCode>,
    /// How long such responses are fresh. Nothing at all: they are not stored.
    pub time: Duration,
}

/// What responses say that is not listened to: nginx's `proxy_ignore_headers`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ignore(u8);

impl Ignore {
    /// Everything is listened to.
    pub const NOTHING: Self = Self(0);
    /// `X-Accel-Expires`
    pub const ACCEL_EXPIRES: Self = Self(1);
    /// `Expires`
    pub const EXPIRES: Self = Self(2);
    /// `Cache-Control`
    pub const CACHE_CONTROL: Self = Self(4);
    /// `Set-Cookie`
    pub const SET_COOKIE: Self = Self(8);
    /// `Vary`
    pub const VARY: Self = Self(16);

    /// Whether all of `other` is ignored.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl std::ops::BitOr for Ignore {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// How a request to the upstream can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection, or one that broke.
    Error,
    /// No answer in time.
    Timeout,
    /// No answer that is HTTP.
    InvalidHeader,
    /// An answer with this status.
    Status(StatusCode),
}

impl Failure {
    const fn condition(self) -> Conditions {
        match self {
            Self::Error => Conditions::ERROR,
            Self::Timeout => Conditions::TIMEOUT,
            Self::InvalidHeader => Conditions::INVALID_HEADER,
            Self::Status(status) => match status.as_u16() {
                500 => Conditions::HTTP_500,
                502 => Conditions::HTTP_502,
                503 => Conditions::HTTP_503,
                504 => Conditions::HTTP_504,
                403 => Conditions::HTTP_403,
                404 => Conditions::HTTP_404,
                429 => Conditions::HTTP_429,
                _ => Conditions::NONE,
            },
        }
    }

    /// RFC 5861 4: "an error is any situation that would result in a 500, 502, 503, or 504 HTTP response status code being
    /// returned."
    pub(super) const fn is_error(self) -> bool {
        match self {
            Self::Error | Self::Timeout | Self::InvalidHeader => true,
            Self::Status(status) => matches!(status.as_u16(), 500 | 502 | 503 | 504),
        }
    }
}

/// A set of conditions: nginx's `proxy_cache_use_stale`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions(u16);

impl Conditions {
    /// Never.
    pub const NONE: Self = Self(0);
    /// No connection, or one that broke.
    pub const ERROR: Self = Self(1);
    /// No answer in time.
    pub const TIMEOUT: Self = Self(2);
    /// No answer that is HTTP.
    pub const INVALID_HEADER: Self = Self(4);
    /// Somebody is asking for a newer one.
    pub const UPDATING: Self = Self(8);
    /// A 500.
    pub const HTTP_500: Self = Self(16);
    /// A 502.
    pub const HTTP_502: Self = Self(32);
    /// A 503.
    pub const HTTP_503: Self = Self(64);
    /// A 504.
    pub const HTTP_504: Self = Self(128);
    /// A 403.
    pub const HTTP_403: Self = Self(256);
    /// A 404.
    pub const HTTP_404: Self = Self(512);
    /// A 429.
    pub const HTTP_429: Self = Self(1024);
    /// No answer at all, or one of 500, 502, 503 and 504.
    pub const FAILURES: Self = Self(1 + 2 + 4 + 16 + 32 + 64 + 128);

    /// Whether all of `other` is in the set, and `other` is something.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        other.0 != 0 && self.0 & other.0 == other.0
    }

    /// Whether this failure is in the set.
    #[must_use]
    pub const fn include(self, failure: Failure) -> bool {
        self.has(failure.condition())
    }
}

impl std::ops::BitOr for Conditions {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

//! What may be compressed for a client that is a proxy.

use http::HeaderMap;
use std::time::SystemTime;

use http::header::{AUTHORIZATION, CACHE_CONTROL, DATE, ETAG, EXPIRES, LAST_MODIFIED};

/// Which responses to a request that came through a proxy (`Via`) may be compressed (nginx: `gzip_proxied`, and
/// its order: `ANY`, `AUTH`, `Expires`, `Cache-Control`, the rest). With anything but `OFF`, responses that say nothing of caching are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proxied(u8);

impl Proxied {
    /// None.
    pub const OFF: Self = Self(0);
    /// Those whose `Expires` is in the past; without this, none with an `Expires`.
    pub const EXPIRED: Self = Self(1);
    /// Those with `Cache-Control: no-cache`; of those with a `Cache-Control`, only what one of these three allows.
    pub const NO_CACHE: Self = Self(2);
    /// Those with `Cache-Control: no-store`.
    pub const NO_STORE: Self = Self(4);
    /// Those with `Cache-Control: private`.
    pub const PRIVATE: Self = Self(8);
    /// Not those with `Last-Modified`.
    pub const NO_LAST_MODIFIED: Self = Self(16);
    /// Not those with `ETag`.
    pub const NO_ETAG: Self = Self(32);
    /// Those to requests with `Authorization`, whatever they say.
    pub const AUTH: Self = Self(64);
    /// All.
    pub const ANY: Self = Self(128);

    /// Both.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether a response may be compressed; `authorized`: the request had an `Authorization`.
    pub(crate) fn allows(self, response: &HeaderMap, authorized: bool) -> bool {
        if self.has(Self::ANY) || self.has(Self::AUTH) && authorized {
            return true;
        }
        if self == Self::OFF {
            return false;
        }
        if response.contains_key(EXPIRES) {
            return self.has(Self::EXPIRED) && expired(response);
        }
        if response.contains_key(CACHE_CONTROL) {
            let says =
                |name: &str| directives(response).any(|said| said.eq_ignore_ascii_case(name.as_bytes()));
            return self.has(Self::NO_CACHE) && says("no-cache")
                || self.has(Self::NO_STORE) && says("no-store")
                || self.has(Self::PRIVATE) && says("private");
        }
        !(self.has(Self::NO_LAST_MODIFIED) && response.contains_key(LAST_MODIFIED)
            || self.has(Self::NO_ETAG) && response.contains_key(ETAG))
    }
}

/// Whether a request has what [`Proxied::AUTH`] asks for.
pub(crate) fn authorized(request: &HeaderMap) -> bool {
    request.contains_key(AUTHORIZATION)
}

/// The directives of `Cache-Control`, without their arguments.
pub(crate) fn directives(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(CACHE_CONTROL).iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(|directive| directive.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii())
}

/// Whether `Expires` is in the past, seen from `Date`.
fn expired(headers: &HeaderMap) -> bool {
    let date = |name| {
        let text = headers.get(name).map(|value: &http::HeaderValue| value.to_str().unwrap_or_default());
        text.map(httpdate::parse_http_date)
    };
    #[expect(clippy::disallowed_methods, reason = "dates are the wall clock's, and this is for few proxies")]
    let now = || Ok(SystemTime::now());
    match (date(EXPIRES), date(DATE).unwrap_or_else(now)) {
        (Some(Ok(expires)), Ok(date)) => expires < date,
        _ => false,
    }
}

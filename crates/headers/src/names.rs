//! Field names that this crate knows and the `http` crate has no constant for.

use http::header::HeaderName;

/// `X-Forwarded-For`: the addresses that a request came through, the client first.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// `X-Forwarded-Proto`: the scheme that the client used.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// `X-Forwarded-Host`: the `Host` that the client sent.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// `X-Real-IP`: the client's address.
pub const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// `Keep-Alive`: parameters of one connection (RFC 2068), never forwarded.
pub const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// `Proxy-Connection`: what old clients send in the place of `Connection`, never forwarded.
pub const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// `Proxy`: a field that CGI turns into the environment's `HTTP_PROXY` ("httpoxy").
pub(crate) const PROXY: HeaderName = HeaderName::from_static("proxy");

/// Names that are set nearly everywhere.
const USUAL: [HeaderName; 5] = [
    X_FORWARDED_FOR,
    X_FORWARDED_PROTO,
    X_FORWARDED_HOST,
    X_REAL_IP,
    HeaderName::from_static("x-request-id"),
];

/// The same name as a constant, if it is one of those: to clone it counts no handle, as it does where the name was read from a file.
pub(crate) fn constant(name: HeaderName) -> HeaderName {
    USUAL.into_iter().find(|usual| *usual == name).unwrap_or(name)
}

/// What the names of the `X-Forwarded-*` family begin with.
const X_FORWARDED_PREFIX: &str = "x-forwarded-";

/// True for `Content-Length` and `Transfer-Encoding`: they say where a message ends, so they belong to the code that
/// writes it, and a [`Field`](crate::Field) cannot give them a value.
///
/// ```
/// use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
///
/// assert!(propylon_headers::is_framing(&CONTENT_LENGTH));
/// assert!(!propylon_headers::is_framing(&CONTENT_TYPE));
/// ```
#[must_use]
pub fn is_framing(name: &HeaderName) -> bool {
    *name == http::header::CONTENT_LENGTH || *name == http::header::TRANSFER_ENCODING
}

/// True for `Forwarded`, `X-Real-IP` and every `X-Forwarded-*`, in any case.
pub(crate) fn is_forwarding(name: &str) -> bool {
    name.get(..X_FORWARDED_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(X_FORWARDED_PREFIX))
        || name.eq_ignore_ascii_case("forwarded")
        || name.eq_ignore_ascii_case("x-real-ip")
}

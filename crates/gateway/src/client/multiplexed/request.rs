//! Requests as the rest of the gateway knows them: as HTTP/1.1 would have them.

use bytes::{BufMut, BytesMut};
use http::header::{COOKIE, EXPECT, HOST};
use http::{HeaderMap, HeaderValue};

/// The `Host` of a request that has none: its authority.
pub(crate) fn host_of(headers: &HeaderMap, authority: Option<&[u8]>) -> Option<HeaderValue> {
    authority.filter(|_| !headers.contains_key(HOST)).and_then(|host| HeaderValue::from_bytes(host).ok())
}

/// Whether a client waits to be told that its body is wanted.
pub(crate) fn awaits_continue(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Several `Cookie` fields are one that was cut for compression (RFC 9113 8.2.3, RFC 9114 4.2.1).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(COOKIE).iter().nth(1).is_none() {
        return;
    }
    let mut joined = BytesMut::new();
    for crumb in headers.get_all(COOKIE) {
        if !joined.is_empty() {
            joined.put_slice(b"; ");
        }
        joined.put_slice(crumb.as_bytes());
    }
    // What was made of values is one.
    if let Ok(cookie) = HeaderValue::from_maybe_shared(joined.freeze()) {
        headers.insert(COOKIE, cookie);
    }
}

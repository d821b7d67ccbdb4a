//! Requests as the rest of the gateway knows them: as HTTP/1.1 would have them.

use bytes::{BufMut, BytesMut};
use http::header::{COOKIE, HOST};
use http::{HeaderMap, HeaderValue};

/// An authority is the request's `Host`, unless it has one.
pub(crate) fn add_host(headers: &mut HeaderMap, authority: Option<&[u8]>) {
    let host = authority.filter(|_| !headers.contains_key(HOST));
    if let Some(host) = host.and_then(|host| HeaderValue::from_bytes(host).ok()) {
        headers.insert(HOST, host);
    }
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

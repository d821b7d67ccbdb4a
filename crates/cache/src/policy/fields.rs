//! Field values, and the fields that concern one connection only.

use http::header;
use http::{HeaderMap, HeaderName};
use propylon_conditions::list::members;
use smallvec::SmallVec;

/// A whole number of seconds. What is larger than fits is very many: RFC 9111 1.2.2.
pub(super) fn delta_seconds(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |value, byte| {
        byte.is_ascii_digit().then(|| value.saturating_mul(10).saturating_add(u32::from(byte - b'0')))
    })
}

/// Removes what concerned the connection that the message came by.
///
/// RFC 9111 3.1: "The Connection header field and fields whose names are listed in it are required by Section 7.6.1 of HTTP
/// to be removed before forwarding the message. [...] Likewise, some fields' semantics require them to be removed [...] A
/// cache MUST NOT store: Proxy-Authenticate, Proxy-Authentication-Info, Proxy-Authorization". Trailers are not stored, so
/// none are announced.
pub fn strip_connection(headers: &mut HeaderMap) {
    let listed: SmallVec<[HeaderName; 4]> = members(headers.get_all(header::CONNECTION))
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        // Nobody may have the framing of a message or its validity removed by naming it.
        .filter(|name| *name != header::CONTENT_LENGTH && *name != header::CACHE_CONTROL)
        .collect();
    for name in &listed {
        headers.remove(name);
    }
    for name in &CONNECTION_FIELDS {
        headers.remove(name);
    }
}

static CONNECTION_FIELDS: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-authentication-info"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn seconds() {
        for (text, expected) in [
            ("0", Some(0)),
            ("003600", Some(3600)),
            ("2147483649", Some(2_147_483_649)),
            ("99999999999", Some(u32::MAX)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.0", None),
            ("1 ", None),
            ("'60'", None),
        ] {
            assert_eq!(delta_seconds(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn what_concerned_the_connection_goes() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-One"),
            ("connection", "x-two, content-length, cache-control"),
            ("x-one", "1"),
            ("x-two", "2"),
            ("x-three", "3"),
            ("content-length", "4"),
            ("cache-control", "no-store"),
            ("keep-alive", "5"),
            ("transfer-encoding", "chunked"),
            ("proxy-authenticate", "Basic"),
            ("trailer", "x"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        strip_connection(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["cache-control", "content-length", "x-three"]);
    }
}

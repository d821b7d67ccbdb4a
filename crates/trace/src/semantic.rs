//! What attributes are called by OpenTelemetry's semantic conventions for HTTP, and how some of their values are made. Pure.

use std::borrow::Cow;

use http::{Method, Version};

/// The method of a request; one that is not [known](method) is `_OTHER`.
pub const REQUEST_METHOD: &str = "http.request.method";
/// The method as it came, if it is not a known one.
pub const REQUEST_METHOD_ORIGINAL: &str = "http.request.method_original";
/// Bytes of a request's body.
pub const REQUEST_BODY_SIZE: &str = "http.request.body.size";
/// How often a request was sent before this time.
pub const RESEND_COUNT: &str = "http.request.resend_count";
/// The status of a response.
pub const RESPONSE_STATUS: &str = "http.response.status_code";
/// Bytes of a response's body.
pub const RESPONSE_BODY_SIZE: &str = "http.response.body.size";
/// Which requests are served alike.
pub const ROUTE: &str = "http.route";
/// Why something failed: a status, or a word.
pub const ERROR_TYPE: &str = "error.type";
/// The path of a URL.
pub const URL_PATH: &str = "url.path";
/// What follows the `?` of a URL.
pub const URL_QUERY: &str = "url.query";
/// The scheme of a URL.
pub const URL_SCHEME: &str = "url.scheme";
/// The whole URL of a request that is sent.
pub const URL_FULL: &str = "url.full";
/// The host that a request is for.
pub const SERVER_ADDRESS: &str = "server.address";
/// Its port.
pub const SERVER_PORT: &str = "server.port";
/// Whose request it is, whoever has passed it on.
pub const CLIENT_ADDRESS: &str = "client.address";
/// The other end of the connection.
pub const PEER_ADDRESS: &str = "network.peer.address";
/// Its port.
pub const PEER_PORT: &str = "network.peer.port";
/// The version of HTTP.
pub const PROTOCOL_VERSION: &str = "network.protocol.version";
/// The field `User-Agent`.
pub const USER_AGENT: &str = "user_agent.original";

/// Begins the names of request fields, whose values are lists.
pub const REQUEST_HEADER: &str = "http.request.header.";
/// Begins the names of response fields, whose values are lists.
pub const RESPONSE_HEADER: &str = "http.response.header.";

/// The methods that are called so; a span has no other names in it than anybody knows.
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];

/// The keys of queries whose values are secrets.
const SECRETS: [&[u8]; 4] = [b"AWSAccessKeyId", b"Signature", b"sig", b"X-Goog-Signature"];

/// A method that everybody knows. `None`: it is called `_OTHER`.
#[must_use]
pub fn method(method: &Method) -> Option<&'static str> {
    METHODS.into_iter().find(|known| *known == method.as_str())
}

/// The version of HTTP, as the conventions write it.
#[must_use]
pub fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// A query without the values that are known to be secrets.
///
/// ```
/// use propylon_trace::semantic::query;
///
/// assert_eq!(&*query(b"a=b&sig=c"), b"a=b&sig=REDACTED");
/// ```
#[must_use]
pub fn query(query: &[u8]) -> Cow<'_, [u8]> {
    let key = |part: &[u8]| part.iter().position(|byte| *byte == b'=').map(|at| part.split_at(at).0.to_vec());
    let secret = |part: &[u8]| key(part).filter(|key| SECRETS.contains(&&**key));
    let parts = || query.split(|byte| *byte == b'&');
    if !parts().any(|part| secret(part).is_some()) {
        return query.into();
    }
    let shown = parts().map(|part| match secret(part) {
        Some(mut key) => {
            key.extend_from_slice(b"=REDACTED");
            key
        }
        None => part.to_vec(),
    });
    shown.collect::<Vec<_>>().join(&b'&').into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let check = |text: &str, expected: &str| {
            assert_eq!(String::from_utf8_lossy(&query(text.as_bytes())), expected, "{text}");
        };
        check("", "");
        check("a=b", "a=b");
        check("sig", "sig");
        check("Sig=a", "Sig=a");
        check("sig=a=b&c&Signature=", "sig=REDACTED&c&Signature=REDACTED");
        check("AWSAccessKeyId=1&X-Goog-Signature=2", "AWSAccessKeyId=REDACTED&X-Goog-Signature=REDACTED");
    }

    #[test]
    fn methods_that_are_known() {
        assert_eq!(method(&Method::PATCH), Some("PATCH"));
        assert_eq!(method(&Method::from_bytes(b"get").unwrap()), None);
        assert_eq!(method(&Method::from_bytes(b"PURGE").unwrap()), None);
    }
}

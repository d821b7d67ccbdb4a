//! Heads as HTTP/2 has them (RFC 9113 8).

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, Version, request, response};

use crate::transport::Fingerprint;
use crate::{Error, HeadFault, PeerAddress, head};

/// Fields of a connection, which HTTP/2 does not have (RFC 9113 8.2.2).
const OF_CONNECTIONS: [HeaderName; 6] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// What is sent for a head: its authority is what `Host` says, or where the peer is.
pub(super) fn request(
    parts: &request::Parts,
    secure: bool,
    peer: &PeerAddress,
) -> Result<Request<()>, Error> {
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = Some(authority(parts.headers.get(HOST), peer)?);
    uri.path_and_query =
        Some(parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/")));
    let mut request = Request::new(());
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = Uri::from_parts(uri).map_err(|_| Error::InvalidTarget)?;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = parts.headers.clone();
    request.headers_mut().remove(HOST);
    remove_connection_s(request.headers_mut());
    Ok(request)
}

fn authority(host: Option<&HeaderValue>, peer: &PeerAddress) -> Result<Authority, Error> {
    match (host.filter(|host| !host.is_empty()), peer) {
        (Some(host), _) => Authority::try_from(host.as_bytes()).map_err(|_| Error::InvalidTarget),
        (None, PeerAddress::Tcp(address)) => {
            Authority::try_from(address.to_string()).map_err(|_| Error::InvalidTarget)
        }
        (None, PeerAddress::Unix(_)) => Ok(Authority::from_static("localhost")),
    }
}

/// Removes what belongs to a connection, also by the word of `Connection`; `TE` may say `trailers`.
fn remove_connection_s(headers: &mut HeaderMap) {
    let trailers = headers.get_all(TE).iter().any(|value| lists(value, b"trailers"));
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = head::connection_tokens(headers)
            .filter_map(|token| HeaderName::from_bytes(token).ok())
            .filter(|name| name != CONTENT_LENGTH)
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in OF_CONNECTIONS {
        headers.remove(name);
    }
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    } else {
        headers.remove(TE);
    }
}

fn lists(value: &HeaderValue, token: &[u8]) -> bool {
    value.as_bytes().split(|&byte| byte == b',').any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
}

/// Refuses a response's head that is too large, and mends what is merely superfluous.
pub(super) fn judge(parts: &mut response::Parts, settings: Fingerprint) -> Result<usize, HeadFault> {
    let size = size(&parts.headers);
    if size > settings.max_head || parts.headers.len() > settings.max_fields as usize {
        return Err(HeadFault::TooLarge);
    }
    if parts.headers.contains_key(CONTENT_LENGTH) {
        head::check(parts)?;
    }
    Ok(size)
}

/// The length that the head announces.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Bytes of a request's head: its method, its URI, its fields.
pub(super) fn request_size(head: &Request<()>) -> usize {
    let uri = head.uri();
    let authority = uri.authority().map_or(0, |authority| authority.as_str().len());
    let scheme = uri.scheme_str().map_or(0, |scheme| scheme.len() + "://".len());
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    head.method().as_str().len() + scheme + authority + path + size(head.headers())
}

/// Bytes of the fields, with four for each as in a line of HTTP/1: what the limit of a head is meant for.
pub(super) fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIX: &str = "/run/app.sock";

    fn parts(fields: &[(&str, &str)]) -> request::Parts {
        let request =
            fields.iter().fold(Request::get("/a?b"), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn check(fields: &[(&str, &str)], expected: &[(&str, &str)]) {
        let unix = PeerAddress::Unix(std::path::Path::new(UNIX).into());
        let request = request(&parts(fields), false, &unix).unwrap();
        let got: Vec<_> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(got, expected, "{fields:?}");
    }

    #[test]
    fn fields_of_connections_are_not_sent() {
        check(&[("host", "a"), ("x", "y")], &[("x", "y")]);
        check(
            &[("connection", "upgrade, X"), ("upgrade", "websocket"), ("x", "y"), ("z", "1")],
            &[("z", "1")],
        );
        check(&[("connection", "content-length"), ("content-length", "3")], &[("content-length", "3")]);
        check(&[("keep-alive", "5"), ("proxy-connection", "close"), ("transfer-encoding", "chunked")], &[]);
        check(&[("te", "trailers")], &[("te", "trailers")]);
        check(&[("te", "gzip;q=0.5, Trailers"), ("connection", "te")], &[("te", "trailers")]);
        check(&[("te", "gzip")], &[]);
    }

    #[test]
    fn authorities() {
        let tcp = PeerAddress::Tcp("127.0.0.1:80".parse().unwrap());
        let unix = PeerAddress::Unix(std::path::Path::new(UNIX).into());
        let uri = |fields: &[(&str, &str)], secure, peer| {
            request(&parts(fields), secure, peer).map(|r| r.uri().to_string())
        };
        assert_eq!(uri(&[("host", "a:1")], false, &tcp).unwrap(), "http://a:1/a?b");
        assert_eq!(uri(&[("host", "[::1]")], true, &tcp).unwrap(), "https://[::1]/a?b");
        assert_eq!(uri(&[("host", "")], false, &tcp).unwrap(), "http://127.0.0.1:80/a?b");
        assert_eq!(uri(&[], false, &unix).unwrap(), "http://localhost/a?b");
        assert!(matches!(uri(&[("host", "a b")], false, &tcp), Err(Error::InvalidTarget)));
    }
}

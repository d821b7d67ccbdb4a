//! A request of HTTP/2 as the rest of the gateway knows requests.

use bytes::{BufMut, BytesMut};
use h2::ext::Protocol;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request};

use super::websocket::{self, Key};

/// What a request asks of its stream.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// To be a WebSocket (RFC 8441), with the key for the upstream, if the client has none.
    pub(super) websocket: Option<Key>,
    /// To be told that its body is wanted.
    pub(super) go_on: bool,
    /// How long its body is, if it says so.
    pub(super) length: Option<u64>,
}

/// Writes a request as one of HTTP/1.1 would be, which is what layers, variables and upstreams know: with `Host`, one `Cookie`,
/// and `Upgrade` for a WebSocket.
pub(super) fn translate<B>(request: &mut Request<B>) -> Asked {
    let mut asked = Asked::default();
    if request.uri().authority().is_some() && !request.headers().contains_key(HOST) {
        let host = request.uri().authority().and_then(|host| HeaderValue::try_from(host.as_str()).ok());
        if let Some(host) = host {
            request.headers_mut().insert(HOST, host);
        }
    }
    join_cookies(request.headers_mut());
    if let Some(expected) = request.headers().get(EXPECT) {
        asked.go_on = expected.as_bytes().eq_ignore_ascii_case(b"100-continue");
    }
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    asked.length = length.and_then(|length| length.parse().ok());
    let protocol = request.extensions().get::<Protocol>().map(Protocol::as_str);
    if request.method() == Method::CONNECT
        && protocol.is_some_and(|name| name.eq_ignore_ascii_case("websocket"))
    {
        request.extensions_mut().remove::<Protocol>();
        *request.method_mut() = Method::GET;
        let headers = request.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        // What the client says for its own purpose is no key for the upstream's answer to be judged by.
        asked.websocket = Some(websocket::ask(headers));
        asked.length = None;
    }
    asked
}

/// Several `Cookie` fields are one that was cut for compression (RFC 9113 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(request: http::request::Builder) -> (Request<()>, Asked) {
        let mut request = request.body(()).unwrap();
        let asked = translate(&mut request);
        (request, asked)
    }

    #[test]
    fn host_is_the_authority_unless_it_is_there() {
        let (request, _) = translated(Request::get("https://a.example:8443/"));
        assert_eq!(request.headers()[HOST], "a.example:8443");
        let (request, _) = translated(Request::get("https://a.example/").header(HOST, "b"));
        assert_eq!(
            request.headers().get_all(HOST).iter().collect::<Vec<_>>(),
            ["b"],
            "which is for others to judge"
        );
        let (request, _) = translated(Request::get("/"));
        assert!(!request.headers().contains_key(HOST));
    }

    #[test]
    fn crumbs_become_one_cookie() {
        let (request, _) = translated(Request::get("/").header(COOKIE, "a=1").header(COOKIE, "b=2; c=3"));
        assert_eq!(request.headers().get_all(COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    }

    #[test]
    fn a_websocket_is_asked_for_as_over_http_1_1() {
        let connect = |protocol| {
            Request::builder()
                .method(Method::CONNECT)
                .uri("https://a/chat")
                .extension(Protocol::from_static(protocol))
        };
        let (request, asked) = translated(connect("websocket"));
        let headers = request.headers();
        assert_eq!(
            (request.method(), &headers[UPGRADE], &headers[CONNECTION]),
            (&Method::GET, &HeaderValue::from_static("websocket"), &HeaderValue::from_static("upgrade"))
        );
        assert!(headers.contains_key("sec-websocket-key") && asked.websocket.is_some());
        let (request, asked) = translated(connect("connect-udp"));
        assert_eq!(request.method(), Method::CONNECT);
        assert!(asked.websocket.is_none() && request.extensions().get::<Protocol>().is_some());
    }
}

//! A request of HTTP/2 as the rest of the gateway knows requests.

use h2::ext::Protocol;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, UPGRADE};
use http::{HeaderValue, Method, Request};

use crate::client::multiplexed::{Key, awaits_continue, host_of, join_cookies, websocket};

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
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    if let Some(host) = host_of(request.headers(), authority) {
        request.headers_mut().insert(HOST, host);
    }
    join_cookies(request.headers_mut());
    asked.go_on = awaits_continue(request.headers());
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

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

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

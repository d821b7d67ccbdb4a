//! `upstream.early_hints`: which interim responses pass, to clients and from upstreams of every version, from TOML and nginx.conf.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::net::SocketAddr;

use http::{Request, Response, StatusCode};
use propylon_h3::{Fields, response};
use propylon_testkit::http2::Http2Peer;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{Client, Propylon, address, on_hyper};

mod http2_support;
mod http3_support;

const HINT: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nX-Own: 1\r\nServer: theirs\r\nX-Accel-Redirect: /no\r\n\
                    Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\n";
const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

/// An upstream of HTTP/1.1 with hints.
fn hinting() -> RawPeer {
    RawPeer::tcp(|_| Plan::new().answer(|_| format!("{HINT}{GOOD}")).forever())
}

/// One of HTTP/2, for gRPC too.
fn hinting_http2() -> Http2Peer {
    Http2Peer::serving(h2::server::Builder::new(), |_, mut respond| async move {
        let mut hint = Response::new(());
        *hint.status_mut() = StatusCode::EARLY_HINTS;
        for (name, value) in [("link", "</a.css>"), ("x-own", "1"), ("server", "theirs")] {
            hint.headers_mut().insert(name, value.parse().unwrap());
        }
        respond.send_informational(hint).unwrap();
        respond.send_response(Response::new(()), true).unwrap();
    })
}

/// What comes before the final response over HTTP/1, each as its status and the names of its fields; and the final status.
fn ask(at: SocketAddr, request: &str) -> (Vec<String>, u16) {
    let mut client = Client::connect(at).unwrap();
    client.send(request.as_bytes()).unwrap();
    let mut early = Vec::new();
    loop {
        let head = client.stream().head().unwrap().unwrap();
        let text = String::from_utf8(head.0).unwrap();
        let status: u16 = text[9..12].parse().unwrap();
        if status >= 200 {
            return (early, status);
        }
        let names = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        early.push(
            names
                .map(|(name, _)| name.to_ascii_lowercase())
                .fold(status.to_string(), |all, name| all + " " + &name),
        );
    }
}

fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")
}

#[test]
fn they_pass_unless_they_are_not_to() {
    if on_hyper() {
        return; // hyper's server cannot send them
    }
    let (listen, peer, other) = (address(), hinting(), hinting_http2());
    let location = |path: &str, more: &str| {
        format!("[[server.location]]\nmatch = \"{path}\"\nproxy_pass = \"http://{}\"\n{more}\n", peer.addr())
    };
    let over_http2 = |path: &str, pass: &str, more: &str| {
        format!("[[server.location]]\nmatch = \"{path}\"\n{pass}://{}\"\n{more}\n", other.addr())
    };
    let _gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{listen}\"]\n{}{}{}{}{}{}{}{}{}{}",
        location("/plain", ""),
        location("/on", "upstream.early_hints = true"),
        location("/off", "upstream.early_hints = false"),
        location("/none", "upstream.early_hints = []"),
        location("/if", "upstream.early_hints = [\"$arg_a\", \"$arg_b\"]"),
        location("/hide", "headers.hide = [\"X-Own\", \"X-Other\"]"),
        location("/link", "headers.hide = [\"Link\"]"),
        over_http2(
            "/hidden",
            "proxy_pass = \"http",
            "upstream.http_version = \"2\"\nheaders.hide = [\"X-Own\"]"
        ),
        over_http2(
            "/http2",
            "proxy_pass = \"http",
            "upstream.http_version = \"2\"\nupstream.early_hints = [\"$arg_a\"]"
        ),
        over_http2("/grpc", "grpc_pass = \"grpc", "upstream.early_hints = [\"$arg_a\"]"),
    ));
    let all: &[&str] = &["103 link x-own"];
    for (path, expected) in [
        ("/plain", all),
        ("/on", all),
        ("/off", &[]),
        ("/none", &[]),
        ("/if", &[]),
        ("/if?a=0&b=", &[]),
        ("/if?a=0&b=00", all),
        ("/if?a=1", all),
        ("/hide", &["103 link"]),
        ("/link", &["103 x-own"]),
        ("/hidden", &["103 link"]),
        ("/http2", &[]),
        ("/http2?a=1", all),
        ("/grpc", &[]),
        ("/grpc?a=1", all),
    ] {
        let (early, status) = ask(listen, &get(path, ""));
        assert_eq!((early, status), (expected.iter().map(ToString::to_string).collect(), 200), "{path}");
    }
    let old = ask(listen, "GET /on HTTP/1.0\r\nHost: a.test\r\n\r\n");
    assert_eq!(old, (Vec::new(), 200), "HTTP/1.0 knows none");
}

#[test]
fn nginx_passes_none_unless_it_is_told_to() {
    if on_hyper() {
        return;
    }
    let (listen, peer, other) = (address(), hinting(), hinting_http2());
    let conf = "events {}\nhttp {
        access_log off;
        map $http_sec_fetch_mode $hints { navigate 1; }
        server {
            listen @LISTEN@;
            location / { proxy_pass http://@PEER@; }
            location /on { proxy_pass http://@PEER@; early_hints $hints $arg_hints; proxy_hide_header X-Own; }
            location /grpc { grpc_pass grpc://@OTHER@; early_hints $hints; early_hints $arg_hints; }
        }
    }";
    let conf = conf.replace("@LISTEN@", &listen.to_string()).replace("@PEER@", &peer.addr().to_string());
    let _gateway = Propylon::start_nginx(&conf.replace("@OTHER@", &other.addr().to_string()));
    let navigates = "Sec-Fetch-Mode: navigate\r\n";
    for (path, fields, expected) in [
        ("/", navigates, None),
        ("/on", navigates, Some("103 link")),
        ("/on", "", None),
        ("/on?hints=yes", "", Some("103 link")),
        ("/grpc", navigates, Some("103 link x-own")),
        ("/grpc?hints=yes", "", Some("103 link x-own")),
        ("/grpc", "", None),
    ] {
        let (early, status) = ask(listen, &get(path, fields));
        let expected: Vec<_> = expected.map(str::to_owned).into_iter().collect();
        assert_eq!((early, status), (expected, 200), "{path} {fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_of_http_2_and_3_get_them_too() {
    let (listen, peer) = (address(), hinting());
    let rest = http2_support::proxies(peer.addr(), "upstream.early_hints = [\"$http2\", \"$http3\"]\n");
    let rest = rest.replace("early_hints = [", "early_hints = [\"$arg_none\", ");
    let _gateway = http2_support::gateway(&format!("{listen} http2"), &rest);
    let request = Request::get("http://a.test/").body(()).unwrap();
    let (mut answer, _) = http2_support::connect(listen).await.send_request(request, true).unwrap();
    let hint = std::future::poll_fn(|cx| answer.poll_informational(cx)).await.unwrap().unwrap();
    let names: Vec<_> = hint.headers().keys().map(http::HeaderName::as_str).collect();
    assert_eq!((hint.status().as_u16(), names), (103, vec!["link", "x-own"]));
    assert_eq!(http2_support::text(answer.await.unwrap()).await, "good");

    let certificates = http3_support::Certificates::new();
    let (_gateway, at) = http3_support::gateway(&certificates, &rest);
    let connection = certificates.client(None).connect(at, "a.test").await.unwrap();
    let fields = Fields::default().field(":method", "GET").field(":scheme", "https");
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&fields.field(":authority", "a.test").field(":path", "/").into_frame()).await.unwrap();
    send.finish().unwrap();
    let answer = receive.read_to_end(1 << 16).await.unwrap();
    let hint = [("link", "</a.css>"), ("x-own", "1")];
    let hint =
        hint.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let hint = response(StatusCode::EARLY_HINTS, &hint);
    assert_eq!(answer[..hint.len()], hint, "and nothing else in it");
}

//! HTTP/2 from clients: curl, h2load and the crate h2 at the client's end, nginx beside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::process::Command;

use http::Request;
use propylon_testkit::certificates::{Authority, file};
use propylon_testkit::http2::kind;
use propylon_tests::{Nginx, address, addresses, curl, lossy, raw_request};
use tokio::net::TcpStream;

mod http2_support;
use http2_support::{connect, gateway, get, proxies, text, upload, whole};

/// A location that tells what came.
const TELLS: &str = "$server_protocol $request_method $scheme $host $request_uri http2=$http2 host=$http_host cookie=$http_cookie";

fn returns(path: &str, text: &str) -> String {
    format!("[[server.location]]\nmatch = \"{path}\"\nreturn = [200, \"{text}\"]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_by_alpn_and_in_clear_text_by_prior_knowledge() {
    let directory = tempfile::tempdir().unwrap();
    let root = Authority::root("Root");
    let authority = file(directory.path(), "root.pem", &root.certificate);
    let _ = root.server(&["a.test"]).write(directory.path(), "a.test");
    let [clear, secure, old] = addresses();
    let at = directory.path().display();
    let gateway = gateway(
        &format!("{clear} http2\", \"{secure} tls http2\", \"{old} tls"),
        &format!(
            "tls.certificates = [{{ certificate = \"{at}/a.test.pem\", key = \"{at}/a.test.key\" }}]\n{}",
            returns("/", TELLS)
        ),
    );
    let resolve = |to: SocketAddr| format!("a.test:{}:{}", to.port(), to.ip());
    let told = |version: &str, scheme: &str, http2: &str, to: SocketAddr| {
        let port = to.port();
        format!("{version} GET {scheme} a.test /a%20b?c http2={http2} host=a.test:{port} cookie=a=1; b=2")
    };
    let cookie = ["-H", "cookie: a=1; b=2"];
    let url = |scheme: &str, to: SocketAddr| format!("{scheme}://a.test:{}/a%20b?c", to.port());
    let ask = |more: &[&str], scheme: &str, to: SocketAddr| {
        let (resolve, url) = (resolve(to), url(scheme, to));
        let authority = authority.display().to_string();
        curl(&[more, &cookie, &["--resolve", &resolve, "--cacert", &authority, &url]].concat())
    };
    assert_eq!(ask(&["--http2"], "https", secure), told("HTTP/2.0", "https", "h2", secure));
    assert_eq!(ask(&["--http1.1"], "https", secure), told("HTTP/1.1", "https", "", secure));
    assert_eq!(ask(&["--http2"], "https", old), told("HTTP/1.1", "https", "", old), "no http2, no ALPN");
    assert_eq!(ask(&["--http2-prior-knowledge"], "http", clear), told("HTTP/2.0", "http", "h2c", clear));
    assert_eq!(ask(&["--http1.1"], "http", clear), told("HTTP/1.1", "http", "", clear));
    assert_eq!(
        ask(&["--http2"], "http", clear),
        told("HTTP/1.1", "http", "", clear),
        "no upgrade: RFC 9113 3.1"
    );

    let lines = gateway.lines("access.log", 6);
    let length = told("HTTP/2.0", "https", "h2", secure).len();
    assert!(lines.contains(&format!("\"GET /a%20b?c HTTP/2.0\" 200 {length}")), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_flight_that_comes_in_pieces_is_told_from_http_1() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listen = address();
    let _gateway = gateway(&format!("{listen} http2"), &returns("/", "$server_protocol $request_method"));
    for request in ["PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
        // A client that has said a part of its preface and waits is not taken for anything else.
        let mut socket = TcpStream::connect(listen).await.unwrap();
        socket.set_nodelay(true).unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let rest = &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[request.len()..];
        // A request of another client's lies between.
        let other = raw_request(listen, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(other.unwrap().text(), "HTTP/1.1 GET");
        socket.write_all(rest).await.unwrap();
        let mut head = [0; 9];
        socket.read_exact(&mut head).await.unwrap();
        assert_eq!(head[3], kind::SETTINGS);
    }
    for method in ["P", "PUT", "POST", "PRIMER"] {
        let answer = raw_request(
            listen,
            format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        );
        assert_eq!(answer.unwrap().text(), format!("HTTP/1.1 {method}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_go_both_ways_larger_than_any_window() {
    let [listen, peer] = addresses();
    let nginx = Nginx::start(&format!(
        "http {{ client_max_body_size 0; server {{ listen {peer};
           location / {{ root @DIR@; }}
           location /length {{ proxy_pass http://unix:@DIR@/len.sock; }} }}
         server {{ listen unix:@DIR@/len.sock; location / {{ return 200 $http_content_length; }} }} }}"
    ));
    std::fs::write(nginx.path("big"), vec![b'x'; 5 << 20]).unwrap();
    let gateway = gateway(&format!("{listen} http2"), &proxies(peer, ""));
    let mut sender = connect(listen).await;
    let (response, _) = sender.send_request(get("/big"), true).unwrap();
    let response = response.await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["content-length"]),
        (200, &"5242880".parse().unwrap())
    );
    assert!(response.headers().contains_key("date") && !response.headers().contains_key("connection"));
    assert_eq!(whole(response.into_body()).await.unwrap().0.len(), 5 << 20);

    let put = Request::put("http://a.test/length").body(()).unwrap();
    let (response, body) = sender.send_request(put, false).unwrap();
    upload(body, 3 << 20).await;
    assert_eq!(text(response.await.unwrap()).await, (3 << 20).to_string());

    let head = Request::head("http://a.test/big").body(()).unwrap();
    let response = sender.send_request(head, true).unwrap().0.await.unwrap();
    assert_eq!(&response.headers()["content-length"], "5242880");
    assert_eq!(text(response).await, "");
    let lines = gateway.lines("access.log", 3);
    assert_eq!(
        lines,
        [
            "\"GET /big HTTP/2.0\" 200 5242880",
            "\"PUT /length HTTP/2.0\" 200 7",
            "\"HEAD /big HTTP/2.0\" 200 0"
        ]
    );
}

#[test]
fn h2load_has_all_its_answers() {
    let [listen, peer] = addresses();
    let _nginx =
        Nginx::start(&format!("http {{ server {{ listen {peer}; location / {{ return 200 hello; }} }} }}"));
    let gateway = gateway(&format!("{listen} http2"), &proxies(peer, ""));
    let output = Command::new("h2load")
        .args(["-n", "3000", "-c", "5", "-m", "20", &format!("http://{listen}/")])
        .output()
        .unwrap_or_else(|error| panic!("h2load: {error}: apt-get install nghttp2-client"));
    let told = lossy(&output.stdout);
    // Each connection goes away after 1000 requests: h2load does not connect again.
    assert!(told.contains("3000 succeeded, 0 failed, 0 errored, 0 timeout"), "{told}");
    assert!(gateway.lines("access.log", 3000).iter().all(|line| line == "\"GET / HTTP/2.0\" 200 5"));
}

//! HTTP/3 from clients: what becomes of messages on their way to an upstream of HTTP/1.1 and back, and of connections when the
//! gateway goes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::thread;

use http::{HeaderMap, Request, StatusCode, Version};
use propylon_h3::{Fields, control, data};
use propylon_testkit::http2::Http2Peer;
use propylon_tests::{LIMIT, Listener, Propylon, Signal, Stream, address, until};
use quinn::Connection;

mod http3_support;
use http3_support::{Certificates, ask, config, connect, gateway, get, proxies, send, speak, whole};

/// What an upstream of HTTP/1.1 answers, once, after it has read a head; gives that head.
fn upstream(answer: &'static str) -> (SocketAddr, thread::JoinHandle<(String, Stream)>) {
    let listener = Listener::new();
    let address = listener.address();
    let playing = thread::spawn(move || {
        let mut stream = listener.accept();
        let head = stream.head().unwrap().unwrap();
        stream.send(answer.as_bytes()).unwrap();
        (String::from_utf8(head.0).unwrap(), stream)
    });
    (address, playing)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_becomes_one_of_http_1_1() {
    let certificates = Certificates::new();
    let (peer, playing) = upstream(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\nok",
    );
    let (_gateway, at) = gateway(&certificates, &proxies(peer, ""));
    let request = Request::post("https://a.test/p%20q?r")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("te", "trailers")
        .header("x-own", "yes")
        .body(())
        .unwrap();
    let answer = send(&mut connect(&certificates, at).await, request, b"hello").await.unwrap();
    assert_eq!((answer.head.version(), answer.status(), &*answer.text()), (Version::HTTP_3, 200, "ok"));
    let hop = ["connection", "keep-alive", "x-hop", "transfer-encoding"];
    assert!(hop.iter().all(|name| !answer.head.headers().contains_key(*name)));
    let (head, mut stream) = playing.join().unwrap();
    let lines: Vec<_> = head.lines().map(str::to_ascii_lowercase).collect();
    assert!(head.starts_with("POST /p%20q?r HTTP/1.1\r\n"), "{head}");
    for line in ["host: a.test", "cookie: a=1; b=2", "x-own: yes", "content-length: 5"] {
        assert!(lines.iter().any(|known| known == line), "{line}: {lines:?}");
    }
    let other = |line: &String| line.starts_with(':') || line.starts_with("transfer-encoding");
    assert!(!lines.iter().any(other), "{lines:?}");
    let mut sent = Vec::new();
    stream.exactly(5, &mut sent).unwrap();
    assert_eq!(sent, b"hello");
}

/// A request as bytes, on a connection without any engine; what the gateway answers.
async fn exchange(connection: &Connection, request: &[u8]) -> Vec<u8> {
    let mut settings = connection.open_uni().await.unwrap();
    settings.write_all(&control(&propylon_h3::Settings::default())).await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(request).await.unwrap();
    send.finish().unwrap();
    let answer = receive.read_to_end(65_536).await.unwrap();
    drop(settings);
    answer
}

fn frames(path: &str) -> Fields {
    let fields = Fields::default().field(":method", "GET").field(":scheme", "https");
    fields.field(":authority", "a.test").field(":path", path)
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_responses_and_trailers_reach_the_client() {
    let certificates = Certificates::new();
    let (peer, playing) = upstream(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: close\r\n\r\n\
         HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n",
    );
    let (_gateway, at) = gateway(&certificates, &proxies(peer, "headers.pass_trailers = true\n"));
    let connection = certificates.client(None).connect(at, "a.test").await.unwrap();
    let answer = exchange(&connection, &frames("/").into_frame()).await;
    let mut hints = HeaderMap::new();
    hints.insert("link", "</a.css>".parse().unwrap());
    let hints = propylon_h3::response(StatusCode::EARLY_HINTS, &hints);
    assert_eq!(answer[..hints.len()], hints, "and nothing else in it");
    let tail = [&data(2)[..], b"ok", &Fields::default().field("x-sum", "7").into_frame()].concat();
    assert!(answer.ends_with(&tail), "{answer:x?}");
    let _ = playing.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_go_to_an_upstream_that_speaks_http_2_and_a_body_is_asked_for() {
    let certificates = Certificates::new();
    let peer = Http2Peer::serving(h2::server::Builder::new(), |request, mut respond| async move {
        let mut body = request.into_body();
        while body.data().await.is_some() {}
        let sum = body.trailers().await.unwrap().unwrap_or_default().get("x-sum").cloned();
        let mut response = http::Response::new(());
        response.headers_mut().insert("x-seen", sum.unwrap_or("none".parse().unwrap()));
        respond.send_response(response, true).unwrap();
    });
    let (_gateway, at) = gateway(
        &certificates,
        &proxies(peer.addr(), "upstream.http_version = \"2\"\nbuffer.request = false\n"),
    );
    let connection = certificates.client(None).connect(at, "a.test").await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&frames("/").field("expect", "100-continue").into_frame()).await.unwrap();
    let go_on = propylon_h3::response(StatusCode::CONTINUE, &HeaderMap::new());
    let mut told = vec![0; go_on.len()];
    receive.read_exact(&mut told).await.unwrap();
    assert_eq!(told, go_on);
    let rest = [&data(1)[..], b"x", &Fields::default().field("x-sum", "9").into_frame()].concat();
    send.write_all(&rest).await.unwrap();
    send.finish().unwrap();
    let answer = receive.read_to_end(65_536).await.unwrap();
    let seen = Fields::default().field("x-seen", "9").into_frame();
    let seen = &seen[4..]; // the field alone
    assert!(answer.windows(seen.len()).any(|part| part == seen), "{answer:x?}");
}

/// The rest of a request that is answered is not wanted, and that is no error (RFC 9114 4.1).
#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_answer_is_told_to_send_no_more() {
    let certificates = Certificates::new();
    let (_gateway, at) = gateway(&certificates, "return = [200, \"enough\"]\n");
    let connection = certificates.client(None).connect(at, "a.test").await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&frames("/").into_frame()).await.unwrap();
    let answer = receive.read_to_end(65_536).await.unwrap();
    assert!(answer.ends_with(b"enough"));
    let stopped = tokio::time::timeout(LIMIT, send.stopped()).await.unwrap().unwrap();
    assert_eq!(stopped.map(u64::from), Some(propylon_h3::Code::NO_ERROR.value()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_is_cut_is_reset() {
    let certificates = Certificates::new();
    let (peer, playing) = upstream("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    let (gateway, at) = gateway(&certificates, &proxies(peer, ""));
    let mut sender = connect(&certificates, at).await; // who drops it leaves
    let mut stream = sender.send_request(get("/")).await.unwrap();
    stream.finish().await.unwrap();
    drop(playing.join().unwrap());
    let error = whole(stream).await.err().unwrap().to_string();
    assert!(error.contains("H3_INTERNAL_ERROR"), "{error}");
    assert_eq!(gateway.lines("access.log", 1), ["\"GET / HTTP/3.0\" 200 4"]);
}

/// Statuses of requests that the gateway refuses itself, and their log lines.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_refused_have_their_page() {
    let certificates = Certificates::new();
    let peer = address();
    let location =
        proxies(peer, "limit.body_size = \"10\"\n").replace("limit.body_size = \"unlimited\"\n", "");
    let (gateway, at) = gateway(&certificates, &format!("limit.body_size = \"10\"\n{location}"));
    let connection = certificates.client(None).connect(at, "a.test").await.unwrap();
    let long = "x".repeat(9000);
    let many = |count: usize, size: usize| {
        let value = "v".repeat(size);
        (0..count).fold(frames("/"), |fields, n| fields.field(&format!("x-{n}"), &value))
    };
    let asks = |method: &str, authority: &str, path: &str| {
        let fields = Fields::default().field(":method", method).field(":scheme", "https");
        fields.field(":authority", authority).field(":path", path)
    };
    let for_authority = Fields::default().field(":method", "CONNECT").field(":authority", "a.test:443");
    let cases = [
        (frames("/").field("host", "b.test"), 400, "GET /"),
        (frames("/../x"), 400, "GET /../x"),
        (frames("x"), 400, "GET x"),
        (asks("GET", "a..test", "/"), 400, "GET /"),
        (asks("GET", "u@a.test", "/"), 400, "GET /"),
        (
            Fields::default().field(":method", "GET").field(":scheme", "https").field(":path", "/"),
            400,
            "GET /",
        ),
        (frames("/").field("if-range", "a").field("if-range", "b"), 400, "GET /"),
        (asks("TRACE", "a.test", "/"), 405, "TRACE /"),
        (for_authority.clone(), 405, "CONNECT a.test:443"),
        (
            for_authority.field(":scheme", "https").field(":path", "/").field(":protocol", "connect-ip"),
            501,
            "CONNECT /",
        ),
        (frames("/").field("x-long", &long), 400, "GET /"),
        (many(6, 7000), 400, "GET /"),
        (many(1001, 1), 400, "GET /"),
        (many(20, 7000), 431, ""),
        (frames(&format!("/{long}")), 414, "GET /x"),
        (asks("POST", "a.test", "/").field("content-length", "11"), 413, "POST /"),
    ];
    for (n, (fields, status, line)) in cases.into_iter().enumerate() {
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        // It may be refused before all of it is there.
        let _ = send.write_all(&fields.into_frame()).await;
        let answer =
            receive.read_to_end(65_536).await.unwrap_or_else(|error| panic!("{status} {line}: {error}"));
        let expected = propylon_h3::response(StatusCode::from_u16(status).unwrap(), &HeaderMap::new());
        let expected = &expected[4..]; // the status alone
        assert!(
            answer[..12].windows(expected.len()).any(|part| part == expected),
            "{status} {line}: {answer:x?}"
        );
        let logged = gateway.lines("access.log", n + 1)[n].clone();
        let (found, bytes) = logged.rsplit_once(' ').unwrap();
        assert!(
            found.starts_with(&format!("\"{line}")) && found.ends_with(&format!(" {status}")),
            "{logged}"
        );
        assert!(answer.len() >= bytes.parse().unwrap(), "{logged}");
    }
}

/// What is in flight is finished, and who asks later is told to ask elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_ends_in_order() {
    let certificates = Certificates::new();
    let (peer, playing) = upstream("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
    let location = proxies(peer, "").replace("match = \"/\"", "match = \"/late\"");
    let (mut gateway, at) = gateway(
        &certificates,
        &format!("{location}[[server.location]]\nmatch = \"/\"\nreturn = [200, \"ok\"]\n"),
    );
    let mut sender = connect(&certificates, at).await;
    assert_eq!(ask(&mut sender, get("/")).await.unwrap().text(), "ok");
    let mut late = sender.send_request(get("/late")).await.unwrap();
    gateway.signal(Signal::QUIT);
    until("a client is refused", LIMIT, || {
        let client = certificates.client(None);
        let refused = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { client.connect(at, "a.test").await.is_err() })
        });
        refused.join().unwrap().then_some(())
    });
    assert!(gateway.runs(), "a request is in flight");
    late.finish().await.unwrap();
    assert_eq!(whole(late).await.unwrap().text(), "late");
    assert!(gateway.ended(LIMIT).success());
    let _ = playing.join().unwrap();
}

/// A reload leaves connections as they are, and each request takes what is in force.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_connections_and_a_listener_that_is_gone_sends_them_away() {
    let certificates = Certificates::new();
    let (listen, other) = (address(), address());
    let answer = |text: &str| format!("return = [200, \"{text}\"]\n");
    let gateway = Propylon::start(&config(&certificates, listen, &answer("one")));
    let connection = certificates.client(None).connect(listen, "a.test").await.unwrap();
    let mut sender = speak(connection.clone()).await;
    assert_eq!(ask(&mut sender, get("/")).await.unwrap().text(), "one");
    gateway.reload(&config(&certificates, listen, &answer("two")));
    until("the new configuration", LIMIT, || gateway.error_log().contains("reloaded").then_some(()));
    assert_eq!(ask(&mut sender, get("/")).await.unwrap().text(), "two");
    gateway.reload(&config(&certificates, other, &answer("three")));
    let error = ask(&mut sender, get("/")).await.err().unwrap().to_string();
    assert!(error.contains("H3_REQUEST_REJECTED") || error.contains("closing"), "{error}");
    assert!(certificates.client(None).connect(listen, "a.test").await.is_err());
    let mut sender = connect(&certificates, other).await;
    assert_eq!(ask(&mut sender, get("/")).await.unwrap().text(), "three");
    // The address can be had again as soon as those who were there have left.
    connection.close(0_u32.into(), b"");
    gateway.rewrite(&config(&certificates, listen, &answer("four")));
    let outcomes = || ["reloaded ", "is not reloaded"].map(|text| gateway.error_log().matches(text).count());
    until("the address", LIMIT, || {
        let before = outcomes();
        gateway.signal(Signal::HUP);
        let after = until("the end of a reload", LIMIT, || Some(outcomes()).filter(|after| *after != before));
        (after[0] > before[0]).then_some(())
    });
    let mut sender = connect(&certificates, listen).await;
    assert_eq!(ask(&mut sender, get("/")).await.unwrap().text(), "four");
}

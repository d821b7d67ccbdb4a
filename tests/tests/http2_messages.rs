//! HTTP/2 from clients: what becomes of messages on their way to an upstream of HTTP/1.1 and back.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::thread;

use bytes::Bytes;
use h2::ext::Protocol;
use http::{HeaderMap, Method, Request, Version};
use propylon_testkit::http2::Http2Peer;
use propylon_tests::{Listener, Nginx, Propylon, Stream, address, addresses};

mod http2_support;
use http2_support::{connect, gateway, get, proxies, text, upload, whole};

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
    let listen = address();
    let (peer, playing) = upstream(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n\r\nok",
    );
    let _gateway = gateway(&format!("{listen} http2"), &proxies(peer, ""));
    let request = Request::post("http://a.test/p%20q?r")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .header("te", "trailers")
        .header("x-own", "yes")
        .body(())
        .unwrap();
    let (response, mut body) = connect(listen).await.send_request(request, false).unwrap();
    body.send_data(Bytes::from_static(b"hello"), true).unwrap();
    let response = response.await.unwrap();
    assert_eq!((response.version(), response.status().as_u16()), (Version::HTTP_2, 200));
    assert!(
        ["connection", "keep-alive", "x-hop", "transfer-encoding"]
            .iter()
            .all(|name| !response.headers().contains_key(*name))
    );
    assert_eq!(text(response).await, "ok");
    let (head, mut stream) = playing.join().unwrap();
    let mut lines: Vec<_> = head.lines().map(str::to_ascii_lowercase).collect();
    lines.sort();
    assert!(head.starts_with("POST /p%20q?r HTTP/1.1\r\n"), "{head}");
    for line in ["host: a.test", "cookie: a=1; b=2", "x-own: yes", "content-length: 5"] {
        assert!(lines.iter().any(|known| known == line), "{line}: {lines:?}");
    }
    assert!(
        !lines.iter().any(|line| line.starts_with(':') || line.starts_with("transfer-encoding")),
        "{lines:?}"
    );
    let mut sent = Vec::new();
    stream.exactly(5, &mut sent).unwrap();
    assert_eq!(sent, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_responses_and_trailers_reach_the_client() {
    let listen = address();
    let (peer, playing) = upstream(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: close\r\n\r\n\
         HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n",
    );
    let _gateway = gateway(&format!("{listen} http2"), &proxies(peer, "headers.pass_trailers = true\n"));
    let (mut response, _) = connect(listen).await.send_request(get("/"), true).unwrap();
    let hint = std::future::poll_fn(|cx| response.poll_informational(cx)).await.unwrap().unwrap();
    assert_eq!((hint.status().as_u16(), &hint.headers()["link"]), (103, &"</a.css>".parse().unwrap()));
    assert!(!hint.headers().contains_key("connection"));
    let (body, trailers) = whole(response.await.unwrap().into_body()).await.unwrap();
    assert_eq!((body, trailers.unwrap()["x-sum"].as_bytes()), (b"ok".to_vec(), &b"7"[..]));
    let _ = playing.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_go_to_an_upstream_that_speaks_http_2_and_a_body_is_asked_for() {
    let listen = address();
    let peer = Http2Peer::serving(h2::server::Builder::new(), |request, mut respond| async move {
        let trailers = whole(request.into_body()).await.unwrap().1.unwrap_or_default();
        let sum = trailers.get("x-sum").cloned();
        let mut response = http::Response::new(());
        response.headers_mut().insert("x-seen", sum.unwrap_or("none".parse().unwrap()));
        respond.send_response(response, true).unwrap();
    });
    let _gateway = gateway(
        &format!("{listen} http2"),
        &proxies(peer.addr(), "upstream.http_version = \"2\"\nbuffer.request = false\n"),
    );
    let request = Request::post("http://a.test/").header("expect", "100-continue").body(()).unwrap();
    let (mut response, mut body) = connect(listen).await.send_request(request, false).unwrap();
    let go_on = std::future::poll_fn(|cx| response.poll_informational(cx)).await.unwrap().unwrap();
    assert_eq!(go_on.status().as_u16(), 100);
    body.send_data(Bytes::from_static(b"x"), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "9".parse().unwrap());
    body.send_trailers(trailers).unwrap();
    assert_eq!(response.await.unwrap().headers()["x-seen"], "9");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_is_cut_is_reset() {
    let listen = address();
    let (peer, playing) = upstream("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    let gateway = gateway(&format!("{listen} http2"), &proxies(peer, ""));
    let response = connect(listen).await.send_request(get("/"), true).unwrap().0;
    drop(playing.join().unwrap());
    let error = whole(response.await.unwrap().into_body()).await.unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::INTERNAL_ERROR));
    assert_eq!(gateway.lines("access.log", 1), ["\"GET / HTTP/2.0\" 200 4"]);
}

/// Status and body of requests that the gateway refuses itself.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_refused_have_their_page() {
    let [listen, peer] = addresses();
    let gateway = gateway(
        &format!("{listen} http2"),
        &format!(
            "limit.body_size = \"10\"\n{}",
            proxies(peer, "limit.body_size = \"10\"\n").replace("limit.body_size = \"unlimited\"\n", "")
        ),
    );
    let mut sender = connect(listen).await;
    let long = "x".repeat(9000);
    let many = |count: usize, size: usize| {
        let value = "v".repeat(size);
        (0..count).fold(Request::get("http://a.test/"), |request, n| request.header(format!("x-{n}"), &value))
    };
    let connect_to = |protocol: Option<&'static str>| {
        let request = Request::builder().method(Method::CONNECT);
        match protocol {
            Some(name) => request.uri("http://a.test/").extension(Protocol::from_static(name)),
            None => request.uri("a.test:443"),
        }
    };
    let cases = [
        (Request::get("http://a.test/").header("host", "b.test"), 400, "GET /"),
        (Request::get("http://a.test/../x"), 400, "GET /../x"),
        (Request::get("http://a..test/"), 400, "GET /"),
        (Request::get("http://a.test/").header("if-range", "a").header("if-range", "b"), 400, "GET /"),
        (Request::trace("http://a.test/"), 405, "TRACE /"),
        (connect_to(None), 405, "CONNECT a.test:443"),
        (connect_to(Some("connect-ip")), 501, "CONNECT /"),
        (Request::get("http://a.test/").header("x-long", &long), 400, "GET /"),
        (many(6, 7000), 400, "GET /"),
        (many(1001, 1), 400, "GET /"),
        (many(20, 7000), 431, ""),
        (Request::get(format!("http://a.test/{long}")), 414, "GET /x"),
        (Request::post("http://a.test/").header("content-length", "11"), 413, "POST /"),
    ];
    for (n, (request, status, line)) in cases.into_iter().enumerate() {
        let request = request.body(()).unwrap();
        let ends = !request.headers().contains_key("content-length");
        sender = sender.ready().await.unwrap();
        let (response, _body) = sender.send_request(request, ends).unwrap();
        let response = response.await.unwrap_or_else(|error| panic!("{status} {line}: {error}"));
        assert_eq!(response.status().as_u16(), status, "{line}");
        let logged = gateway.lines("access.log", n + 1)[n].clone();
        let (found, bytes) = logged.rsplit_once(' ').unwrap();
        assert!(
            found.starts_with(&format!("\"{line}")) && found.ends_with(&format!(" {status}")),
            "{status} {line}: {logged}"
        );
        if status != 431 {
            assert_eq!(text(response).await.len().to_string(), bytes, "{logged}");
        }
    }
}

/// The bytes of bodies, and what else both logs tell, beside nginx on the same requests.
#[tokio::test(flavor = "multi_thread")]
async fn log_lines_are_those_of_nginx() {
    let [listen, beside, peer] = addresses();
    let format = "$request|$status|$body_bytes_sent|$server_protocol|$request_uri|$host|$http_host|$http_cookie|$content_length|$scheme|$http2|$connection_requests|$request_completion";
    let nginx = Nginx::start(&format!(
        "http {{ log_format l '{format}'; access_log @DIR@/access.log l;
           server {{ listen {beside} http2; server_name a.test;
             location / {{ proxy_pass http://{peer}; }} location /own {{ return 200 text; }} location /gone {{ return 404; }} location /moved {{ return 301 /x; }} location /none {{ return 204; }} }}
           server {{ listen {peer}; access_log off; location / {{ return 200 \"$request_method $http_content_length\"; }} }} }}"
    ));
    let gateway = Propylon::start_nginx(&format!(
        "events {{ }} http {{ log_format l '{format}'; access_log @DIR@/access.log l;
           server {{ listen {listen} http2; server_name a.test;
             location / {{ proxy_pass http://{peer}; }} location /own {{ return 200 text; }} location /gone {{ return 404; }} location /moved {{ return 301 /x; }} location /none {{ return 204; }} }} }}"
    ));
    let mut nth = 0;
    let (mut ours, mut theirs) = (connect(listen).await, connect(beside).await);
    for (method, path, body) in [
        ("GET", "/own", 0),
        ("HEAD", "/own", 0),
        ("GET", "/gone?x", 0),
        ("GET", "/moved", 0),
        ("GET", "/none", 0),
        ("GET", "/a%20b//c?d=%20", 0),
        ("POST", "/", 70_000),
        ("PUT", "/p", 1),
    ] {
        let mut statuses = Vec::new();
        for sender in [&mut ours, &mut theirs] {
            let request = Request::builder()
                .method(method)
                .uri(format!("http://a.test{path}"))
                .header("cookie", "a=1")
                .header("cookie", "b=2");
            let request = if body > 0 { request.header("content-length", body) } else { request };
            let (response, sending) = sender.send_request(request.body(()).unwrap(), body == 0).unwrap();
            if body > 0 {
                upload(sending, body).await;
            }
            let response = response.await.unwrap();
            let fields = ["content-length", "content-type", "location"]
                .map(|name| response.headers().get(name).cloned());
            statuses.push((
                response.status(),
                fields,
                text(response).await.replace("nginx/1.22.1", "").replace("propylon/0.1.0", ""),
            ));
        }
        nth += 1;
        assert_eq!(statuses[0].0, statuses[1].0, "{method} {path}");
        if !path.starts_with("/gone") && !path.starts_with("/moved") {
            assert_eq!(statuses[0], statuses[1], "{method} {path}"); // pages carry the name and its length
        }
        let lines = [
            gateway.lines("access.log", nth)[nth - 1].clone(),
            nginx.lines("access.log", nth)[nth - 1].clone(),
        ];
        let parts = lines.each_ref().map(|line| line.split('|').collect::<Vec<_>>());
        for (which, (own, expected)) in parts[0].iter().zip(&parts[1]).enumerate() {
            let page = which == 2 && (path.starts_with("/gone") || path.starts_with("/moved"));
            assert!(own == expected || page, "{lines:?}");
        }
    }
}

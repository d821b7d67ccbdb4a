//! What an upstream orders by fields: X-Accel-Redirect with nginx's rules for method and body, and its trailers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Listener, Origin, Pair, Propylon, Stream, address, lossy, raw_request};

const CONF: &str = r#"
http {
    access_log off;
    server {
        listen @LISTEN@;
        location / { proxy_pass http://@ORIGIN@; proxy_set_header X-Reply $http_x_order; proxy_set_header X-Order ""; }
        location /inner/ { internal; proxy_pass http://@ORIGIN@; proxy_set_header X-Order ""; add_header X-Inner yes; }
        location @named { proxy_pass http://@ORIGIN@; proxy_set_header X-Order ""; }
        location /text/ { internal; return 200 "inner text\n"; }
        location /ignores/ {
            proxy_pass http://@ORIGIN@; proxy_set_header X-Reply $http_x_order; proxy_set_header X-Order "";
            proxy_ignore_headers X-Accel-Redirect;
        }
        location /fails/ {
            proxy_intercept_errors on; error_page 404 /inner/page; error_page 500 @named;
            proxy_pass http://@ORIGIN@;
        }
    }
}
"#;

/// What the client got, and what the origin was asked for: method, target, length and body of each request.
type Seen = (u16, String, Vec<(String, Option<String>, String)>);

fn ask(at: SocketAddr, origin: &Origin, request: &str) -> Seen {
    origin.take();
    let answer = raw_request(at, request.as_bytes()).unwrap();
    let seen = origin.take();
    let asked = seen.into_iter().map(|seen| {
        let line = lossy(seen.head.start_line());
        (line, seen.head.field("content-length"), lossy(&seen.body))
    });
    let kept = [
        "content-type",
        "set-cookie",
        "cache-control",
        "expires",
        "content-disposition",
        "x-inner",
        "x-other",
    ];
    let mut fields: Vec<_> =
        answer.head.fields().into_iter().filter(|(name, _)| kept.contains(&name.as_str())).collect();
    fields.sort();
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}: {}", lossy(value))).collect();
    (answer.status, fields.join("; "), asked.collect())
}

#[test]
fn redirects_keep_method_and_body_as_nginx_does() {
    let origin = Origin::start();
    let pair = Pair::start(CONF, &[("ORIGIN", &origin.address().to_string())]);
    let [ours, theirs] = pair.at;
    let same = |request: &str| {
        // HTTP/1.0 in nginx 1.22, HTTP/1.1 here.
        let version = |seen: Seen| {
            let asked = seen
                .2
                .into_iter()
                .map(|(line, length, body)| (line.replace("HTTP/1.0", "HTTP/1.1"), length, body));
            (seen.0, seen.1, asked.collect::<Vec<_>>())
        };
        let (theirs, ours) = (version(ask(theirs, &origin, request)), version(ask(ours, &origin, request)));
        assert_eq!(ours, theirs, "{request}: left is propylon, right is nginx");
        ours
    };
    let long = "x".repeat(100_000);
    let bodies = [
        "\r\n".to_owned(),
        "Content-Length: 5\r\n\r\nhello".to_owned(),
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_owned(),
        format!("Content-Length: {}\r\n\r\n{long}", long.len()), // more than stays in memory
    ];
    let mut with_body = 0;
    for method in ["GET", "POST", "PUT", "HEAD", "DELETE"] {
        for body in &bodies {
            for order in ["/inner/x?a=b", "@named", "/text/x", "/inner/%41%20b", "inner", "/../x"] {
                for path in ["/x", "/ignores/x"] {
                    let order = format!("X-Order: X-Accel-Redirect: {order}\r\n");
                    let seen = same(&format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{order}{body}"));
                    with_body += usize::from(seen.2.len() == 2 && !seen.2[1].2.is_empty());
                }
            }
            for status in [404, 500, 204] {
                let head = format!("{method} /fails/x HTTP/1.1\r\nHost: a\r\nX-Do: status={status}\r\n");
                same(&format!("{head}{body}"));
            }
        }
    }
    assert!(with_body > 20, "few had a body: {with_body}");
}

const ORDERS: &str = r#"
http {
    access_log off;
    server {
        listen @LISTEN@;
        location / { proxy_pass http://@ORIGIN@; }
        location /with-page/ { proxy_pass http://@ORIGIN@; error_page 404 500 =200 /files/a.txt; }
        location /again/ { proxy_pass http://@ORIGIN@; proxy_set_header X-Reply "X-Accel-Redirect: /files/a.txt"; }
        location /again-type/ {
            proxy_pass http://@ORIGIN@; proxy_set_header X-Do ""; proxy_set_header X-Reply $http_x_again;
        }
        location /inner/ { proxy_pass http://@ORIGIN@; proxy_set_header X-Reply ""; proxy_set_header X-Do ""; }
        location /typed/ {
            proxy_pass http://@ORIGIN@; proxy_set_header X-Reply "Content-Type: text/css"; proxy_set_header X-Do "";
        }
        location @named { return 200 named; }
        location /text/ { internal; return 200 "inner text\n"; }
        location /files/ { alias @FILES@/; charset utf-8; charset_types text/css; }
        location /moved/ { return 301 /elsewhere; }
        location /bare/ { return 204; }
        location /cycle/ { rewrite ^ /cycle/; }
        error_page 410 /files/a.txt;
        location /gone/ { return 410; }
        location /gone-for-good/ { return 410 gone; }
    }
}
"#;

#[test]
fn what_answers_has_the_fields_of_the_order_as_in_nginx() {
    let origin = Origin::start();
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("a.txt"), "a text").unwrap();
    let holes = [("ORIGIN", &*origin.address().to_string()), ("FILES", &*files.path().to_string_lossy())];
    let pair = Pair::start(ORDERS, &holes);
    let [ours, theirs] = pair.at;
    let looks = |at: SocketAddr, request: &str| {
        let answer = raw_request(at, request.as_bytes()).unwrap();
        let fields: Vec<String> = answer
            .head
            .fields()
            .into_iter()
            .filter(|(name, _)| !["server", "date", "connection", "content-length"].contains(&name.as_str()))
            .map(|(name, value)| format!("{name}: {}", lossy(&value).replace(&at.to_string(), "HOST")))
            .collect();
        (answer.status, fields.into_iter().collect::<std::collections::BTreeSet<_>>())
    };
    let mut typed = 0;
    let orders = [
        "/files/a.txt",
        "/files/none",
        "/text/x.css",
        "@named",
        "@none",
        "/inner/x",
        "/typed/x",
        "/moved/x",
        "/bare/x",
        "/cycle/",
        "/gone/",
        "/gone-for-good/",
        "/again/x",
        "/again-type/x",
        "/../x",
    ];
    for order in orders {
        for fields in [
            "Content-Type: image/png",
            "Content-Type: text/css",
            "Accept-Ranges: bytes",
            "Cache-Control: private",
            "Expires: 0",
            "Set-Cookie: a=b",
            "Content-Disposition: attachment",
            "X-Other: 1",
            "Last-Modified: Thu, 01 Jan 2015 00:00:00 GMT",
        ] {
            for (path, more) in [("/x", ""), ("/with-page/x", ""), ("/x", "Range: bytes=0-1\r\n")] {
                let again = "X-Again: X-Accel-Redirect: /files/a.txt\r\n";
                let request = format!(
                    "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{more}{again}\
                     X-Reply: X-Accel-Redirect: {order}\r\nX-Reply: {fields}\r\n\r\n"
                );
                let (ours, theirs) = (looks(ours, &request), looks(theirs, &request));
                assert_eq!(ours, theirs, "{request}: left is propylon, right is nginx");
                typed += usize::from(ours.1.contains("content-type: image/png"));
            }
        }
    }
    assert!(typed > 10, "{typed}");
}

#[test]
fn trailers_of_upstreams_pass_only_where_they_may() {
    let upstream = Listener::new();
    let listen = address();
    let location = |path: &str, more: &str| {
        format!(
            "[[server.location]]\nmatch = \"{path}\"\nproxy_pass = \"http://{}\"\n{more}\n",
            upstream.address()
        )
    };
    let _gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{listen}\"]\n{}{}{}{}",
        location("/", ""),
        location("/pass/", "headers.pass_trailers = true"),
        location("/at-once/", "buffer.response = false"),
        location("/pass/at-once/", "headers.pass_trailers = true\nbuffer.response = false"),
    ));
    for (path, passes) in [("/", false), ("/pass/", true), ("/at-once/", false), ("/pass/at-once/", true)] {
        let mut client = propylon_tests::Client::connect(listen).unwrap();
        client
            .send(
                format!("GET {path} HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te\r\n\r\n")
                    .as_bytes(),
            )
            .unwrap();
        let mut peer: Stream = upstream.accept();
        let head = peer.head().unwrap().unwrap();
        let asked = (head.field("te"), head.field("connection"));
        let wanted = passes.then(|| (Some("trailers".to_owned()), Some("te".to_owned())));
        assert_eq!(asked, wanted.unwrap_or_default(), "{path}");
        peer.send(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        )
        .unwrap();
        client.stream().head().unwrap().unwrap();
        peer.send(b"0\r\nX-Sum: 1\r\n\r\n").unwrap();
        let mut body = Vec::new();
        let trailers = client.stream().chunked(&mut body).unwrap();
        assert_eq!(lossy(&body), "hello", "{path}");
        let trailers = lossy(&trailers).to_ascii_lowercase();
        assert_eq!(trailers.trim(), if passes { "x-sum: 1" } else { "" }, "{path}");
    }
}

#[test]
fn trailers_pass_what_shapes_the_body() {
    let upstream = Listener::new();
    let listen = address();
    let _gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n\
         headers = {{ pass_trailers = true, add_trailer = {{ X-Own = \"$status\" }} }}\n\
         compression = {{ codings = [\"gzip\"], types = [\"*\"], min_length = 1 }}\n\
         substitute = {{ rules = [[\"hello\", \"goodbye\"]], types = [\"*\"] }}\n\
         charset = {{ name = \"utf-8\", types = [\"*\"] }}\nlimit = {{ rate = \"10k\", upstream_rate = \"20k\" }}\n",
        upstream.address()
    ));
    for coding in ["identity", "gzip"] {
        let mut client = propylon_tests::Client::connect(listen).unwrap();
        let head = "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: te";
        client.send(format!("{head}\r\nAccept-Encoding: {coding}\r\n\r\n").as_bytes()).unwrap();
        let mut peer = upstream.accept();
        peer.head().unwrap().unwrap();
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nConnection: close\r\nTransfer-Encoding: chunked";
        peer.send(format!("{head}\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n").as_bytes()).unwrap();
        let head = client.stream().head().unwrap().unwrap();
        assert_eq!(head.field("content-type").as_deref(), Some("text/css; charset=utf-8"));
        let mut body = Vec::new();
        let trailers = lossy(&client.stream().chunked(&mut body).unwrap()).to_ascii_lowercase();
        assert!(trailers.contains("x-sum: 1\r\n") && trailers.contains("x-own: 200\r\n"), "{trailers}");
        match coding {
            "gzip" => assert!(body.starts_with(b"\x1f\x8b"), "{body:?}"),
            _ => assert_eq!(lossy(&body), "goodbye"),
        }
    }
}

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

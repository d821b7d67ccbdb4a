//! What becomes of a request's body when the request goes on to another location, against nginx.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use propylon_tests::{LIMIT, Origin, Pair, Propylon, address, fill, lossy, raw_request, until};

const CONF: &str = r#"
http {
    access_log off;
    proxy_http_version 1.1;
    server {
        listen @LISTEN@;
        root @FILES@;
        proxy_request_buffering @BUFFERING@;
        location /tried/ { try_files /none @app; }
        location /elsewhere/ { try_files /none /app/other; }
        location /missing/ { error_page 404 405 = @app; }
        location /page/ { error_page 404 405 = /app/page; }
        location /index/ { index /app/index; error_page 404 405 = @app; }
        location /says/ { error_page 404 = @app; return 404; }
        location /says-page/ { error_page 404 = /app/page; return 404; }
        location /denied/ { error_page 403 = @app; deny all; }
        location /twice/ { recursive_error_pages on; error_page 404 405 = @between; }
        location @between { error_page 403 = @app; return 403; }
        location /dead/ { error_page 502 = @app; proxy_pass http://@DEAD@; }
        location /dead-page/ { error_page 502 = /app/page; proxy_pass http://@DEAD@; }
        location /nowhere/ { error_page 500 502 = @app; proxy_pass http://$arg_none; }
        location /replaced/ { error_page 502 = @app; proxy_set_body other; proxy_pass http://@DEAD@; }
        location /without/ { error_page 502 = @app; proxy_pass_request_body off; proxy_pass http://@DEAD@; }
        location /app/ { proxy_pass http://@ORIGIN@; }
        location @app { proxy_pass http://@ORIGIN@; }
    }
}
"#;

/// What the client got, and what the origin was asked for: method and target, framing and body.
type Seen = (u16, Vec<(String, Option<String>, Option<String>, String)>);

fn ask(at: SocketAddr, origin: &Origin, request: &str) -> Seen {
    origin.take();
    let answer = raw_request(at, request.as_bytes()).unwrap();
    let asked = origin.take().into_iter().map(|seen| {
        let field = |name| seen.head.field(name);
        let line = lossy(seen.head.start_line());
        (line, field("content-length"), field("transfer-encoding"), lossy(&seen.body))
    });
    (answer.status, asked.collect())
}

#[test]
fn a_body_that_nobody_has_read_goes_along() {
    let files = tempfile::tempdir().unwrap();
    for buffering in ["on", "off"] {
        let (origin, dead) = (Origin::start(), address());
        let pair = Pair::start(
            CONF,
            &[
                ("BUFFERING", buffering),
                ("FILES", &files.path().to_string_lossy()),
                ("ORIGIN", &origin.address().to_string()),
                ("DEAD", &dead.to_string()),
            ],
        );
        let places = [
            "tried",
            "elsewhere",
            "missing",
            "page",
            "index",
            "says",
            "says-page",
            "denied",
            "twice",
            "dead",
            "dead-page",
            "nowhere",
            "replaced",
            "without",
        ];
        let bodies = [
            "\r\n",
            "Content-Length: 0\r\n\r\n",
            "Content-Length: 5\r\n\r\nhello",
            "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ];
        let mut with_body = 0;
        for place in places {
            for method in ["GET", "POST", "PUT"] {
                for body in bodies {
                    let request =
                        format!("{method} /{place}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{body}");
                    let [ours, theirs] = pair.at.map(|at| ask(at, &origin, &request));
                    assert_eq!(
                        ours, theirs,
                        "buffering {buffering}, {request}: left is propylon, right is nginx"
                    );
                    with_body += usize::from(ours.1.iter().any(|seen| seen.3 == "hello"));
                }
            }
        }
        assert!(with_body > 60, "few had a body: {with_body}");
    }
}

const LOCATIONS: &str = r#"
[[server]]
listen = ["@LISTEN@"]
buffer.request = false
[[server.location]]
match = "/"
proxy_pass = "http://@ORIGIN@"
[[server.location]]
match = "/dead/"
error_page.pages = [{ codes = [502], uri = "@named", status = "from_page" }]
proxy_pass = "http://@DEAD@"
[[server.location]]
match = "= /inner"
headers.set = { X-Reply = "" }
proxy_pass = "http://@ORIGIN@"
[[server.location]]
match = "@named"
headers.set = { X-Reply = "" }
proxy_pass = "http://@ORIGIN@"
[[server.location]]
match = "@says"
return = [200, "says"]
"#;

/// Nor is one that came in one piece lost: that is kept, as nginx keeps what came with the head. Of the others nginx leaves the
/// second origin waiting for the rest.
#[test]
fn a_body_that_was_passed_on_is_not_made_up() {
    let (origin, dead, listen) = (Origin::start(), address(), address());
    let (origin_at, dead, at) = (origin.address().to_string(), dead.to_string(), listen.to_string());
    let gateway =
        Propylon::start(&fill(LOCATIONS, &[("ORIGIN", &origin_at), ("DEAD", &dead), ("LISTEN", &at)]));
    let head = |path: &str, order: &str| {
        let order = format!("X-Reply: X-Accel-Redirect: {order}\r\n");
        format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{order}Content-Length: 10\r\n\r\nhello"
        )
    };
    // The rest comes when the origin has the beginning.
    let in_two = |path: &str, order: &str| {
        let before = origin.heads();
        let mut client = TcpStream::connect(listen).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        client.write_all(head(path, order).as_bytes()).unwrap();
        until("an origin", LIMIT, || (origin.heads() > before).then_some(()));
        client.write_all(b"world").unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        (answer, origin.take().pop().unwrap())
    };
    for (order, line) in [("/inner", "GET /inner HTTP/1.1"), ("@named", "POST / HTTP/1.1")] {
        let (status, seen) = ask(listen, &origin, &(head("/", order) + "world"));
        let kept = (line.to_owned(), Some("10".to_owned()), None, "helloworld".to_owned());
        assert_eq!((status, seen.len(), seen.last()), (200, 2, Some(&kept)), "it came in one piece");
    }
    let (answer, seen) = in_two("/", "/inner");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!((lossy(seen.head.start_line()).as_str(), &*seen.body), ("GET /inner HTTP/1.1", &b""[..]));
    let (answer, seen) = in_two("/", "@named");
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer} {}", lossy(seen.head.start_line()));
    let log = || gateway.error_log();
    until("the log's line", LIMIT, || log().contains("the request body has been sent already").then_some(()));

    // Who does not read it has no trouble with it.
    let (answer, _) = in_two("/", "@says");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("says"), "{answer}");

    // Nobody has read any of it, though it is still on its way.
    let (answer, seen) = in_two("/dead/", "/none");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(seen.body, b"helloworld");
}

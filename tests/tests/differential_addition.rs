//! `add_before_body` and `add_after_body` beside nginx.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::path::Path;

use propylon_tests::{
    Client, End, LIMIT, Origin, Pair, Propylon, address, gunzip, lossy, raw_request, until,
};
use tempfile::TempDir;

const CONF: &str = r#"
http {
    access_log off;
    log_format line "$request_method $uri $status $told";
    default_type text/html;
    server {
        listen @LISTEN@;
        root @FILES@;
        set $told no;

        location /plain { return 200 "body"; }
        location /before { add_before_body /part/1; return 200 "body"; }
        location /after { add_after_body /part/2; return 200 "body"; }
        location /both { add_before_body /part/1; add_after_body /part/2; return 200 "body"; }
        location /none { add_before_body /part/1; add_after_body ""; return 200 "body"; }
        location /empty { add_before_body /part/1; add_after_body /part/2; return 200; }
        location /self { add_after_body /self; return 200 "self "; }
        location /text { add_after_body /part/2; default_type text/plain; return 200 "body"; }
        location /types { addition_types text/plain; add_after_body /part/2; default_type text/plain; return 200 "body"; }
        location /any { addition_types *; add_after_body /part/2; default_type x/y; return 200 "body"; }
        location /202 { add_after_body /part/2; return 202 "body"; }
        location /404 { add_after_body /part/2; return 404; }
        location /missing { add_after_body /nowhere; return 200 "body"; }
        location /refused { add_after_body /refuses; return 200 "body"; }
        location /denied { add_after_body /denies; return 200 "body"; }
        location /chain { add_before_body /both; return 200 "body"; }
        location /redirected { add_after_body /goes; return 200 "body"; }
        location /page { add_after_body /has-page; return 200 "body"; }
        location /replaced { add_after_body /replacing; sub_filter body BODY; return 200 "body"; }
        location /coded { add_after_body /coded-part; gzip on; gzip_min_length 1; return 200 "body"; }
        location /file.html { add_before_body /part/1; add_after_body /file.txt; }
        location /proxied { proxy_pass http://@ORIGIN@; add_after_body /asks; proxy_buffering off; }
        location /kept { proxy_pass http://@ORIGIN@; add_after_body /asks; }
        location /sets { add_after_body /set; access_log @LOG@ line; log_subrequest on; return 200 "$told "; }

        location /part/ { internal; return 200 "<$uri>"; }
        location /coded-part { gzip on; gzip_min_length 1; return 200 "a part of it"; }
        location /refuses { return 403; }
        location /denies { deny all; alias @FILES@/file.txt; }
        location /goes { rewrite ^ /part/3 last; }
        location /has-page { error_page 410 =200 /part/4; return 410; }
        location /replacing { sub_filter_once off; sub_filter_types text/plain; sub_filter text TEXT; alias @FILES@/file.txt; }
        location /asks { proxy_pass http://@ORIGIN@; proxy_set_header X-Do ""; proxy_set_header X-Reply ""; proxy_http_version 1.1; proxy_set_header Connection ""; }
        location /set { set $told yes; access_log @LOG@ line; log_subrequest on; return 200 "$told"; }
    }
}
"#;

/// The status, the fields that say something of the body, and the body.
fn looks(at: SocketAddr, request: &str) -> (u16, Vec<(String, String)>, String) {
    let answer = raw_request(at, request.as_bytes()).unwrap();
    let names =
        ["content-type", "content-length", "accept-ranges", "content-range", "content-encoding", "etag"];
    let fields = answer.head.fields().into_iter().filter(|(name, _)| names.contains(&name.as_str()));
    let mut fields: Vec<_> = fields.map(|(name, value)| (name, lossy(&value))).collect();
    fields.sort();
    // Pages tell whose they are.
    let text = answer.text().lines().filter(|line| !line.contains("nginx/")).collect::<Vec<_>>().join("\n");
    (answer.status, fields, text)
}

fn files() -> TempDir {
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("file.html"), "a page ").unwrap();
    std::fs::write(files.path().join("file.txt"), "a text").unwrap();
    files
}

fn pair(origin: &Origin, files: &TempDir, log: &Path) -> Pair {
    let holes = [
        ("ORIGIN", &*origin.address().to_string()),
        ("FILES", &*files.path().to_string_lossy()),
        ("LOG", &*log.to_string_lossy()),
    ];
    Pair::start(CONF, &holes)
}

#[test]
fn what_is_added_is_what_nginx_adds() {
    let (origin, files) = (Origin::start(), files());
    let pair = pair(&origin, &files, &files.path().join("log"));
    let same = |request: &str| {
        let [ours, theirs] = pair.at.map(|at| looks(at, request));
        assert_eq!(ours, theirs, "{request}: left is propylon, right is nginx");
        ours.2
    };
    for path in [
        "plain",
        "before",
        "after",
        "both",
        "none",
        "empty",
        "self",
        "text",
        "types",
        "any",
        "202",
        "404",
        "missing",
        "refused",
        "denied",
        "chain",
        "redirected",
        "page",
        "replaced",
        "coded",
        "file.html",
        "sets",
    ] {
        for method in ["GET", "HEAD", "POST"] {
            if (method, path) == ("POST", "file.html") {
                continue; // 405, whose page is of each one's own
            }
            same(&format!("{method} /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        }
        same(&format!("GET /{path} HTTP/1.0\r\n\r\n"));
    }
    let get = |path: &str, fields: &str| {
        same(&format!("GET /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n"))
    };
    assert_eq!(get("both", ""), "</part/1>body</part/2>");
    assert_eq!(get("chain", ""), "bodybody", "a part has no parts");
    assert_eq!(get("replaced", ""), "BODYa TEXT", "a part is shaped by its own location");
    assert_eq!(get("denied", ""), "bodya text", "a part is let in with its page");
    assert_eq!(get("file.html", "Range: bytes=1-2\r\n"), "</part/1>a page a text");
    assert_eq!(
        get("file.html", "If-None-Match: \"x\"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
        "</part/1>a page a text"
    );
    // The whole is compressed, and nothing in it twice.
    let coded = "GET /coded HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept-Encoding: gzip\r\n\r\n";
    for at in pair.at {
        let answer = raw_request(at, coded.as_bytes()).unwrap();
        assert_eq!(answer.head.field("content-encoding").as_deref(), Some("gzip"));
        assert_eq!(gunzip(&answer.body), "bodya part of it");
    }
    for path in ["proxied", "kept"] {
        for told in
            ["status=404 size=3", "size=3", "size=3 chunked", "size=100000 pause=20", "size=3 to-close"]
        {
            let body = get(path, &format!("X-Do: {told}\r\nX-Reply: Content-Type: text/html\r\n"));
            assert_eq!(body.contains("xGET /asks HTTP/1.1"), !told.contains("404"), "{told} {body}");
        }
    }
}

/// What is asked for has a record of its own, and sets variables for both, as in nginx.
#[test]
fn parts_are_logged_if_they_are_to_be() {
    let (origin, files) = (Origin::start(), files());
    let logs = tempfile::tempdir().unwrap();
    let lines = ["ours", "theirs"].map(|whose| {
        let log = logs.path().join(whose);
        let pair = pair(&origin, &files, &log);
        let at = if whose == "ours" { pair.at[0] } else { pair.at[1] };
        let answer = raw_request(at, b"GET /sets HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(answer.text(), "no yes");
        until("two lines", LIMIT, || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            (text.lines().count() == 2).then_some(text)
        })
    });
    assert_eq!(lines[0], lines[1], "left is propylon, right is nginx");
    assert_eq!(lines[0], "GET /set 200 yes\nGET /sets 200 yes\n");
}

fn gateway(origin: SocketAddr, at: SocketAddr) -> Propylon {
    Propylon::start(&format!(
        r#"
[runtime]
workers = 1
[[server]]
listen = ["{at}"]
files.default_type = "text/html"
[[server.location]]
match = "/page"
addition = {{ before = "/part?wait=0", after = "/part?after" }}
return = [200, "page"]
[[server.location]]
match = "/origin"
addition = {{ after = "/said" }}
proxy_pass = "http://{origin}"
[[server.location]]
match = "/closed"
addition = {{ after = "/closes" }}
return = [200, "page"]
[[server.location]]
match = "/fails"
addition = {{ after = "/part?cut" }}
return = [200, "page"]
[[server.location]]
match = "/part"
internal = true
proxy_pass = "http://{origin}"
headers.set = {{ X-Do = "$args size=10" }}
[[server.location]]
match = "/said"
return = [200, "said"]
[[server.location]]
match = "/closes"
return = [444]
"#
    ))
}

/// A message that lacks a part never looks complete.
#[test]
fn what_fails_cuts_the_message() {
    let (origin, at) = (Origin::start(), address());
    let _gateway = gateway(origin.address(), at);
    let html = "X-Reply: Content-Type: text/html";
    for (path, fields, expected, end) in [
        ("page", String::new(), "xxxxxxxxxxpagexxxxxxxxxx", End::Complete),
        ("origin", format!("X-Do: size=10\r\n{html}\r\n"), "xxxxxxxxxxsaid", End::Complete),
        ("origin", format!("X-Do: size=10 cut\r\n{html}\r\n"), "xxxxx", End::Cut),
        ("origin", format!("X-Do: size=10 chunked cut\r\n{html}\r\n"), "xxxxx", End::Cut),
        ("closed", String::new(), "page", End::Cut),
        ("fails", String::new(), "pagexxxxx", End::Cut),
    ] {
        let mut client = Client::connect(at).unwrap();
        let answer =
            client.ask(format!("GET /{path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes()).unwrap();
        assert_eq!((&*answer.text(), answer.end), (expected, end), "{path} {fields}");
    }
}

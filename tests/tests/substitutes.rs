//! Texts that are replaced in responses: the same nginx.conf for nginx and for the gateway, and the same answers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs;

use propylon_tests::{End, Origin, Pair, raw_request};

const CONF: &str = r#"
http {
    access_log off;
    server_tokens off;
    default_type text/plain;
    types { text/html html; text/css css; }
    sub_filter outer OUTER;
    server {
        listen @LISTEN@;
        root @FILES@;
        location /inherits/ { alias @FILES@/; }
        location /one/ { alias @FILES@/; sub_filter foo "<$arg_to>"; }
        location /all/ { alias @FILES@/; sub_filter foo bar; sub_filter_once off; sub_filter oob x; }
        location /chosen/ { alias @FILES@/; sub_filter $arg_from $arg_to; sub_filter_once off; }
        location /types/ { alias @FILES@/; sub_filter foo bar; sub_filter_types text/css; }
        location /any/ { alias @FILES@/; sub_filter foo bar; sub_filter_types *; }
        location /dated/ { alias @FILES@/; sub_filter foo bar; sub_filter_last_modified on; }
        location /sent/ { alias @FILES@/; sub_filter foo "<$sent_http_content_type $sent_http_x_time>"; }
        location /said { default_type text/html; sub_filter foo bar; return 200 "a foo"; }
        location /page { sub_filter "Not Found" "nowhere"; return 404; }
        location /origin/ { proxy_pass http://@ORIGIN@; proxy_http_version 1.1; sub_filter x-do ""; sub_filter_once off; }
    }
}
"#;

#[test]
fn as_nginx_does() {
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("a.html"), "a Foo foo outer oob foob FOO").unwrap();
    fs::write(files.path().join("long.html"), "lorem foo ipsum fo o ".repeat(10_000)).unwrap();
    fs::write(files.path().join("a.css"), "foo").unwrap();
    fs::write(files.path().join("a.txt"), "foo").unwrap();
    fs::write(files.path().join("empty.html"), "").unwrap();
    let origin = Origin::start();
    let (path, address) = (files.path().to_string_lossy(), origin.address().to_string());
    let pair = Pair::start(CONF, &[("FILES", &path), ("ORIGIN", &address)]);
    let html = "X-Do: size=30\r\nX-Reply: Content-Type: text/html\r\n";
    let cases: &[(&str, &str)] = &[
        ("/inherits/a.html", ""),
        ("/one/a.html?to=it", ""),
        ("/one/a.html?to=", "Range: bytes=0-3\r\n"),
        ("/all/a.html", ""),
        ("/all/long.html", ""),
        ("/chosen/a.html?from=FOO&to=foofoo", ""),
        ("/chosen/a.html?to=x", ""),
        ("/chosen/a.html", ""),
        ("/sent/a.html", ""),
        ("/types/a.css", ""),
        ("/types/a.html", ""),
        ("/types/a.txt", ""),
        ("/any/a.txt", ""),
        ("/all/empty.html", ""),
        ("/dated/a.html", ""),
        ("/said", ""),
        ("/page", ""),
        ("/origin/", html),
        ("/origin/", "X-Do: size=30 chunked\r\nX-Reply: Content-Type: text/html; charset=x\r\n"),
        ("/origin/", "X-Do: size=30\r\n"),
        ("/origin/", "X-Do: size=30\r\nX-Reply: Content-Type: text/html\r\nX-Reply: ETag: \"a\"\r\n"),
    ];
    for (path, fields) in cases {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        let [ours, theirs] = pair.at.map(|at| {
            let answer = raw_request(at, request.as_bytes()).unwrap();
            assert_eq!(answer.end, End::Complete, "{path}");
            let names = ["content-type", "content-length", "last-modified", "etag", "accept-ranges"];
            let fields = names.map(|name| answer.head.field(name));
            (answer.status, fields, answer.text())
        });
        assert_eq!(ours, theirs, "{path} {fields}");
    }
    let log = pair.nginx.read("error.log");
    assert!(log.is_empty(), "{log}");
}

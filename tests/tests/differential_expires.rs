//! `expires` against nginx: one nginx.conf for both, and the same in TOML.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{LIMIT, Origin, Pair, Propylon, address, fill, lossy, raw_request, until};

const CONF: &str = r#"
http {
    access_log off;
    map $upstream_http_content_type $kept { default off; ~image/ max; "text/css" 7d; "text/x-old" epoch; "text/x-odd" soon; }
    map $sent_http_content_type $sent { default off; ~image/ max; "text/css" 7d; "text/plain" 5m; "text/x-old" epoch; "" 1m; }
    server {
        listen @LISTEN@;
        expires 1h;
        location / { proxy_pass http://@ORIGIN@; }
        location /off/ { expires off; proxy_pass http://@ORIGIN@; }
        location /epoch/ { expires epoch; proxy_pass http://@ORIGIN@; }
        location /max/ { expires max; add_header Cache-Control public; proxy_pass http://@ORIGIN@; }
        location /plus/ { expires +1h30m; proxy_pass http://@ORIGIN@; }
        location /negative/ { expires -1; proxy_pass http://@ORIGIN@; }
        location /zero/ { expires 0; proxy_pass http://@ORIGIN@; }
        location /modified/ { expires modified +24h; proxy_pass http://@ORIGIN@; }
        location /modified-minus/ { expires modified -1d; proxy_pass http://@ORIGIN@; }
        location /modified-arg/ { expires modified $arg_time; proxy_pass http://@ORIGIN@; }
        location /daily/ { expires @15h30m; proxy_pass http://@ORIGIN@; }
        location /midnight/ { expires @0; proxy_pass http://@ORIGIN@; }
        location /map/ { expires $kept; proxy_pass http://@ORIGIN@; }
        location /sent/ { expires $sent; proxy_pass http://@ORIGIN@; }
        location /sent-text/ { expires $sent; default_type text/css; return 200 "text\n"; }
        location /sent-page/ { expires $sent; error_page 302 =200 /sent-text/; return 302 /; }
        location /sent-early/ { set $early "<$sent>"; add_header X-Early $early; expires $sent_http_x_time; proxy_pass http://@ORIGIN@; }
        location /arg/ { expires $arg_time; proxy_pass http://@ORIGIN@; }
        location /return/ { return 200 "text\n"; }
        location /moved/ { return 301 /; }
        location /missing/ { return 404; }
    }
}
"#;

const TOML: &str = r#"
[map.kept]
key = "$upstream_http_content_type"
default = "off"
values = { "~image/" = "max", "text/css" = "7d", "text/x-old" = "epoch", "text/x-odd" = "soon" }
[map.sent]
key = "$sent_http_content_type"
default = "off"
values = { "~image/" = "max", "text/css" = "7d", "text/plain" = "5m", "text/x-old" = "epoch", "" = "1m" }
[defaults]
expires = "1h"
[[server]]
listen = ["@LISTEN@"]
location = [
    { match = "/", proxy_pass = "http://@ORIGIN@" },
    { match = "/off/", proxy_pass = "http://@ORIGIN@", expires = "off" },
    { match = "/epoch/", proxy_pass = "http://@ORIGIN@", expires = "epoch" },
    { match = "/max/", proxy_pass = "http://@ORIGIN@", expires = "max", headers = { add = { Cache-Control = "public" } } },
    { match = "/plus/", proxy_pass = "http://@ORIGIN@", expires = "+1h30m" },
    { match = "/negative/", proxy_pass = "http://@ORIGIN@", expires = "-1" },
    { match = "/zero/", proxy_pass = "http://@ORIGIN@", expires = "0" },
    { match = "/modified/", proxy_pass = "http://@ORIGIN@", expires = "modified +24h" },
    { match = "/modified-minus/", proxy_pass = "http://@ORIGIN@", expires = "modified -1d" },
    { match = "/modified-arg/", proxy_pass = "http://@ORIGIN@", expires = "modified $arg_time" },
    { match = "/daily/", proxy_pass = "http://@ORIGIN@", expires = "@15h30m" },
    { match = "/midnight/", proxy_pass = "http://@ORIGIN@", expires = "@0" },
    { match = "/map/", proxy_pass = "http://@ORIGIN@", expires = "$kept" },
    { match = "/sent/", proxy_pass = "http://@ORIGIN@", expires = "$sent" },
    { match = "/sent-text/", return = [200, "text\n"], files.default_type = "text/css", expires = "$sent" },
    { match = "/sent-page/", return = [302, "/"], expires = "$sent", error_page.pages = [{ codes = [302], uri = "/sent-text/", status = 200 }] },
    { match = "/sent-early/", proxy_pass = "http://@ORIGIN@", expires = "$sent_http_x_time", set = { early = "<$sent>" }, headers = { add = { X-Early = "$early" } } },
    { match = "/arg/", proxy_pass = "http://@ORIGIN@", expires = "$arg_time" },
    { match = "/return/", return = [200, "text\n"] },
    { match = "/moved/", return = [301, "/"] },
    { match = "/missing/", return = [404] },
]
"#;

/// The fields that say how long the response may be kept.
fn ask(at: SocketAddr, path: &str, more: &str) -> (u16, Vec<(String, String)>) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n");
    let answer = raw_request(at, request.as_bytes()).unwrap();
    let fields = answer.head.fields().into_iter();
    let mut fields: Vec<_> = fields
        .filter(|(name, _)| ["expires", "cache-control"].contains(&name.as_str()))
        .map(|(name, value)| (name, lossy(&value)))
        .collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    (answer.status, fields)
}

#[test]
fn responses_may_be_kept_as_with_nginx() {
    let origin = Origin::start();
    let upstream = origin.address().to_string();
    let pair = Pair::start(CONF, &[("ORIGIN", &upstream)]);
    let [ours, theirs] = pair.at;
    let toml = address();
    let _from_toml = Propylon::start(&fill(TOML, &[("LISTEN", &toml.to_string()), ("ORIGIN", &upstream)]));
    let mut said = 0;
    let mut same = |path: &str, more: &str| {
        let found = until("three answers of one second", LIMIT, || {
            let before = ask(theirs, path, more);
            let ours = [ask(ours, path, more), ask(toml, path, more)];
            (ask(theirs, path, more) == before).then_some((before, ours))
        });
        let (theirs, ours) = found;
        assert_eq!(ours[0], theirs, "{path} {more}: left is propylon, right is nginx");
        assert_eq!(ours[1], theirs, "{path} {more}: left is propylon from TOML, right is nginx");
        said += usize::from(!theirs.1.is_empty());
    };
    let replies = [
        "",
        "X-Reply: Last-Modified: Wed, 21 Oct 2026 07:28:00 GMT\r\n",
        "X-Reply: Last-Modified: Thu, 21 Oct 2027 07:28:00 GMT\r\n",
        "X-Reply: Last-Modified: once\r\n",
        "X-Reply: Expires: 0\r\nX-Reply: Cache-Control: no-store\r\nX-Reply: Cache-Control: private\r\n",
        "X-Reply: Content-Type: image/png\r\n",
        "X-Reply: Content-Type: text/css\r\n",
        "X-Reply: Content-Type: text/x-old\r\n",
        "X-Reply: Content-Type: text/x-odd\r\n",
        "X-Reply: X-Time: 3h\r\n",
    ];
    let paths = [
        "/x",
        "/off/x",
        "/epoch/x",
        "/max/x",
        "/plus/x",
        "/negative/x",
        "/zero/x",
        "/modified/x",
        "/modified-minus/x",
        "/modified-arg/x?time=1h",
        "/modified-arg/x?time=max",
        "/daily/x",
        "/midnight/x",
        "/map/x",
        "/sent/x",
        "/sent-text/",
        "/sent-page/",
        "/sent-early/x",
        "/arg/x?time=5m",
        "/arg/x?time=-5m",
        "/arg/x?time=@12h",
        "/arg/x?time=@25h",
        "/arg/x?time=5ms",
        "/arg/x?time=off",
        "/arg/x",
        "/return/",
        "/moved/",
        "/missing/",
    ];
    for path in paths {
        for reply in replies {
            same(path, reply);
        }
        for status in [204, 206, 302, 304, 308, 400, 404, 500] {
            same(path, &format!("X-Do: status={status}\r\n"));
        }
    }
    assert!(said > 150, "little was said: {said}");
}

#[test]
fn what_nginx_refuses_is_refused() {
    for (text, told) in [
        ("modified max", "invalid value"),
        ("modified @15h", "daily time cannot be used with \"modified\" parameter"),
        ("@25h", "daily time value must be less than 24 hours"),
        ("soon", "invalid value"),
        ("5ms", "invalid value"),
        ("later 5m", "invalid value"),
    ] {
        let conf = format!("events {{}} http {{ expires {text}; server {{ }} }}");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &conf).unwrap();
        let mut check = std::process::Command::new(propylon_tests::binary());
        check.arg("check").arg("--nginx-conf").arg(file.path());
        let converted = lossy(&check.output().unwrap().stderr);
        assert!(converted.contains(told), "{text}: {converted}");
        let toml = format!("[[server]]\nexpires = '{text}'\nreturn = [204]\n");
        let output = propylon_tests::check(&toml);
        assert!(
            lossy(&output.stderr).contains(told) || text.starts_with("later"),
            "{text}: {}",
            lossy(&output.stderr)
        );
        assert!(!output.status.success(), "{text}");
    }
}

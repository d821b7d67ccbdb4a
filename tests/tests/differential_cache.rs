//! The cache beside nginx: one nginx.conf for both, the same requests to both, and what comes of each.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use propylon_tests::{LIMIT, Origin, Pair, RawResponse, raw_request, until};

const CONF: &str = r#"
http {
    proxy_cache_path @DIR@/one levels=1:2 keys_zone=one:1m max_size=100m inactive=10m use_temp_path=off;
    proxy_cache_path @DIR@/two keys_zone=two:1m;
    log_format seen "$request_uri $status $upstream_cache_status $upstream_status";
    access_log @LOGS@/seen.log seen;
    add_header X-Status $upstream_cache_status always;
    proxy_cache_key $proxy_host$uri;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    server {
        listen @LISTEN@;
        proxy_pass_header X-Accel-Expires;
        location / {
            proxy_pass http://@ORIGIN@;
            proxy_cache one;
            proxy_cache_valid 200 302 1m;
            proxy_cache_valid 404 1m;
        }
        location /any/ {
            proxy_pass http://@ORIGIN@;
            proxy_cache one;
            proxy_cache_valid 404 0;
            proxy_cache_valid any 1m;
        }
        location /short/ { proxy_pass http://@ORIGIN@; proxy_cache one; proxy_cache_valid 1m; }
        location /none/ { proxy_pass http://@ORIGIN@; proxy_cache one; }
        location /off/ { proxy_pass http://@ORIGIN@; proxy_cache off; }
        location /named/ {
            proxy_pass http://@ORIGIN@;
            proxy_cache $http_x_zone;
            proxy_cache_valid 1m;
        }
        location /bypass/ {
            proxy_pass http://@ORIGIN@;
            proxy_cache one;
            proxy_cache_valid 1m;
            proxy_cache_bypass $arg_nocache $http_x_bypass;
            proxy_no_cache $http_x_never $upstream_http_x_never;
        }
        location /uses/ { proxy_pass http://@ORIGIN@; proxy_cache one; proxy_cache_valid 1m; proxy_cache_min_uses 3; }
        location /post/ {
            proxy_pass http://@ORIGIN@;
            proxy_cache one;
            proxy_cache_valid 1m;
            proxy_cache_methods POST;
            proxy_cache_key $request_method$uri$request_body;
        }
        location /heads/ {
            proxy_pass http://@ORIGIN@;
            proxy_cache one;
            proxy_cache_valid 1m;
            proxy_cache_convert_head off;
            proxy_cache_key $request_method$uri;
        }
        location /stale/ {
            proxy_pass http://@ORIGIN@;
            proxy_cache one;
            proxy_cache_use_stale error timeout invalid_header http_500 http_404;
            proxy_read_timeout 200ms;
            proxy_next_upstream off;
        }
        location /revalidate/ { proxy_pass http://@ORIGIN@; proxy_cache one; proxy_cache_revalidate on; }
        location /ignore/ {
            proxy_pass http://@ORIGIN@;
            proxy_cache one;
            proxy_cache_valid 1m;
            proxy_ignore_headers Cache-Control Expires Set-Cookie Vary X-Accel-Expires;
        }
        location /unbuffered/ { proxy_pass http://@ORIGIN@; proxy_cache one; proxy_cache_valid 1m; proxy_buffering off; }
        location /far/ { proxy_pass http://@ORIGIN@; proxy_cache one; proxy_cache_valid 1m; proxy_cache_max_range_offset 10; }
        location /uri/ { proxy_pass http://@ORIGIN@/elsewhere/; proxy_cache one; proxy_cache_valid 1m; proxy_cache_key $proxy_host$request_uri; }
        location /accel/ { proxy_pass http://@ORIGIN@; proxy_cache one; proxy_cache_valid 1m; }
        location = /inside { internal; return 200 "inside\n"; }
        location /pages/ {
            proxy_pass http://@ORIGIN@;
            proxy_cache one;
            proxy_cache_valid any 1m;
            proxy_intercept_errors on;
            error_page 404 = /inside;
        }
        location /gone/ { proxy_pass http://@GONE@; proxy_cache one; proxy_cache_valid any 1m; }
    }
}
"#;

/// What tells one answer from another.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    cache: Option<String>,
    number: Option<String>,
    body: usize,
    fields: Vec<(String, Option<String>)>,
    /// What the origin was asked for it.
    asked: Vec<String>,
}

struct Both {
    pair: Pair,
    origin: Origin,
}

impl Both {
    fn start() -> Self {
        let origin = Origin::start();
        let gone = propylon_tests::Refusing::new();
        let conf = CONF.replace("@ORIGIN@", &origin.address().to_string());
        let conf = conf.replace("@GONE@", &gone.address().to_string()).replace("@LOGS@", "@DIR@");
        Self { pair: Pair::start(&conf, &[]), origin }
    }

    /// One request to both.
    #[track_caller]
    fn same(&self, line: &str, fields: &str) -> Answer {
        let [ours, theirs] = self.pair.at.map(|at| self.ask(at, line, fields));
        assert_eq!(ours, theirs, "{line} {fields:?}: left is propylon, right is nginx");
        ours
    }

    /// The same, which has to be so.
    #[track_caller]
    fn is(&self, line: &str, fields: &str, status: u16, cache: &str, number: &str) {
        let answer = self.same(line, fields);
        let found =
            (answer.status, answer.cache.as_deref().unwrap_or("-"), answer.number.as_deref().unwrap_or("-"));
        assert_eq!(found, (status, cache, number), "{line} {fields:?}");
    }

    /// Asks both until the cache says so.
    fn becomes(&self, line: &str, fields: &str, cache: &str) {
        for at in self.pair.at {
            until(cache, LIMIT, || {
                (self.ask(at, line, fields).cache.as_deref() == Some(cache)).then_some(())
            });
        }
    }

    fn ask(&self, at: SocketAddr, line: &str, fields: &str) -> Answer {
        self.origin.take();
        let fields: String =
            fields.split('|').filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
        let (line, body) = line.split_once(" < ").unwrap_or((line, ""));
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let text = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}{length}\r\n{body}");
        let answer = raw_request(at, text.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        let mut asked: Vec<String> = self.origin.take().iter().map(|seen| conditional(&seen.head)).collect();
        asked.dedup(); // on a connection that was kept, and then on a fresh one
        let shown = [
            "etag",
            "last-modified",
            "content-range",
            "set-cookie",
            "vary",
            "cache-control",
            "expires",
            "content-length",
        ];
        let field = |name: &str| answer.head.field(name);
        Answer {
            status: answer.status,
            cache: field("x-status"),
            number: field("x-number"),
            // Pages of errors are each one's own.
            body: if answer.status < 400 { answer.body.len() } else { 0 },
            fields: shown.iter().map(|&name| (name.to_owned(), shown_as(&answer, name))).collect(),
            asked,
        }
    }
}

fn shown_as(answer: &RawResponse, name: &str) -> Option<String> {
    answer.head.field(name).filter(|_| answer.status < 400 || name == "content-range")
}

/// The request line, and what in a request has to do with caches.
fn conditional(head: &propylon_tests::Head) -> String {
    let line = String::from_utf8_lossy(head.start_line()).into_owned();
    let names = ["if-none-match", "if-modified-since", "if-match", "if-range", "range"];
    let fields = names.iter().filter_map(|name| Some(format!(" {name}: {}", head.field(name)?)));
    line + &fields.collect::<String>()
}

#[test]
fn what_is_kept_and_for_whom() {
    let both = Both::start();
    both.is("GET /a", "X-Reply: X-Number: 1", 200, "MISS", "1");
    both.is("GET /a", "X-Reply: X-Number: 2", 200, "HIT", "1");
    both.is("HEAD /a", "X-Reply: X-Number: 3", 200, "HIT", "1");
    both.is("GET /a?b", "X-Reply: X-Number: 4", 200, "HIT", "1"); // the key has no arguments
    both.is("GET /b", "X-Reply: X-Number: 1|X-Do: status=404", 404, "MISS", "1");
    both.is("GET /b", "X-Reply: X-Number: 2", 404, "HIT", "1");
    both.is("GET /c", "X-Reply: X-Number: 1|X-Do: status=500", 500, "MISS", "1");
    both.is("GET /c", "X-Reply: X-Number: 2|X-Do: status=301", 301, "MISS", "2");
    both.is("POST /a < x", "X-Reply: X-Number: 5", 200, "-", "5");
    both.is("GET /a", "X-Reply: X-Number: 6", 200, "HIT", "1");
    both.is("HEAD /head", "X-Reply: X-Number: 1|X-Do: size=10", 200, "MISS", "1");
    both.is("GET /head", "X-Reply: X-Number: 2|X-Do: size=10", 200, "HIT", "1");
    both.is("GET /any/a", "X-Reply: X-Number: 1|X-Do: status=410", 410, "MISS", "1");
    both.is("GET /any/a", "X-Reply: X-Number: 2", 410, "HIT", "1");
    both.is("GET /any/b", "X-Reply: X-Number: 1|X-Do: status=404", 404, "MISS", "1");
    both.is("GET /any/b", "X-Reply: X-Number: 2|X-Do: status=404", 404, "MISS", "2");
    both.is("GET /short/a", "X-Reply: X-Number: 1|X-Do: status=404", 404, "MISS", "1");
    both.is("GET /short/a", "X-Reply: X-Number: 2", 200, "MISS", "2");
    both.is("GET /none/a", "X-Reply: X-Number: 1", 200, "MISS", "1");
    both.is("GET /none/a", "X-Reply: X-Number: 2", 200, "MISS", "2");
    both.is("GET /off/a", "X-Reply: X-Number: 1", 200, "-", "1");
    both.is("GET /gone/a", "", 502, "MISS", "-");
    both.is("GET /gone/a", "", 502, "HIT", "-");
}

#[test]
fn what_responses_say() {
    let both = Both::start();
    let all = [
        ("Cache-Control: max-age=60", true),
        ("Cache-Control: s-maxage=60, max-age=0", true),
        ("Cache-Control: max-age=0", false),
        ("Cache-Control: no-cache", false),
        ("Cache-Control: no-store, max-age=60", false),
        ("Cache-Control: private, max-age=60", false),
        ("Cache-Control: public", false),
        ("Expires: Thu, 31 Dec 2037 23:55:55 GMT", true),
        ("Expires: Thu, 31 Dec 1998 23:55:55 GMT", false),
        ("X-Accel-Expires: 60", true),
        ("X-Accel-Expires: 0", false),
        ("X-Accel-Expires: @4102444800", true),
        ("Vary: *|X-Reply: Cache-Control: max-age=60", false),
        ("Set-Cookie: a=b|X-Reply: Cache-Control: max-age=60", false),
        ("X-Accel-Expires: 60|X-Reply: Cache-Control: no-cache", true),
        ("Cache-Control: max-age=60|X-Reply: Expires: Thu, 31 Dec 1998 23:55:55 GMT", true),
    ];
    for (index, (said, kept)) in all.into_iter().enumerate() {
        let fields = |number: u8| format!("X-Reply: X-Number: {number}|X-Reply: {said}");
        let line = format!("GET /none/said-{index}");
        both.is(&line, &fields(1), 200, "MISS", "1");
        both.is(&line, &fields(2), 200, if kept { "HIT" } else { "MISS" }, if kept { "1" } else { "2" });
        let line = format!("GET /ignore/said-{index}");
        both.is(&line, &fields(1), 200, "MISS", "1");
        both.is(&line, &fields(2), 200, "HIT", "1");
    }
}

#[test]
fn what_requests_ask_for() {
    let both = Both::start();
    let made = "X-Reply: ETag: \"x\"|X-Reply: Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT|X-Reply: Accept-Ranges: bytes|X-Do: size=100";
    // What a client asks for does not reach the upstream, for all of it is to be kept.
    for (index, asked) in [
        "If-None-Match: \"x\"",
        "If-None-Match: \"y\"",
        "If-None-Match: W/\"x\", \"z\"",
        "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT",
        "If-Modified-Since: Mon, 01 Jan 2023 00:00:00 GMT",
        "If-Match: \"x\"",
        "Range: bytes=0-9",
        "Range: bytes=90-",
        "Range: bytes=-5",
        "Range: bytes=0-9|If-Range: \"x\"",
        "Range: bytes=0-9|If-Range: \"y\"",
        "Cache-Control: no-cache",
        "Pragma: no-cache",
        "Cache-Control: only-if-cached",
    ]
    .into_iter()
    .enumerate()
    {
        let line = format!("GET /asked-{index}");
        both.same(&line, &format!("{made}|{asked}"));
        both.same(&line, &format!("{made}|{asked}"));
        both.same(&line, made);
        if !asked.starts_with("Range") {
            // RFC 9110 14.2: ranges are for GET alone; nginx has them for HEAD too.
            both.same(&format!("HEAD /asked-{index}"), &format!("{made}|{asked}"));
        }
    }
    // What nginx refuses so it does not keep; what is kept is judged alike.
    both.same("GET /judged", made);
    for (asked, status) in [
        ("If-Match: \"y\"", 412),
        ("If-Unmodified-Since: Mon, 01 Jan 2023 00:00:00 GMT", 412),
        ("Range: bytes=200-", 416),
    ] {
        assert_eq!(both.same("GET /judged", &format!("{made}|{asked}")).status, status);
    }
    both.same("GET /far/a", &format!("{made}|Range: bytes=5-9"));
    both.same("GET /far/a", &format!("{made}|Range: bytes=50-59"));
    both.same("GET /far/b", &format!("{made}|Range: bytes=50-59"));
    both.same("GET /far/b", &format!("{made}|Range: bytes=50-59"));
    both.same("GET /far/b", &format!("{made}|Range: bytes=-5"));
}

#[test]
fn conditions_of_the_configuration() {
    let both = Both::start();
    both.is("GET /bypass/a", "X-Reply: X-Number: 1", 200, "MISS", "1");
    both.is("GET /bypass/a?nocache=0", "X-Reply: X-Number: 2", 200, "HIT", "1");
    both.is("GET /bypass/a?nocache=1", "X-Reply: X-Number: 3", 200, "BYPASS", "3");
    both.is("GET /bypass/a", "X-Reply: X-Number: 4", 200, "HIT", "3");
    both.is("GET /bypass/a", "X-Bypass: yes|X-Never: yes|X-Reply: X-Number: 5", 200, "BYPASS", "5");
    both.is("GET /bypass/a", "X-Reply: X-Number: 6", 200, "HIT", "3");
    both.is("GET /bypass/b", "X-Reply: X-Number: 1|X-Reply: X-Never: 1", 200, "MISS", "1");
    both.is("GET /bypass/b", "X-Reply: X-Number: 2", 200, "MISS", "2");
    for (number, cache) in [(1, "MISS"), (2, "MISS"), (3, "MISS"), (4, "HIT")] {
        let shown = number.min(3).to_string();
        both.is("GET /uses/a", &format!("X-Reply: X-Number: {number}"), 200, cache, &shown);
    }
    both.is("POST /post/a < one", "X-Reply: X-Number: 1", 200, "MISS", "1");
    both.is("POST /post/a < one", "X-Reply: X-Number: 2", 200, "HIT", "1");
    both.is("POST /post/a < two", "X-Reply: X-Number: 3", 200, "MISS", "3");
    both.is("GET /post/a", "X-Reply: X-Number: 4", 200, "MISS", "4");
    both.is("HEAD /heads/a", "X-Reply: X-Number: 1", 200, "MISS", "1");
    both.is("HEAD /heads/a", "X-Reply: X-Number: 2", 200, "HIT", "1");
    both.is("GET /heads/a", "X-Reply: X-Number: 3", 200, "MISS", "3");
    both.is("GET /named/a", "X-Zone: two|X-Reply: X-Number: 1", 200, "MISS", "1");
    both.is("GET /named/a", "X-Zone: two|X-Reply: X-Number: 2", 200, "HIT", "1");
    both.is("GET /named/a", "X-Zone: one|X-Reply: X-Number: 3", 200, "MISS", "3");
    both.is("GET /named/a", "X-Zone: off|X-Reply: X-Number: 4", 200, "-", "4");
    both.is("GET /named/a", "X-Reply: X-Number: 5", 200, "-", "5");
    both.is("GET /unbuffered/a", "X-Reply: X-Number: 1", 200, "MISS", "1");
    both.is("GET /unbuffered/a", "X-Reply: X-Number: 2", 200, "MISS", "2");
    both.is("GET /uri/a", "X-Reply: X-Number: 1", 200, "MISS", "1");
    both.is("GET /uri/a", "X-Reply: X-Number: 2", 200, "HIT", "1");
    both.is("GET /uri/a?x", "X-Reply: X-Number: 3", 200, "MISS", "3");
}

#[test]
fn what_is_not_fresh() {
    let both = Both::start();
    let soon = |number: u8| format!("X-Reply: X-Accel-Expires: 1|X-Reply: X-Number: {number}");
    let validators = "X-Reply: ETag: \"x\"|X-Reply: Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT";
    let failures = ["close", "never", "bad-field", "status=500", "status=404"];
    both.is("GET /none/a", &soon(1), 200, "MISS", "1");
    both.is("GET /revalidate/a", &format!("{}|{validators}", soon(1)), 200, "MISS", "1");
    both.is("GET /revalidate/b", &format!("{}|{validators}", soon(1)), 200, "MISS", "1");
    for failure in failures {
        both.is(&format!("GET /stale/{failure}"), &soon(1), 200, "MISS", "1");
    }
    both.becomes("GET /none/a", "X-Do: status=500", "EXPIRED");
    both.is("GET /none/a", "X-Do: status=500", 500, "EXPIRED", "-");
    both.is("GET /none/a", "X-Reply: X-Accel-Expires: 60|X-Reply: X-Number: 2", 200, "EXPIRED", "2");
    both.is("GET /none/a", "X-Reply: X-Number: 3", 200, "HIT", "2");
    for failure in failures {
        let line = format!("GET /stale/{failure}");
        both.becomes(&line, "X-Do: status=500", "STALE");
        both.is(&line, &format!("X-Do: {failure}"), 200, "STALE", "1");
        both.is(&line, "X-Do: status=503|X-Reply: X-Number: 3", 503, "EXPIRED", "3");
        both.is(&line, "X-Reply: X-Accel-Expires: 60|X-Reply: X-Number: 4", 200, "EXPIRED", "4");
        both.is(&line, &format!("X-Do: {failure}"), 200, "HIT", "4");
    }
    both.becomes("GET /revalidate/a", "X-Do: status=500", "EXPIRED");
    both.is(
        "GET /revalidate/a",
        "X-Do: status=304|X-Reply: Cache-Control: max-age=60",
        200,
        "REVALIDATED",
        "1",
    );
    both.is("GET /revalidate/a", "X-Reply: X-Number: 3", 200, "HIT", "1");
    both.becomes("GET /revalidate/b", "X-Do: status=500", "EXPIRED");
    both.is(
        "GET /revalidate/b",
        "X-Reply: Cache-Control: max-age=60|X-Reply: X-Number: 2",
        200,
        "EXPIRED",
        "2",
    );
    both.is("GET /revalidate/b", "X-Reply: X-Number: 3", 200, "HIT", "2");
}

#[test]
fn variants() {
    let both = Both::start();
    let ask = |language: &str, number: u8| {
        format!("Accept-Language: {language}|X-Reply: Vary: Accept-Language|X-Reply: X-Number: {number}")
    };
    both.is("GET /vary", &ask("en", 1), 200, "MISS", "1");
    both.is("GET /vary", &ask("en", 2), 200, "HIT", "1");
    both.is("GET /vary", &ask("de", 3), 200, "MISS", "3");
    both.is("GET /vary", &ask("de", 4), 200, "HIT", "3");
    both.is("GET /vary", &ask("en", 5), 200, "HIT", "1");
    both.is("GET /vary", "X-Reply: Vary: Accept-Language|X-Reply: X-Number: 6", 200, "MISS", "6");
}

#[test]
fn orders_and_pages_from_the_cache() {
    let both = Both::start();
    both.is("GET /accel/a", "X-Reply: X-Accel-Redirect: /inside", 200, "MISS", "-");
    both.is("GET /accel/a", "X-Reply: X-Number: 2", 200, "MISS", "2"); // an order is not kept
    both.is("GET /pages/a", "X-Do: status=404|X-Reply: X-Number: 1", 200, "MISS", "-");
    both.is("GET /pages/a", "X-Reply: X-Number: 2", 200, "HIT", "-");
    // Several workers have written them: in no order.
    let lines =
        |lines: Vec<String>| lines.into_iter().filter(|line| line.contains("/a ")).collect::<BTreeSet<_>>();
    let (ours, theirs) =
        (lines(both.pair.gateway.lines("seen.log", 4)), lines(both.pair.nginx.lines("seen.log", 4)));
    assert_eq!(ours, theirs, "left is propylon, right is nginx");
}

/// Scripts that know where nginx has its files find ours there.
#[test]
fn files_have_the_names_that_nginx_gives_them() {
    let both = Both::start();
    both.is("GET /a", "X-Reply: X-Number: 1|X-Do: size=100000", 200, "MISS", "1");
    // They are written beside the responses, under another name at first.
    let whole = |files: &Vec<String>| matches!(&files[..], [file] if file.len() == "e/c1/".len() + 32);
    let files = |dir: &std::path::Path| until("a file", LIMIT, || Some(walk(&dir.join("one"))).filter(whole));
    let (ours, theirs) = (files(both.pair.gateway.dir()), files(both.pair.nginx.dir()));
    assert_eq!(ours, theirs, "left is propylon, right is nginx");
}

fn walk(dir: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            let name = entry.file_name().to_string_lossy().into_owned();
            found.extend(walk(&path).into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

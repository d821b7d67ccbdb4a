//! `slice` beside nginx: one nginx.conf for both, the same requests to both, what comes of each, and what the origin was asked for it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::net::SocketAddr;

use propylon_tests::{End, LIMIT, Origin, Pair, ranged, raw_request, until};

const CONF: &str = r#"
http {
    access_log off;
    proxy_cache_path @DIR@/one keys_zone=one:1m use_temp_path=off;
    add_header X-Status $upstream_cache_status always;
    proxy_cache_key $uri$slice_range;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Range $slice_range;
    proxy_cache_valid any 1h;
    slice 10;
    server {
        listen @LISTEN@;
        location / { proxy_pass http://@ORIGIN@; }
        location /kept/ { proxy_pass http://@ORIGIN@; proxy_cache one; }
        location /unbuffered/ { proxy_pass http://@ORIGIN@; proxy_cache one; proxy_buffering off; }
        location /off/ { proxy_pass http://@ORIGIN@; slice 0; proxy_set_header Range $http_range; }
        location /large/ { proxy_pass http://@ORIGIN@; proxy_cache one; slice 1m; }
        location /pages/ {
            proxy_pass http://@ORIGIN@;
            proxy_cache one;
            proxy_intercept_errors on;
            error_page 404 = @page;
        }
        location @page { proxy_pass http://@ORIGIN@; proxy_cache one; proxy_cache_key page$slice_range; proxy_set_header X-Do ranges=35; proxy_set_header Range $slice_range; }
    }
}
"#;

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    /// 0: the connection was closed without any.
    status: u16,
    fields: Vec<Option<String>>,
    body: String,
    /// What the origin was asked for.
    asked: Vec<String>,
}

struct Both {
    pair: Pair,
    origin: Origin,
}

impl Both {
    fn start() -> Self {
        let origin = Origin::start();
        let conf = CONF.replace("@ORIGIN@", &origin.address().to_string());
        Self { pair: Pair::start(&conf, &[]), origin }
    }

    #[track_caller]
    fn same(&self, line: &str, fields: &str) -> Answer {
        let [ours, theirs] = self.pair.at.map(|at| self.ask(at, line, fields));
        assert_eq!(ours, theirs, "{line} {fields:?}: left is propylon, right is nginx");
        ours
    }

    /// One request to both, which gives this.
    #[track_caller]
    fn is(&self, line: &str, fields: &str, status: u16, body: &str, asked: &[&str]) -> Answer {
        let answer = self.same(line, fields);
        assert_eq!((answer.status, &*answer.body), (status, body), "{line} {fields:?}");
        assert_eq!(answer.asked, asked, "{line} {fields:?}");
        answer
    }

    fn ask(&self, at: SocketAddr, line: &str, fields: &str) -> Answer {
        self.origin.take();
        let fields: String =
            fields.split('|').filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
        let text = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
        let answer = raw_request(at, text.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        let asked = self.origin.take();
        let asked = asked.iter().map(|seen| seen.head.field("range").unwrap_or_default()).collect();
        let shown = ["content-range", "content-length", "accept-ranges", "etag", "last-modified", "x-status"];
        // Pages of errors are each one's own.
        let page = answer.status >= 400 && answer.text().starts_with('<');
        Answer {
            status: answer.status,
            fields: shown
                .iter()
                .filter(|name| answer.status < 400 || **name == "content-range")
                .map(|name| answer.head.field(name))
                .collect(),
            body: if page || line.starts_with("HEAD") { String::new() } else { answer.text() },
            asked,
        }
    }

    /// Asks both until the cache has it: what a client does not want is stored behind its back.
    fn becomes_kept(&self, line: &str, fields: &str) {
        for at in self.pair.at {
            until("HIT", LIMIT, || {
                (self.ask(at, line, fields).fields.last().unwrap().as_deref() == Some("HIT")).then_some(())
            });
        }
    }
}

fn all(size: usize) -> String {
    String::from_utf8(ranged(size)).unwrap()
}

const MADE: &str = "X-Do: ranges=35|X-Reply: ETag: \"x\"|X-Reply: Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT|X-Reply: Accept-Ranges: bytes";
const EVERY: [&str; 4] = ["bytes=0-9", "bytes=10-19", "bytes=20-29", "bytes=30-39"];

#[test]
fn what_clients_get_and_what_is_asked_for_it() {
    let both = Both::start();
    let range = |range: &str| format!("{MADE}|Range: bytes={range}");
    let all = all(35);
    both.is("GET /a", MADE, 200, &all, &EVERY);
    both.is("GET /a", &range("0-0"), 206, "0", &EVERY[..1]);
    both.is("GET /a", &range("12-13"), 206, &all[12..14], &EVERY[1..2]);
    both.is("GET /a", &range("9-10"), 206, &all[9..11], &EVERY[..2]);
    both.is("GET /a", &range("25-"), 206, &all[25..], &EVERY[2..]);
    both.is("GET /a", &range("25-99"), 206, &all[25..], &EVERY[2..]);
    both.is("GET /a", &range("-3"), 206, &all[32..], &["bytes=0-9", "bytes=30-39"]);
    both.is("GET /a", &range("-35"), 206, &all, &EVERY);
    both.is("GET /a", &range("0-0,2-2"), 200, &all, &EVERY);
    both.is("GET /a", &range("35-"), 416, "", &["bytes=30-39"]);
    both.same("GET /a", &range("40-"));
    both.same("HEAD /a", MADE);
    both.is("GET /off/a", MADE, 200, &all, &[""]);
    both.is("GET /off/a", &range("5-6"), 206, &all[5..7], &["bytes=5-6"]);
    // Exactly so many slices, one, and less than one.
    both.is("GET /a", "X-Do: ranges=20", 200, &all[..20], &EVERY[..2]);
    both.is("GET /a", "X-Do: ranges=10", 200, &all[..10], &EVERY[..1]);
    both.is("GET /a", "X-Do: ranges=9", 200, &all[..9], &EVERY[..1]);
    both.is("GET /a", "X-Do: ranges=9 chunked", 200, &all[..9], &EVERY[..1]);
}

#[test]
fn each_slice_is_kept_by_itself() {
    let both = Both::start();
    let range = |range: &str| format!("{MADE}|Range: bytes={range}");
    let all = all(35);
    let status = |answer: &Answer| answer.fields.last().unwrap().clone().unwrap();
    for name in ["kept", "unbuffered"] {
        let line = format!("GET /{name}/a");
        assert_eq!(status(&both.is(&line, &range("12-13"), 206, &all[12..14], &EVERY[1..2])), "MISS");
        if name == "kept" {
            both.becomes_kept(&line, &range("12-13"));
            both.is(&line, &range("15-16"), 206, &all[15..17], &[]);
            both.is(&line, &range("15-20"), 206, &all[15..21], &EVERY[2..3]);
            both.becomes_kept(&line, &range("20-20"));
            assert_eq!(status(&both.is(&line, MADE, 200, &all, &["bytes=0-9", "bytes=30-39"])), "MISS");
            assert_eq!(status(&both.is(&line, MADE, 200, &all, &[])), "HIT");
            both.is(&line, &range("-3"), 206, &all[32..], &[]);
            both.is(&line, &range("33-"), 206, &all[33..], &[]);
            both.is(&format!("HEAD /{name}/a"), MADE, 200, "", &[]);
        }
    }
    // HEAD brings the first slice, for GET.
    both.is("HEAD /kept/head", MADE, 200, "", &EVERY[..1]);
    both.becomes_kept("GET /kept/head", &range("0-0"));
}

#[test]
fn conditions_are_those_of_all() {
    let both = Both::start();
    for (index, asked) in [
        "If-None-Match: \"x\"",
        "If-None-Match: \"y\"",
        "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT",
        "If-Modified-Since: Mon, 01 Jan 2023 00:00:00 GMT",
        "If-Match: \"x\"",
        "If-Match: \"y\"",
        "If-Unmodified-Since: Mon, 01 Jan 2023 00:00:00 GMT",
        "Range: bytes=12-13|If-Range: \"x\"",
        "Range: bytes=12-13|If-Range: \"y\"",
        "Range: bytes=12-13|If-None-Match: \"x\"",
        "Range: bytes=12-13|If-None-Match: \"y\"",
    ]
    .into_iter()
    .enumerate()
    {
        both.same(&format!("GET /kept/asked-{index}"), &format!("{MADE}|{asked}"));
        if asked.starts_with("Range") && !asked.contains("None") {
            // What is not kept nginx does not judge by its tag and date: it asks the upstream, for each slice.
            both.same(&format!("GET /plain/asked-{index}"), &format!("{MADE}|{asked}"));
        }
    }
}

#[test]
fn what_is_no_slice_passes() {
    let both = Both::start();
    let all = all(35);
    for name in ["kept", "plain"] {
        both.is(&format!("GET /{name}/gone"), "X-Do: size=5 status=404", 404, "xxxxx", &EVERY[..1]);
        both.is(&format!("GET /{name}/whole"), "X-Do: size=35", 200, &"x".repeat(35), &EVERY[..1]);
        both.is(&format!("GET /{name}/moved"), "X-Do: size=0 status=301", 301, "", &EVERY[..1]);
    }
    // What is kept of a 200 has ranges, whatever the upstream says of them; in nginx it does not say so here.
    let [ours, theirs] =
        both.pair.at.map(|at| both.ask(at, "GET /kept/whole", "X-Do: size=35|Range: bytes=3-5"));
    assert_eq!((ours.status, &*ours.body, ours.asked.len()), (206, "xxx", 0));
    assert_eq!((theirs.status, theirs.asked.len()), (200, 0));
    both.is(
        "GET /pages/a",
        "X-Do: status=404 size=3",
        200,
        &all,
        &["bytes=0-9", "bytes=0-9", "bytes=10-19", "bytes=20-29", "bytes=30-39"],
    );
}

/// The first slice is good, and what comes behind it is not: the message is cut.
#[test]
fn what_does_not_go_together_is_cut() {
    let both = Both::start();
    let mut count = 0;
    let mut cut = |name: &str, fields: &str| {
        count += 1;
        let line = format!("GET /{name}/cut-{count}");
        let text = fields.split('|').map(|field| format!("{field}\r\n")).collect::<String>();
        let text = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{text}\r\n");
        let [ours, theirs] = both.pair.at.map(|at| raw_request(at, text.as_bytes()));
        let ours = ours.unwrap();
        let found = (ours.status, ours.head.field("content-length"), ours.end, ours.text());
        let expected = (200, Some("35".to_owned()), End::Cut, all(35)[..10].to_owned());
        assert_eq!(found, expected, "{line} {fields}");
        // nginx may have kept even the head back until then.
        assert!(theirs.is_err() || theirs.is_ok_and(|theirs| theirs.end == End::Cut), "{line} {fields}");
    };
    for name in ["kept", "plain"] {
        cut(name, "X-Do: ranges=35|X-Later: size=10");
        cut(name, "X-Do: ranges=35|X-Later: size=10 status=404");
        cut(name, "X-Do: ranges=35|X-Later: close");
        cut(name, "X-Do: ranges=35|X-Later: ranges=35|X-Reply: ETag: \"a\"|X-Later-Reply: ETag: \"b\"");
        cut(name, "X-Do: ranges=35|X-Later: ranges=35|X-Reply: ETag: \"a\"|X-Later-Reply: X-A: b");
        cut(name, "X-Do: ranges=35|X-Later: ranges=35|X-Later-Reply: Content-Range: bytes 11-20/35");
        cut(name, "X-Do: ranges=35|X-Later: ranges=35|X-Later-Reply: Content-Range: bytes 10-19/*");
        cut(name, "X-Do: ranges=35|X-Later: ranges=35|X-Later-Reply: Content-Range: bytes");
    }
}

/// More than what is kept in memory of one response.
#[test]
fn large_slices() {
    let both = Both::start();
    let size = (5 << 20) / 2;
    let expected = all(size);
    let made = format!("X-Do: ranges={size}");
    let asked = ["bytes=0-1048575", "bytes=1048576-2097151", "bytes=2097152-3145727"];
    both.is("GET /large/a", &made, 200, &expected, &asked);
    both.is("GET /large/a", &made, 200, &expected, &[]);
    both.is(
        "GET /large/a",
        &format!("{made}|Range: bytes=1048570-1048580"),
        206,
        &expected[1_048_570..1_048_581],
        &[],
    );
}

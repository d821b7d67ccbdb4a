//! `slice`: what is asked for, what is kept, what goes, and what is read ahead of a client.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::net::SocketAddr;

use propylon_tests::{
    Client, End, LIMIT, Origin, Propylon, RawResponse, address, ranged, raw_request, until,
};

const CONFIG: &str = r#"
[log_format]
seen = "$request_uri $status $slice_range $upstream_cache_status $upstream_status $body_bytes_sent"
[cache_zone.main]
[defaults]
slice = "10"
[defaults.cache]
valid = "1h"
[defaults.headers]
add_always = { X-Status = "$upstream_cache_status" }
[[server]]
listen = ["LISTEN"]
access_log = [{ path = "@DIR@/seen.log", format = "seen" }]
[[server.location]]
match = "/"
proxy_pass = "http://ORIGIN"
[[server.location]]
match = "/kept/"
proxy_pass = "http://ORIGIN"
cache = { zone = "main", purge = { when = ["$http_x_purge"] } }
[[server.location]]
match = "/named/"
proxy_pass = "http://ORIGIN"
headers.set = { Range = "$slice_range", X-Slice = "${slice_range}" }
cache = { zone = "main", key = "named$uri$slice_range", purge = true }
[[server.location]]
match = "/like/"
proxy_pass = "http://ORIGIN"
set = { my_slice_range = "x", slice_range_2 = "y" }
cache = { zone = "main", key = "like$uri$my_slice_range$slice_range_2" }
[[server.location]]
match = "/off/"
proxy_pass = "http://ORIGIN"
slice = "0"
[[server.location]]
match = "/large/"
proxy_pass = "http://ORIGIN"
slice = "64k"
"#;

const MADE: &str = "X-Do: ranges=35|X-Reply: ETag: \"x\"";

struct Gateway {
    gateway: Propylon,
    origin: Origin,
    at: SocketAddr,
}

impl Gateway {
    fn start() -> Self {
        let (origin, at) = (Origin::start(), address());
        let config = CONFIG.replace("LISTEN", &at.to_string());
        let gateway = Propylon::start(&config.replace("ORIGIN", &origin.address().to_string()));
        Self { gateway, origin, at }
    }

    fn ask(&self, line: &str, fields: &str) -> RawResponse {
        raw_request(self.at, request(line, fields).as_bytes()).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.origin.take().iter().map(|seen| seen.head.field("range").unwrap_or_default()).collect()
    }

    #[track_caller]
    fn is(&self, line: &str, fields: &str, expected: (u16, &str), asked: &[&str]) {
        let answer = self.ask(line, fields);
        assert_eq!(
            (answer.status, &*answer.text(), answer.end),
            (expected.0, expected.1, End::Complete),
            "{line} {fields}"
        );
        assert_eq!(self.asked(), asked, "{line} {fields}");
    }
}

fn request(line: &str, fields: &str) -> String {
    let fields: String =
        fields.split('|').filter(|field| !field.is_empty()).map(|field| format!("{field}\r\n")).collect();
    format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n")
}

fn all(size: usize) -> String {
    String::from_utf8(ranged(size)).unwrap()
}

const EVERY: [&str; 4] = ["bytes=0-9", "bytes=10-19", "bytes=20-29", "bytes=30-39"];

#[test]
fn the_key_alone_is_enough() {
    let gateway = Gateway::start();
    let all = all(35);
    let part = format!("{MADE}|Range: bytes=12-21");
    for name in ["plain", "kept", "named", "like"] {
        let line = format!("GET /{name}/a");
        gateway.is(&line, &part, (206, &all[12..22]), &EVERY[1..3]);
        let rest: &[&str] = if name == "plain" { &EVERY } else { &["bytes=0-9", "bytes=30-39"] };
        if name != "plain" {
            // What its client did not want of the second one is stored behind its back.
            until("it is stored", LIMIT, || {
                gateway.ask(&line, &format!("{MADE}|Range: bytes=29-29"));
                gateway.asked().is_empty().then_some(())
            });
        }
        gateway.is(&line, MADE, (200, &all), rest);
        gateway.is(&line, MADE, (200, &all), if name == "plain" { &EVERY } else { &[] });
    }
    gateway.is("GET /off/a", MADE, (200, &all), &[""]);
    gateway.is("GET /off/a", &part, (206, &all[12..22]), &["bytes=12-21"]);
    // As the client has it.
    gateway.is("POST /a", &format!("{part}|Content-Length: 0"), (206, &all[12..22]), &["bytes=12-21"]);
    gateway.ask("GET /named/shown", MADE);
    assert_eq!(gateway.origin.take()[1].head.field("x-slice").as_deref(), Some("bytes=10-19"));
}

#[test]
fn conditions_are_judged_where_nothing_is_kept() {
    let gateway = Gateway::start();
    gateway.is("GET /a", &format!("{MADE}|If-None-Match: \"x\""), (304, ""), &EVERY[..1]);
    gateway.is("GET /a", &format!("{MADE}|If-None-Match: \"y\""), (200, &all(35)), &EVERY);
    gateway.is("GET /a", &format!("{MADE}|If-Match: \"y\""), (412, ""), &EVERY[..1]);
    // What cannot be read is ignored, and asks for no slice that there may be none of.
    gateway.is("GET /a", "X-Do: ranges=15|Range: bytes=25-5", (200, &all(15)), &EVERY[..2]);
    gateway.is("GET /empty", "X-Do: ranges=0", (200, ""), &["bytes=0-9", ""]);
}

#[test]
fn a_purge_removes_all_slices_and_a_change_does() {
    let gateway = Gateway::start();
    let line = |method: &str, name: &str| format!("{method} /{name}/a");
    for (name, method, fields, status) in [
        ("named", "PURGE", "", 204),
        ("kept", "GET", "X-Purge: 1", 204),
        ("kept", "GET", "X-Purge: 1|Range: bytes=12-12", 204),
        ("kept", "POST", "Content-Length: 0", 200),
    ] {
        gateway.is(&line("GET", name), MADE, (200, &all(35)), &EVERY);
        gateway.ask(&format!("GET /{name}/ab"), MADE);
        gateway.asked();
        gateway.is(&line("GET", name), MADE, (200, &all(35)), &[]);
        assert_eq!(gateway.ask(&line(method, name), fields).status, status, "{name} {method} {fields}");
        gateway.asked();
        gateway.is(&format!("GET /{name}/ab"), MADE, (200, &all(35)), &[]);
    }
    gateway.is(&line("GET", "kept"), MADE, (200, &all(35)), &EVERY);
    // A key that ends in `*` is of all that begin so, and of their slices.
    assert_eq!(gateway.ask("PURGE /named/*", "").status, 204);
    gateway.is("GET /named/ab", MADE, (200, &all(35)), &EVERY);
}

#[test]
fn the_log_tells_of_the_first_slice() {
    let gateway = Gateway::start();
    gateway.ask("GET /kept/a", &format!("{MADE}|Range: bytes=12-"));
    assert_eq!(gateway.gateway.lines("seen.log", 1), ["/kept/a 206 bytes=10-19 MISS 206 23"]);
    gateway.ask("GET /off/a", MADE);
    assert_eq!(gateway.gateway.lines("seen.log", 2)[1], "/off/a 200 - - 200 35");
}

#[test]
fn what_is_no_slice_is_502_and_told() {
    let gateway = Gateway::start();
    for said in ["bytes", "bytes 0-9/*", "bytes 1-9/35"] {
        let answer = gateway.ask("GET /a", &format!("X-Do: ranges=35|X-Reply: Content-Range: {said}"));
        assert_eq!(answer.status, 502, "{said}");
    }
    gateway.gateway.tells("invalid range in slice response");
    gateway.gateway.tells("no complete length in slice response");
    gateway.gateway.tells("unexpected range in slice response: 1-10, expected: 0-10");
    let cut = gateway.ask("GET /a", "X-Do: ranges=35|X-Later: status=500 size=3");
    assert_eq!((cut.status, cut.end, &*cut.text()), (200, End::Cut, "0123456789"));
    gateway.gateway.tells("unexpected status code 500 in slice response");
}

/// A client that does not read has no slices asked for that it may never want, however much there is room for.
#[test]
fn nothing_is_asked_for_ahead() {
    const SIZE: usize = 24 << 20;
    const SLICES: usize = SIZE >> 16;
    let gateway = Gateway::start();
    let made = format!("X-Do: ranges={SIZE}");
    let mut client = Client::connect(gateway.at).unwrap();
    client.send(request("GET /large/a", &made).as_bytes()).unwrap();
    until("the first slice", LIMIT, || (gateway.origin.heads() > 0).then_some(()));
    // Meanwhile others get as much, twice.
    for _ in 0..2 {
        let answer = gateway.ask("GET /large/b", &made);
        assert_eq!((answer.end, answer.body.len()), (End::Complete, SIZE));
    }
    // What sockets take is not read by anybody either.
    let asked = gateway.asked().len() - 2 * SLICES;
    assert!((1..SLICES * 3 / 4).contains(&asked), "{asked} of {SLICES}");
    let response = client.response(false).unwrap();
    assert_eq!((response.status, response.end, response.body.len()), (200, End::Complete, SIZE));
}

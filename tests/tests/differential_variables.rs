//! Variables against nginx: one log format with every variable, the same exchanges, and the same values in the log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use propylon_tests::{
    Client, LIMIT, Nginx, Origin, Process, Propylon, Refusing, addresses, fixture, now, on_hyper, until,
};
use regex::Regex;

/// Values that must be equal.
const EQUAL: &[&str] = &[
    "remote_addr",
    "remote_user",
    "request",
    "status",
    "body_bytes_sent",
    "http_referer",
    "http_user_agent",
    "upstream_addr",
    "upstream_status",
    "upstream_response_length",
    "request_length",
    "request_body",
    "upstream_bytes_received",
    "upstream_bytes_sent",
    "host",
    "http_host",
    "uri",
    "document_uri",
    "request_uri",
    "args",
    "query_string",
    "is_args",
    "scheme",
    "https",
    "server_name",
    "server_port",
    "server_addr",
    "server_protocol",
    "request_method",
    "connection_requests",
    "hostname",
    "realip_remote_addr",
    "http_x_test",
    "http_x_forwarded_for",
    "http_cookie",
    "cookie_a",
    "cookie_b",
    "cookie_none",
    "arg_a",
    "arg_none",
    "sent_http_content_type",
    "sent_http_content_length",
    "sent_http_transfer_encoding",
    "sent_http_location",
    "sent_http_x_reply",
    "sent_http_x_added",
    "upstream_http_server",
    "upstream_http_x_reply",
    "upstream_http_none",
    "upstream_cookie_c",
    "upstream_cache_status",
    "proxy_host",
    "proxy_port",
    "proxy_add_x_forwarded_for",
    "content_type",
    "content_length",
    "pipe",
    "binary_remote_addr",
    "mapped",
    "hosted",
    "placed",
    "divided",
    "request_completion",
];

/// Values that must look the same: the name, and what a single value of it looks like. The separators are compared.
const SHAPED: &[(&str, &str)] = &[
    ("request_time", r"\d+\.\d{3}"),
    ("upstream_connect_time", r"\d+\.\d{3}"),
    ("upstream_header_time", r"\d+\.\d{3}"),
    ("upstream_response_time", r"\d+\.\d{3}"),
    ("msec", r"\d{10}\.\d{3}"),
    ("time_local", r"\d\d/[A-Z][a-z]{2}/20\d\d:\d\d:\d\d:\d\d [+-]\d{4}"),
    ("time_iso8601", r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"),
    ("request_id", "[0-9a-f]{32}"),
    ("connection", r"\d+"),
    ("remote_port", r"\d+"),
    ("pid", r"\d+"),
    ("connection_time", r"\d+\.\d{3}"),
];

/// Differences that are meant: in which exchanges, of which variables, and why.
struct Deliberate {
    exchanges: &'static [&'static str],
    variables: &'static [&'static str],
    reason: &'static str,
}

/// What hyper cannot do, when the tests run on it.
const HYPER: &[Deliberate] = &[
    Deliberate {
        exchanges: &["upstream in chunks"],
        variables: &["upstream_response_length"],
        reason: "hyper decodes chunks, and tells nobody how long they were",
    },
    Deliberate {
        exchanges: &["bad method"],
        variables: &["http_host", "request_method", "request_uri", "server_protocol"],
        reason: "hyper takes any method: the request is refused later, as a whole",
    },
    Deliberate {
        exchanges: &["bad version", "bad length"],
        variables: &["status", "request"],
        reason: "hyper says of a refused head neither what it was nor why",
    },
    Deliberate {
        exchanges: &["TLS", "no version", "bad version", "bad length", "space in the target"],
        variables: &["request_completion"],
        reason: "the answer to a refused head is written by hand, and its end is not waited for",
    },
];

/// An entry of which a part is needed no more fails the test.
const DELIBERATE: &[Deliberate] = &[
    Deliberate {
        exchanges: OWN_PAGES,
        variables: &["body_bytes_sent", "bytes_sent"],
        reason: "the pages of errors and redirects are our own, and of another length",
    },
    Deliberate {
        exchanges: OWN_PAGES,
        variables: &["sent_http_content_length"],
        reason: "the pages of errors and redirects are our own, and of another length",
    },
    Deliberate {
        exchanges: &["POST in chunks"],
        variables: &["content_length", "upstream_bytes_sent"],
        reason: "a chunked request stays chunked; nginx makes it one with a length when it came with the head",
    },
    Deliberate {
        exchanges: &["POST in chunks"],
        variables: &["request_length"],
        reason: "the length of the body, decoded; nginx counts the framing of chunks as well",
    },
    Deliberate {
        exchanges: &["upstream cuts", "upstream stalls"],
        variables: &["request_completion"],
        reason: "a response that was cut is not complete; nginx says OK",
    },
    Deliberate {
        exchanges: &["no version", "bad version"],
        variables: &["server_protocol"],
        reason: "nothing is logged as nothing, not as an empty text",
    },
    Deliberate {
        exchanges: &["bad escape", "out of the root"],
        variables: &["request_uri", "request_length", "http_host"],
        reason: "the whole head is read before it is judged, so more of it is known",
    },
    Deliberate {
        exchanges: &["bad method"],
        variables: &["request_length"],
        reason: "the whole head is read before it is judged, so more of it is known",
    },
    Deliberate {
        exchanges: &["bad coding"],
        variables: &["request_method", "request_uri", "server_protocol", "http_host", "uri", "document_uri"],
        reason: "a head that is refused for its framing is not taken apart: the log has its line",
    },
    Deliberate {
        exchanges: &["bad escape", "out of the root"],
        variables: &["uri", "document_uri"],
        reason: "what was refused has no normalised path; nginx has an empty one",
    },
    Deliberate {
        exchanges: &["bad host", "two hosts", "TLS", "no version", "bad version", "space in the target"],
        variables: &["request_length"],
        reason: "the whole head is read before it is judged, and counted; nginx stops where it is wrong",
    },
    Deliberate {
        exchanges: &["two hosts"],
        variables: &["http_host"],
        reason: "the whole head is read before it is judged, so more of it is known",
    },
    Deliberate {
        exchanges: &["client is slow with its head", "client leaves in its head"],
        variables: &[
            "uri",
            "document_uri",
            "request_uri",
            "request_method",
            "server_protocol",
            "request_length",
        ],
        reason: "a head that never ended is not parsed, only counted and shown in $request",
    },
    Deliberate {
        exchanges: &["client leaves in its line"],
        variables: &["request_length"],
        reason: "a head that never ended is not parsed, only counted and shown in $request",
    },
    Deliberate {
        exchanges: &["client is slow with its head"],
        variables: &["bytes_sent", "body_bytes_sent", "sent_http_content_type", "sent_http_content_length"],
        reason: "a client that is slow with its head is told so, with 408; nginx closes without a word",
    },
    Deliberate {
        exchanges: &["bad length"],
        variables: &[
            "uri",
            "document_uri",
            "request_uri",
            "request_method",
            "server_protocol",
            "http_host",
            "content_length",
        ],
        reason: "a head that is refused is not taken apart: only $request is known",
    },
];

/// Exchanges that end with a page which the proxy wrote itself.
const OWN_PAGES: &[&str] = &[
    "all refused",
    "upstream closes",
    "upstream closes a kept connection",
    "upstream sends a bad field",
    "upstream never answers",
    "redirect",
    "slash added",
    "bad host",
    "host missing",
    "two hosts",
    "bad escape",
    "bad method",
    "out of the root",
    "TLS",
    "no version",
    "bad version",
    "bad length",
    "bad coding",
    "trace",
    "space in the target",
];

/// One exchange: what the client sends, and how it leaves.
struct Exchange {
    name: &'static str,
    requests: &'static [&'static [u8]],
    leaves: Leaves,
}

#[derive(PartialEq)]
enum Leaves {
    /// When it has the whole answer to the last request.
    Answered,
    /// When the origin has got the request.
    Waiting,
    /// When it has the head of the answer.
    HalfWay,
    /// When it has sent what it sends.
    AtOnce,
    /// When the proxy closes the connection.
    Closed,
}

const fn answered(name: &'static str, requests: &'static [&'static [u8]]) -> Exchange {
    Exchange { name, requests, leaves: Leaves::Answered }
}

const fn leaving(name: &'static str, requests: &'static [&'static [u8]], leaves: Leaves) -> Exchange {
    Exchange { name, requests, leaves }
}

const EXCHANGES: &[Exchange] = &[
    answered("plain", &[b"GET /a/b?a=1&b=2 HTTP/1.1\r\nHost: vars.test\r\nUser-Agent: probe/1\r\nReferer: http://r.test/\r\nX-Test: t\r\nCookie: a=1; b=two\r\nX-Reply: X-Reply: r\r\nX-Reply: Set-Cookie: c=3; Path=/\r\nX-Reply: Content-Type: text/plain\r\n\r\n"]),
    answered("nothing sent", &[b"GET / HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("path that is normalised", &[b"GET /a//b/../%41%20c?x=%20 HTTP/1.1\r\nHost: VARS.test:81\r\n\r\n"]),
    answered("lone question mark", &[b"GET /q? HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("absolute form", &[b"GET http://other.test/abs?a=z HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("other name", &[b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n"]),
    answered("unknown name", &[b"GET / HTTP/1.1\r\nHost: unknown.test\r\n\r\n"]),
    answered("no host", &[b"GET / HTTP/1.0\r\n\r\n"]),
    answered("http/1.0", &[b"GET / HTTP/1.0\r\nHost: vars.test\r\n\r\n"]),
    answered("HEAD", &[b"HEAD /h HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("POST", &[b"POST /p HTTP/1.1\r\nHost: vars.test\r\nContent-Type: text/x\r\nContent-Length: 5\r\n\r\nhello"]),
    answered("POST in chunks", &[b"POST /p HTTP/1.1\r\nHost: vars.test\r\nX-Do: size=10\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]),
    answered("second on a connection", &[b"GET /1 HTTP/1.1\r\nHost: vars.test\r\n\r\n", b"GET /2?a=2 HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("user", &[b"GET / HTTP/1.1\r\nHost: vars.test\r\nAuthorization: Basic am9lOnNlY3JldA==\r\n\r\n"]),
    answered("forwarded", &[b"GET / HTTP/1.1\r\nHost: vars.test\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-For: 192.0.2.2\r\n\r\n"]),
    answered("two cookies", &[b"GET / HTTP/1.1\r\nHost: vars.test\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n"]),
    answered("to be escaped", &[b"GET /\"\\ HTTP/1.1\r\nHost: vars.test\r\nUser-Agent: \"\\\t\xc3\xa9\xff\r\n\r\n"]),
    answered("map exact", &[b"GET /?m=EXACT HTTP/1.1\r\nHost: a.wild.test\r\n\r\n"]),
    answered("map regex", &[b"GET /?m=remember&a=1 HTTP/1.1\r\nHost: www.tail.org\r\n\r\n"]),
    answered("map caseless", &[b"GET /?m=CIx HTTP/1.1\r\nHost: wild.test:8080\r\n\r\n"]),
    answered("upstream 404", &[b"GET /404 HTTP/1.1\r\nHost: vars.test\r\nX-Do: status=404\r\n\r\n"]),
    answered("upstream 204", &[b"GET /204 HTTP/1.1\r\nHost: vars.test\r\nX-Do: status=204\r\n\r\n"]),
    answered("upstream 304", &[b"GET /304 HTTP/1.1\r\nHost: vars.test\r\nX-Do: status=304\r\n\r\n"]),
    answered("upstream in chunks", &[b"GET /c HTTP/1.1\r\nHost: vars.test\r\nX-Do: chunked\r\n\r\n"]),
    answered("upstream to close", &[b"GET /c HTTP/1.1\r\nHost: vars.test\r\nX-Do: to-close\r\n\r\n"]),
    answered("large", &[b"GET /l HTTP/1.1\r\nHost: vars.test\r\nX-Do: size=300000\r\n\r\n"]),
    answered("empty", &[b"GET /e HTTP/1.1\r\nHost: vars.test\r\nX-Do: size=0\r\n\r\n"]),
    answered("slow", &[b"GET /s HTTP/1.1\r\nHost: vars.test\r\nX-Do: wait=40 pause=40\r\n\r\n"]),
    answered("static host", &[b"GET /static-host/x HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("unix", &[b"GET /unix/x HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("one refused", &[b"GET /tries/x HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("one refused, with a body", &[b"POST /tries/x HTTP/1.1\r\nHost: vars.test\r\nContent-Length: 2\r\n\r\nhi"]),
    answered("all refused", &[b"GET /dead/x HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("upstream closes a kept connection", &[b"GET /x HTTP/1.1\r\nHost: vars.test\r\nX-Do: close\r\n\r\n"]),
    answered("upstream closes", &[b"GET /x HTTP/1.1\r\nHost: vars.test\r\nX-Do: close\r\n\r\n"]),
    answered("upstream sends a bad field", &[b"GET /x HTTP/1.1\r\nHost: vars.test\r\nX-Do: bad-field\r\n\r\n"]),
    answered("upstream never answers", &[b"GET /slow/x HTTP/1.1\r\nHost: vars.test\r\nX-Do: never\r\n\r\n"]),
    leaving("upstream cuts", &[b"GET /x HTTP/1.1\r\nHost: vars.test\r\nX-Do: cut size=1000\r\n\r\n"], Leaves::Answered),
    leaving("upstream stalls", &[b"GET /slow/x HTTP/1.1\r\nHost: vars.test\r\nX-Do: stall size=1000\r\nX-Reply: X-Accel-Buffering: no\r\n\r\n"], Leaves::Answered),
    answered("redirected to a path", &[b"GET /x?a=1 HTTP/1.1\r\nHost: vars.test\r\nX-Reply: X-Accel-Redirect: /internal/y?a=2\r\n\r\n"]),
    answered("redirected to a name", &[b"GET /x?a=1 HTTP/1.1\r\nHost: vars.test\r\nX-Reply: X-Accel-Redirect: @named\r\n\r\n"]),
    answered("redirected to a text", &[b"GET /x?a=1 HTTP/1.1\r\nHost: vars.test\r\nX-Reply: X-Accel-Redirect: @text\r\n\r\n"]),
    answered("text", &[b"GET /return/x HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("text, with a body", &[b"POST /return/x HTTP/1.1\r\nHost: vars.test\r\nContent-Length: 5\r\n\r\nhello"]),
    answered("redirect", &[b"GET /away/?a=1 HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("slash added", &[b"GET /tries HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    answered("header added", &[b"GET /added/?a=1 HTTP/1.1\r\nHost: vars.test\r\nX-Reply: X-Reply: hidden\r\n\r\n"]),
    leaving("client leaves before the head", &[b"GET /left HTTP/1.1\r\nHost: vars.test\r\nX-Do: never\r\n\r\n"], Leaves::Waiting),
    leaving("client leaves in the body", &[b"GET /left HTTP/1.1\r\nHost: vars.test\r\nX-Do: stall size=1000\r\nX-Reply: X-Accel-Buffering: no\r\n\r\n"], Leaves::HalfWay),
    leaving("client leaves in its body", &[b"POST /left HTTP/1.1\r\nHost: vars.test\r\nContent-Length: 10\r\n\r\nhal"], Leaves::Waiting),
    leaving("client leaves in its head", &[b"GET /left HTTP/1.1\r\nHost: va"], Leaves::AtOnce),
    leaving("client leaves in its line", &[b"GET /left"], Leaves::AtOnce),
    leaving("client is slow with its head", &[b"GET /slow HTTP/1.1\r\nHost: va"], Leaves::Closed),
    leaving("bad host", &[b"GET /a?b HTTP/1.1\r\nHost: a b\r\n\r\n"], Leaves::Closed),
    leaving("host missing", &[b"GET /a?b HTTP/1.1\r\nX-Test: t\r\n\r\n"], Leaves::Closed),
    leaving("two hosts", &[b"GET /a?b HTTP/1.1\r\nHost: vars.test\r\nHost: vars.test\r\n\r\n"], Leaves::Closed),
    leaving("bad escape", &[b"GET /%zz HTTP/1.1\r\nHost: vars.test\r\n\r\n"], Leaves::Closed),
    leaving("bad method", &[b"get / HTTP/1.1\r\nHost: vars.test\r\n\r\n"], Leaves::Closed),
    leaving("out of the root", &[b"GET /../x HTTP/1.1\r\nHost: vars.test\r\n\r\n"], Leaves::Closed),
    leaving("TLS", &[b"\x16\x03\x01\x00\x05hello\r\n\r\n"], Leaves::Closed),
    leaving("no version", &[b"GET / HTTX/1.1\r\n\r\n"], Leaves::Closed),
    leaving("bad version", &[b"GET / HTTP/9.1\r\nHost: vars.test\r\n\r\n"], Leaves::Closed),
    leaving("bad length", &[b"POST / HTTP/1.1\r\nHost: vars.test\r\nContent-Length: x\r\n\r\n"], Leaves::Closed),
    leaving("bad coding", &[b"POST / HTTP/1.1\r\nHost: vars.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"], Leaves::Closed),
    answered("trace", &[b"TRACE / HTTP/1.1\r\nHost: vars.test\r\n\r\n"]),
    leaving("space in the target", &[b"GET /a b HTTP/1.1\r\nHost: vars.test\r\n\r\n"], Leaves::Answered),
];

#[test]
fn every_variable_has_nginxs_value() {
    let peers = Peers::new();
    let [nginx_at, propylon_at] = addresses();
    let nginx = Nginx::start(&peers.fixture("variables.nginx.conf", nginx_at));
    let propylon = Propylon::start(&peers.fixture("variables.toml", propylon_at));
    compare(
        &peers,
        &mut Side::new("nginx", &nginx, nginx_at),
        &mut Side::new("propylon", &propylon, propylon_at),
        &DELIBERATE.iter().chain(HYPER.iter().filter(|_| on_hyper())).collect::<Vec<_>>(),
    );
}

/// The test of the test: what is equal compares equal.
#[test]
fn nginx_has_its_own_values() {
    let peers = Peers::new();
    let [left, right] = addresses();
    let a = Nginx::start(&peers.fixture("variables.nginx.conf", left));
    let b = Nginx::start(&peers.fixture("variables.nginx.conf", right));
    compare(&peers, &mut Side::new("nginx", &a, left), &mut Side::new("nginx again", &b, right), &[]);
}

/// The times themselves: an exchange that takes 60 ms to the head and 60 ms more, measured by both at once. A busy
/// machine delays single exchanges by more than 5 ms, so the closest of many counts.
#[test]
fn times_are_within_five_milliseconds_of_nginxs() {
    let peers = Peers::new();
    let [nginx_at, propylon_at] = addresses();
    let nginx = Nginx::start(&peers.fixture("variables.nginx.conf", nginx_at));
    let propylon = Propylon::start(&peers.fixture("variables.toml", propylon_at));
    let mut sides = [Side::new("nginx", &nginx, nginx_at), Side::new("propylon", &propylon, propylon_at)];
    let exchange =
        answered("timed", &[b"GET /t HTTP/1.1\r\nHost: vars.test\r\nX-Do: wait=60 pause=60\r\n\r\n"]);
    for name in ["request_time", "upstream_connect_time", "upstream_header_time", "upstream_response_time"] {
        let mut best = u64::MAX;
        until(&format!("{name} within 5 ms"), LIMIT * 2, || {
            let [a, b] =
                sides.each_mut().map(|side| millis(&side.run(&peers, &exchange)[0][&format!("raw {name}")]));
            best = best.min(a.abs_diff(b));
            (best <= 5).then_some(())
        });
        eprintln!("{name}: within {best} ms of nginx");
    }
}

fn millis(text: &str) -> u64 {
    text.replace('.', "").parse().unwrap_or_else(|_| panic!("not a time: {text}"))
}

/// Runs every exchange on both sides and fails with every value that differs.
fn compare(peers: &Peers, left: &mut Side<'_>, right: &mut Side<'_>, deliberate: &[&Deliberate]) {
    let mut differences = Vec::new();
    let mut used = BTreeSet::new();
    for exchange in EXCHANGES {
        let (a, b) = (left.run(peers, exchange), right.run(peers, exchange));
        if a.len() != b.len() {
            differences.push(format!("{}: {} lines in the log, and {}", exchange.name, a.len(), b.len()));
        }
        for (a, b) in a.iter().zip(&b) {
            for (name, value) in a.iter().filter(|(name, _)| !name.starts_with("raw ")) {
                let other = &b[name];
                let entry = deliberate.iter().position(|entry| entry.covers(exchange.name, name));
                if value == other {
                    continue;
                } else if let Some(entry) = entry {
                    used.insert((entry, exchange.name, name.clone()));
                } else {
                    differences.push(format!(
                        "{}: ${name}\n        {:12}{value}\n        {:12}{other}",
                        exchange.name, left.name, right.name
                    ));
                }
            }
            for (side, values) in [(&left.name, a), (&right.name, b)] {
                differences.extend(disorder(values).map(|what| format!("{}: {side}: {what}", exchange.name)));
            }
        }
    }
    for (number, entry) in deliberate.iter().enumerate() {
        for exchange in entry.exchanges {
            let unused =
                entry.variables.iter().all(|name| !used.contains(&(number, exchange, (*name).to_owned())));
            let unused = unused && !on_hyper();
            differences.extend(unused.then(|| format!("{exchange}: differs no more: {}", entry.reason)));
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

impl Deliberate {
    fn covers(&self, exchange: &str, variable: &str) -> bool {
        self.exchanges.contains(&exchange) && self.variables.contains(&variable)
    }
}

/// The order that times of a single try must have.
fn disorder(values: &BTreeMap<String, String>) -> Option<String> {
    let time = |name: &str| {
        let text = &values[&format!("raw {name}")];
        text.contains('.').then(|| text.replace('.', "").parse::<u64>().ok()).flatten()
    };
    let names = ["upstream_connect_time", "upstream_header_time", "upstream_response_time", "request_time"];
    let times: Vec<_> = names.iter().filter_map(|name| time(name).map(|time| (name, time))).collect();
    // Each is rounded on its own and read at a moment of its own, which on a busy machine may be some way apart.
    let wrong = times.windows(2).find(|pair| pair[0].1 > pair[1].1 + 50)?;
    Some(format!("${} is {} ms and ${} only {} ms", wrong[0].0, wrong[0].1, wrong[1].0, wrong[1].1))
}

/// What stands behind both proxies.
struct Peers {
    backend: Origin,
    second: Origin,
    unix: std::path::PathBuf,
    refusing: [Refusing; 2],
    _unix: Origin,
    _dir: tempfile::TempDir,
}

impl Peers {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let unix = dir.path().join("origin.sock");
        Self {
            backend: Origin::start(),
            second: Origin::echo(),
            _unix: Origin::unix(&unix),
            unix,
            refusing: [Refusing::new(), Refusing::new()],
            _dir: dir,
        }
    }

    fn fixture(&self, name: &str, listen: SocketAddr) -> String {
        let names = EQUAL.iter().copied().chain(SHAPED.iter().map(|(name, _)| *name)).chain(["bytes_sent"]);
        let format: Vec<_> = names.map(|name| format!("{name}=${name}")).collect();
        let text = |address: SocketAddr| address.to_string();
        fixture(
            name,
            &[
                ("FORMAT", &format.join("\t")),
                ("LISTEN", &text(listen)),
                ("ORIGIN", &text(self.backend.address())),
                ("SECOND", &text(self.second.address())),
                ("REFUSING", &text(self.refusing[0].address())),
                ("REFUSING2", &text(self.refusing[1].address())),
                ("UNIX", &self.unix.to_string_lossy()),
            ],
        )
    }
}

/// One of the two proxies, and how many lines of its log have been read.
struct Side<'a> {
    name: &'static str,
    process: &'a Process,
    address: SocketAddr,
    read: usize,
}

impl<'a> Side<'a> {
    fn new(name: &'static str, process: &'a Process, address: SocketAddr) -> Self {
        Self { name, process, address, read: 0 }
    }

    /// Runs an exchange and gives the values of each line that it left in the log, made comparable.
    fn run(&mut self, peers: &Peers, exchange: &Exchange) -> Vec<BTreeMap<String, String>> {
        peers.backend.take();
        let heads = self.talk(peers, exchange);
        let lines = self.next_lines(exchange.requests.len());
        self.read += lines.len();
        lines.iter().zip(heads).map(|(line, head)| self.values(line, head)).collect()
    }

    /// As many lines as there should be; fewer when they do not come, more when there are more.
    fn next_lines(&self, count: usize) -> Vec<String> {
        let start = now();
        loop {
            let lines = self.process.lines_now("access.log").split_off(self.read);
            if lines.len() >= count || start.elapsed() > LIMIT / 4 {
                return lines;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Gives the length of each response head.
    fn talk(&self, peers: &Peers, exchange: &Exchange) -> Vec<u64> {
        let mut client = Client::connect(self.address).unwrap();
        let mut heads = Vec::new();
        for request in exchange.requests {
            let before = peers.backend.heads();
            client.send(request).unwrap();
            let mut head = 0;
            match exchange.leaves {
                Leaves::Answered | Leaves::Closed => {
                    if let Ok(answer) = client.response(request.starts_with(b"HEAD ")) {
                        head = answer.head.0.len();
                    }
                }
                Leaves::Waiting => {
                    until("the request at the origin", LIMIT, || {
                        (peers.backend.heads() > before).then_some(())
                    });
                }
                Leaves::HalfWay => {
                    head = client.stream().head().unwrap().expect("a head").0.len();
                    client.stream().exactly(500, &mut Vec::new()).expect("half of the body");
                }
                Leaves::AtOnce => {}
            }
            heads.push(head as u64);
        }
        if exchange.leaves == Leaves::Closed {
            assert!(client.closed(), "{}: {}: the connection stays open", self.name, exchange.name);
        }
        client.leave();
        heads
    }

    fn values(&self, line: &str, head: u64) -> BTreeMap<String, String> {
        let own = self.address.ip().to_string();
        let mut values: BTreeMap<String, String> = line
            .split('\t')
            .map(|pair| pair.split_once('=').unwrap_or_else(|| panic!("{}: {line}", self.name)))
            .map(|(name, value)| (name.to_owned(), value.replace(&own, "<own address>")))
            .collect();
        // Heads differ (Server, Date, order), bodies do not.
        let sent: u64 = values["bytes_sent"].parse().unwrap();
        values.insert("bytes_sent".into(), format!("head + {}", sent.wrapping_sub(head).cast_signed()));
        for (name, shape) in SHAPED {
            let raw = values[*name].clone();
            let shape = Regex::new(&format!(r"(^|, | : ){shape}")).unwrap();
            values.insert((*name).to_owned(), shape.replace_all(&raw, "$1<value>").into_owned());
            values.insert(format!("raw {name}"), raw);
        }
        values
    }
}

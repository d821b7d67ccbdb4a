//! Routing and proxying against nginx: one fixture in both languages, the same bytes sent to both, and the same
//! requests must come out upstream, with the same answers.
//!
//! `PROPYLON_SEED` and `PROPYLON_CASES` choose other requests than the ones that CI sends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test"
)]

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::SocketAddr;

use propylon_tests::requests::{Case, generate, specials};
use propylon_tests::{Nginx, Origin, Propylon, addresses, fixture, on_hyper, printable, raw_request};
use regex::Regex;

/// Each kind of location with each twist, seven times.
const CASES: usize = 2520;
const SEED: u64 = 2026;

/// What became of one request: what the client got and what the origins got.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// The status; 0 for a connection closed without a response.
    status: u16,
    location: Option<String>,
    /// The text of the proxy's own answer, where the configuration wrote it.
    text: Option<String>,
    upstream: Vec<Upstream>,
}

#[derive(Debug, PartialEq, Eq)]
struct Upstream {
    origin: &'static str,
    line: String,
    fields: BTreeMap<String, Vec<String>>,
    body: String,
}

/// A difference that is meant: where, and why.
struct Deliberate {
    reason: &'static str,
    applies: fn(&Case, &Outcome, &Outcome) -> bool,
}

/// The arguments are the request, nginx's outcome and Propylon's. An entry that no request needs fails the test.
const DELIBERATE: &[Deliberate] = &[
    Deliberate {
        reason: "one space stands before the version (RFC 9112 3); nginx takes several",
        applies: |case, _, ours| case.has("  HTTP/1.") && ours.refused_with(400),
    },
    Deliberate {
        reason: "CONNECT is refused by both: as nginx 1.31 does, 405 for an authority and 400 for anything else",
        applies: |case, theirs, ours| {
            let refused = |outcome: &Outcome| outcome.refused_with(400) || outcome.refused_with(405);
            case.bytes.starts_with(b"CONNECT ") && refused(theirs) && refused(ours)
        },
    },
    Deliberate {
        reason: "a request line has a version: 400; nginx answers HTTP/0.9",
        applies: |case, _, ours| {
            let line = case.bytes.split(|&b| b == b'\r').next().unwrap_or_default();
            !line.ends_with(b" HTTP/1.0") && !line.ends_with(b" HTTP/1.1") && ours.refused_with(400)
        },
    },
    Deliberate {
        reason: "a control in a field's value is malformed (RFC 9110 5.5): 400",
        applies: |case, _, ours| case.has("X-Control:") && ours.refused_with(400),
    },
    Deliberate {
        reason: "what Connection names, and Proxy-Connection, is for the next hop alone (RFC 9110 7.6.1); nginx passes it on",
        applies: |_, theirs, ours| ours.same_but_for(theirs, &["x-named", "proxy-connection"]),
    },
    Deliberate {
        reason: "Host must be a host of RFC 3986 with a numeric port; nginx also takes \\, @, raw UTF-8 and any port: 400",
        applies: |case, _, ours| {
            ours.refused_with(400)
                && ["Host: \\", "Host: ümlaut.test", "Host: exact.test:x", "Host: user@exact.test"]
                    .iter()
                    .any(|host| case.has(host))
        },
    },
    Deliberate {
        reason: "what no target may hold is escaped where variables made it; nginx sends spaces, #, line feeds and what is no UTF-8",
        applies: |_, theirs, ours| {
            let same = |(a, b): (&Upstream, &Upstream)| {
                escaped(&b.line).starts_with(&escaped(&a.line)) && a.line != b.line
            };
            theirs.status == ours.status && theirs.upstream.iter().zip(&ours.upstream).any(same)
        },
    },
    Deliberate {
        reason: "a Location that would hold a control is 400; nginx sends it, a line feed as well",
        applies: |case, theirs, ours| {
            theirs.status == 301 && ours.refused_with(400) && (case.has("%7f") || case.has("%0a"))
        },
    },
    Deliberate {
        reason: "a location without an action is 404; nginx looks for a file there, and has 405 for what cannot ask for one",
        applies: |_, theirs, ours| theirs.refused_with(405) && ours.refused_with(404),
    },
];

/// What hyper cannot do, when the tests run on it.
const HYPER: &[Deliberate] = &[
    Deliberate {
        reason: "http::Uri refuses targets that clients send: 400",
        applies: |case, theirs, ours| {
            let odd = |byte: &u8| !byte.is_ascii() || b"\"<>`{}|^\\#".contains(byte);
            case.target().iter().any(odd) && theirs.status != 400 && ours.refused_with(400)
        },
    },
    Deliberate {
        reason: "http::Uri drops fragments",
        applies: |case, theirs, ours| case.target().contains(&b'#') && theirs.status == ours.status,
    },
    Deliberate {
        reason: "a chunked body stays chunked, be it all there or not",
        applies: |case, theirs, ours| {
            case.has("Transfer-Encoding: chunked")
                && ours.same_but_for(theirs, &["content-length", "transfer-encoding"])
        },
    },
    Deliberate {
        reason: "hyper does not tell with the last chunk that a body is over, so that it is not kept for a second location",
        applies: |case, theirs, ours| {
            let empty = |upstream: &Upstream| upstream.body.is_empty();
            let lost = (theirs.status, ours.status) == (200, 500) || ours.upstream.last().is_some_and(empty);
            case.has("X-Accel-Redirect") && case.has("chunked") && lost
        },
    },
    Deliberate {
        reason: "hyper takes two equal lengths, and drops a length beside chunks",
        applies: |case, theirs, ours| {
            theirs.refused_with(400) && ours.status == 200 && case.has("Content-Length: ")
        },
    },
    Deliberate {
        reason: "hyper refuses a head for its coding without saying why",
        applies: |case, theirs, ours| {
            theirs.refused_with(501) && ours.refused_with(400) && case.has("Transfer-Encoding")
        },
    },
];

/// Neither passed on nor answered by a location.
impl Outcome {
    fn refused_with(&self, status: u16) -> bool {
        self.status == status && self.upstream.is_empty()
    }

    fn same_but_for(&self, other: &Self, names: &[&str]) -> bool {
        let without = |fields: &BTreeMap<String, Vec<String>>| -> Vec<_> {
            fields.clone().into_iter().filter(|(name, _)| !names.contains(&name.as_str())).collect()
        };
        let same = |a: &Upstream, b: &Upstream| {
            (a.origin, &a.line, &a.body) == (b.origin, &b.line, &b.body)
                && without(&a.fields) == without(&b.fields)
        };
        self.status == other.status
            && self.upstream.len() == other.upstream.len()
            && self.upstream.iter().zip(&other.upstream).all(|(a, b)| same(a, b))
    }
}

/// The request line with all that is not printable ASCII escaped; up to the first line feed in the target.
fn escaped(line: &str) -> String {
    let (target, version) = line.split_at(line.rfind(" HTTP/1.1").unwrap_or(line.len()));
    let (method, target) = target.split_once(' ').unwrap_or((target, ""));
    let target = Regex::new(r"\\x([0-9a-f]{2})")
        .unwrap()
        .replace_all(target, |byte: &regex::Captures<'_>| format!("%{}", byte[1].to_uppercase()));
    let target = [(" ", "%20"), ("#", "%23"), ("\\\"", "%22"), ("\\t", "%09"), ("\\r", "%0D")]
        .iter()
        .fold(target.into_owned(), |target, (from, to)| target.replace(from, to));
    format!("{method} {target}{version}")
}

#[test]
fn propylon_routes_as_nginx_does() {
    let origins = Origins::new();
    let [nginx_at, propylon_at] = addresses();
    let nginx = Nginx::start(&origins.fixture("routing.nginx.conf", nginx_at));
    let propylon = Propylon::start(&origins.fixture("routing.toml", propylon_at));
    let entries: Vec<_> = DELIBERATE.iter().chain(HYPER.iter().filter(|_| on_hyper())).collect();
    let excused = compare(&origins, &cases(), nginx_at, propylon_at, &entries);
    for (entry, count) in entries.iter().zip(&excused) {
        eprintln!("{count} requests: {}", entry.reason);
    }
    let standard = CASES == count() && SEED == seed() && !on_hyper();
    let stale = entries.iter().zip(&excused).find(|(_, count)| standard && **count == 0);
    assert!(stale.is_none(), "nothing differs any more by: {}", stale.unwrap().0.reason);
    drop((nginx, propylon));
}

/// The test of the test: what is equal compares equal.
#[test]
fn nginx_routes_as_itself() {
    let origins = Origins::new();
    let [left, right] = addresses();
    let _left = Nginx::start(&origins.fixture("routing.nginx.conf", left));
    let _right = Nginx::start(&origins.fixture("routing.nginx.conf", right));
    let cases = cases();
    compare(&origins, &cases, left, right, &[]);
    let mut statuses = BTreeMap::<_, usize>::new();
    for case in &cases {
        *statuses.entry(origins.ask(left, case).status).or_default() += 1;
    }
    eprintln!("nginx's statuses: {statuses:?}");
    assert!(statuses[&200] > cases.len() / 2, "most requests should get through: {statuses:?}");
}

/// The test of the test: each of these small changes is seen.
#[test]
fn a_changed_nginx_is_told_from_itself() {
    let changes = [
        ("/remote/;", "/remote;"),
        ("X-Forwarded-Proto $scheme", "X-Forwarded-Proto https"),
        ("location ~* ", "location ~ "),
        ("merge_slashes on", "merge_slashes off"),
        ("location ^~ /static/ ", "location /static/ "),
        ("server_name .dot.test", "server_name dot.test"),
        ("return 301 /new", "return 301 /now"),
    ];
    let origins = Origins::new();
    let cases = cases();
    for (from, to) in changes {
        let [left, right] = addresses();
        let text = origins.fixture("routing.nginx.conf", right);
        assert!(text.contains(from), "{from}");
        let _left = Nginx::start(&origins.fixture("routing.nginx.conf", left));
        let _right = Nginx::start(&text.replace(from, to));
        let differs = |case: &Case| origins.ask(left, case) != origins.ask(right, case);
        assert!(cases.iter().any(differs), "no request shows {from} -> {to}");
    }
}

fn seed() -> u64 {
    std::env::var("PROPYLON_SEED").map_or(SEED, |text| text.parse().expect("PROPYLON_SEED: a number"))
}

fn count() -> usize {
    std::env::var("PROPYLON_CASES").map_or(CASES, |text| text.parse().expect("PROPYLON_CASES: a number"))
}

fn cases() -> Vec<Case> {
    eprintln!("PROPYLON_SEED={} PROPYLON_CASES={}", seed(), count());
    let mut cases = generate(seed(), count());
    cases.extend(specials(count()));
    cases
}

/// Sends every request to both and fails with all the differences that no entry explains; counts those explained.
fn compare(
    origins: &Origins,
    cases: &[Case],
    nginx: SocketAddr,
    propylon: SocketAddr,
    deliberate: &[&Deliberate],
) -> Vec<usize> {
    let mut excused = vec![0; deliberate.len()];
    let mut unexplained = Vec::new();
    for case in cases {
        let (a, b) = (origins.ask(nginx, case), origins.ask(propylon, case));
        if a == b {
            continue;
        }
        match deliberate.iter().position(|entry| (entry.applies)(case, &a, &b)) {
            Some(entry) => excused[entry] += 1,
            None => unexplained.push(difference(case, &a, &b)),
        }
    }
    let number = unexplained.len();
    assert!(number == 0, "{number} of {} requests differ:\n{}", cases.len(), unexplained.join("\n"));
    excused
}

/// The request and only what differs.
fn difference(case: &Case, nginx: &Outcome, propylon: &Outcome) -> String {
    let mut out = format!("#{}  {}\n", case.number, case.show());
    let mut row = |what: &str, a: String, b: String| {
        if a != b {
            out += &format!("    {what}\n        nginx    {a}\n        propylon {b}\n");
        }
    };
    row("status", nginx.status.to_string(), propylon.status.to_string());
    row("Location", format!("{:?}", nginx.location), format!("{:?}", propylon.location));
    row("text", format!("{:?}", nginx.text), format!("{:?}", propylon.text));
    row("upstream requests", nginx.upstream.len().to_string(), propylon.upstream.len().to_string());
    for (a, b) in nginx.upstream.iter().zip(&propylon.upstream) {
        row("origin", a.origin.to_owned(), b.origin.to_owned());
        row("request line", a.line.clone(), b.line.clone());
        row("body", a.body.clone(), b.body.clone());
        for name in a.fields.keys().chain(b.fields.keys().filter(|name| !a.fields.contains_key(*name))) {
            row(name, format!("{:?}", a.fields.get(name)), format!("{:?}", b.fields.get(name)));
        }
    }
    out
}

/// The two origins that both proxies share: `backend` does what requests say, `second` only echoes.
struct Origins {
    backend: Origin,
    second: Origin,
}

impl Origins {
    fn new() -> Self {
        Self { backend: Origin::start(), second: Origin::echo() }
    }

    fn fixture(&self, name: &str, listen: SocketAddr) -> String {
        let (backend, second) = (self.backend.address().to_string(), self.second.address().to_string());
        fixture(name, &[("ORIGIN", &backend), ("SECOND", &second), ("LISTEN", &listen.to_string())])
    }

    fn ask(&self, proxy: SocketAddr, case: &Case) -> Outcome {
        let answer = raw_request(proxy, &case.bytes);
        let upstream = Self::upstream("backend", &self.backend, case);
        let upstream: Vec<_> =
            upstream.into_iter().chain(Self::upstream("second", &self.second, case)).collect();
        let own = |text: String| text.replace(&proxy.ip().to_string(), "<own address>");
        match answer {
            Ok(answer) => Outcome {
                status: answer.status,
                location: answer.head.field("location").map(own),
                text: (matches!(answer.status, 200 | 410) && upstream.is_empty()).then(|| own(answer.text())),
                upstream,
            },
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                Outcome { status: 0, location: None, text: None, upstream }
            }
            // nginx answers HTTP/0.9 in kind: a body without a head.
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Outcome { status: 9, location: None, text: None, upstream }
            }
            Err(error) => panic!("{error}: {}", case.show()),
        }
    }

    /// What came of this case; what came late of an earlier one is nobody's.
    fn upstream(origin: &'static str, from: &Origin, case: &Case) -> Vec<Upstream> {
        let number = case.number.to_string();
        let seen = from.take().into_iter().filter(|seen| seen.head.field("x-case") == Some(number.clone()));
        let show = |values: Vec<Vec<u8>>| values.iter().map(|value| printable(value)).collect();
        seen.map(|seen| Upstream {
            origin,
            line: printable(seen.head.start_line()),
            fields: seen.head.by_name().into_iter().map(|(name, values)| (name, show(values))).collect(),
            body: printable(&seen.body),
        })
        .collect()
    }
}

//! The matrix: what is wrong with the first peer, and who gets the request then.

use std::fmt::Write;
use std::net::SocketAddr;

use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{BlackHole, LIMIT, Propylon, Refusing, address, raw_request, until};

use crate::support::GOOD;

/// What is wrong with the first peer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Refuse,
    BlackHole,
    Reset,
    CloseAtOnce,
    CloseAfterRequest,
    ResetAfterRequest,
    Garbage,
    Conflict,
    Busy,
    Forbidden,
    StallInHead,
    StallInBody,
}
use Fault::*;

const FAULTS: [Fault; 12] = [
    Refuse,
    BlackHole,
    Reset,
    CloseAtOnce,
    CloseAfterRequest,
    ResetAfterRequest,
    Garbage,
    Conflict,
    Busy,
    Forbidden,
    StallInHead,
    StallInBody,
];

impl Fault {
    fn plan(self) -> Plan {
        let read = Plan::new().read_request();
        match self {
            Refuse | BlackHole => Plan::new(),
            Reset => Plan::new().reset(),
            CloseAtOnce => Plan::new().close(),
            CloseAfterRequest => read.close(),
            ResetAfterRequest => read.reset(),
            Garbage => read.write("SSH-2.0-OpenSSH_9.2\r\n\r\n").close(),
            Conflict => read
                .write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                .close(),
            Busy => {
                read.write("HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy").close()
            }
            Forbidden => {
                read.write("HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno").close()
            }
            StallInHead => read.write("HTTP/1.1 200 OK\r\nContent-").hang(),
            StallInBody => read.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf").hang(),
        }
    }

    /// What the client gets when the fault is not made good.
    fn status(self) -> u16 {
        match self {
            Busy => 503,
            Forbidden => 403,
            BlackHole | StallInHead => 504,
            StallInBody => 200,
            _ => 502,
        }
    }

    /// Whether the request provably reached nobody.
    fn is_before_sending(self) -> bool {
        matches!(self, Refuse | BlackHole)
    }
}

/// A gateway with two peers behind each location: a bad one first, a good one as backup, or two bad ones.
struct Matrix {
    gateway: Propylon,
    listen: SocketAddr,
    bad: Vec<RawPeer>,
    good: RawPeer,
    _refusing: (Refusing, BlackHole),
}

impl Matrix {
    fn start(more: &str) -> Self {
        let (listen, refusing, hole) = (address(), Refusing::new(), BlackHole::new());
        let good = RawPeer::tcp(|_| Plan::new().answer(|_| GOOD).forever());
        let bad: Vec<_> = FAULTS.iter().map(|&fault| RawPeer::tcp(move |_| fault.plan())).collect();
        let mut text = String::from(
            "[log_format]\nshort = '$status [$upstream_addr] [$upstream_status] $request'\n\
             [error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
             [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"short\"\n\
             [defaults.timeout]\nread = \"300ms\"\nsend = \"2s\"\nconnect = \"2s\"\n\
             [defaults.retry]\non = [\"error\", \"timeout\", \"invalid_header\", \"http_503\"]\nbudget = false\n",
        );
        let mut locations = String::new();
        for (&fault, peer) in FAULTS.iter().zip(&bad) {
            let (bad, more) = match fault {
                Refuse => (refusing.address(), more.to_owned()),
                BlackHole => (hole.address(), format!("timeout.connect = \"200ms\"\n{more}")),
                _ => (peer.addr(), more.to_owned()),
            };
            let good = good.addr();
            writeln!(
                text,
                "[upstream.{fault:?}]\nserver = [{{ address = \"{bad}\", max_fails = 0 }}, {{ address = \"{good}\", backup = true }}]\n\
                 [upstream.{fault:?}-{fault:?}]\nserver = [{{ address = \"{bad}\", max_fails = 0 }}, {{ address = \"{bad}\", backup = true, max_fails = 0 }}]"
            )
            .unwrap();
            writeln!(
                locations,
                "[[server.location]]\nmatch = \"/{fault:?}/\"\nproxy_pass = \"http://{fault:?}\"\n{more}\n\
                 [[server.location]]\nmatch = \"/twice/{fault:?}/\"\nproxy_pass = \"http://{fault:?}-{fault:?}\"\n{more}"
            )
            .unwrap();
        }
        writeln!(text, "[[server]]\nlisten = [\"{listen}\"]\n{locations}").unwrap();
        let gateway = Propylon::start(&text);
        Self { gateway, listen, bad, good, _refusing: (refusing, hole) }
    }

    /// Sends one request; gives the status, the number of requests that the bad and the good peer got, and whether the body
    /// came whole.
    fn ask(&self, path: &str, fault: Fault, method: &str, body: usize) -> (u16, usize, usize, String) {
        let index = FAULTS.iter().position(|&known| known == fault).unwrap();
        let before = (self.bad[index].requests().len(), self.good.requests().len());
        let head = format!("{method} {path}{fault:?}/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
        let mut request = match body {
            0 => format!("{head}\r\n").into_bytes(),
            _ => format!("{head}Content-Length: {body}\r\n\r\n").into_bytes(),
        };
        request.extend(std::iter::repeat_n(b'x', body));
        let answer = raw_request(self.listen, &request).unwrap();
        let after = (self.bad[index].requests().len(), self.good.requests().len());
        (answer.status, after.0 - before.0, after.1 - before.1, answer.text())
    }
}

#[test]
fn every_fault_with_another_peer() {
    let matrix = Matrix::start("");
    for fault in FAULTS {
        for (method, body) in [
            ("GET", 0),
            ("PUT", 10),
            ("PUT", 100_000),
            ("POST", 0),
            ("POST", 10),
            ("POST", 100_000),
            ("DELETE", 0),
        ] {
            let case = format!("{fault:?} {method} {body}");
            let (status, bad, good, text) = matrix.ask("/", fault, method, body);
            assert!(bad <= 1 && good <= 1, "{case}: sent {bad} and {good} times");
            let for_another = !matches!(fault, Forbidden | StallInBody);
            // A POST may be sent again only if it provably was not sent.
            let safe = method != "POST" || fault.is_before_sending();
            if method == "POST" && matches!(fault, Reset | CloseAtOnce) {
                // It depends on who was quicker; what was sent is not sent again.
                assert!(matches!((status, good), (200, 1) | (502, 0)), "{case}: {text}");
            } else if for_another && safe {
                assert_eq!((status, good), (200, 1), "{case}: {text}");
                assert!(text.ends_with("good"), "{case}: {text}");
            } else {
                assert_eq!((status, good), (fault.status(), 0), "{case}: {text}");
            }
        }
    }
}

#[test]
fn every_fault_of_all_peers() {
    let matrix = Matrix::start("");
    for fault in FAULTS {
        let (status, bad, _, text) = matrix.ask("/twice/", fault, "GET", 0);
        assert_eq!(status, fault.status(), "{fault:?}: {text}");
        assert!(bad <= 2, "{fault:?}: each peer once, not {bad}");
        let (status, bad, _, text) = matrix.ask("/twice/", fault, "POST", 10);
        assert_eq!(status, fault.status(), "{fault:?}: {text}");
        assert!(bad <= 1, "{fault:?}: a POST was sent {bad} times");
    }
}

#[test]
fn streamed_bodies_go_to_another_peer_until_they_have_begun() {
    let matrix = Matrix::start("buffer.request = false");
    let (status, _, good, text) = matrix.ask("/", Refuse, "PUT", 100_000);
    assert_eq!((status, good), (200, 1), "nothing of it was read: {text}");
    let (status, _, good, text) = matrix.ask("/", CloseAfterRequest, "PUT", 100_000);
    assert_eq!((status, good), (502, 0), "it is gone: {text}");
}

#[test]
fn off_means_off() {
    let matrix = Matrix::start("retry.on = [\"off\"]");
    for fault in [Refuse, CloseAfterRequest, Busy] {
        let (status, _, good, text) = matrix.ask("/", fault, "GET", 0);
        assert_eq!((status, good), (fault.status(), 0), "{fault:?}: {text}");
    }
}

#[test]
fn non_idempotent_means_all() {
    let matrix = Matrix::start("retry.on = [\"error\", \"non_idempotent\"]");
    let (status, bad, good, text) = matrix.ask("/", CloseAfterRequest, "POST", 10);
    assert_eq!((status, bad, good), (200, 1, 1), "{text}");
}

#[test]
fn tries_are_on_record() {
    let matrix = Matrix::start("");
    matrix.ask("/", CloseAfterRequest, "GET", 0);
    matrix.ask("/", Busy, "GET", 0);
    let index = |fault| FAULTS.iter().position(|&known| known == fault).unwrap();
    let (closing, busy, good) =
        (matrix.bad[index(CloseAfterRequest)].addr(), matrix.bad[index(Busy)].addr(), matrix.good.addr());
    let log = until("two lines in the log", LIMIT, || {
        let log = matrix.gateway.read("access.log");
        (log.lines().count() == 2).then_some(log)
    });
    assert!(log.contains(&format!("200 [{closing}, {good}] [502, 200] GET /CloseAfterRequest/")), "{log}");
    assert!(log.contains(&format!("200 [{busy}, {good}] [503, 200] GET /Busy/")), "{log}");
    matrix.gateway.tells("upstream prematurely closed connection"); // the first try has its line
}

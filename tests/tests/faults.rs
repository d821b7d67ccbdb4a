//! Slow and broken peers on both sides: the right status, the right line in the access log, the reason in the error
//! log, and nothing left behind. Every fault is shown to nginx too: the expectations are not ours alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::time::Duration;

use propylon_tests::{
    BlackHole, Client, End, LIMIT, Nginx, Origin, Process, Propylon, RawResponse, Refusing, address, fixture,
    now, raw_request, until,
};
use regex::Regex;

#[test]
fn upstream_that_refuses_is_502() {
    each(|gateway| {
        gateway.fails("/refused/", "", 502, "(?i)refused");
    });
}

#[test]
fn upstream_that_cannot_be_reached_is_504() {
    each(|gateway| {
        gateway.fails("/unreachable/", "", 504, "(?i)tim(ed |e)out");
    });
}

#[test]
fn upstream_that_never_answers_is_504() {
    each(|gateway| {
        let start = now();
        gateway.fails("/", "never", 504, "(?i)tim(ed |e)out");
        assert!(start.elapsed() >= Duration::from_millis(390), "{}: before its time", gateway.name);
    });
}

#[test]
fn upstream_that_closes_early_is_502() {
    each(|gateway| {
        gateway.fails("/", "close", 502, "(?i)clos|reset|end of|eof");
        gateway.fails("/", "close-head", 502, "(?i)clos|reset|end of|eof");
    });
}

#[test]
fn upstream_that_sends_garbage_is_502() {
    each(|gateway| {
        gateway.fails("/", "bad-field", 502, "(?i)invalid");
    });
}

/// nginx passes on what is not HTTP as HTTP/0.9; we do not.
#[test]
fn garbage_never_reaches_the_client() {
    Gateway::propylon().fails("/", "garbage", 502, "(?i)invalid");
}

#[test]
fn upstream_that_stops_in_the_body_is_cut_visibly() {
    each(|gateway| {
        for framing in ["", "chunked"] {
            for (fault, reason) in [("cut", "(?i)clos|reset|end of|eof"), ("stall", "(?i)tim(ed |e)out")] {
                let answer = gateway.ask("/", &format!("{fault} {framing} size=2000"));
                assert_eq!(
                    (answer.status, answer.end),
                    (200, End::Cut),
                    "{}: {fault} {framing}",
                    gateway.name
                );
                assert_eq!(
                    answer.body.len(),
                    1000,
                    "{}: {fault} {framing}: what came is passed on",
                    gateway.name
                );
                assert_eq!(gateway.line(), "200 [200] GET / HTTP/1.1", "{}", gateway.name);
                gateway.logged(reason);
            }
        }
    });
}

/// A body that ends with its connection cannot be told from one that was cut: it stays marked as such, or gets chunks.
#[test]
fn upstream_body_to_the_end_of_the_connection_arrives() {
    each(|gateway| {
        let answer = gateway.ask("/", "to-close size=2000");
        assert_eq!((answer.status, answer.body.len()), (200, 2000), "{}", gateway.name);
        assert_ne!(answer.end, End::Cut, "{}", gateway.name);
    });
}

#[test]
fn upstream_that_does_not_read_is_504() {
    each(|gateway| {
        let mut client = Client::connect(gateway.listen).unwrap();
        let mut sender = Client::over(client.stream().handle().unwrap());
        let length = 256 << 20;
        let head = format!("POST /deaf/ HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        let pump = std::thread::spawn(move || {
            let piece = vec![b'x'; 1 << 20];
            let _ = sender.send(head.as_bytes());
            for _ in 0..length >> 20 {
                if sender.send(&piece).is_err() {
                    break; // the proxy has answered and gone
                }
            }
        });
        let answer = client.response(false);
        assert_eq!(gateway.line(), "504 [504] POST /deaf/ HTTP/1.1", "{}", gateway.name);
        gateway.logged("(?i)tim(ed |e)out");
        // With so much unread, the answer may be lost with the connection; a wrong one may not come.
        assert!(answer.as_ref().map_or(true, |answer| answer.status == 504), "{}: {answer:?}", gateway.name);
        client.leave();
        pump.join().unwrap();
    });
}

#[test]
fn client_that_is_slow_with_its_head_is_408() {
    each(|gateway| {
        let mut client = Client::connect(gateway.listen).unwrap();
        client.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n").unwrap();
        gateway.closes_with_408(client, "408 [-] GET /slow HTTP/1.1");
    });
}

/// The time is for the whole head: a byte now and then does not prolong it.
#[test]
fn client_that_drips_its_head_is_408() {
    each(|gateway| {
        let mut client = Client::connect(gateway.listen).unwrap();
        client.send(b"GET /drip HTTP/1.1\r\nHost: a\r\nX-Drip: ").unwrap();
        // The proxy may go on reading for a while after it has given up: its line in the log tells.
        until(&format!("{}: it gives up", gateway.name), LIMIT, || {
            let _ = client.send(b"x");
            std::thread::sleep(Duration::from_millis(50));
            (!gateway.process.lines_now("access.log").is_empty()).then_some(())
        });
        assert_eq!(gateway.line(), "408 [-] GET /drip HTTP/1.1", "{}", gateway.name);
    });
}

#[test]
fn client_that_is_slow_with_its_body_is_408() {
    each(|gateway| {
        let mut client = Client::connect(gateway.listen).unwrap();
        client.send(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhal").unwrap();
        gateway.closes_with_408(client, "408 [-] POST /slow HTTP/1.1");
    });
}

#[test]
fn client_that_does_not_read_is_cut() {
    each(|gateway| {
        let mut client = Client::connect(gateway.listen).unwrap();
        client.send(b"GET /big HTTP/1.1\r\nHost: a\r\nX-Do: size=40000000\r\n\r\n").unwrap();
        // The line comes when the proxy has given up; until then the client keeps the connection and reads nothing.
        let line = gateway.line();
        assert!(line.ends_with(" [200] GET /big HTTP/1.1"), "{}: {line}", gateway.name);
        let answer = client.response(false).unwrap();
        assert_eq!(answer.end, End::Cut, "{}", gateway.name);
    });
}

#[test]
fn client_that_leaves_is_499() {
    each(|gateway| {
        let mut client = Client::connect(gateway.listen).unwrap();
        let before = gateway.peers.origin.heads();
        client.send(b"GET /left HTTP/1.1\r\nHost: a\r\nX-Do: wait=300\r\n\r\n").unwrap();
        until("the request at the origin", LIMIT, || (gateway.peers.origin.heads() > before).then_some(()));
        client.leave();
        assert_eq!(gateway.line(), "499 [-] GET /left HTTP/1.1", "{}", gateway.name);
    });
}

/// After a request the gateway works as before; after all of them it holds what it held.
#[test]
fn faults_leave_no_descriptors_behind() {
    each(|gateway| {
        gateway.ask("/", "last");
        let before = gateway.process.descriptors();
        for _ in 0..5 {
            for (path, fault) in [
                ("/refused/", ""),
                ("/", "close"),
                ("/", "bad-field"),
                ("/", "cut"),
                ("/", "never"),
                ("/", "cut chunked"),
            ] {
                gateway.ask(path, fault);
            }
            let mut client = Client::connect(gateway.listen).unwrap();
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Do: stall\r\n\r\n").unwrap();
            client.leave();
        }
        assert_eq!(gateway.ask("/", "last").status, 200, "{}", gateway.name);
        until(&format!("{}: {before} descriptors", gateway.name), LIMIT, || {
            (gateway.process.descriptors() <= before).then_some(())
        });
    });
}

/// Runs the test on nginx and on Propylon.
fn each(test: impl Fn(&Gateway)) {
    test(&Gateway::nginx());
    test(&Gateway::propylon());
}

struct Gateway {
    name: &'static str,
    process: Box<dyn Deref<Target = Process>>,
    listen: SocketAddr,
    peers: Peers,
    read: std::cell::Cell<usize>,
}

impl Gateway {
    fn nginx() -> Self {
        let (listen, peers) = (address(), Peers::new());
        let process = Box::new(Nginx::start(&peers.fixture("faults.nginx.conf", listen)));
        Self { name: "nginx", process, listen, peers, read: 0.into() }
    }

    fn propylon() -> Self {
        let (listen, peers) = (address(), Peers::new());
        let process = Box::new(Propylon::start(&peers.fixture("faults.toml", listen)));
        Self { name: "propylon", process, listen, peers, read: 0.into() }
    }

    fn ask(&self, path: &str, what: &str) -> RawResponse {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Do: {what}\r\n\r\n");
        raw_request(self.listen, request.as_bytes())
            .unwrap_or_else(|error| panic!("{}: {what}: {error}", self.name))
    }

    /// A request that must fail with this status on both sides, and give this reason.
    fn fails(&self, path: &str, what: &str, status: u16, reason: &str) {
        assert_eq!(self.ask(path, what).status, status, "{}: {path} {what}", self.name);
        let line = self.line();
        // Of the upstream there is a status where one was read, and nginx's own where none was.
        let expected = Regex::new(&format!(r"^{status} \[({status}|200|-)\] GET {path} HTTP/1.1$")).unwrap();
        assert!(expected.is_match(&line), "{}: {line}", self.name);
        self.logged(reason);
    }

    /// nginx closes without a word; an answer of 408 is as good.
    fn closes_with_408(&self, mut client: Client, line: &str) {
        match client.response(false) {
            Ok(answer) => assert_eq!(answer.status, 408, "{}", self.name),
            Err(error) => assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{}", self.name),
        }
        assert!(client.closed(), "{}: the connection stays open", self.name);
        let ours = self.line();
        assert!(ours == line || ours == line.replace("[-]", "[408]"), "{}: {ours}", self.name);
    }

    /// The next line of the access log.
    fn line(&self) -> String {
        let lines = self.process.lines("access.log", self.read.get() + 1);
        self.read.set(self.read.get() + 1);
        lines[self.read.get() - 1].clone()
    }

    /// The error log says this somewhere; starts anew with each gateway.
    fn logged(&self, reason: &str) {
        let reason = Regex::new(reason).unwrap();
        until(&format!("{}: {reason} in the error log", self.name), LIMIT, || {
            reason.is_match(&self.process.read("error.log")).then_some(())
        });
    }
}

struct Peers {
    origin: Origin,
    refusing: Refusing,
    /// Accepts connections and reads nothing.
    deaf: TcpListener,
    full: BlackHole,
}

impl Peers {
    fn new() -> Self {
        let deaf = TcpListener::bind(address()).unwrap();
        Self { origin: Origin::start(), refusing: Refusing::new(), deaf, full: BlackHole::new() }
    }

    fn fixture(&self, name: &str, listen: SocketAddr) -> String {
        let holes = [
            ("LISTEN", listen),
            ("ORIGIN", self.origin.address()),
            ("REFUSING", self.refusing.address()),
            ("DEAF", self.deaf.local_addr().unwrap()),
            ("FULL", self.full.address()),
        ];
        let holes = holes.map(|(name, address)| (name, address.to_string()));
        fixture(name, &holes.each_ref().map(|(name, address)| (*name, address.as_str())))
    }
}

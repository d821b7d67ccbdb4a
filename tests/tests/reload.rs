//! Signals: a new configuration without a dropped request, logs opened anew, the two ways to end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test"
)]

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use propylon_testkit::gate::Gate;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::soak::Soak;
use propylon_tests::{Client, LIMIT, Origin, Propylon, Signal, address, fixture, now, raw_request, until};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const GENERATION: &[u8] = b"GET /generation HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn reload_puts_a_changed_route_to_use() {
    let gateway = Gateway::start();
    assert_eq!(gateway.generation(), "0");
    gateway.reload(1);
    assert_eq!(gateway.ask(GET).head.field("x-generation").as_deref(), Some("1"));
}

/// An open connection is kept, and its next request takes the new route.
#[test]
fn reload_keeps_idle_connections() {
    let gateway = Gateway::start();
    let mut client = Client::connect(gateway.listen).unwrap();
    assert_eq!(client.ask(GENERATION).unwrap().text(), "0");
    gateway.reload(1);
    assert_eq!(client.ask(GENERATION).unwrap().text(), "1");
}

/// A request in flight ends as it began.
#[test]
fn reload_lets_requests_in_flight_finish() {
    let gateway = Gateway::start();
    let mut client = gateway.in_flight("wait=1000");
    gateway.reload(1);
    let answer = client.response(false).unwrap();
    assert_eq!((answer.status, answer.head.field("x-generation").as_deref()), (200, Some("0")));
}

/// What supervisors of nginx wait for is said when the last request of the old configuration has ended, not before.
#[test]
fn the_old_configuration_is_gone_with_its_last_request() {
    let (listen, gate) = (address(), Gate::new());
    let held = gate.clone();
    let peer = RawPeer::tcp(move |_| {
        Plan::new().read_request().wait(&held).write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
    });
    let config = |status: u16| {
        format!(
            "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[[server]]\nlisten = [\"{listen}\"]\n\
             [[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{}\"\n\
             [[server.location]]\nmatch = \"= /own\"\nreturn = [{status}]\n",
            peer.addr()
        )
    };
    let gateway = Propylon::start(&config(204));
    let mut client = Client::connect(listen).unwrap();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    until("the request at the peer", LIMIT, || (peer.requests().len() == 1).then_some(()));
    gateway.rewrite(&config(205));
    gateway.signal(Signal::HUP);
    until("the reload", LIMIT, || gateway.error_log().contains("reloaded").then_some(()));
    let own = b"GET /own HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(raw_request(listen, own).unwrap().status, 205, "the new one serves");
    assert!(!gateway.error_log().contains("exited with code"), "{}", gateway.error_log());
    gate.open();
    assert_eq!(client.response(false).unwrap().text(), "good");
    until("the end of the old one", LIMIT, || {
        gateway.error_log().contains("exited with code 0").then_some(())
    });
    // The client stays connected: only requests count.
    gateway.rewrite(&config(206));
    gateway.signal(Signal::HUP);
    until("the next end", LIMIT, || {
        (gateway.error_log().matches("exited with code 0").count() == 2).then_some(())
    });
}

#[test]
fn reload_under_load_fails_no_request() {
    let gateway = Gateway::start();
    let (stop, answered, connected) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let newest = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut client = Client::connect(gateway.listen).unwrap();
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.ask(GET).unwrap_or_else(|error| panic!("a request failed: {error}"));
                    assert_eq!(answer.status, 200);
                    let generation = answer.head.field("x-generation").unwrap().parse().unwrap();
                    newest.fetch_max(generation, Ordering::Relaxed);
                    answered.fetch_add(1, Ordering::Relaxed);
                    if answer.head.lists("connection", "close") {
                        client = Client::connect(gateway.listen).unwrap();
                    }
                }
            });
        }
        // Listeners are kept: there is no moment at which nobody accepts.
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let answer =
                    raw_request(gateway.listen, GET).unwrap_or_else(|error| panic!("not accepted: {error}"));
                assert_eq!(answer.status, 200);
                connected.fetch_add(1, Ordering::Relaxed);
            }
        });
        for generation in 1..=15 {
            let before = answered.load(Ordering::Relaxed) + connected.load(Ordering::Relaxed);
            gateway.rewrite(generation);
            gateway.propylon.signal(Signal::HUP);
            until("a reload while requests are answered", LIMIT, || {
                let more = answered.load(Ordering::Relaxed) + connected.load(Ordering::Relaxed) > before + 20;
                (more && newest.load(Ordering::Relaxed) >= generation).then_some(())
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
    eprintln!("{answered:?} requests on 8 connections, {connected:?} on their own");
}

#[test]
fn a_bad_configuration_leaves_the_old_one() {
    let mut gateway = Gateway::start();
    gateway.propylon.rewrite("[[server]]\nlisten = [\"nonsense:x\"]\nunknown_key = 1\n");
    gateway.propylon.signal(Signal::HUP);
    until("the report in the error log", LIMIT, || {
        let log = gateway.propylon.error_log();
        (log.contains("unknown_key") && log.contains("nonsense") && log.contains("propylon.toml:"))
            .then_some(())
    });
    assert_eq!(gateway.generation(), "0");
    assert!(gateway.propylon.runs());
    gateway.reload(2);
}

#[test]
fn reload_adds_and_removes_listeners() {
    let gateway = Gateway::start();
    let second = address();
    let both = fs::read_to_string(gateway.propylon.path("propylon.toml")).unwrap();
    let both = both.replace(
        &format!("listen = [\"{}\"]", gateway.listen),
        &format!("listen = [\"{}\", \"{second}\"]", gateway.listen),
    );
    fs::write(gateway.propylon.path("propylon.toml"), both).unwrap();
    gateway.propylon.signal(Signal::HUP);
    until("the new address answers", LIMIT, || raw_request(second, GET).ok());
    assert_eq!(gateway.ask(GET).status, 200);
    gateway.reload(1);
    until("the old address refuses", LIMIT, || TcpStream::connect(second).err());
    assert_eq!(gateway.ask(GET).status, 200);
}

#[test]
fn usr1_opens_logs_anew() {
    let gateway = Gateway::start();
    let log = |name: &str| gateway.propylon.path(name);
    gateway.ask(b"GET /before HTTP/1.1\r\nHost: a\r\n\r\n");
    gateway.propylon.lines("access.log", 1);
    fs::rename(log("access.log"), log("access.old")).unwrap();
    fs::rename(log("error.log"), log("error.old")).unwrap();
    gateway.ask(b"GET /between HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(gateway.propylon.lines("access.old", 2)[1].contains("/between"));
    gateway.propylon.signal(Signal::USR1);
    until("new files", LIMIT, || (log("access.log").exists() && log("error.log").exists()).then_some(()));
    gateway.ask(b"GET /after HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(gateway.propylon.lines("access.log", 1)[0].contains("/after"));
    assert_eq!(gateway.propylon.read("access.old").lines().count(), 2);
}

#[test]
fn quit_finishes_what_is_in_flight() {
    let mut gateway = Gateway::start();
    let mut idle = Client::connect(gateway.listen).unwrap();
    assert_eq!(idle.ask(GET).unwrap().status, 200);
    let mut client = gateway.in_flight("wait=700 pause=300 size=1000");
    gateway.propylon.signal(Signal::QUIT);
    until("nobody accepts", LIMIT, || TcpStream::connect(gateway.listen).err());
    assert!(idle.closed(), "an idle connection is closed at once");
    let answer = client.response(false).unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 1000));
    assert_eq!(gateway.propylon.ended(LIMIT).code(), Some(0));
    assert!(!gateway.propylon.path("propylon.pid").exists());
    assert_eq!(gateway.propylon.lines("access.log", 2).len(), 2, "every request has its line");
}

#[test]
fn quit_waits_no_longer_than_it_may() {
    let mut gateway = Gateway::with(|toml| format!("[runtime]\nshutdown_timeout = \"500ms\"\n{toml}"));
    let _client = gateway.in_flight("never");
    let start = now();
    gateway.propylon.signal(Signal::QUIT);
    assert_eq!(gateway.propylon.ended(Duration::from_secs(10)).code(), Some(0));
    assert!(start.elapsed() >= Duration::from_millis(490), "it ended before its time");
}

#[test]
fn term_and_int_end_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut gateway = Gateway::start();
        let mut client = gateway.in_flight("never");
        gateway.propylon.signal(signal);
        assert_eq!(gateway.propylon.ended(Duration::from_secs(5)).code(), Some(0), "{signal:?}");
        assert!(client.response(false).is_err());
        assert!(!gateway.propylon.path("propylon.pid").exists());
    }
}

/// The small form of `examples/soak.rs`.
#[test]
fn many_clients_and_reloads_leave_nothing_behind() {
    let soak = Soak {
        clients: 500,
        time: Duration::from_secs(5),
        pace: Duration::from_millis(200),
        reload: Duration::from_secs(1),
        settle: Duration::from_secs(2),
    };
    let outcome = soak.run();
    eprint!("{outcome}");
    assert_eq!(outcome.failed, 0, "{:?}", outcome.failures);
    assert_eq!(outcome.descriptors_after, outcome.descriptors_before);
    assert!(outcome.descriptors_during >= 500);
    assert!(outcome.generations >= outcome.reloads, "each reload is seen, the last perhaps not");
    // In so short a time memory has not settled: only a runaway can be seen.
    assert!(outcome.growth() < 50.0, "{:+.1} %", outcome.growth());
}

struct Gateway {
    propylon: Propylon,
    origin: Origin,
    listen: SocketAddr,
}

impl Gateway {
    fn start() -> Self {
        Self::with(|toml| toml)
    }

    fn with(change: impl Fn(String) -> String) -> Self {
        let (origin, listen) = (Origin::start(), address());
        Self { propylon: Propylon::start(&change(config(&origin, listen, 0))), origin, listen }
    }

    fn rewrite(&self, generation: usize) {
        self.propylon.rewrite(&config(&self.origin, self.listen, generation));
    }

    /// Reloads with another generation and waits until it answers.
    fn reload(&self, generation: usize) {
        self.propylon.put_to_use(&config(&self.origin, self.listen, generation));
        until("the new configuration", LIMIT, || {
            // The reload before may have been another one's, whose line was late.
            (0..8).all(|_| self.generation() == generation.to_string()).then_some(())
        });
    }

    fn generation(&self) -> String {
        self.ask(GENERATION).text()
    }

    fn ask(&self, request: &[u8]) -> propylon_tests::RawResponse {
        raw_request(self.listen, request).unwrap()
    }

    /// A client whose request the origin has.
    fn in_flight(&self, what: &str) -> Client {
        let before = self.origin.heads();
        let mut client = Client::connect(self.listen).unwrap();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Do: {what}\r\n\r\n").as_bytes()).unwrap();
        until("the request at the origin", LIMIT, || (self.origin.heads() > before).then_some(()));
        client
    }
}

fn config(origin: &Origin, listen: SocketAddr, generation: usize) -> String {
    let holes = [
        ("ORIGIN", origin.address().to_string()),
        ("LISTEN", listen.to_string()),
        ("GENERATION", generation.to_string()),
    ];
    fixture("reload.toml", &holes.each_ref().map(|(name, value)| (*name, value.as_str())))
}

//! Upstreams that change, fail and come back while clients keep asking; and how much may be asked again.
//!
//! `PROPYLON_SOAK=60` lets the loads go on for so many seconds.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use propylon_testkit::dns::DnsServer;
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{Client, LIMIT, Propylon, address, addresses, now, raw_request, until};

fn answering(text: &'static str) -> impl Fn(usize) -> Plan + Send + Sync + 'static {
    move |_| {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        Plan::new().answer(move |_| answer.clone()).forever()
    }
}

fn gateway(listen: SocketAddr, servers: &str, more: &str, location: &str) -> Propylon {
    Propylon::start(&format!(
        "{more}\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"debug\"\n[upstream.u]\nserver = [{servers}]\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://u\"\n{location}\n"
    ))
}

/// Clients that keep asking, and take nothing but a 200.
struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<usize>>,
}

impl Load {
    fn start(listen: SocketAddr, clients: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let clients: Vec<_> = (0..clients)
            .map(|_| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || {
                    let (mut client, mut answered) = (Client::connect(listen).unwrap(), 0_usize);
                    while !stop.load(SeqCst) {
                        if answered % 500 == 499 {
                            client = Client::connect(listen).unwrap(); // before the gateway closes it: keepalive_requests
                        }
                        let answer = client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
                        assert_eq!(answer.status, 200, "{}", answer.text());
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        Self { stop, clients }
    }

    /// How many requests were answered.
    fn end(self) -> usize {
        self.stop.store(true, SeqCst);
        self.clients.into_iter().map(|client| client.join().unwrap()).sum()
    }
}

/// How many times what takes `step` is to be done.
fn rounds(few: u32, step: Duration) -> u32 {
    let soak = std::env::var("PROPYLON_SOAK").ok().and_then(|seconds| seconds.parse().ok());
    soak.map_or(few, |seconds: u64| {
        u32::try_from(Duration::from_secs(seconds).as_millis() / step.as_millis()).unwrap()
    })
}

fn text(listen: SocketAddr) -> String {
    raw_request(listen, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap().text()
}

/// Three peers; one of them dies, and its connections with it, and comes back; then the next.
#[test]
fn three_peers_killed_in_turn() {
    let listen = address();
    let at: [SocketAddr; 3] = addresses();
    let servers = at.map(|at| format!("{{ address = \"{at}\", fail_timeout = \"100ms\" }}")).join(", ");
    let _gateway = gateway(listen, &servers, "", "retry = { budget = false }");
    let start = |at: SocketAddr| Some(RawPeer::tcp_at(at, answering("good")));
    let mut peers = at.map(start);
    let load = Load::start(listen, 8);
    let step = if std::env::var_os("PROPYLON_SOAK").is_some() {
        Duration::from_secs(1)
    } else {
        Duration::from_millis(50)
    };
    for round in 0..rounds(9, 2 * step) {
        let index = usize::try_from(round % 3).unwrap();
        drop(peers[index].take());
        thread::park_timeout(step); // the load goes on with two of them
        peers[index] = start(at[index]);
        thread::park_timeout(step);
    }
    let answered = load.end();
    assert!(answered > 100, "{answered}");
    println!("{answered} requests, no error");
}

/// What a name stands for changes again and again, and what it stood for before is gone each time.
#[test]
fn answers_of_dns_change_under_load() {
    let (listen, dns) = (address(), DnsServer::start());
    dns.host("host.test", &["127.0.0.1"], 0);
    let serve =
        |peer: &RawPeer| dns.service("_web._tcp.app.test", &[(0, 1, peer.addr().port(), "host.test")], 0);
    let mut peer = RawPeer::tcp(answering("0"));
    serve(&peer);
    let gateway = gateway(
        listen,
        "{ address = \"app.test\", resolve = true, service = \"web\" }",
        &format!("[resolver]\nservers = [\"{}\"]", dns.addr()),
        "",
    );
    until("the first answer", LIMIT, || (text(listen) == "0").then_some(()));
    let load = Load::start(listen, 4);
    let began = now();
    for round in 0..rounds(4, Duration::from_secs(2)) {
        let name = ["1", "2", "3"][usize::try_from(round % 3).unwrap()];
        let next = RawPeer::tcp(answering(name));
        serve(&next);
        until("the new answer", LIMIT, || (text(listen) == name).then_some(()));
        // Nothing goes there any more, but for what is on its way.
        let quiet = || {
            let before = peer.requests().len();
            (0..20).for_each(|_| drop(text(listen)));
            peer.requests().len() == before
        };
        until("no requests for the old one", LIMIT, || quiet().then_some(()));
        peer = next;
    }
    let answered = load.end();
    assert!(answered > 20, "{answered}");
    assert!(!gateway.error_log().contains("reconfiguring"), "it took no reload");
    println!("{answered} requests in {:?}, no error", began.elapsed());
}

/// All peers are busy: a fifth of the requests may be sent again, and a few besides.
#[test]
fn a_budget_bounds_what_is_sent_again() {
    let busy = |_| Plan::new().answer(|_| "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy").forever();
    let sent = |budget: &str| {
        let (listen, one, two) = (address(), RawPeer::tcp(busy), RawPeer::tcp(busy));
        let servers = [&one, &two].map(|peer| format!("{{ address = \"{}\", max_fails = 0 }}", peer.addr()));
        let gateway = gateway(
            listen,
            &servers.join(", "),
            "[runtime]\nworkers = 1",
            &format!("retry = {{ on = [\"http_503\"], budget = {budget} }}"),
        );
        for _ in 0..200 {
            assert_eq!(text(listen), "busy", "the last peer's answer, as it came");
        }
        (one.requests().len() + two.requests().len(), gateway)
    };
    assert_eq!(sent("false").0, 400, "each request twice");
    let (bounded, gateway) = sent("{ percent = 20, floor = 1 }");
    assert!((210..=250).contains(&bounded), "200, a fifth of that, and ten: {bounded}");
    until("the reason", LIMIT, || gateway.error_log().contains("the retry budget is spent").then_some(()));
}

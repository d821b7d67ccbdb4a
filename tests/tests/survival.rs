//! Upstreams that change, fail and come back while clients keep asking; and how much may be asked again.
//!
//! `PROPYLON_SOAK=60` lets the loads go on for so many seconds.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

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
    clients: Vec<(JoinHandle<()>, Arc<AtomicUsize>)>,
}

impl Load {
    fn start(listen: SocketAddr, clients: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |_| {
            let (stop, answered) = (Arc::clone(&stop), Arc::new(AtomicUsize::new(0)));
            let count = Arc::clone(&answered);
            let client = thread::spawn(move || {
                let mut client = Client::connect(listen).unwrap();
                while !stop.load(SeqCst) {
                    if count.load(SeqCst) % 500 == 499 {
                        client = Client::connect(listen).unwrap(); // before the gateway closes it: keepalive_requests
                    }
                    let answer = client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    count.fetch_add(1, SeqCst);
                }
            });
            (client, answered)
        };
        Self { clients: (0..clients).map(start).collect(), stop }
    }

    fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Waits until each client has asked and was answered: no request that began before this is under way then.
    fn turn(&self) {
        for (client, answered) in &self.clients {
            let enough = answered.load(SeqCst) + 2; // the one that is under way, and one that begins now
            until("an answer to each client", LIMIT, || {
                assert!(!client.is_finished(), "a client has not got what it asked for");
                (answered.load(SeqCst) >= enough).then_some(())
            });
        }
    }

    /// How many requests were answered.
    fn end(self) -> usize {
        self.stop.store(true, SeqCst);
        let answered = |(client, answered): (JoinHandle<()>, Arc<AtomicUsize>)| {
            client.join().unwrap();
            answered.load(SeqCst)
        };
        self.clients.into_iter().map(answered).sum()
    }
}

/// Whether there is to be another round, when so many are over.
fn goes_on(rounds: usize, few: usize, began: Instant) -> bool {
    let soak = std::env::var("PROPYLON_SOAK").ok().and_then(|seconds| seconds.parse().ok());
    soak.map_or(rounds < few, |seconds| began.elapsed() < Duration::from_secs(seconds))
}

fn text(listen: SocketAddr) -> String {
    raw_request(listen, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap().text()
}

/// Three peers; one of them dies, and its connections with it, and comes back; then the next.
///
/// Nothing here is a matter of time. A peer goes only when the gateway has taken both others in again and knows of no
/// failure of theirs: if two of them could be out, the death of the third one would rightly be a client's 502.
#[test]
fn three_peers_killed_in_turn() {
    let listen = address();
    let at: [SocketAddr; 3] = addresses();
    let servers = at.map(|at| format!("{{ address = \"{at}\", fail_timeout = \"100ms\" }}")).join(", ");
    let gateway = gateway(listen, &servers, "", "retry = { budget = false }");
    let start = |at: SocketAddr| RawPeer::tcp_at(at, answering("good"));
    let mut peers = at.map(|at| Some(start(at)));
    let load = Load::start(listen, 8);
    load.turn();
    let disabled = |gateway: &Propylon| gateway.error_log().matches("temporarily disabled").count();
    let (began, mut round) = (now(), 0);
    while goes_on(round, 9, began) {
        let index = round % 3;
        drop(peers[index].take());
        until("it is found to be dead", LIMIT, || (disabled(&gateway) > round).then_some(()));
        load.turn(); // it goes on with two of them
        let back = peers[index].insert(start(at[index]));
        load.turn(); // nothing is under way to it from before its death: what fails there has failed
        let before = back.requests().len();
        until("requests to the peer that is back", LIMIT, || {
            (back.requests().len() > before + load.clients()).then_some(()) // one at least began after that
        });
        load.turn(); // and its answer was the end of the failures
        round += 1;
    }
    let answered = load.end();
    println!("{answered} requests, {round} deaths, no error");
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
    let (began, mut round) = (now(), 0);
    while goes_on(round, 4, began) {
        let name = ["1", "2", "3"][round % 3];
        let next = RawPeer::tcp(answering(name));
        serve(&next);
        until("the new answer", LIMIT, || (text(listen) == name).then_some(()));
        load.turn(); // what was on its way to the old one has come back
        let quiet = || {
            let before = peer.requests().len();
            (0..20).for_each(|_| drop(text(listen)));
            peer.requests().len() == before
        };
        until("no requests for the old one", LIMIT, || quiet().then_some(()));
        peer = next;
        round += 1;
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
        let began = now();
        for _ in 0..200 {
            assert_eq!(text(listen), "busy", "the last peer's answer, as it came");
        }
        (one.requests().len() + two.requests().len(), began.elapsed().as_secs(), gateway)
    };
    assert_eq!(sent("false").0, 400, "each request twice");
    let (bounded, seconds, gateway) = sent("{ percent = 20, floor = 1 }");
    // The ten are for ten seconds, by the gateway's clock: a slow machine needs more of those.
    let windows = usize::try_from((seconds + 2).div_ceil(10)).unwrap();
    assert!((210..=240 + 10 * windows).contains(&bounded), "200, a fifth of that, and ten: {bounded}");
    assert!(bounded < 400, "it is bounded");
    until("the reason", LIMIT, || gateway.error_log().contains("the retry budget is spent").then_some(()));
}

//! What an upstream's failures mean for its clients: who gets the request next, and who never gets it twice.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use propylon_testkit::dns::{DnsServer, Mood};
use propylon_testkit::peer::{Plan, RawPeer};
use propylon_tests::{BlackHole, LIMIT, Propylon, Refusing, address, on_hyper, raw_request, until};

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";

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

fn numbered(n: usize) -> RawPeer {
    RawPeer::tcp(move |_| {
        Plan::new().answer(move |_| format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{n}")).forever()
    })
}

fn one(listen: SocketAddr, retry: &str, servers: &str, more: &str) -> Propylon {
    Propylon::start(&format!(
        "{more}\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[upstream.u]\nserver = [{servers}]\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://u\"\n{retry}\n"
    ))
}

/// Waits for a line in the error log.
fn says(gateway: &Propylon, text: &str) {
    until(text, LIMIT, || gateway.error_log().contains(text).then_some(()));
}

fn get(listen: SocketAddr) -> (u16, String) {
    let answer = raw_request(listen, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}

#[test]
fn a_peer_that_fails_is_left_alone_and_all_failed_is_502() {
    let (listen, refusing, other) = (address(), Refusing::new(), Refusing::new());
    let good = numbered(1);
    let gateway = one(
        listen,
        "retry.on = [\"off\"]",
        &format!("{{ address = \"{}\" }}, {{ address = \"{}\" }}", refusing.address(), good.addr()),
        "[runtime]\nworkers = 1",
    );
    let statuses: Vec<_> = (0..6).map(|_| get(listen).0).collect();
    assert_eq!(statuses, [502, 200, 200, 200, 200, 200], "one failure is enough");
    says(&gateway, "temporarily disabled");
    drop(gateway);
    let gateway = one(
        listen,
        "",
        &format!("{{ address = \"{}\" }}, {{ address = \"{}\" }}", refusing.address(), other.address()),
        "[runtime]\nworkers = 1",
    );
    assert_eq!([get(listen).0, get(listen).0], [502, 502]);
    says(&gateway, "no live upstreams");
}

#[test]
fn names_are_followed_under_load() {
    let (listen, dns) = (address(), DnsServer::start());
    let (first, second) = (numbered(1), numbered(2));
    let serve =
        |peer: &RawPeer| dns.service("_web._tcp.app.test", &[(0, 1, peer.addr().port(), "host.test")], 0);
    dns.host("host.test", &["127.0.0.1"], 0);
    serve(&first);
    let gateway = one(
        listen,
        "",
        "{ address = \"app.test\", resolve = true, service = \"web\" }",
        &format!("[resolver]\nservers = [\"{}\"]", dns.addr()),
    );
    assert_eq!(get(listen), (200, "1".into()));
    serve(&second);
    until("the new answer", LIMIT, || {
        let (status, text) = get(listen);
        assert_eq!(status, 200, "no request fails for it");
        (text == "2").then_some(())
    });
    dns.mood(Mood::Fails);
    drop(first);
    let asked = dns.queries();
    until("queries that failed", LIMIT, || (dns.queries() > asked + 4).then_some(()));
    assert_eq!(get(listen), (200, "2".into()), "the last good answer stands");
    says(&gateway, "is 127.0.0.1 now");
}

#[test]
fn a_name_that_is_unknown_at_first_does_not_stop_the_start() {
    let (listen, dns) = (address(), DnsServer::start());
    let peer = numbered(1);
    let _gateway = one(
        listen,
        "",
        &format!("{{ address = \"late.test:{}\", resolve = true }}", peer.addr().port()),
        &format!("[resolver]\nservers = [\"{}\"]", dns.addr()),
    );
    assert_eq!(get(listen).0, 502);
    dns.host("late.test", &["127.0.0.1"], 60);
    until("the name", LIMIT, || (get(listen).0 == 200).then_some(()));
}

#[test]
fn a_name_in_a_template_is_asked_of_the_resolver() {
    let (listen, dns, peer) = (address(), DnsServer::start(), numbered(7));
    dns.host("seven.test", &["127.0.0.1"], 60);
    let _gateway = Propylon::start(&format!(
        "[resolver]\nservers = [\"{}\"]\n[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\n\
         proxy_pass = \"http://$arg_h:{}\"\n",
        dns.addr(),
        peer.addr().port()
    ));
    let ask = |name: &str| {
        let request = format!("GET /?h={name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        raw_request(listen, request.as_bytes()).unwrap().status
    };
    assert_eq!([ask("seven.test"), ask("eight.test"), ask("127.0.0.1")], [200, 502, 200]);
}

#[test]
fn a_host_that_is_written_elsewhere_is_an_upstream_for_templates() {
    let (listen, peer) = (address(), numbered(7));
    let port = peer.addr().port();
    let _gateway = Propylon::start(&format!(
        "[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nresolver = false\n\
         proxy_pass = \"http://$arg_h\"\n[[server.location]]\nmatch = \"/written\"\n\
         proxy_pass = \"http://localhost:{port}\"\n",
    ));
    let ask = |host: &str| {
        let request = format!("GET /?h={host} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        raw_request(listen, request.as_bytes()).unwrap().status
    };
    assert_eq!(ask(&format!("localhost:{port}")), 200);
    assert_eq!(ask(&format!("LocalHost:{port}")), 200);
    assert_eq!([ask("localhost"), ask("localhost:1")], [502, 502], "nobody is to be asked for another one");
}

#[test]
fn peers_that_a_template_names_are_tried_anew_when_all_have_failed() {
    let (listen, dns) = (address(), DnsServer::start());
    dns.host("two.test", &["127.0.0.1", "127.0.0.2"], 60);
    let _gateway = Propylon::start(&format!(
        "[resolver]\nservers = [\"{}\"]\n[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\n\
         headers.add_always = {{ X-Tried = \"$upstream_addr\" }}\nproxy_pass = \"http://$arg_h:1\"\n",
        dns.addr(),
    ));
    for _ in 0..3 {
        let request = b"GET /?h=two.test HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let tried = raw_request(listen, request).unwrap().head.field("x-tried").unwrap();
        assert!(tried.contains("127.0.0.1:1") && tried.contains("127.0.0.2:1"), "{tried}");
    }
}

#[test]
fn too_large_a_body_is_413() {
    let listen = address();
    let peer = numbered(1);
    let _gateway =
        one(listen, "limit.body_size = \"1k\"", &format!("{{ address = \"{}\" }}", peer.addr()), "");
    let ask = |head: &str, body: &str| {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{head}\r\n\r\n{body}");
        raw_request(listen, request.as_bytes()).unwrap().status
    };
    assert_eq!(ask("Content-Length: 1024", &"x".repeat(1024)), 200);
    assert_eq!(ask("Content-Length: 1025", &"x".repeat(1025)), 413);
    assert_eq!(ask("Transfer-Encoding: chunked", &format!("401\r\n{}\r\n0\r\n\r\n", "x".repeat(1025))), 413);
    assert_eq!(peer.requests().len(), 1, "a request that is too large reaches nobody");
    let chunked = ask("Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n");
    let last = peer.requests().pop().unwrap();
    assert_eq!(chunked, 200);
    assert!(String::from_utf8_lossy(&last).contains("Content-Length: 3\r\n"), "a whole body has a length");
}

#[test]
fn interim_responses_reach_the_client_first() {
    if on_hyper() {
        return; // hyper's server cannot send them
    }
    let listen = address();
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\n\r\n";
    let gate = propylon_testkit::gate::Gate::new();
    let held = gate.clone();
    let peer = RawPeer::tcp(move |_| {
        let read =
            Plan::new().read_request().write("HTTP/1.1 100 Continue\r\n\r\n").write(hints).write(hints);
        read.wait(&held).write(GOOD)
    });
    let tried = "[[server.location]]\nmatch = \"/tried\"\nroot = \"@DIR@\"\ntry_files = [\"/none\", \"@app\"]\n\
                 [[server.location]]\nmatch = \"@app\"\nproxy_pass = \"http://u\"";
    let _gateway = one(listen, tried, &format!("{{ address = \"{}\" }}", peer.addr()), "");
    let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
    for path in ["/", "/tried"] {
        let mut client = std::net::TcpStream::connect(listen).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut client, request.as_bytes()).unwrap();
        let mut early = vec![0; 2 * hint.len()];
        std::io::Read::read_exact(&mut client, &mut early).unwrap();
        let early = String::from_utf8_lossy(&early).to_lowercase();
        assert_eq!(early, hint.repeat(2).to_lowercase(), "{path}: before the final head");
        gate.open();
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut client, &mut rest).unwrap();
        assert!(rest.starts_with("HTTP/1.1 200 OK\r\n") && rest.ends_with("good"), "{path}: {rest}");
    }

    let mut old = std::net::TcpStream::connect(listen).unwrap();
    std::io::Write::write_all(&mut old, b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut old, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "HTTP/1.0 knows none: {answer}");
}

#[test]
fn peers_that_say_they_are_unwell_get_no_requests() {
    let (listen, well) = (address(), Arc::new(AtomicBool::new(true)));
    let answer = |well: &AtomicBool, name: &str, request: &[u8]| {
        let asked = request.starts_with(b"GET /health HTTP/1.0\r\n"); // as the location speaks
        let text = if asked && !well.load(SeqCst) { "maintenance" } else { name };
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
    };
    let state = Arc::clone(&well);
    let moody = RawPeer::tcp(move |_| {
        let state = Arc::clone(&state);
        Plan::new().answer(move |request| answer(&state, "moody", request)).forever()
    });
    let steady = numbered(1);
    let gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [upstream.u]\nserver = [{{ address = \"{}\" }}, {{ address = \"{}\" }}]\n\
         [upstream.u.health_check]\ninterval = \"20ms\"\nuri = \"/health\"\nfails = 2\nmatch = {{ headers = [\"X-State !~ ^un(?=well)\"], body = \"!maint(?=enance)\" }}\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://u\"\n\
         upstream.http_version = \"1.0\"\n",
        moody.addr(),
        steady.addr()
    ));
    let served = || [get(listen).1, get(listen).1].concat();
    assert!(served().contains("moody"));
    well.store(false, SeqCst);
    says(&gateway, "unhealthy");
    assert!((0..5).all(|_| served() == "11"), "its answers are good, but it says that it is unwell");
    well.store(true, SeqCst);
    until("it is well again", LIMIT, || served().contains("moody").then_some(()));
    says(&gateway, "the body does not match");
}

#[test]
fn connections_come_from_where_they_should_and_say_who_the_client_is() {
    let (listen, origin) = (address(), address());
    let nginx = format!(
        "http {{ access_log off; server {{ listen {origin} proxy_protocol; return 200 \"$remote_addr $proxy_protocol_addr $connection_requests\"; }} }}"
    );
    let _nginx = propylon_tests::Nginx::start(&nginx);
    let plain = RawPeer::tcp(|_| Plan::new().answer(|_| GOOD).forever());
    let location = |path: &str, to: SocketAddr, upstream: &str| {
        format!(
            "[[server.location]]\nmatch = \"/{path}/\"\nproxy_pass = \"http://{to}\"\nupstream = {{ {upstream} }}\n"
        )
    };
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n[[server]]\nlisten = [\"{listen}\"]\nheaders = {{ real_ip_from = [\"127.0.0.0/8\"] }}\n{}{}{}{}{}",
        location("v1", origin, "proxy_protocol = true, bind = \"127.0.0.77\""),
        location("v2", origin, "proxy_protocol = 2, bind = \"$arg_from\""),
        location("odd", origin, "proxy_protocol = 1, bind = \"$arg_none nonsense\""),
        location("greeted", plain.addr(), "proxy_protocol = 1"),
        location("bound", plain.addr(), "bind = \"$arg_from\""),
    ));
    let ask = |path: &str, client: &str| {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Real-IP: {client}\r\nConnection: close\r\n\r\n");
        let answer = raw_request(listen, request.as_bytes()).unwrap();
        String::from_utf8_lossy(&answer.body).into_owned()
    };
    assert_eq!(ask("/v1/", "192.0.2.1"), "127.0.0.77 192.0.2.1 1");
    assert_eq!(ask("/v2/?from=127.0.0.78", "192.0.2.2"), "127.0.0.78 192.0.2.2 1");
    assert_eq!(ask("/v1/", "192.0.2.3"), "127.0.0.77 192.0.2.3 1", "no connection is another client's");
    assert_eq!(ask("/odd/", "192.0.2.4"), "127.0.0.1 192.0.2.4 1");
    ask("/greeted/", "2001:db8::1");
    assert!(plain.requests()[0].starts_with(b"PROXY TCP6 2001:db8::1 ::ffff:127."));
    let connections = plain.accepted();
    for from in ["127.0.0.5", "127.0.0.6", "127.0.0.5"] {
        assert_eq!(ask(&format!("/bound/?from={from}"), "192.0.2.1"), "good");
    }
    assert_eq!(plain.accepted() - connections, 2, "one for each address");
}

#[test]
fn our_own_trouble_is_no_peers_fault() {
    let (listen, peer) = (address(), numbered(1));
    let other = numbered(1);
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 1\n[upstream.u]\nserver = [{{ address = \"{}\" }}, {{ address = \"{}\" }}]\n\
         health_check = {{ interval = \"20ms\" }}\n\
         [[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://u\"\n\
         [[server.location]]\nmatch = \"/bound/\"\nproxy_pass = \"http://u\"\nupstream.bind = \"192.0.2.9\"\n",
        peer.addr(),
        other.addr()
    ));
    for _ in 0..3 {
        let answer =
            raw_request(listen, b"GET /bound/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(answer.status, 500);
        assert_eq!(get(listen), (200, "1".into()), "others are served all the same");
    }
}

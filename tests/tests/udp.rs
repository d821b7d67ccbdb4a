//! UDP that is passed on: servers that refuse, limits, reloads, the end of the process and an upgrade, addresses of all kinds.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod udp_support;

use std::collections::HashSet;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use propylon_testkit::certificates::Authority;
use propylon_tests::{
    Client, LIMIT, Propylon, Signal, Stream, Successor, Udp, address, logged, lossy, raw_request, until,
};
use udp_support::World;

const DEAD_FIRST: &str = "[upstream.two]\nserver = [{ address = \"@GONE@\" }, { address = \"@ORIGIN@\" }]\n";

/// An address that refuses datagrams.
fn gone() -> SocketAddr {
    Udp::new().address()
}

fn two(gone: SocketAddr, settings: &str) -> World {
    World::with(&DEAD_FIRST.replace("@GONE@", &gone.to_string()), "proxy_pass = \"two\"", settings)
}

/// The server answers this client, which is seen there.
fn answers(world: &World, client: &Udp, at: SocketAddr, says: &[u8]) {
    world.origin.send_to(says, at);
    client.exactly(says);
}

#[test]
fn what_a_server_refuses_goes_to_another_one() {
    let gone = gone();
    let world = two(gone, "responses = 1");
    let client = Udp::connect(world.listen);
    // Both come before anybody knows that the first server refuses, or after: each is sent again.
    client.send(b"A");
    client.send(b"AAAA");
    let at = world.origin.exactly(b"A");
    assert_eq!(world.origin.exactly(b"AAAA"), at);
    answers(&world, &client, at, b"192.0.2.1");
    answers(&world, &client, at, b"2001:db8::1");
    let line = world.lines(1).remove(0);
    assert_eq!((logged(&line, "status"), logged(&line, "received")), ("200", "5"), "{line}");
    assert!(line.contains(&format!("upstream={gone}, {} ", world.origin.address())), "{line}");
    let told = format!(
        "recv() failed (111: Connection refused) while reading upstream, client: {}, server: udp:{}, upstream: \"{gone}\"",
        client.address().ip(),
        world.listen
    );
    assert!(world.gateway.tells("temporarily disabled").contains(&told), "{}", world.gateway.error_log());
    // It has failed: the next session does not even try it.
    let (client, at) = world.session();
    answers(&world, &client, at, b"there");
    assert_eq!(logged(&world.lines(2)[1], "upstream"), world.origin.address().to_string());
}

#[test]
fn where_all_servers_refuse_the_log_says_so() {
    let gone = [gone(), gone()];
    let servers = format!(
        "[upstream.none]\nserver = [{{ address = \"{}\" }}, {{ address = \"{}\" }}]\n",
        gone[0], gone[1]
    );
    let world = World::with(&servers, "proxy_pass = \"none\"", "");
    for count in 1..=2 {
        Udp::connect(world.listen).send(b"hello");
        world.lines(count);
    }
    let lines = world.lines(2);
    assert!(lines.iter().all(|line| logged(line, "status") == "502"), "{lines:#?}");
    assert!(lines[0].contains(&format!("upstream={}, {} ", gone[0], gone[1])), "{lines:#?}");
    assert_eq!(logged(&lines[1], "upstream"), "none");
    world.gateway.tells("no live upstreams while connecting to upstream");
}

/// Who has answered has a session that ends with it.
#[test]
fn a_server_that_goes_away_ends_its_sessions() {
    let mut world = World::new("");
    let (client, at) = world.session();
    answers(&world, &client, at, b"there");
    let server = world.origin.address();
    world.origin = Udp::new();
    client.send(b"lost");
    let line = world.lines(1).remove(0);
    assert_eq!((logged(&line, "status"), logged(&line, "from")), ("200", "5"), "{line}");
    world.origin = Udp::at(server);
    client.send(b"a new session");
    let next = world.origin.exactly(b"a new session");
    answers(&world, &client, next, b"welcome");
}

#[test]
fn so_many_sessions_and_no_more() {
    let world = World::new("limit.sessions = 1\nresponses = 1");
    let (client, at) = world.session();
    Udp::connect(world.listen).send(b"too many");
    let told = format!(" datagrams dropped on udp:{}: the limit of 1 sessions is reached", world.listen);
    world.gateway.tells(&format!("1{told}"));
    // Those that follow at once are told of later, and all of them.
    (0..3).for_each(|_| Udp::connect(world.listen).send(b"too many"));
    until("all that is told of", LIMIT, || {
        let log = world.gateway.error_log();
        let counts =
            log.lines().filter_map(|line| line.strip_suffix(&told)?.rsplit(' ').next()?.parse::<u32>().ok());
        (counts.sum::<u32>() == 4).then_some(())
    });
    answers(&world, &client, at, b"there");
    world.lines(1);
    let _ = world.session();
    assert!(world.origin.is_silent());
}

#[test]
fn each_direction_goes_at_its_rate() {
    let mut world = World::with(
        "[runtime]\nworkers = 1\nshutdown_timeout = \"1s\"\n",
        "proxy_pass = \"@ORIGIN@\"",
        "limit = { upload_rate = \"1\", download_rate = \"1\" }",
    );
    // The first of each goes at once, and is paid for by the next.
    let (client, at) = world.session();
    client.send(b"lost");
    world.origin.send_to(&[7; 500], at);
    world.origin.send_to(b"too late", at);
    client.exactly(&[7; 500]);
    world.gateway.signal(Signal::QUIT);
    world.gateway.ended(LIMIT);
    let line = world.lines(1).remove(0);
    assert_eq!((logged(&line, "received"), logged(&line, "sent")), ("5", "500"), "{line}");
    assert!(world.origin.is_silent() && client.is_silent());
}

/// A client need not wait until its session has a server.
#[test]
fn what_a_client_sends_at_once_is_not_lost() {
    let world = World::new("");
    world.gateway.signal(Signal::STOP);
    let client = Udp::connect(world.listen);
    (0..30).for_each(|count: u8| client.send(&[count]));
    world.gateway.signal(Signal::CONT);
    (0..30).for_each(|count: u8| _ = world.origin.exactly(&[count]));
}

/// A worker whose socket is never empty serves others all the same.
#[test]
fn a_flood_does_not_stop_a_worker() {
    let web = address();
    let server = format!("[runtime]\nworkers = 1\n[[server]]\nlisten = [\"{web}\"]\nreturn = [204]\n");
    let world = World::with(&server, "proxy_pass = \"@ORIGIN@\"", "");
    let served = AtomicBool::new(false);
    thread::scope(|scope| {
        // More than one thread can read and pass on.
        for _ in 0..6 {
            scope.spawn(|| {
                let client = Udp::connect(world.listen);
                while !served.load(Relaxed) {
                    client.send(&[7; 100]);
                }
            });
        }
        world.origin.receive();
        let answer = raw_request(web, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        served.store(true, Relaxed);
        assert_eq!(answer.unwrap().status, 204);
    });
}

#[test]
fn a_reload_keeps_sessions_and_new_ones_go_where_it_says() {
    let world = World::new("");
    let (client, at) = world.session();
    let other = Udp::new();
    let text = world.text().replace(&world.origin.address().to_string(), &other.address().to_string());
    world.gateway.put_to_use(&text);
    client.send(b"still here");
    assert_eq!(world.origin.exactly(b"still here"), at);
    answers(&world, &client, at, b"so am I");
    Udp::connect(world.listen).send(b"new");
    other.exactly(b"new");
    assert!(world.origin.is_silent());
    // Where nobody listens any more, sessions end, and the port is free.
    let elsewhere = world.text().replace(&world.listen.to_string(), &address().to_string());
    world.gateway.put_to_use(&elsewhere);
    let lines = world.lines(2);
    assert!(lines.iter().all(|line| logged(line, "status") == "200"), "{lines:#?}");
    until("the port", LIMIT, || std::net::UdpSocket::bind(world.listen).ok());
    world.gateway.put_to_use(world.text());
    client.send(b"again");
    let at = world.origin.exactly(b"again");
    answers(&world, &client, at, b"welcome back");
}

#[test]
fn a_reload_may_limit_how_long_sessions_go_on() {
    let world =
        World::with("[runtime]\nworkers = 1\nreload_timeout = \"1s\"\n", "proxy_pass = \"@ORIGIN@\"", "");
    let (client, _) = world.session();
    world.gateway.put_to_use(&world.text().replace("level = \"info\"", "level = \"info\" "));
    assert_eq!(logged(&world.lines(1)[0], "to"), "5", "it has its line");
    client.send(b"a new session");
    world.origin.exactly(b"a new session");
}

#[test]
fn a_drain_waits_for_sessions_and_no_longer_than_it_may() {
    let web = address();
    let mut world = World::with(
        &format!(
            "[runtime]\nworkers = 1\nshutdown_timeout = \"20s\"\n[[server]]\nlisten = [\"{web}\"]\nreturn = [204]\n"
        ),
        "proxy_pass = \"@ORIGIN@\"",
        "responses = 1",
    );
    let (client, at) = world.session();
    world.gateway.signal(Signal::QUIT);
    // Nobody is accepted once the workers have been told.
    until("the drain", LIMIT, || Stream::connect(web).is_err().then_some(()));
    client.send(b"and more");
    assert_eq!(world.origin.exactly(b"and more"), at);
    Udp::connect(world.listen).send(b"too late");
    answers(&world, &client, at, b"one");
    assert!(world.gateway.runs());
    answers(&world, &client, at, b"two");
    assert!(world.gateway.ended(LIMIT).success());
    assert_eq!(world.lines(1).len(), 1);
    assert!(world.origin.is_silent());

    let mut world =
        World::with("[runtime]\nworkers = 1\nshutdown_timeout = \"1s\"\n", "proxy_pass = \"@ORIGIN@\"", "");
    let _session = world.session();
    world.gateway.signal(Signal::QUIT);
    world.gateway.ended(LIMIT);
    assert_eq!(logged(&world.lines(1)[0], "to"), "5", "it has its line");
}

#[test]
fn after_an_upgrade_clients_are_the_new_ones_and_answers_still_come() {
    let mut world = World::new("responses = 1");
    let (client, at) = world.session();
    let _successor = Successor::of(&world.gateway);
    world.gateway.signal(Signal::QUIT);
    world.gateway.tells("draining");
    // Whoever is new is served, and the old process waits for the answer that its session is owed.
    let (other, elsewhere) = world.session();
    answers(&world, &other, elsewhere, b"from the new one");
    assert!(world.gateway.runs());
    answers(&world, &client, at, b"late");
    assert!(world.gateway.ended(LIMIT).success());
    let (third, elsewhere) = world.session();
    answers(&world, &third, elsewhere, b"still there");
    assert_eq!(world.lines(3).len(), 3);
}

#[test]
fn answers_come_from_the_address_that_was_asked() {
    let origin = Udp::new();
    let port = address().port();
    let serve = |listen: &str| {
        Propylon::start(&format!(
            "[runtime]\nworkers = 2\n[log_format]\ns = \"$server_addr $server_port $remote_addr\"\n[[stream]]\nlisten = [\"{listen}\"]\n\
             proxy_pass = \"{}\"\nresponses = 1\naccess_log = {{ path = \"@DIR@/access.log\", format = \"s\" }}\n",
            origin.address()
        ))
    };
    let check = |listen: &str, asked: &[SocketAddr]| {
        let gateway = serve(listen);
        for (count, asked) in asked.iter().enumerate() {
            // It hears nobody else.
            let client = Udp::connect(*asked);
            client.send(b"who?");
            let at = origin.exactly(b"who?");
            origin.send_to(&[9; 20_000], at);
            client.exactly(&[9; 20_000]);
            let line = gateway.lines("access.log", count + 1).remove(count);
            assert_eq!(
                line,
                format!("{} {} {}", asked.ip(), asked.port(), client.address().ip()),
                "{listen}"
            );
        }
    };
    let v4 = [address(), address()].map(|at| SocketAddr::new(at.ip(), port));
    let v6 = SocketAddr::new("::1".parse().unwrap(), port);
    check(&format!("{port} udp"), &v4);
    check(&format!("[::]:{port} udp"), &[v6]);
    check(&format!("[::]:{port} udp ipv6only=off"), &[v6, v4[0], v4[1]]);
    check(&format!("[::1]:{port} udp"), &[v6]);
}

#[test]
fn tcp_and_udp_of_one_port_are_one_stream() {
    let udp = Udp::new();
    let tcp = TcpListener::bind(udp.address()).unwrap();
    let listen = address();
    let gateway = Propylon::start(&format!(
        "[log_format]\ns = \"$protocol $bytes_received $bytes_sent\"\n[[stream]]\nlisten = [\"{listen}\", \"{listen} udp\"]\nproxy_pass = \"{}\"\n\
         responses = 1\nhalf_close = true\naccess_log = {{ path = \"@DIR@/access.log\", format = \"s\" }}\n",
        udp.address()
    ));
    let client = Udp::connect(listen);
    client.send(b"small");
    let at = udp.exactly(b"small");
    udp.send_to(b"see TCP", at);
    client.exactly(b"see TCP");
    gateway.lines("access.log", 1);
    let mut client = Stream::connect(listen).unwrap();
    client.send(b"large").unwrap();
    let mut got = [0; 5];
    let (mut server, _) = tcp.accept().unwrap();
    server.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"large");
    drop((client, server));
    assert_eq!(gateway.lines("access.log", 2), ["UDP 5 7", "TCP 5 0"]);
}

#[test]
fn sessions_of_many_clients_are_told_apart_and_counted() {
    let [admin, listen] = propylon_tests::addresses();
    let origin = Udp::new();
    let _gateway = Propylon::start(&format!(
        "[runtime]\nworkers = 3\n[admin]\nlisten = [\"{admin}\"]\n[[stream]]\nlisten = [\"{listen} udp\"]\nproxy_pass = \"{}\"\nresponses = 1\n",
        origin.address()
    ));
    let clients: Vec<_> = (0..50).map(|_| Udp::connect(listen)).collect();
    for (count, client) in clients.iter().enumerate() {
        client.send(format!("{count}").as_bytes());
    }
    let mut seen = HashSet::new();
    for _ in &clients {
        let (says, at) = origin.receive();
        assert!(seen.insert(at), "each has a session of its own");
        origin.send_to(&says, at);
    }
    for (count, client) in clients.iter().enumerate() {
        client.exactly(format!("{count}").as_bytes());
    }
    let asks = format!("GET /api/v1/streams HTTP/1.1\r\nHost: {admin}\r\n\r\n");
    until("the counts", LIMIT, || {
        let told = lossy(&Client::connect(admin).unwrap().ask(asks.as_bytes()).unwrap().body);
        assert!(told.contains(&format!("udp:{listen}")), "{told}");
        told.contains("\"2xx\":50,").then_some(())
    });
}

#[test]
fn a_server_that_refuses_is_found_before_any_client_does() {
    let gone = gone();
    let tables = DEAD_FIRST
        .replace("@GONE@", &gone.to_string())
        .replace("server =", "health_check = { interval = \"50ms\", timeout = \"1s\" }\nserver =");
    let world = World::with(&tables, "proxy_pass = \"two\"", "responses = 1");
    world.gateway.tells(&format!("unhealthy: \"{gone}\""));
    let log = world.gateway.error_log();
    assert!(!log.contains(&format!("unhealthy: \"{}\"", world.origin.address())), "{log}");
    // It is asked, too, and need not answer.
    world.origin.exactly(b"propylon health check");
    let client = Udp::connect(world.listen);
    client.send(b"hello");
    let at = until("the client's", LIMIT, || {
        let (says, at) = world.origin.receive();
        (says == b"hello").then_some(at)
    });
    answers(&world, &client, at, b"there");
    assert_eq!(logged(&world.lines(1)[0], "upstream"), world.origin.address().to_string());
}

#[test]
fn nothing_else_begins_at_an_address_of_udp_before_the_next_process() {
    let world = World::new("");
    let text = world.text();
    // The same address in HTTP/3's hands.
    let _ = Authority::root("ca").server(&["a.test"]).write(world.gateway.dir(), "a");
    let quic = format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[[server]]\nlisten = [\"{} http3\"]\nreturn = [204]\n\
         tls.certificates = [{{ certificate = \"@DIR@/a.pem\", key = \"@DIR@/a.key\" }}]\n",
        world.listen
    );
    world.gateway.rewrite(&quic);
    world.gateway.signal(Signal::HUP);
    world.gateway.tells("restart the process");
    world.gateway.put_to_use(text);
    let (client, at) = world.session();
    answers(&world, &client, at, b"as before");
}

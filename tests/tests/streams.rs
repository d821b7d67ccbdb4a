//! TCP that is passed on: a database behind it, servers that fail, clients that misbehave, limits, reloads, and the end of the process.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod streams_support;

use std::io::ErrorKind;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use propylon_tests::{
    BlackHole, Client, LIMIT, Propylon, Redis, Refusing, Signal, Stream, address, exactly, fill, logged, now,
    silent, until,
};
use streams_support::World;

/// The answer of a Redis at this address.
fn ping(stream: &mut Stream) {
    stream.send(b"PING\r\n").unwrap();
    exactly(stream, b"+PONG\r\n");
}

#[test]
fn a_database_is_reached_over_tcp_and_unix_sockets() {
    let redis = Redis::start(&[]);
    let listen = address();
    let socket = redis.socket();
    let text = fill(
        "[[stream]]\nlisten = [\"@LISTEN@\", \"unix:@DIR@/in.sock\"]\nproxy_pass = \"@TCP@\"\n\
         [[stream]]\nlisten = [\"unix:@DIR@/other.sock\"]\nproxy_pass = \"unix:@SOCKET@\"\n",
        &[
            ("LISTEN", &listen.to_string()),
            ("TCP", &redis.address().to_string()),
            ("SOCKET", &socket.display().to_string()),
        ],
    );
    let gateway = Propylon::start(&text);
    ping(&mut Stream::connect(listen).unwrap());
    let mut by_socket = Stream::connect_unix(&gateway.path("in.sock")).unwrap();
    ping(&mut by_socket);
    by_socket.send(b"SET a 1\r\n").unwrap();
    exactly(&mut by_socket, b"+OK\r\n");
    let mut other = Stream::connect_unix(&gateway.path("other.sock")).unwrap();
    other.send(b"GET a\r\n").unwrap();
    exactly(&mut other, b"$1\r\n1\r\n");
}

#[test]
fn servers_of_a_group_take_turns_and_those_that_fail_are_left_out() {
    let redis = [Redis::start(&[]), Redis::start(&[])];
    let (refusing, hole) = (Refusing::new(), BlackHole::new());
    let servers = [redis[0].address(), refusing.address(), redis[1].address(), hole.address()];
    let servers: String =
        servers.iter().map(|at| format!("[[upstream.redis.server]]\naddress = \"{at}\"\n")).collect();
    let world = World::with(&servers, "redis", "timeout.connect = \"1s\"");
    for _ in 0..8 {
        ping(&mut Stream::connect(world.listen).unwrap());
    }
    let lines = world.lines(8);
    let count = |at: SocketAddr| {
        let [first, later] = [format!("={at}"), format!(", {at}")];
        lines.iter().filter(|line| line.contains(&first) || line.contains(&later)).count()
    };
    assert_eq!((count(refusing.address()), count(hole.address())), (1, 1), "each was tried once: {lines:#?}");
    assert!(count(redis[0].address()) >= 3 && count(redis[1].address()) >= 3, "{lines:#?}");
    assert!(lines.iter().all(|line| logged(line, "status") == "200"));
    let log = world.gateway.tells("temporarily disabled");
    let refused = format!(
        "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: {}, upstream: \"{}\"",
        world.listen,
        refusing.address()
    );
    assert!(log.contains(&refused), "{log}");
    assert!(
        log.contains("upstream timed out (110: Connection timed out) while connecting to upstream"),
        "{log}"
    );
}

#[test]
fn where_no_server_lives_the_log_says_so() {
    let refusing = [Refusing::new(), Refusing::new()];
    let servers: String = refusing
        .iter()
        .map(|one| format!("[[upstream.none.server]]\naddress = \"{}\"\n", one.address()))
        .collect();
    let world = World::with(&servers, "none", "");
    for _ in 0..2 {
        silent(&mut Stream::connect(world.listen).unwrap());
    }
    let lines = world.lines(2);
    let both = format!("{}, {}", refusing[0].address(), refusing[1].address());
    assert!(lines[0].contains(&format!("upstream={both} ")), "{lines:#?}");
    assert_eq!((logged(&lines[1], "status"), logged(&lines[1], "upstream")), ("502", "none"));
    world.gateway.tells("no live upstreams while connecting to upstream");
}

#[test]
fn clients_are_bound_to_servers_by_their_address_or_by_a_key() {
    let servers = "[upstream.bound]\nmethod = { hash = \"$remote_addr\" }\n\
        [[upstream.bound.server]]\naddress = \"@ORIGIN@\"\n[[upstream.bound.server]]\naddress = \"@OTHER@\"\n";
    let other = propylon_tests::Listener::new();
    let servers = fill(servers, &[("OTHER", &other.address().to_string())]);
    let world = World::with(&servers, "bound", "");
    let mut got = [0, 0];
    for _ in 0..6 {
        let client = Stream::connect(world.listen).unwrap();
        let mut upstream = until("either", LIMIT, || {
            world.origin.try_accept().map(|one| (0, one)).or_else(|| other.try_accept().map(|one| (1, one)))
        });
        got[upstream.0] += 1;
        drop(client);
        silent(&mut upstream.1);
    }
    assert!(got == [6, 0] || got == [0, 6], "{got:?}");
}

#[test]
fn a_reset_is_passed_on_as_one() {
    let world = World::new("");
    let (mut client, upstream) = world.session();
    upstream.reset();
    let read = client.receive_some(&mut [0]);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let (client, mut upstream) = world.session();
    client.reset();
    let read = upstream.receive_some(&mut [0]);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let lines = world.lines(2);
    assert!(
        lines.iter().all(|line| logged(line, "status") == "200" && logged(line, "to") == "5"),
        "{lines:#?}"
    );
    world.gateway.tells("while proxying connection");
}

/// A server that closes and has not read everything resets the connection after its answer.
#[test]
fn an_answer_before_a_reset_is_passed_on() {
    let world = World::new("limit.download_rate = \"5\"");
    let (mut client, mut upstream) = world.session();
    // The answer waits for its time, and what the client sends meanwhile is refused.
    upstream.send(b"-ERR no").unwrap();
    exactly(&mut client, b"-ERR ");
    upstream.reset();
    client.send(b"and more").unwrap();
    exactly(&mut client, b"no");
    assert_eq!(client.receive_some(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(logged(&world.lines(1)[0], "from"), "7");
}

#[test]
fn whoever_does_not_read_holds_up_nobody_for_ever() {
    let world = World::new("timeout.idle = \"1s\"\nbuffer_size = \"4k\"");
    let (client, mut upstream) = world.session();
    // More than buffers of two sockets hold.
    until("a full pipe", LIMIT, || {
        upstream.set_limit(Duration::from_millis(300)).unwrap();
        upstream.send(&[7; 1 << 20]).err().map(|_| ())
    });
    let line = world.lines(1).remove(0);
    assert_eq!(logged(&line, "status"), "200");
    world.gateway.tells("connection timed out (110: Connection timed out) while proxying connection");
    drop(client);
}

#[test]
fn each_direction_goes_at_its_rate() {
    let world = World::new(
        "limit = { upload_rate = \"4k\", download_rate = \"$rate\" }\n[map.rate]\nkey = \"$remote_addr\"\ndefault = \"2k\"",
    );
    let (mut client, mut upstream) = world.session();
    let since = now();
    upstream.send(&[7; 5 << 10]).unwrap();
    exactly(&mut client, &[7; 5 << 10]);
    assert!(since.elapsed() >= Duration::from_millis(1900), "5k at 2k a second, the first of them at once");
    let since = now();
    client.send(&[7; 8 << 10]).unwrap();
    exactly(&mut upstream, &[7; 8 << 10]);
    assert!(since.elapsed() >= Duration::from_millis(900), "8k at 4k a second");
}

#[test]
fn connections_at_once_are_limited() {
    let world = World::with(
        "[limit_zone.all]\nkey = \"$server_port\"\nsize = \"1m\"\n",
        "@ORIGIN@",
        "limit.connections = [{ zone = \"all\", max = 1 }]",
    );
    let held = world.session();
    silent(&mut Stream::connect(world.listen).unwrap());
    assert_eq!(logged(&world.lines(1)[0], "status"), "503");
    world.gateway.tells("limiting connections by zone \"all\"");
    drop(held);
    world.lines(2);
    let _again = world.session();
}

/// A hello of TLS that asks for nothing.
const HELLO: &[u8] = b"\x16\x03\x01\x00\x2d\x01\x00\x00\x29\x03\x03\
    0123456789abcdef0123456789abcdef\x00\x00\x02\x13\x01\x01\x00";

/// A place in a queue is for whom there is somebody to serve, or something to pass on.
#[test]
fn who_waits_for_a_server_and_leaves_gives_up_its_place() {
    let group =
        "[upstream.one]\nserver = [{ address = \"@ORIGIN@\", max_conns = 1 }]\nqueue = { size = 1 }\n";
    let world = World::with(group, "one", "");
    let (client, mut upstream) = world.session();
    let leave = |says: &[u8], reset: bool, lines: usize| {
        let mut gone = Stream::connect(world.listen).unwrap();
        gone.send(says).unwrap();
        if reset {
            gone.reset()
        } else {
            drop(gone)
        }
        let line = world.lines(lines).pop().unwrap();
        assert_eq!((logged(&line, "status"), logged(&line, "upstream")), ("200", "-"), "{line}");
        world.gateway.tells("client closed connection while waiting for an upstream");
    };
    leave(b"", false, 1);
    leave(b"", true, 2);
    world.gateway.put_to_use(&format!("{}\npreread = true\n", world.text()));
    leave(HELLO, false, 3);
    world.gateway.put_to_use(&format!("{}\nhalf_close = true\n", world.text()));
    leave(b"", true, 4);
    // What was said before the end has its turn.
    world.gateway.put_to_use(world.text());
    let mut last = Stream::connect(world.listen).unwrap();
    last.send(b"last words").unwrap();
    last.shutdown(Shutdown::Write);
    drop(client);
    silent(&mut upstream);
    let mut upstream = world.origin.accept();
    exactly(&mut upstream, b"last words");
    silent(&mut upstream);
    // And so has whoever only hears.
    world.gateway.put_to_use(&format!("{}\nhalf_close = true\n", world.text()));
    let held = world.session();
    let mut hears = Stream::connect(world.listen).unwrap();
    hears.shutdown(Shutdown::Write);
    drop(held);
    let mut upstream = world.origin.accept();
    upstream.send(b"hello").unwrap();
    drop(upstream);
    exactly(&mut hears, b"hello");
}

#[test]
fn a_text_is_all_that_some_get() {
    let listen = address();
    let gateway = Propylon::start(&format!(
        "[log_format]\ns = \"$status $bytes_sent $bytes_received $upstream_addr\"\n[[stream]]\nlisten = [\"{listen}\"]\n\
         return = \"you are $remote_addr\\n\"\naccess_log = {{ path = \"@DIR@/access.log\", format = \"s\" }}\n"
    ));
    let mut client = Stream::connect(listen).unwrap();
    let mut got = Vec::new();
    client.to_end(&mut got).unwrap();
    assert_eq!(got, b"you are 127.0.0.1\n");
    assert_eq!(gateway.lines("access.log", 1), ["200 18 0 -"]);
}

#[test]
fn the_proxy_protocol_is_believed_of_those_who_are_trusted() {
    let world = World::new(
        "access.rules = [\"allow 192.0.2.0/24\", \"deny all\"]\nreal_ip_from = [\"127.0.0.0/8\"]\n\
         upstream.proxy_protocol = 2",
    );
    world.gateway.put_to_use(&world.listening("proxy_protocol"));
    // An address that has begun is another one now: whoever connects is asked for a header.
    let mut client = Stream::connect(world.listen).unwrap();
    client.send(b"PROXY TCP4 192.0.2.7 198.51.100.1 1234 25\r\nhello").unwrap();
    let mut upstream = world.origin.accept();
    let mut header = Vec::new();
    upstream.exactly(28, &mut header).unwrap();
    assert!(header.starts_with(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07"), "{header:?}");
    exactly(&mut upstream, b"hello");
    drop(client);
    silent(&mut upstream);
    for (says, status) in
        [(&b"PROXY TCP4 10.0.0.1 198.51.100.1 1234 25\r\n"[..], "403"), (b"hello\r\n", "400")]
    {
        let mut client = Stream::connect(world.listen).unwrap();
        client.send(says).unwrap();
        silent(&mut client);
        until(status, LIMIT, || {
            world.lines(1).iter().any(|line| logged(line, "status") == status).then_some(())
        });
    }
}

#[test]
fn a_reload_keeps_sessions_and_new_ones_go_where_it_says() {
    let world = World::new("");
    let (mut client, mut upstream) = world.session();
    let other = propylon_tests::Listener::new();
    let text = world.text().replace(&world.origin.address().to_string(), &other.address().to_string());
    world.gateway.put_to_use(&text);
    client.send(b"still here").unwrap();
    exactly(&mut upstream, b"still here");
    let _new = Stream::connect(world.listen).unwrap();
    other.accept();
    assert!(world.origin.try_accept().is_none());
    drop(client);
    silent(&mut upstream);
    // What was a stream's may become a server's, and go.
    let server = format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n[[server]]\nlisten = [\"{}\"]\nreturn = [204]\n",
        world.listen
    );
    world.gateway.put_to_use(&server);
    assert_eq!(
        propylon_tests::raw_request(world.listen, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().status,
        204
    );
    world.gateway.put_to_use(world.text());
    let _ = world.session();
}

#[test]
fn a_reload_may_limit_how_long_sessions_go_on() {
    let world = World::with("[runtime]\nreload_timeout = \"1s\"\n", "@ORIGIN@", "");
    let (mut client, mut upstream) = world.session();
    world.gateway.put_to_use(&world.text().replace("level = \"info\"", "level = \"info\" "));
    silent(&mut client);
    silent(&mut upstream);
    assert_eq!(logged(&world.lines(1)[0], "to"), "5", "it has its line");
}

#[test]
fn a_drain_waits_for_sessions_and_no_longer_than_it_may() {
    let mut world = World::with("[runtime]\nshutdown_timeout = \"20s\"\n", "@ORIGIN@", "");
    let (mut client, mut upstream) = world.session();
    world.gateway.signal(Signal::QUIT);
    world.gateway.tells("draining");
    upstream.send(b"last words").unwrap();
    exactly(&mut client, b"last words");
    client.shutdown(Shutdown::Both);
    silent(&mut upstream);
    assert!(world.gateway.ended(LIMIT).success());
    assert_eq!(world.lines(1).len(), 1);

    let mut world = World::with("[runtime]\nshutdown_timeout = \"1s\"\n", "@ORIGIN@", "");
    let (mut client, mut upstream) = world.session();
    world.gateway.signal(Signal::QUIT);
    silent(&mut client);
    silent(&mut upstream);
    world.gateway.ended(LIMIT);
    assert_eq!(logged(&world.lines(1)[0], "to"), "5", "it has its line");
}

#[test]
fn names_that_variables_give_are_looked_up_or_told_of() {
    let world =
        World::with("[map.to]\nkey = \"$server_port\"\ndefault = \"@ORIGIN@\"\n", "$to", "resolver = false");
    let (client, mut upstream) = world.session();
    drop(client);
    silent(&mut upstream);
    for (to, why) in [
        ("nowhere.test:1", "no resolver defined to resolve nowhere.test"),
        ("nowhere.test", "no port in upstream \\\"nowhere.test\\\""),
        ("nowhere.test:x", "invalid port in upstream \\\"nowhere.test:x\\\""),
        ("", "no host in upstream \\\"\\\""),
    ] {
        let text = world
            .text()
            .replace(&format!("default = \"{}\"", world.origin.address()), &format!("default = \"{to}\""));
        world.gateway.put_to_use(&text);
        silent(&mut Stream::connect(world.listen).unwrap());
        world.gateway.tells(&why.replace("\\\"", "\""));
    }
    let lines = world.lines(5);
    assert!(lines[1..].iter().all(|line| logged(line, "status") == "500"), "{lines:#?}");
}

#[test]
fn what_comes_to_a_stream_is_explained_as_no_request() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("propylon.toml");
    let text =
        "[[server]]\nlisten = [\"8080\"]\nreturn = [204]\n[[stream]]\nlisten = [\"3306\"]\nreturn = \"x\"\n";
    std::fs::write(&path, text).unwrap();
    for (url, what) in [
        ("http://a:3306/", "a stream listens on this port, line 4: it does not handle HTTP requests"),
        ("http://a:3307/", "no server listens on this port"),
        ("http://a/", "the default server of"),
    ] {
        let mut command = std::process::Command::new(propylon_tests::binary());
        let output = command.args(["explain", "--config"]).arg(&path).arg(url).output().unwrap();
        let told = propylon_tests::lossy(&output.stdout);
        assert!(told.contains(what), "{url}: {told}");
    }
}

/// HTTP goes on beside it, and of one upstream.
#[test]
fn an_upstream_may_be_shared_with_http() {
    let origin = propylon_tests::Origin::echo();
    let [listen, http] = propylon_tests::addresses();
    let _gateway = Propylon::start(&format!(
        "[[upstream.both.server]]\naddress = \"{}\"\n[[stream]]\nlisten = [\"{listen}\"]\nproxy_pass = \"both\"\n\
         [[server]]\nlisten = [\"{http}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://both\"\n",
        origin.address()
    ));
    for at in [listen, http] {
        let mut client = Client::connect(at).unwrap();
        assert_eq!(client.ask(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap().status, 200);
    }
}

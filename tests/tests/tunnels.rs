//! Upgrades: WebSocket by nginx's recipe and by `websocket = true`, any other protocol, and where a tunnel ends. The other end
//! is nginx, a script, a WebSocket library, or a browser.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod tunnels_support;

use std::io::ErrorKind;
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use propylon_tests::{
    Client, LIMIT, Listener, Refusing, Signal, Stream, address, addresses, both_at_once, exactly, logged,
    raw_request, silent, until,
};
use tunnels_support::{ASK, NGINX, SWITCH, World, ask};

/// One way through nginx and through the gateway: what the upstream and the client saw, and the log line.
fn same(what: &str, script: impl Fn(&mut Stream, &mut Stream)) -> [String; 2] {
    let world = World::new("", "timeout = { read = \"1s\", send = \"3s\" }");
    let nginx = NGINX.start(&world);
    [(world.listen, &*world.gateway as &propylon_tests::Process), (world.nginx, &*nginx)].map(
        |(at, process)| {
            let mut client = Stream::connect(at).unwrap();
            client.send(&ask("/recipe/", "")).unwrap();
            let mut upstream = world.origin.accept();
            let request = upstream.head().unwrap().unwrap();
            upstream.send(SWITCH).unwrap();
            let answer = client.head().unwrap().unwrap();
            script(&mut client, &mut upstream);
            drop((client, upstream));
            let line = process.lines("access.log", 1).remove(0);
            // A 101 has no content, and so no length of one (RFC 9110 8.6): nginx passes it on.
            let hidden = ["date", "server", "content-length"];
            let fields: Vec<_> =
                answer.by_name().into_iter().filter(|(name, _)| !hidden.contains(&name.as_str())).collect();
            let got: Vec<_> = request.by_name().into_iter().collect();
            let status = propylon_tests::lossy(answer.start_line());
            let sent: u64 = logged(&line, "bytes").parse().unwrap();
            // The head's length is another one: nginx has another name.
            let line = line
                .replace(&format!("bytes={sent}"), &format!("tunnelled={}", sent - answer.0.len() as u64));
            format!("{what}\n{got:?}\n{status} {fields:?}\n{line}")
        },
    )
}

fn check(what: &str, script: impl Fn(&mut Stream, &mut Stream)) {
    let [ours, nginx] = same(what, script);
    assert_eq!(ours, nginx, "propylon, nginx");
}

#[test]
fn as_nginx_does() {
    check("nothing", |client, _| client.shutdown(Shutdown::Both));
    check("both ways", |client, upstream| {
        client.send(b"ping").unwrap();
        exactly(upstream, b"ping");
        upstream.send(b"pong").unwrap();
        exactly(client, b"pong");
        upstream.shutdown(Shutdown::Both);
        silent(client);
    });
    check("the client leaves", |client, upstream| {
        client.send(b"last words").unwrap();
        client.shutdown(Shutdown::Write);
        let mut heard = Vec::new();
        upstream.to_end(&mut heard).unwrap();
        assert_eq!(heard, b"last words");
    });
    check("large", both_at_once);
    check("silence", |client, upstream| {
        silent(client);
        silent(upstream);
    });
}

/// A byte of the client's begins the upstream's time anew, as in nginx.
#[test]
fn who_speaks_keeps_the_tunnel_open() {
    check("the client alone", |client, upstream| {
        for _ in 0..4 {
            thread::sleep(Duration::from_millis(400));
            client.send(b"x").unwrap();
            exactly(upstream, b"x");
        }
        silent(client);
    });
}

#[test]
fn what_was_read_already_is_handed_over() {
    let world = World::new("", "");
    for path in ["/recipe/", "/websocket/"] {
        let mut client = Stream::connect(world.listen).unwrap();
        client.send(&[ask(path, ""), b"early".to_vec()].concat()).unwrap();
        let mut upstream = world.origin.accept();
        upstream.head().unwrap().unwrap();
        upstream.send(&[SWITCH, b"at once"].concat()).unwrap();
        assert_eq!(client.head().unwrap().unwrap().field("x-a").as_deref(), Some("b"));
        exactly(&mut client, b"at once");
        exactly(&mut upstream, b"early");
    }
}

#[test]
fn either_side_may_say_its_last_first() {
    let world = World::new("", "");
    for clients_first in [true, false] {
        let (client, upstream) = world.switch("/websocket/");
        let (mut first, mut second) = if clients_first { (client, upstream) } else { (upstream, client) };
        first.send(b"last words").unwrap();
        first.shutdown(Shutdown::Write);
        let mut heard = Vec::new();
        second.to_end(&mut heard).unwrap();
        assert_eq!(heard, b"last words");
        second.send(b"one more thing").unwrap();
        exactly(&mut first, b"one more thing");
        second.shutdown(Shutdown::Write);
        silent(&mut first);
    }
    let lines = world.gateway.lines("access.log", 2);
    assert_eq!(logged(&lines[0], "body"), "14");
    assert_eq!(logged(&lines[1], "body"), "10");
}

#[test]
fn a_slow_reader_slows_the_writer() {
    let world = World::new("", "");
    for clients in [false, true] {
        let (client, upstream) = world.switch("/websocket/");
        let (writing, mut reading) = if clients { (client, upstream) } else { (upstream, client) };
        let piece = [7; 16 << 10];
        // As much as fits into sockets and one buffer, and not a byte more, however long one waits.
        writing.set_limit(Duration::from_secs(1)).unwrap();
        let mut sent = 0;
        let mut writer = writing.handle().unwrap();
        let before = world.gateway.resident();
        while let Ok(n) = writer.send_some(&piece) {
            sent += n;
            assert!(sent < 64 << 20, "nothing holds the writer back");
        }
        let grown = world.gateway.resident().saturating_sub(before);
        assert!(grown < 8192, "{grown} KiB");
        writing.shutdown(Shutdown::Write);
        let mut got = Vec::new();
        reading.to_end(&mut got).unwrap();
        assert_eq!(got.len(), sent);
    }
}

/// Any protocol by itself; HTTP/2 would pass all that is configured here, and other requests are as `set` has them.
#[test]
fn what_reaches_the_upstream() {
    let world = World::new("", "");
    let asked = |path: &str, head: &[u8]| {
        let mut client = Stream::connect(world.listen).unwrap();
        client.send(&[b"GET ", path.as_bytes(), head].concat()).unwrap();
        let mut upstream = world.origin.accept();
        let request = upstream.head().unwrap().unwrap();
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        client.head().unwrap();
        (request.field("upgrade"), request.field("connection"), request.field("http2-settings"))
    };
    let some = |text: &str| Some(text.to_owned());
    let cases: [(&str, Option<String>); 7] = [
        (" HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", some("websocket")),
        (
            " HTTP/1.1\r\nHost: a\r\nUpgrade: IRC/6.9\r\nConnection: keep-alive, Upgrade\r\n\r\n",
            some("IRC/6.9"),
        ),
        (
            " HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\nConnection: upgrade, http2-settings\r\n\r\n",
            None,
        ),
        (" HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n", None),
        // Not named by Connection, and of HTTP/1.0 (RFC 9110 7.8): nginx passes both on.
        (" HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", None),
        (" HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n", None),
        (" HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", None),
    ];
    for (head, upgrade) in cases {
        let connection = upgrade.as_ref().map(|_| "upgrade".to_owned());
        assert_eq!(asked("/websocket/", head.as_bytes()), (upgrade.clone(), connection, None), "{head:?}");
        let (got, connection, settings) = asked("/closing/", head.as_bytes());
        assert_eq!((got, settings), (upgrade.clone(), None), "{head:?}");
        assert_eq!(
            connection.as_deref(),
            Some(if upgrade.is_some() { "upgrade" } else { "close" }),
            "{head:?}"
        );
        let (got, _, settings) = asked("/plain/", head.as_bytes());
        assert_eq!((got, settings), (None, None), "{head:?}");
        if !head.contains("h2c") {
            assert_eq!(asked("/recipe/", head.as_bytes()).0, upgrade, "{head:?}");
        }
    }
}

#[test]
fn another_answer_is_a_response_like_any_other() {
    let world = World::new("", "");
    let mut client = Client::connect(world.listen).unwrap();
    let mut upstream = None;
    for (status, body) in [("426 Upgrade Required", "no"), ("200 OK", "hello"), ("403 Forbidden", "")] {
        client.send(&ask("/websocket/", "")).unwrap();
        let upstream = upstream.get_or_insert_with(|| world.origin.accept());
        upstream.head().unwrap().unwrap();
        let answer =
            format!("HTTP/1.1 {status}\r\nUpgrade: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        upstream.send(answer.as_bytes()).unwrap();
        let answer = client.response(false).unwrap();
        assert_eq!((answer.status.to_string().as_str(), answer.text().as_str()), (&status[..3], body));
        assert_eq!(answer.head.field("connection"), None);
    }
    assert!(world.origin.try_accept().is_none(), "both connections are kept");
}

#[test]
fn a_switch_that_nobody_asked_for_is_a_bad_gateway() {
    let world = World::new("", "");
    let plain = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes();
    // The second upstream was asked, but not by the client.
    for request in [plain("/websocket/"), plain("/plain/"), ask("/plain/", ""), plain("/always/")] {
        let mut client = Client::connect(world.listen).unwrap();
        client.send(&request).unwrap();
        let mut upstream = world.origin.accept();
        upstream.head().unwrap().unwrap();
        upstream.send(SWITCH).unwrap();
        assert_eq!(client.response(false).unwrap().status, 502, "{}", propylon_tests::lossy(&request));
        silent(&mut upstream);
    }
}

#[test]
fn another_peer_is_tried_before_the_switch_and_never_after() {
    let (refusing, origins) = (Refusing::new(), [Listener::new(), Listener::new()]);
    let upstream = format!(
        "[upstream.app]\nserver = [{{ address = \"{}\" }}, {{ address = \"{}\" }}, {{ address = \"{}\" }}]\n",
        refusing.address(),
        origins[0].address(),
        origins[1].address()
    );
    let world = World::with(&upstream, "http://app", "retry = { on = [\"error\", \"http_503\"] }");
    let mut client = Stream::connect(world.listen).unwrap();
    client.send(&ask("/websocket/", "")).unwrap();
    let mut first = origins[0].accept();
    first.head().unwrap().unwrap();
    first.send(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n").unwrap();
    let mut second = origins[1].accept();
    second.head().unwrap().unwrap();
    second.send(SWITCH).unwrap();
    assert!(client.head().unwrap().unwrap().0.starts_with(b"HTTP/1.1 101"));
    second.send(b"hello").unwrap();
    exactly(&mut client, b"hello");
    drop(second);
    silent(&mut client);
    drop(client);
    assert!(origins.iter().all(|origin| origin.try_accept().is_none()));
    let line = world.gateway.lines("access.log", 1).remove(0);
    assert!(line.contains("502, 503, 101"), "{line}");
}

/// A tunnel is a connection to its peer for as long as it lasts.
#[test]
fn a_tunnel_takes_its_peers_place() {
    let origin = Listener::new();
    let upstream =
        format!("[upstream.app]\nserver = [{{ address = \"{}\", max_conns = 1 }}]\n", origin.address());
    let world = World::with(&upstream, "http://app", "");
    let mut client = Stream::connect(world.listen).unwrap();
    client.send(&ask("/websocket/", "")).unwrap();
    let mut tunnel = origin.accept();
    tunnel.head().unwrap().unwrap();
    tunnel.send(SWITCH).unwrap();
    client.head().unwrap().unwrap();
    let get = b"GET /plain/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(raw_request(world.listen, get).unwrap().status, 502);
    drop((client, tunnel));
    world.gateway.lines("access.log", 2);
    let answering = thread::spawn(move || {
        let mut upstream = origin.accept();
        upstream.head().unwrap().unwrap();
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    assert_eq!(raw_request(world.listen, get).unwrap().status, 200);
    answering.join().unwrap();
}

#[test]
fn an_error_page_may_be_a_tunnel() {
    let refusing = Refusing::new();
    let more = format!(
        "[[server.location]]\nmatch = \"/falls/\"\nproxy_pass = \"http://{}\"\nupstream.websocket = true\n\
         error_page = {{ pages = [{{ codes = [502], uri = \"@back\" }}] }}\n\
         [[server.location]]\nmatch = \"@back\"\nproxy_pass = \"@TO@\"\nupstream.websocket = true\n",
        refusing.address()
    );
    let world = World::new(&more, "");
    let (mut client, mut upstream) = world.switch("/falls/");
    upstream.send(b"hello").unwrap();
    exactly(&mut client, b"hello");
}

#[test]
fn a_client_that_leaves_before_the_switch() {
    let world = World::new("", "");
    let mut client = Stream::connect(world.listen).unwrap();
    client.send(&ask("/websocket/", "")).unwrap();
    let mut upstream = world.origin.accept();
    upstream.head().unwrap().unwrap();
    drop(client);
    silent(&mut upstream);
    assert_eq!(logged(&world.gateway.lines("access.log", 1)[0], "status"), "499");
}

/// A reset is no end: the other side is not to take it for one.
#[test]
fn a_reset_is_passed_on() {
    let world = World::new("", "");
    for upstreams in [true, false] {
        let (client, upstream) = world.switch("/websocket/");
        let (gone, mut other) = if upstreams { (upstream, client) } else { (client, upstream) };
        gone.reset();
        let read = other.receive_some(&mut [0]).map_err(|error| error.kind());
        assert_eq!(read, Err(ErrorKind::ConnectionReset), "the upstream's: {upstreams}");
    }
    let lines = world.gateway.lines("access.log", 2);
    assert!(lines.iter().all(|line| logged(line, "status") == "101"), "{lines:#?}");
}

#[test]
fn a_reload_leaves_tunnels_alone() {
    let world = World::new("", "");
    let (mut client, mut upstream) = world.switch("/websocket/");
    let other = address();
    world.gateway.rewrite(&format!(
        "[[server]]\nlisten = [\"{other}\"]\n[[server.location]]\nmatch = \"/\"\nreturn = [200, \"new\"]\n"
    ));
    world.gateway.signal(Signal::HUP);
    until("the new configuration", LIMIT, || raw_request(other, ASK).ok());
    upstream.send(b"hello").unwrap();
    exactly(&mut client, b"hello");
    client.send(b"bye").unwrap();
    exactly(&mut upstream, b"bye");
    drop((client, upstream));
    let line = world.gateway.lines("access.log", 1).remove(0);
    assert_eq!((logged(&line, "status"), logged(&line, "body")), ("101", "5"));
}

#[test]
fn a_reload_ends_tunnels_where_that_is_wanted() {
    let world = World::with("[runtime]\nreload_timeout = \"100ms\"\n", "", "");
    let (mut client, mut upstream) = world.switch("/websocket/");
    world.gateway.signal(Signal::HUP);
    silent(&mut client);
    silent(&mut upstream);
    let (mut client, mut upstream) = world.switch("/websocket/");
    upstream.send(b"hello").unwrap();
    exactly(&mut client, b"hello");
    drop((client, upstream));
    let lines = world.gateway.lines("access.log", 2);
    assert_eq!((logged(&lines[0], "body"), logged(&lines[1], "body")), ("0", "5"));
}

#[test]
fn a_drain_waits_for_tunnels_until_its_deadline() {
    let mut world = World::with("[runtime]\nshutdown_timeout = \"1s\"\n", "", "");
    let (mut client, mut upstream) = world.switch("/websocket/");
    let (mut done, mut over) = world.switch("/websocket/");
    world.gateway.signal(Signal::QUIT);
    until("no more connections", LIMIT, || Stream::connect(world.listen).err());
    over.send(b"in order").unwrap();
    over.shutdown(Shutdown::Both);
    exactly(&mut done, b"in order");
    drop(done);
    upstream.send(b"hello").unwrap();
    exactly(&mut client, b"hello");
    silent(&mut client);
    silent(&mut upstream);
    assert!(world.gateway.ended(LIMIT).success());
    let lines = world.gateway.lines("access.log", 2);
    assert_eq!((logged(&lines[0], "body"), logged(&lines[1], "body")), ("8", "5"));
    assert!(world.gateway.error_log().contains("still in flight"), "{}", world.gateway.error_log());
}

#[test]
fn a_drain_ends_with_the_last_tunnel() {
    let mut world = World::new("", "");
    let (mut client, upstream) = world.switch("/websocket/");
    world.gateway.signal(Signal::QUIT);
    until("no more connections", LIMIT, || Stream::connect(world.listen).err());
    assert!(world.gateway.runs());
    drop(upstream);
    silent(&mut client);
    drop(client);
    assert!(world.gateway.ended(Duration::from_secs(20)).success());
}

#[test]
fn a_fast_stop_cuts_tunnels_and_logs_them() {
    let mut world = World::new("", "");
    let (mut client, mut upstream) = world.switch("/websocket/");
    upstream.send(b"hello").unwrap();
    exactly(&mut client, b"hello");
    world.gateway.signal(Signal::TERM);
    silent(&mut client);
    silent(&mut upstream);
    assert!(world.gateway.ended(LIMIT).success());
    let line = world.gateway.lines("access.log", 1).remove(0);
    assert_eq!((logged(&line, "status"), logged(&line, "body")), ("101", "5"));
}

#[test]
fn websocket_needs_http_1_1() {
    let [listen, origin] = addresses();
    let output = propylon_tests::check(&format!(
        "[[server]]\nlisten = [\"{listen}\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://{origin}\"\n\
         upstream = {{ websocket = true, http_version = \"1.0\" }}\n"
    ));
    let text = propylon_tests::lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("`websocket` requires HTTP/1.1"), "{text}");
}

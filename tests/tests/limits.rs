//! How fast bodies go, and how many requests may come, from TOML. Decisions in detail: differential_limits.rs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{
    Client, End, LIMIT, Listener, Origin, Propylon, Signal, Stream, address, raw_request, until,
};

/// Much more than goes through a limit of some kilobytes a second while a test runs.
const LARGE: usize = 4 << 20;

/// What may have gone of it: what is free, and minutes at a kilobyte a second.
const LITTLE: u64 = 256 << 10;

fn gateway(origin: SocketAddr, server: &str) -> (Propylon, SocketAddr) {
    let listen = address();
    let text = format!(
        "[runtime]\nworkers = 2\ntemp_path = \"@DIR@\"\n[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [log_format]\nshort = '$uri $status $body_bytes_sent $limit_rate $limit_req_status $limit_conn_status'\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"short\"\n\
         {}",
        server.replace("LISTEN", &listen.to_string()).replace("ORIGIN", &origin.to_string())
    );
    (Propylon::start(&text), listen)
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Do: size={LARGE}\r\nConnection: close\r\n{more}\r\n")
}

/// Asks, reads the first `bytes` of the body, and leaves: the log tells how much had gone.
fn taste(at: SocketAddr, path: &str, more: &str, bytes: usize) {
    let mut stream = Stream::connect(at).unwrap();
    stream.send(get(path, more).as_bytes()).unwrap();
    stream.head().unwrap().unwrap();
    stream.exactly(bytes, &mut Vec::new()).unwrap();
}

/// The bytes of the body that had gone, and the other columns of the line.
fn logged(gateway: &Propylon, lines: usize) -> (u64, String) {
    let line = gateway.lines("access.log", lines).pop().unwrap();
    let columns: Vec<&str> = line.split(' ').collect();
    (columns[2].parse().unwrap(), [&columns[..2], &columns[3..]].concat().join(" "))
}

const RATES: &str = r#"
[[server]]
listen = ["LISTEN"]
[[server.location]]
match = "/"
proxy_pass = "http://ORIGIN"
[[server.location]]
match = "/slow/"
proxy_pass = "http://ORIGIN"
limit = { rate = "1k", rate_after = "20k" }
[[server.location]]
match = "/asked/"
proxy_pass = "http://ORIGIN"
limit = { rate = "$arg_rate", rate_after = "$arg_after" }
[[server.location]]
match = "/set/"
proxy_pass = "http://ORIGIN"
set = { limit_rate = "$arg_rate" }
limit.rate_after = "20k"
[[server.location]]
match = "/ignores/"
proxy_pass = "http://ORIGIN"
headers.ignore = ["X-Accel-Limit-Rate"]
[[server.location]]
match = "/inner/"
internal = true
proxy_pass = "http://ORIGIN"
headers.ignore = ["X-Accel-Redirect", "X-Accel-Limit-Rate"]
limit = { rate = "1g", rate_after = "20k" }
"#;

#[test]
fn bodies_go_no_faster_than_they_may() {
    let origin = Origin::start();
    let (gateway, listen) = gateway(origin.address(), RATES);
    let accel = "X-Reply: X-Accel-Limit-Rate: 1024\r\n";
    let inner = "X-Reply: X-Accel-Redirect: /inner/x\r\nX-Reply: X-Accel-Limit-Rate: 1024\r\n";
    let slow = [
        ("/slow/x", "", 20 << 10, "/slow/x 200 1024 - -"),
        ("/asked/x?rate=1k&after=20k", "", 20 << 10, "/asked/x 200 1024 - -"),
        ("/asked/x?rate=1024", "", 100, "/asked/x 200 1024 - -"),
        ("/set/x?rate=1k", "", 20 << 10, "/set/x 200 1024 - -"),
        ("/x", accel, 100, "/x 200 1024 - -"),
        ("/set/x?rate=1m", accel, 20 << 10, "/set/x 200 1024 - -"),
        ("/x", inner, 20 << 10, "/inner/x 200 1024 - -"),
    ];
    for (number, (path, more, bytes, expected)) in slow.into_iter().enumerate() {
        taste(listen, path, more, bytes);
        let (sent, line) = logged(&gateway, number + 1);
        assert!(sent >= bytes as u64 && sent < LITTLE, "{path} {more}: {sent}");
        assert_eq!(line, expected, "{path} {more}");
    }
    let fast = [
        ("/x", "", "/x 200 0 - -"),
        ("/asked/x?rate=0", "", "/asked/x 200 0 - -"),
        ("/asked/x?rate=fast", "", "/asked/x 200 0 - -"),
        ("/asked/x?rate=1g", "", "/asked/x 200 1073741824 - -"),
        ("/set/x?rate=1g", "", "/set/x 200 1073741824 - -"),
        ("/set/x?rate=fast", "", "/set/x 200 0 - -"),
        ("/ignores/x", accel, "/ignores/x 200 0 - -"),
        ("/slow/x", "X-Reply: X-Accel-Limit-Rate: 0\r\n", "/slow/x 200 0 - -"),
        ("/x", "X-Reply: X-Accel-Limit-Rate: 1k\r\n", "/x 200 0 - -"),
    ];
    for (number, (path, more, expected)) in fast.into_iter().enumerate() {
        let answer = raw_request(listen, get(path, more).as_bytes()).unwrap();
        assert_eq!((answer.body.len(), answer.end), (LARGE, End::Complete), "{path} {more}");
        let (sent, line) = logged(&gateway, slow.len() + number + 1);
        assert_eq!((sent, &*line), (LARGE as u64, expected), "{path} {more}");
    }
    gateway.tells("invalid size \"fast\"");
    gateway.tells("invalid $limit_rate \"fast\"");
}

/// Of those that are to do with the request, whoever is asked about it has a say as well.
#[test]
fn who_is_asked_says_how_fast_a_body_may_go() {
    let origin = Origin::start();
    let (gateway, listen) = gateway(
        origin.address(),
        r#"
[[server]]
listen = ["LISTEN"]
[[server.location]]
match = "/"
proxy_pass = "http://ORIGIN"
auth_request = { uri = "/auth", set = { limit_rate = "$upstream_http_x_rate" } }
[[server.location]]
match = "= /auth"
internal = true
proxy_pass = "http://ORIGIN"
headers.set = { X-Do = "status=204", X-Reply = "X-Rate: $http_x_want" }
"#,
    );
    taste(listen, "/x", "X-Want: 1k\r\n", 100);
    let (sent, line) = logged(&gateway, 1);
    assert!((100..LITTLE).contains(&sent), "{sent}");
    assert_eq!(line, "/x 200 1024 - -");
    let answer = raw_request(listen, get("/x", "X-Want: 1g\r\n").as_bytes()).unwrap();
    assert_eq!((answer.body.len(), answer.end), (LARGE, End::Complete));
}

#[test]
fn the_upstream_is_read_no_faster_than_it_may_be() {
    for (limit, slow) in [("{ upstream_rate = \"1k\" }", true), ("{}", false)] {
        let upstream = Listener::new();
        let (_gateway, listen) = gateway(
            upstream.address(),
            &format!(
                "[[server]]\nlisten = [\"LISTEN\"]\n[[server.location]]\nmatch = \"/\"\nproxy_pass = \"http://ORIGIN\"\nlimit = {limit}\n"
            ),
        );
        let mut client = Stream::connect(listen).unwrap();
        client.send(get("/", "").as_bytes()).unwrap();
        let mut peer = upstream.accept();
        peer.head().unwrap();
        let size = 64 << 20;
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").as_bytes()).unwrap();
        // A client that takes all, as fast as it can.
        let handle = client.handle().unwrap();
        let reading = std::thread::spawn(move || {
            client.head().unwrap();
            let mut buffer = vec![0; 1 << 16];
            while client.receive_some(&mut buffer).is_ok_and(|n| n > 0) {}
        });
        // What the kernel holds is taken, and then no more.
        peer.set_limit(std::time::Duration::from_secs(1)).unwrap();
        let (mut sent, piece) = (0, vec![b'x'; 1 << 16]);
        while sent < size && peer.send(&piece).is_ok() {
            sent += piece.len();
        }
        assert_eq!(sent < size, slow, "{limit}: {sent}");
        handle.shutdown(std::net::Shutdown::Both);
        reading.join().unwrap();
    }
}

const ZONES: &str = r#"
[limit_zone.requests]
key = "$arg_key"
rate = "1r/m"
[limit_zone.held]
key = "$arg_key"
[[server]]
listen = ["LISTEN"]
[[server.location]]
match = "/"
proxy_pass = "http://ORIGIN"
limit = { requests = [{ zone = "requests", burst = 19, nodelay = true }], requests_status = 429 }
[[server.location]]
match = "/held/"
proxy_pass = "http://ORIGIN"
upstream.websocket = true
limit = { connections = [{ zone = "held", max = 2 }] }
"#;

fn status(at: SocketAddr, path: &str) -> u16 {
    raw_request(at, format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
        .unwrap()
        .status
}

#[test]
fn all_workers_count_together_and_over_reloads() {
    let origin = Origin::start();
    let (gateway, listen) = gateway(origin.address(), ZONES);
    let asking: Vec<_> = (0..8)
        .map(|_| std::thread::spawn(move || (0..5).map(|_| status(listen, "/?key=a")).collect::<Vec<_>>()))
        .collect();
    let statuses: Vec<u16> = asking.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 20, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 20, "{statuses:?}");

    let text = std::fs::read_to_string(gateway.path("propylon.toml")).unwrap();
    let text: String =
        text.lines().filter(|line| !line.starts_with("pid_file")).map(|line| format!("{line}\n")).collect();
    let reload = |text: &str| {
        let reloaded = || gateway.error_log().matches(": reloaded ").count();
        let before = reloaded();
        gateway.rewrite(text);
        gateway.signal(Signal::HUP);
        until("the reload", LIMIT, || (reloaded() > before).then_some(()));
    };
    // What is known stays, at another rate and with another burst as well.
    reload(&text.replace("burst = 19", "burst = 20").replace("1r/m", "2r/m"));
    assert_eq!([status(listen, "/?key=a"), status(listen, "/?key=a")], [200, 429]);
    // Another key counts another thing.
    reload(&text.replace("key = \"$arg_key\"\nrate", "key = \"$arg_key$arg_more\"\nrate"));
    assert_eq!(status(listen, "/?key=a"), 200);
}

#[test]
fn a_tunnel_holds_its_place() {
    let upstream = Listener::new();
    let (gateway, listen) = gateway(upstream.address(), ZONES);
    let open = |path: &str| {
        let mut client = Client::connect(listen).unwrap();
        let upgrade = "Upgrade: test\r\nConnection: upgrade\r\n";
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n").as_bytes()).unwrap();
        let mut peer = upstream.accept();
        peer.head().unwrap();
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: upgrade\r\n\r\n")
            .unwrap();
        assert_eq!(client.response(false).unwrap().status, 101);
        (client, peer)
    };
    let tunnels = [open("/held/?key=a"), open("/held/?key=a")];
    assert_eq!(status(listen, "/held/?key=a"), 503);
    drop(tunnels);
    until("the ends of the tunnels", LIMIT, || (gateway.lines_now("access.log").len() >= 3).then_some(()));
    drop(open("/held/?key=a"));
}

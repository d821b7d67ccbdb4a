//! Sessions of UDP beside nginx's: the same datagrams at both ends, and the same log lines.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod udp_support;

use std::net::SocketAddr;

use propylon_tests::{Nginx, Process, Propylon, Udp};
use udp_support::World;

/// One of both: where clients come, and how it is asked for lines of its log.
struct Side<'a> {
    at: SocketAddr,
    process: &'a Process,
    origin: &'a Udp,
}

impl Side<'_> {
    fn client(&self) -> Udp {
        Udp::connect(self.at)
    }

    fn lines(&self, count: usize) -> Vec<String> {
        self.process.lines("access.log", count)
    }

    /// The client says something; where the server sees it.
    fn asks(&self, client: &Udp, says: &[u8]) -> SocketAddr {
        client.send(says);
        self.origin.exactly(says)
    }

    fn answers(&self, client: &Udp, to: SocketAddr, says: &[u8]) {
        self.origin.send_to(says, to);
        client.exactly(says);
    }
}

/// One way through both: what `script` says of it, and the lines of the log.
fn check(what: &str, toml: &str, conf: &str, script: impl Fn(&Side<'_>) -> String) {
    let conf = format!("proxy_pass @ORIGIN@; {conf}");
    compare(what, ("", "proxy_pass = \"@ORIGIN@\"", toml), ("", &conf), script);
}

fn compare(
    what: &str,
    (tables, to, toml): (&str, &str, &str),
    (blocks, conf): (&str, &str),
    script: impl Fn(&Side<'_>) -> String,
) {
    let world = World::with(tables, to, toml);
    let nginx = world.reference(blocks, conf);
    let both = [(world.listen, &*world.gateway as &Process), (world.nginx, &*nginx)];
    let [ours, theirs] = both.map(|(at, process)| {
        let side = Side { at, process, origin: &world.origin };
        let said = script(&side);
        assert!(world.origin.is_silent(), "{what}: nothing more comes to the server");
        (said, process.lines_now("access.log"))
    });
    assert_eq!(ours, theirs, "{what}: propylon, nginx");
    assert!(!ours.1.is_empty(), "{what}: there is a line at least");
}

#[test]
fn a_session_is_over_with_its_last_answer() {
    check("one answer", "responses = 1", "proxy_responses 1;", |side| {
        let client = side.client();
        let first = side.asks(&client, b"ping");
        side.answers(&client, first, b"pong!");
        side.lines(1);
        let next = side.asks(&client, b"again");
        side.answers(&client, next, b"pong");
        side.lines(2);
        (first == next).to_string()
    });
    check("two", "responses = 2", "proxy_responses 2;", |side| {
        let client = side.client();
        let at = side.asks(&client, b"ping");
        side.answers(&client, at, b"one");
        side.answers(&client, at, b"two");
        side.lines(1);
        String::new()
    });
    check("none", "responses = 0", "proxy_responses 0;", |side| {
        let client = side.client();
        let first = side.asks(&client, b"log this");
        side.lines(1);
        let next = side.asks(&client, b"and that");
        side.lines(2);
        (first == next).to_string()
    });
    // Each of the client's is answered, in whatever order.
    check("two of two", "responses = 1", "proxy_responses 1;", |side| {
        let client = side.client();
        let first = side.asks(&client, b"A");
        let next = side.asks(&client, b"AAAA");
        side.answers(&client, next, b"192.0.2.1");
        side.answers(&client, first, b"::1");
        side.lines(1);
        (first == next).to_string()
    });
}

#[test]
fn a_session_has_so_many_datagrams_of_its_client() {
    let toml = "requests = 2\nresponses = 1\ntimeout.idle = \"1s\"";
    check("two, answered", toml, "proxy_requests 2; proxy_responses 1; proxy_timeout 1s;", |side| {
        let client = side.client();
        let first = side.asks(&client, b"one");
        side.answers(&client, first, b"1");
        let second = side.asks(&client, b"two");
        side.answers(&client, second, b"2");
        side.lines(1);
        let third = side.asks(&client, b"three");
        side.answers(&client, third, b"3");
        side.lines(2);
        format!("{} {}", first == second, second == third)
    });
    // What the first one is owed comes to the client while it has another one.
    let toml = "requests = 1\nresponses = 2";
    check("one, answered late", toml, "proxy_requests 1; proxy_responses 2;", |side| {
        let client = side.client();
        let first = side.asks(&client, b"one");
        let second = side.asks(&client, b"two");
        side.answers(&client, second, b"2");
        side.answers(&client, first, b"1");
        side.answers(&client, second, b"22");
        side.lines(1);
        side.answers(&client, first, b"11");
        side.lines(2);
        (first == second).to_string()
    });
    check(
        "nobody counts answers",
        "requests = 1\ntimeout.idle = \"1s\"",
        "proxy_requests 1; proxy_timeout 1s;",
        |side| {
            let client = side.client();
            let first = side.asks(&client, b"one");
            side.answers(&client, first, b"1");
            let second = side.asks(&client, b"two");
            side.lines(2);
            (first == second).to_string()
        },
    );
    check("no answers", "requests = 2\nresponses = 0", "proxy_requests 2; proxy_responses 0;", |side| {
        let client = side.client();
        let first = side.asks(&client, b"one");
        let second = side.asks(&client, b"two");
        side.lines(1);
        (first == second).to_string()
    });
}

#[test]
fn time_ends_what_nothing_else_does() {
    check("answered", "timeout.idle = \"1s\"", "proxy_timeout 1s;", |side| {
        let client = side.client();
        let at = side.asks(&client, b"ping");
        side.answers(&client, at, b"pong");
        side.answers(&client, at, b"and more");
        side.lines(1);
        String::new()
    });
    check("one-way", "timeout.idle = \"1s\"", "proxy_timeout 1s;", |side| {
        side.asks(&side.client(), b"ping");
        side.lines(1);
        String::new()
    });
    check("owed", "timeout.idle = \"1s\"\nresponses = 2", "proxy_timeout 1s; proxy_responses 2;", |side| {
        let client = side.client();
        let at = side.asks(&client, b"ping");
        side.answers(&client, at, b"pong");
        side.lines(1);
        String::new()
    });
}

#[test]
fn datagrams_are_whole() {
    check("empty ones", "responses = 2", "proxy_responses 2;", |side| {
        let client = side.client();
        let at = side.asks(&client, b"");
        side.answers(&client, at, b"");
        side.answers(&client, at, b"x");
        side.lines(1);
        String::new()
    });
    check("large ones", "responses = 1", "proxy_responses 1; proxy_buffer_size 64k;", |side| {
        let client = side.client();
        let at = side.asks(&client, &[7; 65_507]);
        side.answers(&client, at, &[8; 65_507]);
        side.lines(1);
        String::new()
    });
}

#[test]
fn who_may_come_and_what_is_said_at_once() {
    check("denied", "access.rules = [\"deny all\"]", "deny all;", |side| {
        side.client().send(b"hello");
        side.lines(1);
        String::new()
    });
    compare(
        "a text",
        ("", "return = \"$remote_addr $protocol\"", ""),
        ("", "return \"$remote_addr $protocol\";"),
        |side| {
            let client = side.client();
            let mut got = Vec::new();
            for count in 1..=2 {
                client.send(b"hello");
                got.push(propylon_tests::lossy(&client.receive().0));
                side.lines(count);
            }
            got.join(" ").replace(&client.address().ip().to_string(), "IP")
        },
    );
    compare(
        "one at once",
        (
            "[limit_zone.all]\nkey = \"$server_port\"\nsize = \"1m\"\n",
            "proxy_pass = \"@ORIGIN@\"",
            "responses = 1\nlimit.connections = [{ zone = \"all\", max = 1 }]",
        ),
        (
            "limit_conn_zone $server_port zone=all:1m;",
            "proxy_pass @ORIGIN@; proxy_responses 1; limit_conn all 1;",
        ),
        |side| {
            let client = side.client();
            let at = side.asks(&client, b"hello");
            side.client().send(b"too many");
            side.lines(1);
            side.answers(&client, at, b"there");
            side.lines(2);
            String::new()
        },
    );
}

/// A server that refuses has failed, and the next session has another one. nginx notices, but waits for the time, or takes it for an answer;
/// here it ends the session, or another server is tried at once.
#[test]
fn a_server_that_refuses_is_left_out() {
    let gone = Udp::new().address();
    let tables =
        format!("[upstream.two]\nserver = [{{ address = \"{gone}\" }}, {{ address = \"@ORIGIN@\" }}]\n");
    let blocks = format!("upstream two {{ server {gone}; server @ORIGIN@; }}");
    let world = World::with(&tables, "proxy_pass = \"two\"", "responses = 1\nretry.on = false");
    let nginx = world.reference(&blocks, "proxy_pass two; proxy_responses 1; proxy_next_upstream off;");
    let both = [(world.listen, &*world.gateway as &Process), (world.nginx, &*nginx)];
    let [ours, theirs] = both.map(|(at, process)| {
        let side = Side { at, process, origin: &world.origin };
        side.client().send(b"lost"); // nginx's client gets an empty datagram
        side.lines(1);
        let client = side.client();
        for count in 2..=4 {
            let at = side.asks(&client, b"ping");
            side.answers(&client, at, b"pong");
            side.lines(count);
        }
        side.lines(4)
    });
    assert_eq!(ours[1..], theirs[1..]);
    assert_eq!(ours[0].replace("=502", "=200"), theirs[0]);
    assert_ne!(ours[0], theirs[0], "nginx's 200 is a refusal that was counted as an answer");
}

/// The same nginx.conf, run by both.
#[test]
fn an_nginx_conf_is_run() {
    let origin = Udp::new();
    let conf = |at: SocketAddr| {
        format!(
            "stream {{ log_format s '$protocol $status $bytes_received $bytes_sent $upstream_addr'; access_log @DIR@/access.log s;
             proxy_responses 1; proxy_timeout 20s; preread_timeout 1s; upstream dns {{ server {}; }}
             server {{ listen {at} udp reuseport; proxy_pass dns; proxy_requests 2; }} }}",
            origin.address()
        )
    };
    let [listen, reference] = propylon_tests::addresses();
    let gateway = Propylon::start_nginx(&format!("events {{ }}\n{}", conf(listen)));
    let nginx = Nginx::start_with(&[udp_support::MODULE], &conf(reference));
    let both = [(listen, &*gateway as &Process), (reference, &*nginx)];
    let [ours, theirs] = both.map(|(at, process)| {
        let side = Side { at, process, origin: &origin };
        let client = side.client();
        for (says, answer) in [(&b"A"[..], &b"192.0.2.1"[..]), (b"AAAA", b"::1")] {
            let at = side.asks(&client, says);
            side.answers(&client, at, answer);
        }
        side.lines(1)
    });
    assert_eq!(ours, theirs);
    assert_eq!(ours, [format!("UDP 200 5 12 {}", origin.address())]);
}

//! Streams beside nginx's: the same bytes at both ends, and the same log line.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

mod streams_support;

use std::net::Shutdown;

use propylon_tests::{Listener, Process, Refusing, Stream, both_at_once, exactly, silent};
use streams_support::World;

/// A hello of TLS 1.2 that asks for `a.test` and offers two protocols.
const HELLO: &[u8] = b"\x16\x03\x01\x00\x54\x01\x00\x00\x50\x03\x03\
    0123456789abcdef0123456789abcdef\x00\x00\x02\x13\x01\x01\x00\
    \x00\x25\x00\x00\x00\x0b\x00\x09\x00\x00\x06a.test\x00\x10\x00\x0e\x00\x0c\x02h2\x08http/1.1\x00\x17\x00\x00";

/// One way through both: what `script` makes of it, and the log line.
fn check(what: &str, toml: &str, conf: &str, script: impl Fn(&Listener, &mut Stream)) {
    compare(what, ("", "@ORIGIN@", toml), ("", "@ORIGIN@", conf), script);
}

/// The same: tables at the top, where it goes, and keys of the stream.
fn compare(
    what: &str,
    (tables, to, toml): (&str, &str, &str),
    (blocks, towards, conf): (&str, &str, &str),
    script: impl Fn(&Listener, &mut Stream),
) {
    let world = World::with(tables, to, toml);
    let nginx = world.reference(blocks, towards, conf);
    let both = [(world.listen, &*world.gateway as &Process), (world.nginx, &*nginx)];
    let [ours, theirs] = both.map(|(at, process)| {
        let mut client = Stream::connect(at).unwrap();
        script(&world.origin, &mut client);
        drop(client);
        let line = process.lines("access.log", 1).remove(0);
        // nginx of this age forgets what it has read ahead, and takes half a hello for one that says nothing.
        let line = match line.contains(" upstream=- ") {
            true => line.replace("version= name= alpn= ", "version=- name=- alpn=- "),
            false => line,
        };
        if conf.contains("ssl_preread") { without_received(&line) } else { line }
    });
    assert_eq!(ours, theirs, "{what}: propylon, nginx");
}

fn without_received(line: &str) -> String {
    line.split(' ').filter(|word| !word.starts_with("received=")).collect::<Vec<_>>().join(" ")
}

/// Both speak, and the client goes.
fn talk(origin: &Listener, client: &mut Stream) {
    let mut upstream = origin.accept();
    client.send(b"ping").unwrap();
    exactly(&mut upstream, b"ping");
    upstream.send(b"pong!").unwrap();
    exactly(client, b"pong!");
    client.shutdown(Shutdown::Both);
    silent(&mut upstream);
}

#[test]
fn bytes_go_both_ways_and_either_end_is_both() {
    check("both ways", "", "", talk);
    check("the upstream speaks first, and goes", "", "", |origin, client| {
        let mut upstream = origin.accept();
        upstream.send(b"220 hello\r\n").unwrap();
        exactly(client, b"220 hello\r\n");
        upstream.shutdown(Shutdown::Both);
        silent(client);
    });
    check("nothing", "", "", |origin, client| {
        let mut upstream = origin.accept();
        client.shutdown(Shutdown::Both);
        silent(&mut upstream);
    });
    check("large", "", "", |origin, client| both_at_once(client, &mut origin.accept()));
    // Half a close is a whole one, unless it is asked for.
    check("half a close", "", "", |origin, client| {
        let mut upstream = origin.accept();
        client.send(b"last words").unwrap();
        client.shutdown(Shutdown::Write);
        exactly(&mut upstream, b"last words");
        silent(&mut upstream);
        silent(client);
    });
    check("half a close that is none", "half_close = true", "proxy_half_close on;", |origin, client| {
        let mut upstream = origin.accept();
        client.send(b"last words").unwrap();
        client.shutdown(Shutdown::Write);
        exactly(&mut upstream, b"last words");
        silent(&mut upstream);
        upstream.send(b"and an answer").unwrap();
        exactly(client, b"and an answer");
        upstream.shutdown(Shutdown::Both);
        silent(client);
    });
}

#[test]
fn whoever_stands_still_is_closed() {
    let idle = |origin: &Listener, client: &mut Stream| {
        let mut upstream = origin.accept();
        client.send(b"ping").unwrap();
        exactly(&mut upstream, b"ping");
        silent(client);
        silent(&mut upstream);
    };
    check("idle", "timeout.idle = \"1s\"", "proxy_timeout 1s;", idle);
}

#[test]
fn who_may_come_and_what_is_said_at_once() {
    let nobody = |origin: &Listener, client: &mut Stream| {
        silent(client);
        assert!(origin.try_accept().is_none());
    };
    check("denied", "access.rules = [\"deny all\"]", "deny all;", nobody);
    check(
        "allowed",
        "access.rules = [\"allow 127.0.0.0/8\", \"deny all\"]",
        "allow 127.0.0.0/8; deny all;",
        talk,
    );
}

#[test]
fn another_server_if_one_cannot_be_had() {
    let refusing = [Refusing::new(), Refusing::new()];
    let [one, two] = [refusing[0].address(), refusing[1].address()];
    let group = |servers: &str, toml: &str, conf: &str, script: &dyn Fn(&Listener, &mut Stream)| {
        let tables = servers
            .split(' ')
            .map(|server| format!("[[upstream.group.server]]\naddress = \"{server}\"\n"))
            .collect::<String>();
        let lines: String = servers.split(' ').map(|server| format!("server {server};")).collect();
        let blocks = format!("upstream group {{ {lines} }}");
        compare(servers, (&tables, "group", toml), (&blocks, "group", conf), script);
    };
    let closed = |_: &Listener, client: &mut Stream| silent(client);
    group(&format!("{one} @ORIGIN@"), "", "", &talk);
    group(&format!("{one} {two}"), "", "", &closed);
    group(&format!("{one} {two} @ORIGIN@"), "retry.tries = 2", "proxy_next_upstream_tries 2;", &closed);
    group(&format!("{one} @ORIGIN@"), "retry.on = false", "proxy_next_upstream off;", &closed);
    check("one alone", "", "", talk);
    compare("refused", ("", &one.to_string(), ""), ("", &one.to_string(), ""), closed);
}

#[test]
fn the_proxy_protocol_in_and_out() {
    check("out", "upstream.proxy_protocol = true", "proxy_protocol on;", |origin, client| {
        let (at, from) = (client.peer().unwrap(), client.local().unwrap());
        client.send(b"ping").unwrap();
        let mut upstream = origin.accept();
        let header = format!("PROXY TCP4 {} {} {} {}\r\nping", from.ip(), at.ip(), from.port(), at.port());
        exactly(&mut upstream, header.as_bytes());
        client.shutdown(Shutdown::Both);
        silent(&mut upstream);
    });
}

#[test]
fn what_a_client_of_tls_asks_for_is_known_and_passed_on() {
    let preread = ("preread = true", "ssl_preread on;");
    let says = |hello: &'static [u8]| {
        move |origin: &Listener, client: &mut Stream| {
            client.send(hello).unwrap();
            let mut upstream = origin.accept();
            exactly(&mut upstream, hello);
            upstream.send(b"hello yourself").unwrap();
            exactly(client, b"hello yourself");
            upstream.shutdown(Shutdown::Both);
            silent(client);
        }
    };
    check("a hello", preread.0, preread.1, says(HELLO));
    check("no hello", preread.0, preread.1, says(b"SSH-2.0-OpenSSH\r\n"));
    check("an alert", preread.0, preread.1, says(b"\x15\x03\x01\x00\x02\x01\x00"));
    check("one of SSL 2", preread.0, preread.1, says(b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10"));
    check("in pieces", preread.0, preread.1, |origin, client| {
        for byte in HELLO {
            client.send(&[*byte]).unwrap();
        }
        let mut upstream = origin.accept();
        exactly(&mut upstream, HELLO);
        client.shutdown(Shutdown::Both);
        silent(&mut upstream);
    });
    let gone = |origin: &Listener, client: &mut Stream| {
        client.send(&HELLO[..20]).unwrap();
        client.shutdown(Shutdown::Write);
        silent(client);
        assert!(origin.try_accept().is_none());
    };
    check("half a hello", preread.0, preread.1, gone);
    let late = |origin: &Listener, client: &mut Stream| {
        client.send(&HELLO[..20]).unwrap();
        silent(client);
        assert!(origin.try_accept().is_none());
    };
    check("no more", "preread = true\ntimeout.preread = \"1s\"", "ssl_preread on; preread_timeout 1s;", late);
    let small = ("preread = true\npreread_buffer_size = \"256\"", "ssl_preread on; preread_buffer_size 256;");
    check("too long", small.0, small.1, |origin, client| {
        client.send(b"\x16\x03\x01\x01\x00\x01\x00\x00\xff").unwrap();
        client.send(&[3; 247]).unwrap();
        silent(client);
        assert!(origin.try_accept().is_none());
    });
}

#[test]
fn names_lead_to_upstreams_by_a_map() {
    let tables = "[map.to]\nkey = \"$ssl_preread_server_name\"\ndefault = \"\"\n\
        values = { \"a.test\" = \"group\" }\n[[upstream.group.server]]\naddress = \"@ORIGIN@\"\n";
    let blocks =
        "map $ssl_preread_server_name $to { default ''; a.test group; } upstream group { server @ORIGIN@; }";
    let (ours, theirs) = ((tables, "$to", "preread = true"), (blocks, "$to", "ssl_preread on;"));
    compare("a name that there is", ours, theirs, |origin, client| {
        client.send(HELLO).unwrap();
        let mut upstream = origin.accept();
        exactly(&mut upstream, HELLO);
        client.shutdown(Shutdown::Both);
        silent(&mut upstream);
    });
    compare("none", ours, theirs, |origin, client| {
        client.send(b"SSH-2.0-OpenSSH\r\n").unwrap();
        silent(client);
        assert!(origin.try_accept().is_none());
    });
}

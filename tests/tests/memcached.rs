//! memcached, its connections, and peers that are wrong, silent, cut or gone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{
    Client, End, LIMIT, Listener, Memcached, Origin, Propylon, Refusing, Stream, lossy, raw_request, until,
};

mod fastcgi_support;
use fastcgi_support::{gateway, get};

/// A gateway before a memcached that the test plays.
fn before(at: SocketAddr, more: &str) -> (Propylon, SocketAddr) {
    let location = format!(
        "[[server.location]]\nmatch = \"/\"\nmemcached_pass = \"{at}\"\nmemcached.key = \"$uri\"\n{more}"
    );
    gateway(&location, "")
}

/// Reads a request.
fn asked(peer: &mut Stream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        peer.exactly(1, &mut line).unwrap();
    }
    lossy(&line)
}

/// A memcached that always answers the same, and closes.
fn always(bytes: &str) -> SocketAddr {
    let bytes = bytes.as_bytes().to_vec();
    fastcgi_support::always(|peer| drop(asked(peer)), bytes)
}

#[test]
fn what_is_not_there_is_made_elsewhere() {
    let (memcached, origin) = (Memcached::start(), Origin::echo());
    memcached.set("/there", 0, b"kept");
    let server = format!(
        "error_page.pages = [{{ codes = [404, 405, 502, 504], uri = \"@fallback\", status = \"from_page\" }}]\n\
         [[server.location]]\nmatch = \"/\"\nmemcached_pass = \"kept\"\nmemcached.key = \"$uri\"\n\
         [[server.location]]\nmatch = \"@fallback\"\nproxy_pass = \"http://{}\"\n",
        origin.address()
    );
    let outer =
        format!("[upstream.kept]\nserver = [{{ address = \"{}\" }}]\nkeepalive = 8\n", memcached.address());
    let (gateway, listen) = gateway(&server, &outer);
    let before = memcached.counts("total_connections");
    for _ in 0..5 {
        let answer = get(listen, "/there");
        assert_eq!((answer.status, &*answer.text()), (200, "kept"));
        assert!(get(listen, "/elsewhere").text().contains("GET /elsewhere"));
    }
    let lines = gateway.lines("access.log", 10);
    assert!(lines[0].starts_with(&format!("200 [{}] [200] [", memcached.address())), "{}", lines[0]);
    let tries = format!("200 [{} : {}] [404 : 200] [", memcached.address(), origin.address());
    assert!(lines[1].starts_with(&tries), "{}", lines[1]);
    // One connection carried them all: those of the statistics are the other two.
    assert_eq!(memcached.counts("total_connections") - before, 2);
    // What is no question goes on with its body.
    let answer =
        raw_request(listen, b"POST /there HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\na=b").unwrap();
    assert_eq!(answer.status, 200);
    let seen = origin.take().pop().unwrap();
    assert_eq!((&*lossy(seen.head.start_line()), &*lossy(&seen.body)), ("POST /there HTTP/1.1", "a=b"));
    until("the reason", LIMIT, || {
        gateway.error_log().contains("key: \"/elsewhere\" was not found by memcached").then_some(())
    });
}

#[test]
fn the_next_server_is_tried() {
    let good = || always("VALUE /k 0 5\r\nhello\r\nEND\r\n");
    let refusing = Refusing::new();
    for (name, bad, message) in [
        ("error", refusing.address(), ""),
        ("error", always(""), "prematurely closed connection"),
        ("invalid_header", always("ERROR\r\n"), "memcached sent invalid response"),
        (
            "invalid_header",
            always("SERVER_ERROR no\r\n"),
            "memcached sent invalid response: \"SERVER_ERROR\"",
        ),
        ("invalid_header", always("VALUE /j 0 5\r\nother\r\nEND\r\n"), "memcached sent invalid key"),
        ("invalid_header", always("VALUE /k 0 4\r\nhello\r\nEND\r\n"), "memcached sent invalid trailer"),
        ("http_404", always("END\r\n"), ""),
    ] {
        let good = good();
        let outer = |on: &str, second: &str| {
            format!(
                "[defaults.retry]\non = [\"{on}\"]\nbudget = false\n\
                 [upstream.u]\nserver = [{{ address = \"{bad}\", max_fails = 0 }}{second}]\n"
            )
        };
        let location = "[[server.location]]\nmatch = \"/\"\nmemcached_pass = \"u\"\nmemcached.key = \"$uri\"";
        let second = format!(", {{ address = \"{good}\", backup = true }}");
        let (both, listen) = gateway(location, &outer(name, &second));
        let failed = if name == "http_404" { "404" } else { "502" };
        assert_eq!(get(listen, "/k").text(), "hello", "{name}");
        let line = both.lines("access.log", 1).remove(0);
        assert!(line.contains(&format!("200 [{bad}, {good}] [{failed}, 200] [")), "{name}: {line}");
        until(message, LIMIT, || both.error_log().contains(message).then_some(()));
        // Alone, and where that is no reason.
        for (on, second) in [(name, ""), ("http_503", &*second)] {
            let (_gateway, listen) = gateway(location, &outer(on, second));
            assert_eq!(get(listen, "/k").status.to_string(), failed, "{name}");
        }
    }
}

/// Clients choose keys, and are not to choose whether peers are well.
#[test]
fn a_key_that_is_too_long_is_held_against_nobody() {
    let peers = [Memcached::start(), Memcached::start()];
    peers.iter().for_each(|peer| peer.set("/k", 0, b"kept"));
    let [one, other] = peers.each_ref().map(Memcached::address);
    let outer = format!(
        "[upstream.u]\nserver = [{{ address = \"{one}\", fail_timeout = \"1h\" }}, {{ address = \"{other}\", fail_timeout = \"1h\" }}]\n"
    );
    let (gateway, listen) = gateway(
        "[[server.location]]\nmatch = \"/\"\nmemcached_pass = \"u\"\nmemcached.key = \"$uri\"",
        &outer,
    );
    for length in [250, 3000, 6000, 251] {
        assert_eq!(get(listen, &format!("/{}", "k".repeat(length))).status, 502, "{length}");
    }
    assert_eq!(get(listen, &format!("/{}", "k".repeat(249))).status, 404);
    for _ in 0..2 {
        assert_eq!(get(listen, "/k").text(), "kept");
    }
    until("the reason", LIMIT, || {
        gateway.error_log().contains("memcached sent invalid response: \"CLIENT_ERROR\"").then_some(())
    });
}

#[test]
fn a_value_that_is_not_whole_is_cut_for_the_client() {
    for more in ["", "buffer.response = false"] {
        let upstream = Listener::new();
        let (gateway, listen) = before(upstream.address(), more);
        for (first, rest, came, reason) in [
            ("VALUE /k 0 9\r\npart", "", "part", "prematurely closed connection while reading upstream"),
            (
                "VALUE /k 0 8\r\npart",
                "more",
                "partmor",
                "prematurely closed connection while reading upstream",
            ),
            ("VALUE /k 0 6\r\npart", "more\r\nEND\r\n", "partm", "memcached sent invalid trailer"),
        ] {
            let mut client = Client::connect(listen).unwrap();
            client.send(b"GET /k HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
            let mut peer = upstream.accept();
            assert_eq!(asked(&mut peer), "get /k\r\n");
            peer.send(first.as_bytes()).unwrap();
            let head = client.stream().head().unwrap().unwrap();
            peer.send(rest.as_bytes()).unwrap();
            drop(peer);
            let answer = client.body(head, false).unwrap();
            assert_eq!((answer.status, answer.end, &*answer.text()), (200, End::Cut, came));
            until(reason, LIMIT, || gateway.error_log().contains(reason).then_some(()));
        }
    }
}

#[test]
fn a_connection_carries_one_question_after_the_other() {
    let upstream = Listener::new();
    let outer =
        format!("[upstream.u]\nserver = [{{ address = \"{}\" }}]\nkeepalive = 1\n", upstream.address());
    let (_gateway, listen) = gateway(
        "[[server.location]]\nmatch = \"/\"\nmemcached_pass = \"u\"\nmemcached.key = \"$uri\"",
        &outer,
    );
    let mut client = Client::connect(listen).unwrap();
    let mut ask = |peer: Option<Stream>, method: &str, pieces: &[&str]| {
        client.send(format!("{method} /k HTTP/1.1\r\nHost: a.test\r\n\r\n").as_bytes()).unwrap();
        let mut peer = peer.unwrap_or_else(|| upstream.accept());
        assert_eq!(asked(&mut peer), "get /k\r\n");
        pieces.iter().for_each(|piece| peer.send(piece.as_bytes()).unwrap());
        let answer = client.response(method == "HEAD").unwrap();
        (peer, answer.status, answer.text())
    };
    let (peer, status, body) = ask(None, "GET", &["VALUE /k 0 5\r\nhello\r\nEND\r\n"]);
    assert_eq!((status, &*body), (200, "hello"));
    let (peer, status, _) = ask(Some(peer), "GET", &["END\r\n"]);
    assert_eq!(status, 404);
    let (peer, _, body) = ask(Some(peer), "GET", &["VALUE /k 0 5\r\nhe", "llo\r\nEN", "D\r\n"]);
    assert_eq!(body, "hello");
    let (peer, status, _) = ask(Some(peer), "HEAD", &["VALUE /k 0 5\r\nhello\r\nEND\r\n"]);
    assert_eq!(status, 200);
    // Closed meanwhile: another one is made, and nobody hears of it.
    drop(peer);
    let (peer, _, body) = ask(None, "GET", &["VALUE /k 0 2\r\nhi\r\nEND\r\n"]);
    assert_eq!(body, "hi");
    // What is in doubt is not used again.
    let (peer, status, _) = ask(Some(peer), "GET", &["VALUE /k 0 2\r\nhigh\r\nEND\r\n"]);
    assert_eq!(status, 502);
    assert!(Client::over(peer).closed());
    let (_, status, _) = ask(None, "GET", &["END\r\n"]);
    assert_eq!(status, 404);
}

#[test]
fn a_memcached_that_is_silent_is_a_504() {
    let upstream = Listener::new();
    let (gateway, listen) = before(upstream.address(), "timeout.read = \"100ms\"");
    assert_eq!(get(listen, "/k").status, 504);
    assert!(gateway.lines("access.log", 1)[0].contains("] [504] ["));
    let mut peer = upstream.accept();
    asked(&mut peer);
    assert!(Client::over(peer).closed(), "the request is not aborted");
}

#[test]
fn without_a_key_nobody_is_asked() {
    let upstream = Listener::new();
    let (gateway, listen) = gateway(
        &format!(
            "[[server.location]]\nmatch = \"/\"\nmemcached_pass = \"{}\"\nmemcached.key = \"$arg_k\"",
            upstream.address()
        ),
        "",
    );
    assert_eq!(get(listen, "/").status, 500);
    assert!(gateway.lines("access.log", 1)[0].starts_with("500 [-] [-] ["));
    until("the reason", LIMIT, || gateway.error_log().contains("the memcached key is empty").then_some(()));
    // As it is of others: nothing of a request is left over for the next one.
    let mut client = Client::connect(listen).unwrap();
    client.send(b"GET /?k=a%20b%0d%0aflush_all HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    assert_eq!(asked(&mut upstream.accept()), "get a%2520b%250d%250aflush_all\r\n");
}

#[test]
fn whoever_answers_a_health_check_is_well() {
    let memcached = Memcached::start();
    let mute = Listener::new();
    let outer = format!(
        "[upstream.u]\nserver = [{{ address = \"{}\", max_fails = 0 }}, {{ address = \"{}\", max_fails = 0 }}]\n\
         health_check = {{ interval = \"20ms\", timeout = \"200ms\", mandatory = true }}\n",
        memcached.address(),
        mute.address()
    );
    memcached.set("/k", 0, b"kept");
    let (gateway, listen) = gateway(
        "[[server.location]]\nmatch = \"/\"\nmemcached_pass = \"u\"\nmemcached.key = \"$uri\"",
        &outer,
    );
    until("a well one", LIMIT, || (get(listen, "/k").status == 200).then_some(()));
    until("one that is not", LIMIT, || {
        gateway.error_log().contains(&format!("health check of {} failed", mute.address())).then_some(())
    });
    for _ in 0..6 {
        assert_eq!(get(listen, "/k").text(), "kept");
    }
}

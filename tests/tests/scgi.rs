//! uwsgi and SCGI on the wire, and servers of them that are wrong, silent and chosen.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;

use propylon_tests::{Client, End, LIMIT, Listener, Propylon, Refusing, Stream, lossy, raw_request, until};

mod cgi_support;
mod fastcgi_support;
use cgi_support::Speaks::{self, Scgi, Uwsgi};
use cgi_support::by_name;
use fastcgi_support::{gateway, get};

/// A gateway before a server that the test plays.
fn before(speaks: Speaks, pass: &str, more: &str) -> (Propylon, SocketAddr) {
    gateway(&format!("[[server.location]]\nmatch = \"/\"\n{} = \"{pass}\"\n{more}", speaks.pass()), "")
}

/// A server that always answers the same.
fn always(speaks: Speaks, bytes: Vec<u8>) -> SocketAddr {
    fastcgi_support::always(move |peer| drop(speaks.read(peer)), bytes)
}

#[test]
fn requests_are_as_the_protocols_have_them() {
    let upstream = Listener::new();
    let at = upstream.address().to_string();
    let ask = |speaks, more: &str, request: &str| {
        let (_gateway, listen) = before(speaks, &at, more);
        let mut client = Client::connect(listen).unwrap();
        client.send(request.as_bytes()).unwrap();
        let mut peer = upstream.accept();
        let (params, body) = speaks.read(&mut peer);
        peer.send(b"X: y\n\n").unwrap();
        drop(peer);
        assert_eq!(client.response(false).unwrap().status, 200);
        (params, lossy(&body))
    };
    let post = "POST /a?b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi";

    let (params, body) = ask(Scgi, "scgi.params = { SCGI = \"2\", CONTENT_LENGTH = \"9\" }", post);
    assert_eq!((params[0].0.as_str(), params[0].1.as_str()), ("CONTENT_LENGTH", "2"));
    assert_eq!((params[1].0.as_str(), params[1].1.as_str(), &*body), ("SCGI", "1", "hi"));
    let params = by_name(params);
    assert_eq!((&*params["REQUEST_METHOD"], &*params["REQUEST_URI"]), ("POST", "/a?b"));
    let (params, _) = ask(Scgi, "", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!((params[0].0.as_str(), params[0].1.as_str()), ("CONTENT_LENGTH", "0"));

    let (params, body) = ask(
        Uwsgi,
        "uwsgi = { modifier1 = 5, modifier2 = 7, default_params = false, params = { A = \"$arg_b\", CONTENT_LENGTH = \"$content_length\" } }",
        post,
    );
    assert_eq!(
        (params[0].1.as_str(), params[1].0.as_str(), params[1].1.as_str(), &*body),
        ("5 7", "A", "", "hi")
    );
    assert_eq!(by_name(params)["HTTP_HOST"], "a.test");
    let (params, _) = ask(Uwsgi, "", "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let params = by_name(params);
    assert_eq!((&*params["modifiers"], &*params["CONTENT_LENGTH"]), ("0 0", ""));
}

/// Reads as far as the first piece of a body.
fn begun(peer: &mut Stream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"one") {
        peer.exactly(1, &mut seen).unwrap();
    }
}

#[test]
fn a_body_is_passed_on_as_it_comes_if_its_length_is_known() {
    for speaks in [Uwsgi, Scgi] {
        let upstream = Listener::new();
        let (_gateway, listen) = before(speaks, &upstream.address().to_string(), "buffer.request = false");
        let mut client = Client::connect(listen).unwrap();
        client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\none").unwrap();
        let mut peer = upstream.accept();
        begun(&mut peer);
        client.send(b"two").unwrap();
        let mut rest = Vec::new();
        peer.exactly(3, &mut rest).unwrap();
        assert_eq!(lossy(&rest), "two");
        peer.send(b"X: y\n\nboth").unwrap();
        drop(peer);
        assert_eq!(client.response(false).unwrap().text(), "both");

        // The client that leaves takes the request with it: what has come is not all.
        let mut client = Client::connect(listen).unwrap();
        client.send(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\n\r\none").unwrap();
        let mut peer = upstream.accept();
        begun(&mut peer);
        client.leave();
        assert!(Client::over(peer).closed(), "the request is not aborted");
    }
}

#[test]
fn the_next_server_is_tried() {
    let good = |speaks| always(speaks, b"Content-Length: 5\r\n\r\nhello".to_vec());
    for speaks in [Uwsgi, Scgi] {
        let refusing = Refusing::new();
        let peers = [
            ("refused", refusing.address(), ""),
            ("no field", always(speaks, b"this is no field\n\n".to_vec()), "upstream sent invalid header"),
            ("no head", always(speaks, b"X: y\n".to_vec()), "prematurely closed connection"),
            ("no status", always(speaks, b"HTTP/1.1 OK\r\n\r\n".to_vec()), "upstream sent invalid status"),
            (
                "interim",
                always(speaks, b"HTTP/1.1 101 Switching\r\n\r\n".to_vec()),
                "upstream sent invalid status",
            ),
            (
                "two lengths",
                always(speaks, b"Content-Length: 1\nContent-Length: 2\n\nab".to_vec()),
                "invalid \"Content-Length\"",
            ),
            ("closes", always(speaks, Vec::new()), "prematurely closed connection"),
            ("http_503", always(speaks, b"HTTP/1.1 503 Busy\r\n\r\nbusy".to_vec()), ""),
        ];
        for (name, bad, message) in peers {
            let good = good(speaks);
            let retry =
                "[defaults.retry]\non = [\"error\", \"invalid_header\", \"http_503\"]\nbudget = false\n";
            let first = format!("{retry}[upstream.u]\nserver = [{{ address = \"{bad}\", max_fails = 0 }}");
            let second = format!(", {{ address = \"{good}\", backup = true }}]");
            let location = format!("[[server.location]]\nmatch = \"/\"\n{} = \"u\"", speaks.pass());
            let (both, listen) = gateway(&location, &(first.clone() + &second));
            // With a body, which each of them gets.
            let put = |at| {
                raw_request(at, b"PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi").unwrap()
            };
            assert_eq!(put(listen).text(), "hello", "{name}");
            let failed = if name == "http_503" { "503" } else { "502" };
            let line = both.lines("access.log", 1).remove(0);
            assert!(line.contains(&format!("200 [{bad}, {good}] [{failed}, 200] [")), "{name}: {line}");
            until(message, LIMIT, || both.error_log().contains(message).then_some(()));
            // Alone.
            let (_gateway, listen) = gateway(&location, &(first + "]"));
            assert_eq!(put(listen).status.to_string(), failed, "{name}");
        }
    }
}

#[test]
fn a_server_that_is_silent_is_a_504() {
    for speaks in [Uwsgi, Scgi] {
        let upstream = Listener::new();
        let (gateway, listen) = before(speaks, &upstream.address().to_string(), "timeout.read = \"100ms\"");
        assert_eq!(get(listen, "/").status, 504);
        assert!(gateway.lines("access.log", 1)[0].contains("] [504] ["));
        let mut peer = upstream.accept();
        speaks.read(&mut peer);
        assert!(Client::over(peer).closed(), "the request is not aborted");
    }
}

#[test]
fn a_response_that_is_cut_is_cut_for_the_client() {
    for speaks in [Uwsgi, Scgi] {
        for more in ["", "buffer.response = false"] {
            let short = always(speaks, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart".to_vec());
            let (_gateway, listen) = before(speaks, &short.to_string(), more);
            let answer = get(listen, "/");
            assert_eq!((answer.status, answer.end, &*answer.text()), (200, End::Cut, "part"));

            // Without a length the end is the connection's, unless that fails.
            let upstream = Listener::new();
            let (_gateway, listen) = before(speaks, &upstream.address().to_string(), more);
            for fails in [true, false] {
                let mut client = Client::connect(listen).unwrap();
                client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
                let mut peer = upstream.accept();
                speaks.read(&mut peer);
                peer.send(b"X: y\n\npart").unwrap();
                let head = client.stream().head().unwrap().unwrap();
                if fails {
                    peer.reset()
                } else {
                    drop(peer)
                }
                let answer = client.body(head, false).unwrap();
                let end = if fails { End::Cut } else { End::Complete };
                assert_eq!((answer.end, &*answer.text()), (end, "part"));
            }
        }
        // More than was said is not passed on.
        let more = always(speaks, b"Content-Length: 4\n\npart and more".to_vec()).to_string();
        let (_gateway, listen) = before(speaks, &more, "");
        let mut client = Client::connect(listen).unwrap();
        for _ in 0..2 {
            let answer = client.ask(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
            assert_eq!(
                (&*answer.text(), answer.end, client.stream().ahead()),
                ("part", End::Complete, &b""[..])
            );
        }
    }
}

#[test]
fn params_that_cannot_be_sent_are_an_error_that_says_so() {
    let upstream = Listener::new();
    let other = Listener::new();
    let (at, fails) = (upstream.address(), "max_fails = 1, fail_timeout = \"1h\"");
    let outer = format!(
        "[upstream.u]\nserver = [{{ address = \"{at}\", {fails} }}, {{ address = \"{}\", backup = true }}]",
        other.address()
    );
    let location =
        "limit.header_buffer_size = \"64k\"\n[[server.location]]\nmatch = \"/\"\nuwsgi_pass = \"u\"";
    let (gateway, listen) = gateway(location, &outer);
    // HTTP itself is not in the way.
    let long = "x".repeat(33_000);
    let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\nA: {long}\r\nB: {long}\r\n\r\n");
    assert_eq!(raw_request(listen, request.as_bytes()).unwrap().status, 500);
    until("the reason", LIMIT, || gateway.error_log().contains("uwsgi request is too big").then_some(()));
    // No other server has more room.
    let line = gateway.lines("access.log", 1).remove(0);
    assert!(line.starts_with(&format!("500 [{at}] [500] [")), "{line}");
    drop(upstream.accept());
    // Nor is it a failure of the server's.
    let mut client = Client::connect(listen).unwrap();
    client.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    let mut peer = upstream.accept();
    Uwsgi.read(&mut peer);
    peer.send(b"X: y\n\nback").unwrap();
    drop(peer);
    assert_eq!(client.response(false).unwrap().text(), "back");
}

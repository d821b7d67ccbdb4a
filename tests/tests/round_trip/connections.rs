//! Which connections carry another request.

use std::time::Duration;

use propylon_tests::End;

use crate::support::{each, receive};

#[test]
fn pipelined_requests_are_answered_in_order() {
    each(|gateway| {
        let mut client = gateway.client();
        let all: String = (0..20)
            .map(|n| match n % 3 {
                0 => format!("GET /{n} HTTP/1.1\r\nHost: x\r\n\r\n"),
                1 => format!("POST /{n} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{n:02}"),
                _ => format!("POST /{n} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{n:02}\r\n0\r\n\r\n"),
            })
            .collect();
        client.send(all.as_bytes()).unwrap();
        let mut peer = gateway.upstream.accept();
        for n in 0..20 {
            let seen = receive(&mut peer);
            assert_eq!(seen.head.start_line().split(|&b| b == b' ').nth(1), Some(format!("/{n}").as_bytes()));
            assert_eq!(seen.body, if n % 3 == 0 { String::new() } else { format!("{n:02}") }.into_bytes());
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{n:02}").as_bytes()).unwrap();
            assert_eq!(client.response(false).unwrap().text(), format!("{n:02}"), "{}", gateway.engine);
        }
        assert!(gateway.upstream.try_accept().is_none(), "{}: one connection is enough", gateway.engine);
    });
}

/// The upstream answers before it has the request: the client gets the answer, and the connections are not used again.
#[test]
fn an_early_answer_gets_through() {
    each(|gateway| {
        let mut client = gateway.client();
        client.send(b"POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n012").unwrap();
        let mut peer = gateway.upstream.accept();
        peer.head().unwrap().unwrap();
        peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").unwrap();
        let answer = client.response(false).unwrap();
        assert_eq!((answer.status, answer.text().as_str()), (403, "no"), "{}", gateway.engine);
        // What is left of a body is none of the upstream's any more.
        client.send(b"3456789GET /next HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        peer.to_end(&mut rest).unwrap();
        assert!(b"0123456789".starts_with(&rest), "{}: {}", gateway.engine, rest.escape_ascii());
        // The client's connection goes on behind the body, or ends; it never takes the body for a request.
        client.stream().set_limit(Duration::from_millis(20)).unwrap();
        let mut next = gateway.upstream.accept_or(|| client.closed());
        if let Some(next) = &mut next {
            assert_eq!(receive(next).head.start_line(), b"GET /next HTTP/1.1", "{}", gateway.engine);
        }
    });
}

#[test]
fn http_1_0_keeps_its_connection_when_it_asks_and_the_length_is_known() {
    each(|gateway| {
        let request = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        let mut client = gateway.client();
        client.send(request).unwrap();
        let mut peer = gateway.upstream.accept();
        receive(&mut peer);
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        let answer = client.response(false).unwrap();
        assert!(answer.head.lists("connection", "keep-alive"), "{}: {:?}", gateway.engine, answer.head);
        client.send(request).unwrap();
        receive(&mut peer);
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n").unwrap();
        let answer = client.response(false).unwrap();
        if gateway.can("1.0 keep-alive") {
            assert!(!answer.head.lists("connection", "keep-alive"), "{}: {:?}", gateway.engine, answer.head);
        }
        assert_eq!((answer.text().as_str(), answer.end), ("ok", End::Closed), "{}", gateway.engine);
    });
}

/// A kept connection carries the next request; one in doubt never does.
#[test]
fn a_connection_in_doubt_is_not_used_again() {
    each(|gateway| {
        let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        for (response, kept) in [
            (good.to_owned(), true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n"
                    .to_owned(),
                true,
            ),
            (good.to_owned() + "x", false),
            (good.to_owned() + good, false),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok".to_owned(), false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(), false),
        ] {
            let mut client = gateway.client();
            client.send(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut peer = gateway.upstream.accept();
            receive(&mut peer);
            peer.send(response.as_bytes()).unwrap();
            assert_eq!(client.response(false).unwrap().text(), "ok", "{}: {response}", gateway.engine);
            client.send(b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut second = if kept { peer } else { gateway.upstream.accept() };
            let head =
                second.head().unwrap().unwrap_or_else(|| panic!("{}: closed: {response}", gateway.engine));
            assert_eq!(head.start_line(), b"GET /second HTTP/1.1", "{}: {response}", gateway.engine);
            second.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").unwrap();
            assert_eq!(client.response(false).unwrap().text(), "ok", "{}: {response}", gateway.engine);
        }
    });
}

/// A kept connection that the upstream closes meanwhile: the next request goes to a new one, whatever its method.
#[test]
fn the_race_for_a_kept_connection_is_won() {
    each(|gateway| {
        for (method, answered) in [("GET", true), ("POST", true), ("POST", false)] {
            let mut client = gateway.client();
            client.send(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut peer = gateway.upstream.accept();
            receive(&mut peer);
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
            if answered {
                client.response(false).unwrap();
            }
            drop(peer);
            if !answered {
                client.response(false).unwrap();
            }
            client
                .send(
                    format!("{method} /second HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi").as_bytes(),
                )
                .unwrap();
            let mut peer = gateway.upstream.accept();
            let seen = receive(&mut peer);
            assert_eq!(seen.body, b"hi", "{}: {method}", gateway.engine);
            peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").unwrap();
            assert_eq!(client.response(false).unwrap().status, 200, "{}: {method}", gateway.engine);
        }
    });
}

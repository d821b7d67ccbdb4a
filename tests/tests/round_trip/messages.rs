//! What is sent is what comes, however it is split and framed.

use std::net::Shutdown;

use propylon_tests::{End, Head};

use crate::support::{cuts, each, receive};

/// All but the time of day.
fn fields(head: &Head) -> Vec<(String, Vec<u8>)> {
    head.fields().into_iter().filter(|(name, _)| name != "date").collect()
}

#[test]
fn any_split_of_a_request_is_the_same_request() {
    each(|gateway| {
        let messages: [&[u8]; 3] = [
            b"GET /a?b HTTP/1.1\r\nHost: x\r\nX-Field: some value\r\n\r\n",
            b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789",
            b"POST /stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n",
        ];
        let bodies: [&[u8]; 3] = [b"", b"0123456789", b"abc0123456789"];
        for (message, body) in messages.iter().zip(bodies) {
            let mut whole = None;
            for pieces in cuts(message) {
                let (seen, answer) =
                    gateway.exchange(&pieces, &[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]);
                assert_eq!((answer.status, answer.end, answer.text().as_str()), (200, End::Complete, "ok"));
                assert_eq!(seen.body, body, "{}: {pieces:?}", gateway.engine);
                // How a streamed body is framed may tell whether it was all there.
                let head = (seen.head.start_line().to_vec(), seen.head.field("x-field"));
                assert_eq!(whole.get_or_insert(head.clone()), &head, "{}: {pieces:?}", gateway.engine);
            }
        }
    });
}

#[test]
fn any_split_of_a_response_is_the_same_response() {
    each(|gateway| {
        let messages: [(&[u8], &[u8]); 4] = [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-Field: some value\r\n\r\n0123456789", b"0123456789"),
            (b"HTTP/1.1 201 Made\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n", b"abc0123456789"),
            (b"HTTP/1.0 200 OK\r\nX-Old: yes\r\n\r\nto the end", b"to the end"),
            (b"HTTP/1.1 204 No Content\r\nX-Field: a\r\n\r\n", b""),
        ];
        for (message, body) in messages {
            let mut whole = None;
            for pieces in cuts(message) {
                let (_, answer) = gateway.exchange(&[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], &pieces);
                assert_eq!(
                    (&answer.body[..], answer.end),
                    (body, End::Complete),
                    "{}: {pieces:?}",
                    gateway.engine
                );
                let head = (answer.head.start_line().to_vec(), fields(&answer.head));
                assert_eq!(whole.get_or_insert(head.clone()), &head, "{}: {pieces:?}", gateway.engine);
            }
        }
    });
}

/// Every framing of a request with every framing of a response, to clients of both versions.
#[test]
fn every_framing_meets_every_other() {
    each(|gateway| {
        let requests: [(&str, &[u8]); 5] = [
            ("\r\n", b""),
            ("Content-Length: 0\r\n\r\n", b""),
            ("Content-Length: 3\r\n\r\nabc", b"abc"),
            ("Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", b"abc"),
            ("Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
        ];
        let responses: [(&[u8], &[u8]); 6] = [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", b"body"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", b"body"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
            (b"HTTP/1.1 200 OK\r\n\r\nbody", b"body"),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", b"body"),
        ];
        for path in ["/", "/stream"] {
            for version in ["1.1", "1.0"] {
                for (tail, sent) in requests {
                    if version == "1.0" && tail.starts_with("Transfer-Encoding") {
                        continue;
                    }
                    for (response, body) in responses {
                        let request = format!("POST {path} HTTP/{version}\r\nHost: x\r\n{tail}");
                        let (seen, answer) = gateway.exchange(&[request.as_bytes()], &[response]);
                        let show = format!("{}: {request:?} {}", gateway.engine, response.escape_ascii());
                        assert_eq!((seen.body.as_slice(), answer.body.as_slice()), (sent, body), "{show}");
                        assert!(seen.head.start_line().ends_with(b" HTTP/1.1"), "{show}");
                        let chunked = answer.head.lists("transfer-encoding", "chunked");
                        let sized = answer.head.field("content-length").is_some();
                        assert!(!(chunked && sized), "{show}");
                        if version == "1.0" {
                            assert!(!chunked, "HTTP/1.0 knows no chunks: {show}");
                            assert_ne!(answer.end, End::Cut, "{show}");
                        } else {
                            assert_eq!(answer.end, End::Complete, "{show}");
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn messages_without_a_body_have_none() {
    each(|gateway| {
        for (method, response, length) in [
            ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Some("5")),
            ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
            ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None),
            (
                "GET",
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
                gateway.can("304 length").then_some("5"),
            ),
        ] {
            let mut client = gateway.client();
            // A second request on the connection: nothing of the first may stand before its answer.
            for _ in 0..2 {
                client.send(format!("{method} / HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
                let mut peer = gateway.upstream.accept();
                receive(&mut peer);
                peer.send(response.as_bytes()).unwrap();
                peer.shutdown(Shutdown::Both);
                let answer = client.response(method == "HEAD").unwrap();
                assert_eq!(
                    answer.head.field("content-length").as_deref(),
                    length,
                    "{}: {response}",
                    gateway.engine
                );
                assert_eq!(client.stream().ahead(), b"", "{}: {response}", gateway.engine);
            }
        }
    });
}

#[test]
fn targets_come_through_byte_for_byte() {
    each(|gateway| {
        if !gateway.can("targets") {
            return;
        }
        for target in ["/<a>`^{}|\\", "/\u{E9}\"", "/a?<b>#c", "/%41%2f%7e", "/a//b/./c"] {
            let request = [b"GET ", target.as_bytes(), b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
            let (seen, _) = gateway.exchange(&[&request], &[b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
            let line = [b"GET ", target.as_bytes(), b" HTTP/1.1"].concat();
            assert_eq!(seen.head.start_line(), line);
        }
    });
}

#[test]
fn trailers_do_no_harm() {
    each(|gateway| {
        let (_, answer) = gateway.exchange(
            &[b"GET / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\n\r\n"],
            &[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n"],
        );
        assert_eq!((answer.text().as_str(), answer.end), ("ok", End::Complete), "{}", gateway.engine);
    });
}

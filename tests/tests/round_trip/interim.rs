//! What is said before the answer: 100 and its like.

use crate::support::{cuts, each, receive, send};

#[test]
fn continue_is_said_when_the_body_is_wanted() {
    each(|gateway| {
        for path in ["/", "/stream"] {
            let mut client = gateway.client();
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            );
            client.send(head.as_bytes()).unwrap();
            let interim = client.stream().head().unwrap().unwrap();
            assert_eq!(interim.start_line(), b"HTTP/1.1 100 Continue", "{}", gateway.engine);
            client.send(b"hi").unwrap();
            let mut peer = gateway.upstream.accept();
            let seen = receive(&mut peer);
            assert_eq!((seen.head.field("expect"), &seen.body[..]), (None, &b"hi"[..]), "{}", gateway.engine);
            // The upstream's own 100 answers nobody's question.
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                .unwrap();
            let head = client.stream().head().unwrap().unwrap();
            assert_eq!(head.start_line()[9..12], *b"200", "{}: {head:?}", gateway.engine);
        }
        // HTTP/1.0 has no such thing, and a body that is here is not asked for.
        let request = b"POST / HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi";
        let mut client = gateway.client();
        client.send(request).unwrap();
        let mut peer = gateway.upstream.accept();
        assert_eq!(receive(&mut peer).body, b"hi");
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        let head = client.stream().head().unwrap().unwrap();
        assert_eq!(head.start_line()[9..12], *b"200", "{}: {head:?}", gateway.engine);
    });
}

/// A body that nobody wants is never asked for.
#[test]
fn a_refusal_comes_instead_of_continue() {
    each(|gateway| {
        let mut client = gateway.client();
        client
            .send(b"POST /stream HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\nContent-Length: 2\r\n\r\n")
            .unwrap();
        let answer = client.response(false).unwrap();
        assert_eq!(answer.status, 417, "{}", gateway.engine);
    });
}

#[test]
fn interim_responses_come_through_in_order() {
    each(|gateway| {
        if !gateway.can("interim") {
            return;
        }
        let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
        let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        let message =
            [hint.as_bytes(), b"HTTP/1.1 102 Processing\r\n\r\n", hint.as_bytes(), last.as_bytes()].concat();
        for pieces in cuts(&message) {
            let mut client = gateway.client();
            client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            let mut peer = gateway.upstream.accept();
            receive(&mut peer);
            send(&mut peer, &pieces);
            let mut statuses = Vec::new();
            for _ in 0..4 {
                let head = client.stream().head().unwrap().unwrap();
                statuses.push(head.start_line()[9..12].to_vec());
                let link = head.field("link");
                assert_eq!(link.is_some(), head.start_line()[9..12] == *b"103", "{pieces:?}");
            }
            assert_eq!(statuses.concat(), b"103102103200", "{pieces:?}");
        }
        // A flood is no answer.
        let flood = hint.repeat(9) + last;
        let (_, answer) = gateway.exchange(&[b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], &[flood.as_bytes()]);
        assert_eq!(answer.status, 502);
    });
}

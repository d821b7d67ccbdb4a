//! WebSocket over HTTP/2 (RFC 8441), to an upstream of HTTP/1.1.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::net::SocketAddr;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{Method, Request, Response};
use propylon_tests::{LIMIT, Listener, Signal, Stream, address, raw_request, until};
use sha1::{Digest, Sha1};

mod http2_support;
use http2_support::{connect, gateway, proxies, text};

/// What an upstream answers, given the right answer to its key.
type Answer = fn(&str) -> String;

/// An upstream that answers one opening, and gives its stream.
fn upstream(
    answer: impl FnOnce(&str) -> String + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<(String, Stream)>) {
    let listener = Listener::new();
    let address = listener.address();
    let playing = thread::spawn(move || {
        let mut stream = listener.accept();
        let head = stream.head().unwrap().unwrap();
        let key = head.field("sec-websocket-key").unwrap_or_default();
        let digest =
            Sha1::new().chain_update(key).chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11").finalize();
        let text = answer(&BASE64_STANDARD.encode(digest));
        stream.send(text.as_bytes()).unwrap();
        (String::from_utf8(head.0).unwrap(), stream)
    });
    (address, playing)
}

fn switching(accept: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nX-Own: 1\r\n\r\n"
    )
}

fn opening() -> Request<()> {
    Request::builder()
        .method(Method::CONNECT)
        .uri("http://a.test/chat?x")
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .header("origin", "http://a.test")
        .body(())
        .unwrap()
}

async fn open(listen: SocketAddr) -> (Response<RecvStream>, SendStream<Bytes>) {
    let mut sender = connect(listen).await;
    // The gateway's SETTINGS may not be here yet: h2's client asks before it sends.
    while !sender.is_extended_connect_protocol_enabled() {
        tokio::task::yield_now().await;
    }
    let (response, send) = sender.send_request(opening(), false).unwrap();
    (response.await.unwrap(), send)
}

async fn read(body: &mut RecvStream) -> Option<Bytes> {
    loop {
        let data = body.data().await?.unwrap();
        body.flow_control().release_capacity(data.len()).unwrap();
        if !data.is_empty() {
            return Some(data);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_carries_bytes_both_ways_to_its_end() {
    let listen = address();
    let (peer, playing) = upstream(switching);
    let gateway = gateway(&format!("{listen} http2"), &proxies(peer, "upstream.websocket = true\n"));
    let (response, mut send) = open(listen).await;
    assert_eq!((response.status().as_u16(), &response.headers()["x-own"]), (200, &"1".parse().unwrap()));
    assert!(
        ["sec-websocket-accept", "upgrade", "connection"]
            .iter()
            .all(|name| !response.headers().contains_key(*name))
    );
    let (head, mut stream) = playing.join().unwrap();
    let lower = head.to_ascii_lowercase();
    assert!(head.starts_with("GET /chat?x HTTP/1.1\r\n"), "{head}");
    for line in [
        "upgrade: websocket\r\n",
        "connection: upgrade\r\n",
        "sec-websocket-version: 13\r\n",
        "sec-websocket-key: ",
    ] {
        assert!(lower.contains(line), "{line}: {head}");
    }
    let mut body = response.into_body();
    send.send_data(Bytes::from_static(b"ping"), false).unwrap();
    let mut heard = Vec::new();
    stream.exactly(4, &mut heard).unwrap();
    assert_eq!(heard, b"ping");
    stream.send(b"pong!").unwrap();
    assert_eq!(read(&mut body).await.unwrap(), "pong!");
    // Much more than a window.
    let much = vec![b'm'; 3 << 20];
    let sending = thread::spawn(move || {
        stream.send(&much).unwrap();
        stream
    });
    let mut got = 0;
    while got < 3 << 20 {
        got += read(&mut body).await.unwrap().len();
    }
    let mut stream = sending.join().unwrap();
    send.send_data(Bytes::new(), true).unwrap();
    let mut rest = Vec::new();
    stream.to_end(&mut rest).unwrap();
    assert!(rest.is_empty());
    drop(stream);
    assert_eq!(read(&mut body).await, None, "an end in order");
    let sent = 5 + (3 << 20);
    assert_eq!(gateway.lines("access.log", 1), [format!("\"GET /chat?x HTTP/2.0\" 200 {sent}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_websocket_is_no_tunnel() {
    let cases: [(Answer, u16, &str); 4] = [
        (|_| switching("c29tZXRoaW5nIGVsc2U="), 502, ""),
        (|_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned(), 502, ""),
        (|_| "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno".to_owned(), 403, "no"),
        (|_| "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n".to_owned(), 426, ""),
    ];
    for (answer, status, body) in cases {
        let listen = address();
        let (peer, playing) = upstream(answer);
        let gateway = gateway(&format!("{listen} http2"), &proxies(peer, "upstream.websocket = true\n"));
        let (response, _send) = open(listen).await;
        assert_eq!(response.status().as_u16(), status);
        let found = text(response).await;
        assert!(body.is_empty() || found == body, "{found}");
        assert!(
            gateway.lines("access.log", 1)[0].starts_with(&format!("\"GET /chat?x HTTP/2.0\" {status} "))
        );
        let _ = playing.join().unwrap();
    }
    // Where nobody passes it on, it reaches the upstream as a request of its own, and is no tunnel either.
    let listen = address();
    let (peer, playing) = upstream(|_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned());
    let _gateway = gateway(&format!("{listen} http2"), &proxies(peer, ""));
    assert_eq!(open(listen).await.0.status().as_u16(), 502);
    assert!(!playing.join().unwrap().0.to_ascii_lowercase().contains("upgrade"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_that_is_cut_is_reset_and_others_go_on() {
    let listen = address();
    let (peer, playing) = upstream(switching);
    let gateway = gateway(
        &format!("{listen} http2"),
        &(proxies(peer, "upstream.websocket = true\n")
            + "[[server.location]]\nmatch = \"= /own\"\nreturn = [200, \"own\"]\n"),
    );
    let (response, _send) = open(listen).await;
    let (_, stream) = playing.join().unwrap();
    stream.reset();
    let mut body = response.into_body();
    let error = body.data().await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::CANCEL), "{error}");
    until("its log line", LIMIT, || (gateway.lines_now("access.log").len() == 1).then_some(()));
    let answer =
        raw_request(listen, b"GET /own HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(answer.text(), "own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_waits_for_a_tunnel_as_long_as_for_any() {
    let listen = address();
    let (peer, playing) = upstream(switching);
    let mut gateway = gateway(&format!("{listen} http2"), &proxies(peer, "upstream.websocket = true\n"));
    let (response, mut send) = open(listen).await;
    let (_, mut stream) = playing.join().unwrap();
    gateway.signal(Signal::QUIT);
    until("the drain", LIMIT, || gateway.error_log().contains("draining").then_some(()));
    send.send_data(Bytes::from_static(b"last"), true).unwrap();
    let mut heard = Vec::new();
    stream.to_end(&mut heard).unwrap();
    assert_eq!(heard, b"last");
    stream.send(b"word").unwrap();
    drop(stream);
    assert_eq!(text(response).await, "word");
    assert!(gateway.ended(LIMIT).success());
}

//! HTTP/3 from clients whose link is slow, changes, or ends in the middle.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use propylon_h3::{Code, Fields};
use propylon_tests::{LIMIT, Listener, Propylon, Signal, address};
use quinn::{Connection, VarInt};

mod http3_support;
use http3_support::{Certificates, ask, config, connect, gateway, get, proxies, speak, whole};

fn frames(path: &str) -> Fields {
    let fields = Fields::default().field(":method", "GET").field(":scheme", "https");
    fields.field(":authority", "a.test").field(":path", path)
}

fn number(code: Code) -> VarInt {
    VarInt::from_u64(code.value()).unwrap()
}

/// The first lines of the log, while the client's end of QUIC goes on.
async fn lines(gateway: &Arc<Propylon>, count: usize) -> Vec<String> {
    let gateway = gateway.clone();
    tokio::task::spawn_blocking(move || gateway.lines("access.log", count)).await.unwrap()
}

async fn open(certificates: &Certificates, at: SocketAddr) -> Connection {
    certificates.client(None).connect(at, "a.test").await.unwrap()
}

/// A link to `to` that brings the client a packet each time that `pause` has passed, and loses none.
async fn slow_link(to: SocketAddr, pause: Duration) -> SocketAddr {
    let near = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let far = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = near.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut times, mut queue) = (tokio::time::interval(pause), VecDeque::new());
        let (mut up, mut down, mut client) = ([0; 2048], [0; 2048], None);
        loop {
            tokio::select! {
                came = near.recv_from(&mut up) => {
                    let (length, from) = came.unwrap();
                    client = Some(from);
                    far.send_to(&up[..length], to).await.unwrap();
                }
                came = far.recv_from(&mut down) => queue.push_back(down[..came.unwrap().0].to_vec()),
                _ = times.tick() => if let Some(packet) = queue.pop_front() {
                    near.send_to(&packet, client.unwrap()).await.unwrap();
                }
            }
        }
    });
    at
}

/// All of a response is with QUIC long before the client has it: it is waited for as long as it takes some of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link_brings_the_end_as_well() {
    let certificates = Certificates::new();
    let text = "x".repeat(500_000);
    let (gateway, at) =
        gateway(&certificates, &format!("timeout.client_send = \"1s\"\nreturn = [200, \"{text}\"]\n"));
    let link = slow_link(at, Duration::from_millis(10)).await;
    let answer = ask(&mut connect(&certificates, link).await, get("/")).await.unwrap();
    assert_eq!((answer.status(), answer.body.len()), (200, text.len()));
    assert_eq!(gateway.lines("access.log", 1), ["\"GET / HTTP/3.0\" 200 500000"]);
}

/// Whoever has all of an answer may leave at once, and has had all of it.
#[tokio::test]
async fn who_leaves_with_the_answer_has_had_it() {
    let certificates = Certificates::new();
    let at = address();
    let text = config(&certificates, at, "return = [200, \"all\"]\n");
    let gateway = Arc::new(Propylon::start(&text.replace("$body_bytes_sent", "$request_completion")));
    for _ in 0..20 {
        let connection = open(&certificates, at).await;
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&frames("/").into_frame()).await.unwrap();
        send.finish().unwrap();
        assert!(receive.read_to_end(65_536).await.unwrap().ends_with(b"all"));
        connection.close(number(Code::NO_ERROR), b""); // what it has got it says in the same packet
    }
    assert_eq!(lines(&gateway, 20).await, ["\"GET / HTTP/3.0\" 200 OK"; 20]);
}

/// A request that comes with the word that it is not wanted any more reaches no upstream.
#[tokio::test]
async fn what_is_taken_back_at_once_goes_nowhere() {
    let certificates = Certificates::new();
    let upstream = Listener::new();
    let (gateway, at) = gateway(&certificates, &proxies(upstream.address(), ""));
    let connection = open(&certificates, at).await;
    for _ in 0..10 {
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&frames("/not").into_frame()).await.unwrap();
        send.finish().unwrap();
        receive.stop(number(Code::REQUEST_CANCELLED)).unwrap(); // in the same packet, for nothing was waited for
        drop((send, receive));
    }
    let gateway = Arc::new(gateway);
    assert_eq!(lines(&gateway, 10).await, ["\"GET /not HTTP/3.0\" 499 0"; 10]);
    // Upstreams are connected to in turn: the first is of a request that is wanted.
    let mut sender = speak(connection).await;
    let mut wanted = sender.send_request(get("/wanted")).await.unwrap();
    wanted.finish().await.unwrap();
    let playing = std::thread::spawn(move || {
        let mut stream = upstream.accept();
        let head = stream.head().unwrap().map(|head| String::from_utf8(head.0).unwrap());
        stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        (head, stream)
    });
    let answer = tokio::time::timeout(LIMIT, whole(wanted)).await;
    let (head, _stream) = playing.join().unwrap();
    assert!(head.as_ref().is_some_and(|head| head.starts_with("GET /wanted ")), "{head:?}");
    assert_eq!(answer.unwrap().unwrap().text(), "ok");
}

/// What has come and cannot be is no request, whole as it may look without that.
#[tokio::test]
async fn a_forbidden_frame_after_the_head_leaves_no_request() {
    let certificates = Certificates::new();
    let upstream = Listener::new();
    let (gateway, at) = gateway(&certificates, &proxies(upstream.address(), ""));
    let connection = open(&certificates, at).await;
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(&[&frames("/").into_frame()[..], b"\x07\x00"].concat()).await.unwrap();
    send.finish().unwrap();
    match tokio::time::timeout(LIMIT, connection.closed()).await.unwrap() {
        quinn::ConnectionError::ApplicationClosed(close) => {
            assert_eq!(close.error_code, number(Code::FRAME_UNEXPECTED));
        }
        other => panic!("{other}"),
    }
    assert_eq!(gateway.lines("access.log", 1), ["\"GET / HTTP/3.0\" 400 0"]);
    assert!(upstream.try_accept().is_none());
}

/// A client that comes from another address gets what it has asked for; for what it asks next it has to be judged anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_another_address_gets_what_it_has_asked_for() {
    let certificates = Certificates::new();
    let (at, upstream) = (address(), Listener::new());
    let late = proxies(upstream.address(), "").replace("match = \"/\"", "match = \"/late\"");
    let rest = format!("{late}[[server.location]]\nmatch = \"/\"\nreturn = [200, \"$remote_addr\"]\n");
    let text = format!("[runtime]\nworkers = 4\n{}", config(&certificates, at, &rest));
    let gateway = Propylon::start(&text);
    let endpoint = certificates.client(None).endpoint();
    let mut sender = speak(endpoint.connect(at, "a.test").unwrap().await.unwrap()).await;
    assert_eq!(ask(&mut sender, get("/")).await.unwrap().text(), "127.0.0.1");
    let mut late = sender.send_request(get("/late")).await.unwrap();
    late.finish().await.unwrap();
    let playing = tokio::task::spawn_blocking(move || {
        let mut stream = upstream.accept();
        let _ = stream.head().unwrap().unwrap();
        stream
    });
    let mut stream = playing.await.unwrap();
    endpoint.rebind(UdpSocket::bind("127.0.0.2:0").unwrap()).unwrap();
    let error = ask(&mut sender, get("/")).await.err().unwrap().to_string();
    assert!(error.contains("H3_REQUEST_REJECTED") || error.contains("closing"), "{error}");
    stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhere").unwrap();
    assert_eq!(whole(late).await.unwrap().text(), "here");
    let mut other = speak(endpoint.connect(at, "a.test").unwrap().await.unwrap()).await;
    assert_eq!(ask(&mut other, get("/")).await.unwrap().text(), "127.0.0.2");
    let lines = gateway.lines("access.log", 3);
    assert!(lines.contains(&"\"GET /late HTTP/3.0\" 200 4".to_owned()), "{lines:?}");
}

/// The port of an address that a reload has taken away is in use for as long as somebody is there: the configuration stays as it is.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_gone_is_in_use_until_its_last_connection_has_ended() {
    let certificates = Certificates::new();
    let (at, other, upstream) = (address(), address(), Listener::new());
    let text = |at| config(&certificates, at, &proxies(upstream.address(), ""));
    let gateway = Propylon::start(&text(at));
    let mut sender = connect(&certificates, at).await;
    let mut late = sender.send_request(get("/")).await.unwrap();
    late.finish().await.unwrap();
    let mut stream = tokio::task::block_in_place(|| upstream.accept());
    let _ = stream.head().unwrap().unwrap();
    for (to, told) in [(other, "reloaded"), (at, "Address already in use")] {
        gateway.rewrite(&text(to));
        gateway.signal(Signal::HUP);
        gateway.tells(told);
    }
    assert!(certificates.client(None).connect(at, "a.test").await.is_err());
    assert!(certificates.client(None).connect(other, "a.test").await.is_ok());
    stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate").unwrap();
    assert_eq!(whole(late).await.unwrap().text(), "late");
}

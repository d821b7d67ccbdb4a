//! HTTP/3 from clients that do what they should not: the connection's work is bounded, and others notice nothing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use propylon_h3::{Code, Fields, Settings, control, data};
use propylon_testkit::http2::Http2Peer;
use propylon_tests::{LIMIT, Propylon, until};
use quinn::{
    Connection, ConnectionError, ReadToEndError, RecvStream, SendStream, TransportConfig, VarInt, WriteError,
};

mod http3_support;
use http3_support::{Certificates, ask, connect, get};

/// A gateway that answers at `/` by itself, and at `/hang` waits for a peer that never answers.
fn gateway(certificates: &Certificates, rest: &str) -> (Propylon, SocketAddr, Http2Peer) {
    let peer = Http2Peer::frames(|_, frames| async move {
        // What comes is HTTP/1.1: nothing of it is read.
        let _frames = frames;
        std::future::pending::<io::Result<()>>().await
    });
    let rest = format!(
        "{rest}\n[[server.location]]\nmatch = \"/\"\nreturn = [200, \"{}\"]\n\
         [[server.location]]\nmatch = \"/hang\"\nproxy_pass = \"http://{}\"\n",
        "x".repeat(600),
        peer.addr()
    );
    let (gateway, at) = http3_support::gateway(certificates, &rest);
    (gateway, at, peer)
}

async fn open(certificates: &Certificates, at: SocketAddr) -> Connection {
    certificates.client(None).connect(at, "a.test").await.unwrap()
}

fn asks(method: &str, path: &str) -> Fields {
    let fields = Fields::default().field(":method", method).field(":scheme", "https");
    fields.field(":authority", "a.test").field(":path", path)
}

fn number(code: Code) -> VarInt {
    VarInt::from_u64(code.value()).unwrap()
}

/// With which code the gateway closes a connection.
async fn closed(connection: &Connection) -> VarInt {
    match tokio::time::timeout(LIMIT, connection.closed()).await.unwrap() {
        ConnectionError::ApplicationClosed(close) => close.error_code,
        other => panic!("{other}"),
    }
}

/// Writes, and ends the stream.
async fn say(mut stream: SendStream, bytes: &[u8]) {
    // The gateway may have had enough of it meanwhile.
    if stream.write_all(bytes).await.is_ok() {
        let _ = stream.finish();
    }
    let _ = stream.stopped().await;
}

/// What comes of a request as bytes: all that is answered, or with what the stream is reset.
async fn request(connection: &Connection, bytes: &[u8]) -> Result<Vec<u8>, VarInt> {
    let (mut send, receive) = connection.open_bi().await.unwrap();
    send.write_all(bytes).await.unwrap();
    send.finish().unwrap();
    answer(receive).await
}

async fn answer(mut receive: RecvStream) -> Result<Vec<u8>, VarInt> {
    let read = tokio::time::timeout(LIMIT, receive.read_to_end(65_536)).await.unwrap();
    read.map_err(|error| match error {
        ReadToEndError::Read(quinn::ReadError::Reset(code)) => code,
        other => panic!("{other}"),
    })
}

/// Others are served all the while.
async fn serves(certificates: &Certificates, at: SocketAddr) {
    let answer = ask(&mut connect(certificates, at).await, get("/")).await.unwrap();
    assert_eq!((answer.status(), answer.body.len()), (200, 600));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_request_may_be_closes_the_connection() {
    let certificates = Certificates::new();
    let (gateway, at, _peer) = gateway(&certificates, "");
    let head = asks("GET", "/").into_frame();
    let after = |more: &[u8]| [&head[..], more].concat();
    for (what, bytes, code) in [
        ("a body first", b"\x00\x01x".to_vec(), Code::FRAME_UNEXPECTED),
        ("settings", b"\x04\x00".to_vec(), Code::FRAME_UNEXPECTED),
        ("a push", b"\x05\x01\x00".to_vec(), Code::FRAME_UNEXPECTED),
        ("PRIORITY of HTTP/2", b"\x02\x00".to_vec(), Code::FRAME_UNEXPECTED),
        ("a frame that is cut", b"\x01\x20\x00\x00".to_vec(), Code::FRAME_ERROR),
        ("a dynamic table", b"\x01\x03\x02\x00\x80".to_vec(), Code::QPACK_DECOMPRESSION_FAILED),
        ("no fields at all", b"\x01\x00".to_vec(), Code::QPACK_DECOMPRESSION_FAILED),
        (
            "a text that is no text",
            b"\x01\x05\x00\x00\x51\x81\x00".to_vec(),
            Code::QPACK_DECOMPRESSION_FAILED,
        ),
        ("GOAWAY after a head", after(b"\x07\x01\x00"), Code::FRAME_UNEXPECTED),
    ] {
        let connection = open(&certificates, at).await;
        let (send, _receive) = connection.open_bi().await.unwrap();
        // What follows a head is looked at when the body is read, or the stream is given up.
        if what.contains("after") {
            let mut send = send;
            let posts = [&asks("POST", "/hang").into_frame()[..], &bytes[head.len()..]].concat();
            send.write_all(&posts).await.unwrap();
            assert_eq!(closed(&connection).await, number(code), "{what}");
        } else {
            let (_, closed) = tokio::join!(say(send, &bytes), closed(&connection));
            assert_eq!(closed, number(code), "{what}");
        }
    }
    gateway.tells("client violated HTTP/3: DATA before HEADERS (FRAME_UNEXPECTED)");
    gateway
        .tells("client violated HTTP/3: a field section that cannot be decoded (QPACK_DECOMPRESSION_FAILED)");
    serves(&certificates, at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_one_direction_that_cannot_be_close_the_connection() {
    let certificates = Certificates::new();
    let (gateway, at, _peer) = gateway(&certificates, "");
    let settings = control(&Settings::default());
    let settled = |more: &[u8]| [&settings[..], more].concat();
    for (what, streams, code) in [
        ("no settings", vec![b"\x00\x07\x01\x00".to_vec()], Code::MISSING_SETTINGS),
        ("settings twice", vec![settled(b"\x04\x00")], Code::FRAME_UNEXPECTED),
        ("a request's frame", vec![settled(b"\x01\x00")], Code::FRAME_UNEXPECTED),
        ("a setting of HTTP/2", vec![b"\x00\x04\x02\x04\x01".to_vec()], Code::SETTINGS_ERROR),
        ("a setting twice", vec![b"\x00\x04\x04\x06\x01\x06\x01".to_vec()], Code::SETTINGS_ERROR),
        ("less pushes", vec![settled(b"\x0d\x01\x02\x0d\x01\x01")], Code::ID_ERROR),
        ("a frame of megabytes", vec![settled(b"\x07\x80\x7f\xff\xff")], Code::EXCESSIVE_LOAD),
        ("two control streams", vec![settled(b""), settled(b"")], Code::STREAM_CREATION_ERROR),
        ("a push stream", vec![b"\x01\x00".to_vec()], Code::STREAM_CREATION_ERROR),
        ("an insertion", vec![b"\x02\x3f\x20".to_vec()], Code::QPACK_ENCODER_STREAM_ERROR),
        ("an acknowledgment", vec![b"\x03\x80".to_vec()], Code::QPACK_DECODER_STREAM_ERROR),
    ] {
        let connection = open(&certificates, at).await;
        let mut open = Vec::new();
        for bytes in streams {
            let mut stream = connection.open_uni().await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            open.push(stream);
        }
        assert_eq!(closed(&connection).await, number(code), "{what}");
    }
    // Those that the connection lives by must not end.
    for kind in [settled(b""), vec![2], vec![3]] {
        let connection = open(&certificates, at).await;
        let stream = connection.open_uni().await.unwrap();
        let (_, closed) = tokio::join!(say(stream, &kind), closed(&connection));
        assert_eq!(closed, number(Code::CLOSED_CRITICAL_STREAM), "{kind:?}");
    }
    gateway.tells(
        "client violated HTTP/3: a control stream that does not begin with SETTINGS (MISSING_SETTINGS)",
    );
    // What nobody knows is not read, and that is all.
    let connection = open(&certificates, at).await;
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(b"\x21hello").await.unwrap();
    let stopped = tokio::time::timeout(LIMIT, stream.stopped()).await.unwrap().unwrap();
    assert_eq!(stopped, Some(number(Code::STREAM_CREATION_ERROR)));
    assert!(request(&connection, &asks("GET", "/").into_frame()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_stream_errors() {
    let certificates = Certificates::new();
    let (gateway, at, _peer) = gateway(&certificates, "");
    let connection = open(&certificates, at).await;
    let pseudo = |fields: &[(&str, &str)]| {
        fields.iter().fold(Fields::default(), |all, (name, value)| all.field(name, value)).into_frame()
    };
    let plus = |name: &str, value: &str| asks("GET", "/").field(name, value).into_frame();
    let malformed = [
        plus("Accept", "a"),
        plus("a b", "a"),
        plus("", "a"),
        plus("x", "a\r\nb: c"),
        plus("x", "a\0"),
        plus("x", " a"),
        plus("connection", "close"),
        plus("keep-alive", "1"),
        plus("proxy-connection", "close"),
        plus("transfer-encoding", "chunked"),
        plus("upgrade", "websocket"),
        plus("te", "gzip"),
        plus("content-length", "x"),
        plus(":path", "/b"),
        plus(":status", "200"),
        plus(":unknown", "x"),
        asks("GET", "/").field("x", "y").field(":protocol", "x").into_frame(),
        asks("G T", "/").into_frame(),
        asks("GET", "").into_frame(),
        asks("GET", "/a b").into_frame(),
        pseudo(&[(":scheme", "https"), (":authority", "a.test"), (":path", "/")]),
        pseudo(&[(":method", "GET"), (":authority", "a.test"), (":path", "/")]),
        pseudo(&[(":method", "GET"), (":scheme", "https"), (":authority", "a.test")]),
        pseudo(&[(":method", "CONNECT"), (":authority", "a.test"), (":path", "/")]),
        pseudo(&[("host", "a.test")]),
    ];
    for head in &malformed {
        let came = request(&connection, head).await;
        assert_eq!(came, Err(number(Code::MESSAGE_ERROR)), "{head:x?}");
    }
    assert_eq!(request(&connection, b"").await, Err(number(Code::REQUEST_INCOMPLETE)));
    assert_eq!(request(&connection, b"\x21\x02xx").await, Err(number(Code::REQUEST_INCOMPLETE)));
    assert!(request(&connection, &asks("GET", "/").into_frame()).await.is_ok(), "the connection goes on");
    let lines = gateway.lines("access.log", malformed.len() + 3);
    let bad = lines.iter().filter(|line| line.contains(" 400 ")).count();
    assert_eq!(bad, malformed.len() + 2, "{lines:?}");
    gateway.tells("client violated HTTP/3: a connection-specific field (MESSAGE_ERROR)");
}

/// A body that is not as long as it was announced goes nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_as_long_as_they_were_announced() {
    let certificates = Certificates::new();
    let (gateway, at, peer) = gateway(&certificates, "");
    let connection = open(&certificates, at).await;
    let trailers = Fields::default().field("x", "y").into_frame();
    let bad_trailers = Fields::default().field(":path", "/").into_frame();
    for (nth, rest) in [
        [&data(4)[..], b"long"].concat(),
        [&data(2)[..], b"sh", &data(2)[..], b"or"].concat(),
        [&data(2)[..], b"sh"].concat(),
        [&data(2)[..], b"sh", &trailers[..]].concat(),
        [&data(3)[..], b"fit", &bad_trailers[..]].concat(),
        Vec::new(),
    ]
    .into_iter()
    .enumerate()
    {
        let head = asks("POST", "/hang").field("content-length", "3").into_frame();
        let bytes = [&head[..], &rest].concat();
        let (mut send, receive) = connection.open_bi().await.unwrap();
        let _ = send.write_all(&bytes).await;
        let _ = send.finish();
        let came = answer(receive).await.unwrap();
        let expected = propylon_h3::response(http::StatusCode::BAD_REQUEST, &http::HeaderMap::new());
        let expected = &expected[4..];
        assert!(came[..12].windows(expected.len()).any(|part| part == expected), "{nth}: {came:x?}");
        assert!(gateway.lines("access.log", nth + 1)[nth].starts_with("\"POST /hang HTTP/3.0\" 400 "));
    }
    assert_eq!(peer.accepted(), 0);
}

/// Has a client go on until the gateway has had enough.
async fn floods<F>(name: &str, certificates: &Certificates, says: &str, flood: F)
where
    F: AsyncFn(&Connection) -> Result<(), WriteError>,
{
    let (gateway, at, _peer) = gateway(certificates, "");
    let connection = open(certificates, at).await;
    let flooding = async {
        while connection.close_reason().is_none() && flood(&connection).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let (_, closed) = tokio::join!(flooding, closed(&connection));
    assert_eq!(closed, number(Code::EXCESSIVE_LOAD), "{name}");
    gateway.tells(&format!("http3 flood detected: too many {says}"));
    serves(certificates, at).await;
}

fn lost(_: ConnectionError) -> WriteError {
    WriteError::ClosedStream
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_not_waited_for_are_bounded() {
    let certificates = Certificates::new();
    let hang = asks("GET", "/hang").into_frame();
    let cancels = async |connection: &Connection| {
        let (mut send, mut receive) = connection.open_bi().await.map_err(lost)?;
        send.write_all(&hang).await?;
        let _ = send.reset(number(Code::REQUEST_CANCELLED));
        let _ = receive.stop(number(Code::REQUEST_CANCELLED));
        Ok(())
    };
    floods("rapid reset", &certificates, "cancelled streams", cancels).await;
    let provokes = async |connection: &Connection| {
        let (mut send, mut receive) = connection.open_bi().await.map_err(lost)?;
        send.write_all(&Fields::default().field("host", "a").into_frame()).await?;
        let _ = receive.read_to_end(1000).await;
        Ok(())
    };
    floods("what the gateway has to reset", &certificates, "refused streams", provokes).await;
    let of_no_use = async |connection: &Connection| {
        let mut send = connection.open_uni().await.map_err(lost)?;
        send.write_all(b"\x21").await?;
        let _ = send.finish();
        let _ = send.stopped().await;
        Ok(())
    };
    floods("streams of no use", &certificates, "unknown or unused streams", of_no_use).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_ask_for_nothing_are_bounded() {
    let certificates = Certificates::new();
    let post = asks("POST", "/hang").into_frame();
    let frames = async |connection: &Connection, first: &[u8], frame: &[u8]| {
        let (mut send, _receive) = connection.open_bi().await.map_err(lost)?;
        send.write_all(first).await?;
        for _ in 0..2000 {
            send.write_all(frame).await?;
        }
        let _ = connection.closed().await;
        Ok(())
    };
    floods("unknown frames before a head", &certificates, "unknown frames", async |connection| {
        frames(connection, b"", b"\x21\x00").await
    })
    .await;
    floods("unknown frames in a body", &certificates, "unknown frames", async |connection| {
        frames(connection, &post, b"\x21\x01x").await
    })
    .await;
    floods("empty DATA", &certificates, "empty DATA frames", async |connection| {
        frames(connection, &post, b"\x00\x00").await
    })
    .await;
    floods("the control stream", &certificates, "frames of the control stream", async |connection| {
        let mut send = connection.open_uni().await.map_err(lost)?;
        send.write_all(&control(&Settings::default())).await?;
        for _ in 0..2000 {
            send.write_all(b"\x21\x00").await?;
        }
        let _ = connection.closed().await;
        Ok(())
    })
    .await;
}

/// Each of them is no larger than it may be, and none is all there.
#[tokio::test(flavor = "multi_thread")]
async fn heads_at_once_are_bounded() {
    let certificates = Certificates::new();
    let begun = [&b"\x01\x80\x01\x00\x00"[..], &[0; 60_000]].concat(); // of 65,536
    floods(
        "heads that are not all there",
        &certificates,
        "incomplete request heads at the same time",
        async |connection| {
            let mut open = Vec::new();
            for _ in 0..100 {
                let (mut send, receive) = connection.open_bi().await.map_err(lost)?;
                send.write_all(&begun).await?;
                open.push((send, receive));
            }
            let _ = connection.closed().await;
            Ok(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stands_still_is_not_waited_for() {
    let certificates = Certificates::new();
    let limits = "timeout = { client_header = \"1s\", client_send = \"1s\", client_body = \"1s\", keepalive = \"1s\" }\n";
    let (gateway, at, _peer) = gateway(&certificates, limits);
    // It asks for nothing.
    let connection = open(&certificates, at).await;
    assert_eq!(closed(&connection).await, number(Code::NO_ERROR));
    // In the middle of a head.
    let connection = open(&certificates, at).await;
    let (mut send, receive) = connection.open_bi().await.unwrap();
    send.write_all(b"\x01\x20\x00\x00").await.unwrap();
    assert_eq!(answer(receive).await, Err(number(Code::REQUEST_INCOMPLETE)));
    gateway.tells("client timed out (110: Connection timed out) while reading client request headers");
    gateway.tells("client sent a request that cannot be served: 408");
    // Between requests.
    let connection = open(&certificates, at).await;
    assert!(request(&connection, &asks("GET", "/").into_frame()).await.is_ok());
    assert_eq!(closed(&connection).await, number(Code::NO_ERROR));
    // It sends nothing of a body.
    let connection = open(&certificates, at).await;
    let (mut send, _receive) = connection.open_bi().await.unwrap();
    send.write_all(&asks("POST", "/hang").field("content-length", "3").into_frame()).await.unwrap();
    until("the log line of the slow body", LIMIT, || {
        let lines = gateway.lines_now("access.log");
        lines.iter().any(|line| line.starts_with("\"POST /hang HTTP/3.0\" 408 ")).then_some(())
    });
    // It takes nothing of a response.
    let client = certificates.client(None);
    let endpoint = client.endpoint();
    let quic = quinn::crypto::rustls::QuicClientConfig::try_from(client.tls.clone()).unwrap();
    let mut transport = TransportConfig::default();
    transport.stream_receive_window(10_u32.into());
    let mut config = quinn::ClientConfig::new(Arc::new(quic));
    config.transport_config(Arc::new(transport));
    let connection = endpoint.connect_with(config, at, "a.test").unwrap().await.unwrap();
    let (mut send, receive) = connection.open_bi().await.unwrap();
    send.write_all(&asks("GET", "/").into_frame()).await.unwrap();
    send.finish().unwrap();
    gateway.tells("client timed out (110: Connection timed out) while sending response to client");
    assert_eq!(answer(receive).await, Err(number(Code::REQUEST_CANCELLED)));
    serves(&certificates, at).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_is_logged_as_such() {
    let certificates = Certificates::new();
    let (gateway, at, peer) = gateway(&certificates, "");
    let connection = open(&certificates, at).await;
    let ask = async || {
        let (mut send, receive) = connection.open_bi().await.unwrap();
        send.write_all(&asks("GET", "/hang").into_frame()).await.unwrap();
        send.finish().unwrap();
        receive
    };
    let mut first = ask().await;
    until("the peer", LIMIT, || (peer.accepted() == 1).then_some(()));
    first.stop(number(Code::REQUEST_CANCELLED)).unwrap();
    assert!(gateway.lines("access.log", 1)[0].starts_with("\"GET /hang HTTP/3.0\" 499 "));
    let _second = ask().await;
    until("the peer", LIMIT, || (peer.accepted() == 2).then_some(()));
    connection.close(number(Code::NO_ERROR), b"");
    assert!(gateway.lines("access.log", 2)[1].starts_with("\"GET /hang HTTP/3.0\" 499 "));
}

/// What the gateway says on its control stream until the connection is over, without the settings.
async fn told(connection: &Connection) -> Vec<u8> {
    let mut control = connection.accept_uni().await.unwrap();
    let (mut all, mut piece) = (Vec::new(), [0; 100]);
    while let Ok(Some(read)) = control.read(&mut piece).await {
        all.extend_from_slice(&piece[..read]);
    }
    assert_eq!(all[..2], [0, 4], "settings");
    all.split_off(3 + usize::from(all[2]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_has_as_many_requests_as_it_may() {
    let certificates = Certificates::new();
    let (_gateway, at, _peer) = gateway(&certificates, "keepalive_requests = 3\n");
    let connection = open(&certificates, at).await;
    let watching = tokio::spawn({
        let connection = connection.clone();
        async move { told(&connection).await }
    });
    let get = asks("GET", "/").into_frame();
    for _ in 0..3 {
        assert!(request(&connection, &get).await.is_ok());
    }
    assert_eq!(closed(&connection).await, number(Code::NO_ERROR));
    let goaway = propylon_h3::goaway(propylon_h3::LAST_STREAM);
    assert_eq!(watching.await.unwrap(), &goaway[..], "there is no more to ask for, and all was answered");
}

/// What is no QUIC, or none that is spoken, is nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn packets_of_anything_are_nobodys() {
    let certificates = Certificates::new();
    let (mut gateway, at, _peer) = gateway(&certificates, "");
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    for length in [0, 1, 5, 20, 21, 100, 1200, 1400] {
        for first in [0x00, 0x40, 0x80, 0xc0, 0xc3, 0xd0, 0xe0, 0xf0, 0xff] {
            let mut packet: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
            if let Some(byte) = packet.first_mut() {
                *byte = first;
            }
            for version in [[0, 0, 0, 1], [0, 0, 0, 0], [0xaa; 4]] {
                if packet.len() > 5 {
                    packet[1..5].copy_from_slice(&version);
                    packet[5] = 8;
                }
                socket.send_to(&packet, at).unwrap();
            }
        }
    }
    serves(&certificates, at).await;
    assert!(gateway.runs());
}

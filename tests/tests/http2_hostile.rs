//! HTTP/2 from clients that do what they should not: the connection's work is bounded, and others notice nothing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::io;
use std::net::SocketAddr;

use propylon_testkit::http2::{END_STREAM, Frame, Frames, Http2Peer, kind};
use propylon_tests::{LIMIT, Propylon, Signal, addresses, until};

/// Codes of errors (RFC 9113 7).
const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;
const CANCEL: u32 = 8;
const CALM: u32 = 11;

/// SETTINGS_INITIAL_WINDOW_SIZE.
const INITIAL_WINDOW: u16 = 4;

/// The type PRIORITY, and one that is none.
const PRIORITY: u8 = 2;
const UNKNOWN: u8 = 0xf0;

/// HEADERS with their end.
const GET: &[(&str, &str)] =
    &[(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")];

/// A gateway that answers at `/` by itself, and at `/hang` waits for a peer that never answers.
fn gateway(listen: SocketAddr, hangs: SocketAddr, rest: &str) -> Propylon {
    Propylon::start(&format!(
        "[error_log]\npath = \"@DIR@/error.log\"\nlevel = \"info\"\n\
         [log_format]\nl = '\"$request\" $status'\n\
         [defaults.access_log]\npath = \"@DIR@/access.log\"\nformat = \"l\"\n\
         [[server]]\nlisten = [\"{listen} http2\"]\n{rest}\n\
         [[server.location]]\nmatch = \"/\"\nreturn = [200, \"{}\"]\n\
         [[server.location]]\nmatch = \"/hang\"\nproxy_pass = \"http://{hangs}\"\n",
        "x".repeat(600)
    ))
}

/// A peer that takes requests and says nothing.
fn hanging() -> Http2Peer {
    Http2Peer::frames(|_, mut frames| async move {
        // What comes is HTTP/1.1: nothing of it is read.
        let _ = &mut frames;
        std::future::pending::<io::Result<()>>().await
    })
}

fn with(
    base: &[(&'static str, &'static str)],
    changes: &[(&'static str, &'static str)],
) -> Vec<(&'static str, &'static str)> {
    let mut fields = base.to_vec();
    for &(name, value) in changes {
        match fields.iter_mut().find(|field| field.0 == name) {
            Some(field) => field.1 = value,
            None => fields.push((name, value)),
        }
    }
    fields
}

fn code(frame: &Frame) -> u32 {
    let at = if frame.kind == kind::GOAWAY { 4 } else { 0 };
    u32::from_be_bytes(frame.payload[at..at + 4].try_into().unwrap())
}

/// The code of the next frame of a kind.
async fn next(frames: &mut Frames, kind: u8) -> u32 {
    let frame = tokio::time::timeout(LIMIT, frames.next(kind)).await;
    code(&frame.unwrap_or_else(|_| panic!("no frame of kind {kind}")).unwrap())
}

fn logged(gateway: &Propylon, text: &str) {
    until(&format!("`{text}` in the error log"), LIMIT, || gateway.error_log().contains(text).then_some(()));
}

/// Sends what `flood` says, over and over, until the gateway has had enough.
async fn floods<F>(name: &str, settings: &[(u16, u32)], says: &str, mut flood: F)
where
    F: AsyncFnMut(&mut Frames, u32) -> io::Result<()>,
{
    let [listen] = addresses();
    let peer = hanging();
    let gateway = gateway(listen, peer.addr(), "keepalive_requests = 100000\n");
    let mut frames = Frames::connect(listen, settings).await.unwrap();
    for n in 0..20_000 {
        // Refused when it has been told off and the connection is gone.
        if flood(&mut frames, n).await.is_err() {
            break;
        }
    }
    assert_eq!(next(&mut frames, kind::GOAWAY).await, CALM, "{name}");
    logged(&gateway, says);
    let mut other = Frames::connect(listen, &[]).await.unwrap();
    other.head(1, GET, true).await.unwrap();
    assert_eq!(
        tokio::time::timeout(LIMIT, other.next(kind::HEADERS)).await.unwrap().unwrap().payload[0],
        0x88,
        "{name}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_ask_for_nothing_are_bounded() {
    floods("settings", &[], "http2 flood detected: too many SETTINGS", async |frames, _| {
        frames.settings(&[(INITIAL_WINDOW, 70_000)]).await
    })
    .await;
    floods("pings", &[], "http2 flood detected: too many PING", async |frames, _| {
        frames.send(kind::PING, 0, 0, &[1; 8]).await
    })
    .await;
    floods("priorities", &[], "http2 flood detected: too many PRIORITY", async |frames, n| {
        frames.send(PRIORITY, 0, 2 * n + 1, &[0, 0, 0, 0, 1]).await
    })
    .await;
    floods("unknown", &[], "http2 flood detected: too many unknown", async |frames, _| {
        frames.send(UNKNOWN, 0, 0, &[]).await
    })
    .await;
    floods("windows", &[], "http2 flood detected: too many WINDOW_UPDATE", async |frames, _| {
        frames.window(0, 1).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_not_waited_for_are_bounded() {
    let hang = with(GET, &[(":path", "/hang")]);
    floods("rapid reset", &[], "http2 flood detected", async |frames, n| {
        frames.head(2 * n + 1, &hang, true).await?;
        frames.reset(2 * n + 1, CANCEL).await
    })
    .await;
    // Each is reset by the gateway itself, for what the client does then.
    floods("made you reset", &[], "http2 flood detected", async |frames, n| {
        frames.head(2 * n + 1, &hang, true).await?;
        frames.window(2 * n + 1, u32::MAX >> 1).await // more than a window may be
    })
    .await;
    floods("malformed", &[], "http2 flood detected", async |frames, n| {
        frames.head(2 * n + 1, &with(GET, &[("connection", "close")]), true).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_of_fields_and_empty_bodies_are_bounded() {
    floods("continuations", &[], "http2 flood detected", async |frames, n| {
        if n == 0 {
            return frames.send(kind::HEADERS, END_STREAM, 1, &[0x82]).await;
        }
        frames.send(kind::CONTINUATION, 0, 1, &[]).await
    })
    .await;
    let post = with(GET, &[(":method", "POST"), (":path", "/hang")]);
    floods("empty data", &[], "http2 flood detected", async |frames, n| {
        if n == 0 {
            return frames.head(1, &post, false).await;
        }
        frames.data(1, b"", false).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_that_are_opened_by_a_byte_are_bounded() {
    floods("small windows", &[(INITIAL_WINDOW, 0)], "http2 flood detected: too many", async |frames, n| {
        if n % 500 == 0 {
            frames.head(n / 250 + 1, GET, true).await?;
        }
        frames.window(n / 500 * 2 + 1, 1).await
    })
    .await;
}

/// A request whose stream is reset with this code, on a connection that goes on.
async fn refused(listen: SocketAddr, fields: &[(&str, &str)], body: Option<&[u8]>, expected: u32) {
    let mut frames = Frames::connect(listen, &[]).await.unwrap();
    frames.head(1, fields, body.is_none()).await.unwrap();
    if let Some(body) = body {
        frames.data(1, body, true).await.unwrap();
    }
    assert_eq!(next(&mut frames, kind::RST_STREAM).await, expected, "{fields:?}");
    frames.head(3, GET, true).await.unwrap();
    let answer = frames.next(kind::HEADERS).await.unwrap();
    assert_eq!((answer.stream, answer.payload[0]), (3, 0x88), "{fields:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_requests_are_stream_errors() {
    let [listen] = addresses();
    let peer = hanging();
    let gateway = gateway(listen, peer.addr(), "");
    let malformed = [
        with(GET, &[("connection", "close")]),
        with(GET, &[("transfer-encoding", "chunked")]),
        with(GET, &[("upgrade", "h2c")]),
        with(GET, &[("keep-alive", "1")]),
        with(GET, &[("proxy-connection", "close")]),
        with(GET, &[("te", "gzip")]),
        with(GET, &[("content-length", "5")]),
        with(GET, &[(":status", "200")]),
        with(GET, &[(":path", "")]),
        with(GET, &[(":protocol", "websocket")]),
        GET[1..].to_vec(),
        GET[..3].to_vec(),
        [&[("x", "a")], GET].concat(),
        [GET, &[(":path", "/")]].concat(),
    ];
    for fields in &malformed {
        refused(listen, fields, None, PROTOCOL_ERROR).await;
    }
    // These are no fields at all: the engine takes that for a fault of the connection.
    for (name, value) in [("X-Upper", "a"), ("x", "a\r\nb: c"), ("x", "a\0b"), ("x y", "a")] {
        let mut frames = Frames::connect(listen, &[]).await.unwrap();
        frames.head(1, &with(GET, &[(name, value)]), true).await.unwrap();
        assert_eq!(next(&mut frames, kind::GOAWAY).await, PROTOCOL_ERROR, "{name}: {value:?}");
    }
    logged(&gateway, "client violated HTTP/2 (PROTOCOL_ERROR)");
    let post = with(GET, &[(":method", "POST"), (":path", "/hang"), ("content-length", "3")]);
    refused(listen, &post, Some(b"ab"), PROTOCOL_ERROR).await;
    refused(listen, &post, Some(b"abcd"), PROTOCOL_ERROR).await;
    let lines = gateway.lines("access.log", 2 * (malformed.len() + 2));
    let bad = lines.iter().filter(|line| line.ends_with("400")).count();
    assert_eq!(bad, malformed.len() + 2, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stands_still_is_not_waited_for() {
    let [listen] = addresses();
    let peer = hanging();
    let gateway = gateway(
        listen,
        peer.addr(),
        "timeout = { client_header = \"1s\", client_send = \"1s\", client_body = \"1s\", keepalive = \"1s\" }\n",
    );
    // In the middle of a frame, and of a block of fields.
    let mut frames = Frames::connect(listen, &[]).await.unwrap();
    frames.bytes(&[0, 0, 5, kind::HEADERS]).await.unwrap();
    assert_eq!(next(&mut frames, kind::GOAWAY).await, PROTOCOL_ERROR);
    logged(&gateway, "client timed out (110: Connection timed out) while processing HTTP/2 connection");
    let mut frames = Frames::connect(listen, &[]).await.unwrap();
    frames.send(kind::HEADERS, END_STREAM, 1, &[0x82]).await.unwrap();
    assert_eq!(next(&mut frames, kind::GOAWAY).await, PROTOCOL_ERROR);
    // Between requests.
    let mut frames = Frames::connect(listen, &[]).await.unwrap();
    frames.head(1, GET, true).await.unwrap();
    frames.next(kind::DATA).await.unwrap();
    assert_eq!(next(&mut frames, kind::GOAWAY).await, NO_ERROR);
    assert!(frames.hang().await.is_err());
    // It takes nothing of a response.
    let mut frames = Frames::connect(listen, &[(INITIAL_WINDOW, 0)]).await.unwrap();
    frames.head(1, GET, true).await.unwrap();
    assert_eq!(next(&mut frames, kind::RST_STREAM).await, CANCEL);
    logged(&gateway, "client timed out (110: Connection timed out) while sending response to client");
    // It sends nothing of a body.
    let mut frames = Frames::connect(listen, &[]).await.unwrap();
    frames
        .head(1, &with(GET, &[(":method", "POST"), (":path", "/hang"), ("content-length", "3")]), false)
        .await
        .unwrap();
    frames.next(kind::HEADERS).await.unwrap();
    until("the log line of the slow body", LIMIT, || {
        gateway.lines_now("access.log").iter().any(|line| line == "\"POST /hang HTTP/2.0\" 408").then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_is_logged_as_such() {
    let [listen] = addresses();
    let peer = hanging();
    let gateway = gateway(listen, peer.addr(), "");
    let hang = with(GET, &[(":path", "/hang")]);
    let mut frames = Frames::connect(listen, &[]).await.unwrap();
    frames.head(1, &hang, true).await.unwrap();
    until("the peer", LIMIT, || (peer.accepted() == 1).then_some(()));
    frames.reset(1, CANCEL).await.unwrap();
    assert_eq!(gateway.lines("access.log", 1), ["\"GET /hang HTTP/2.0\" 499"]);
    frames.head(3, &hang, true).await.unwrap();
    until("the peer", LIMIT, || (peer.accepted() == 2).then_some(()));
    drop(frames);
    assert_eq!(gateway.lines("access.log", 2)[1], "\"GET /hang HTTP/2.0\" 499");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_has_as_many_requests_as_it_may_and_the_gateway_ends_in_order() {
    let [listen] = addresses();
    let peer = hanging();
    let mut gateway = gateway(listen, peer.addr(), "keepalive_requests = 3\n");
    let mut frames = Frames::connect(listen, &[]).await.unwrap();
    for n in 0..3 {
        frames.head(2 * n + 1, GET, true).await.unwrap();
    }
    let (mut answers, mut away) = (0, None);
    while let Ok(frame) = tokio::time::timeout(LIMIT, frames.read()).await.unwrap() {
        answers += u32::from(frame.kind == kind::DATA && frame.flags & END_STREAM != 0);
        if frame.kind == kind::GOAWAY {
            away = Some((u32::from_be_bytes(frame.payload[..4].try_into().unwrap()), code(&frame)));
        }
    }
    assert_eq!((answers, away), (3, Some((5, NO_ERROR))), "all are answered, and the last is named");

    let mut frames = Frames::connect(listen, &[(INITIAL_WINDOW, 0)]).await.unwrap();
    frames.head(1, GET, true).await.unwrap();
    frames.next(kind::HEADERS).await.unwrap();
    gateway.signal(Signal::QUIT);
    assert_eq!(next(&mut frames, kind::GOAWAY).await, NO_ERROR);
    frames.window(1, 1000).await.unwrap();
    let data = frames.next(kind::DATA).await.unwrap();
    assert_eq!(
        (data.payload.len(), data.flags & END_STREAM),
        (600, END_STREAM),
        "what is in flight is finished"
    );
    drop(frames);
    assert!(gateway.ended(LIMIT).success());
}

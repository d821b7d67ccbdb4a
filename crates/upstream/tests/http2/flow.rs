//! Who is slow holds up nobody else, and has nothing piled up.

use bytes::Bytes;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use propylon_testkit::http2::{END_STREAM, Http2Peer, kind};
use propylon_upstream::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::support::{Fixture, echo, full, get, read, settle, soon};

#[tokio::test]
async fn a_response_that_is_not_read_stops_its_peer_and_nobody_else() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let fixture = Fixture::frames(move |_, mut frames| {
        let count = Arc::clone(&count);
        async move {
            let slow = frames.request().await?;
            frames.head(slow, &[(":status", "200")], false).await?;
            // All that its window holds, and what others have besides.
            for _ in 0..15 {
                frames.data(slow, &[b'x'; 4369], false).await?;
                count.fetch_add(4369, SeqCst);
            }
            for _ in 0..50 {
                let id = frames.request().await?;
                let body = "y".repeat(16_000);
                frames.answer(id, &body).await?;
            }
            // More comes only when it is read.
            let window = loop {
                let window = frames.next(kind::WINDOW_UPDATE).await?;
                if window.stream == slow {
                    break window;
                }
            };
            assert!(u32::from_be_bytes(window.payload[..4].try_into().unwrap()) <= 65_535);
            frames.data(slow, b"end", true).await?;
            frames.hang().await
        }
    });
    let slow = fixture.send(get("/slow")).await.unwrap();
    settle(|| sent.load(SeqCst) == 65_535).await;
    for _ in 0..50 {
        assert_eq!(fixture.fetch(get("/")).await.unwrap().len(), 16_000);
    }
    let body = read(slow).await.unwrap();
    assert_eq!(body.len(), 65_535 + 3);
    assert_eq!(fixture.h2.accepted(), 1);
}

#[tokio::test]
async fn a_request_body_is_taken_as_the_peer_takes_it() {
    let fixture = Fixture::frames(|_, mut frames| async move {
        let slow = frames.request().await?;
        let mut came = 0;
        while came < 65_535 {
            came += frames.next(kind::DATA).await?.payload.len();
        }
        // The connection's window is used up as well: that others get on is the peer's to see to.
        frames.window(0, 1 << 20).await?;
        let id = frames.request().await?;
        assert_eq!(frames.next(kind::DATA).await?.stream, id);
        frames.answer(id, "ok").await?;
        frames.window(slow, 1 << 20).await?;
        loop {
            let frame = frames.next(kind::DATA).await?;
            came += frame.payload.len();
            if frame.flags & END_STREAM != 0 {
                break;
            }
        }
        frames.answer(slow, &came.to_string()).await?;
        frames.hang().await
    });
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let pieces = std::iter::repeat_with(move || {
        count.fetch_add(10_000, SeqCst);
        Ok::<_, Error>(Frame::data(Bytes::from_static(&[b'x'; 10_000])))
    });
    let body = StreamBody::new(futures_util::stream::iter(pieces.take(50)));
    let slow = fixture.fetch(Request::post("/").header("host", "h").body(body).unwrap());
    let quick = async {
        settle(|| taken.load(SeqCst) >= 65_535).await;
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        // One piece beyond the window, and what the engine keeps to be sent.
        assert!(taken.load(SeqCst) <= 150_000, "{}", taken.load(SeqCst));
        assert_eq!(fixture.fetch(full(Method::POST, "quick")).await.unwrap(), "ok");
    };
    let (slow, ()) = tokio::join!(slow, quick);
    assert_eq!(slow.unwrap(), "500000");
}

#[tokio::test]
async fn who_looks_for_room_holds_up_no_body() {
    let mut server = h2::server::Builder::new();
    server.max_concurrent_streams(1);
    let fixture = Arc::new(Fixture::new(Http2Peer::serving(server, echo)));
    fixture.fetch(get("/")).await.unwrap();
    fixture.idle(1).await;
    // The first is on the connection, its head not sent yet, when the others ask whether there is room.
    let sent = (0..8).map(|n| {
        let fixture = Arc::clone(&fixture);
        tokio::spawn(async move { fixture.fetch(full(Method::POST, format!("body {n}"))).await })
    });
    let sent: Vec<_> = sent.collect();
    for (n, answer) in sent.into_iter().enumerate() {
        let text = soon(answer).await.unwrap().unwrap();
        assert!(text.contains(&format!("\n\nbody {n}")), "{text}");
    }
}

#[tokio::test]
async fn both_ways_at_once() {
    // As a gRPC stream: each message is answered before the next is sent.
    let fixture = Fixture::frames(|_, mut frames| async move {
        let id = frames.request().await?;
        frames.head(id, &[(":status", "200"), ("content-type", "application/grpc")], false).await?;
        loop {
            let frame = frames.next(kind::DATA).await?;
            if !frame.payload.is_empty() {
                frames.data(id, &frame.payload, false).await?;
            }
            if frame.flags & END_STREAM != 0 {
                break;
            }
        }
        frames.head(id, &[("grpc-status", "0")], true).await?;
        frames.hang().await
    });
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let body = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|data| (Ok::<_, Error>(Frame::data(data)), receiver))
    });
    let request = Request::post("/svc/Method").header("host", "h").header("te", "trailers");
    let response = fixture.send(request.body(StreamBody::new(Box::pin(body))).unwrap()).await.unwrap();
    let mut body = response.into_body();
    for message in ["one", "two", "three"] {
        sender.send(Bytes::from(message)).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), message);
    }
    drop(sender);
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert!(body.frame().await.is_none());
}

//! Peers that break the rules, or break off.

use http::Method;
use http_body_util::BodyExt;
use propylon_testkit::gate::Gate;
use propylon_testkit::http2::{Frames, Http2Peer, kind};
use propylon_upstream::{Error, HeadFault};

use crate::support::{Fixture, full, get, ours, read, settle};

/// What becomes of a request when the peer does this with it.
async fn fails<F, Fut>(script: F) -> Error
where
    F: Fn(u32, Frames) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let fixture = Fixture::frames(move |_, mut frames| {
        let script = script.clone();
        async move {
            let id = frames.request().await?;
            script(id, frames).await
        }
    });
    fixture.fetch(get("/")).await.unwrap_err()
}

fn check(error: &Error, expected: &str) {
    assert_eq!(error.to_string(), expected, "{error:?}");
}

const HEADER: &str = "while reading response header from upstream";

#[tokio::test]
async fn a_peer_that_speaks_something_else() {
    for bytes in ["HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "SSH-2.0-OpenSSH_9.2p1\r\n"] {
        let fixture = Fixture::new(Http2Peer::frames(move |_, mut frames| async move {
            frames.bytes(bytes.as_bytes()).await?;
            frames.hang().await
        }));
        let error = fixture.fetch(get("/")).await.unwrap_err();
        assert!(matches!(error, Error::InvalidHead(HeadFault::NotHttp2)), "{error:?}");
        check(&error, &format!("upstream does not speak http2 {HEADER}"));
    }
}

#[tokio::test]
async fn a_peer_that_closes() {
    let error = fails(|_, _| async { Ok(()) }).await;
    assert!(matches!(error, Error::Closed { sent: true } | Error::Io { sent: true, .. }), "{error:?}");
    let error = fails(|id, mut frames| async move {
        frames.head(id, &[(":status", "200")], false).await?;
        frames.data(id, b"half", false).await
    })
    .await;
    assert!(matches!(error, Error::Truncated | Error::BodyIo { .. }), "{error:?}");
}

#[tokio::test]
async fn heads_in_doubt() {
    let long = "x".repeat(40_000);
    let longer = "x".repeat(200_000);
    let many: Vec<(&str, &str)> =
        std::iter::once((":status", "200")).chain(std::iter::repeat_n(("a", "b"), 101)).collect();
    let many = &*many.leak();
    let (long, longer): (&'static str, &'static str) = (long.leak(), longer.leak());
    let invalid = "upstream sent invalid header";
    let cases: [(&'static [(&str, &str)], &str); 11] = [
        (&[], invalid),
        (&[(":status", "20")], invalid),
        (&[("x", "y")], invalid),
        (&[(":status", "200"), ("connection", "close")], invalid),
        (&[(":status", "200"), ("transfer-encoding", "chunked")], invalid),
        (&[(":status", "200"), ("X-Upper", "y")], invalid),
        (&[(":status", "200"), ("x", "a\r\nb: c")], invalid),
        (&[(":status", "200"), ("content-length", "1"), ("content-length", "2")], invalid),
        (&[(":status", "200"), ("content-length", "+1")], invalid),
        (&[(":status", "101")], "upstream switched protocols unexpectedly"),
        (many, "upstream sent too big header"),
    ];
    for (fields, expected) in cases {
        let error = fails(move |id, mut frames| async move {
            frames.head(id, fields, false).await?;
            frames.hang().await
        })
        .await;
        let text = error.to_string();
        let frame = format!("upstream sent invalid http2 frame {HEADER}"); // what the compression does not know either
        assert!(
            text == format!("{expected} {HEADER}") || expected == invalid && text == frame,
            "{fields:?}: {text}"
        );
    }
    // What is far too large costs the connection.
    for (value, expected) in
        [(long, "upstream sent too big header"), (longer, "upstream sent invalid http2 frame")]
    {
        let error = fails(move |id, mut frames| async move {
            frames.head(id, &[(":status", "200"), ("x", value), ("y", value)], true).await?;
            frames.hang().await
        })
        .await;
        check(&error, &format!("{expected} {HEADER}"));
    }
}

#[tokio::test]
async fn bodies_in_doubt() {
    let invalid = "upstream sent invalid http2 response while reading upstream";
    for (length, body, end, expected) in [
        ("5", "abc", true, invalid),
        ("2", "abc", false, invalid),
        ("5", "abc", false, "upstream rejected request with error 8 (CANCEL) while reading upstream"),
    ] {
        let error = fails(move |id, mut frames| async move {
            frames.head(id, &[(":status", "200"), ("content-length", length)], false).await?;
            frames.data(id, body.as_bytes(), end).await?;
            if length == "5" && !end {
                frames.reset(id, 8).await?;
            }
            frames.hang().await
        })
        .await;
        check(&error, expected);
    }
    // What came before it is passed on, and the error is never an end.
    let fixture = Fixture::frames(|_, mut frames| async move {
        let id = frames.request().await?;
        frames.head(id, &[(":status", "200")], false).await?;
        frames.data(id, b"half", false).await?;
        frames.reset(id, 0).await?;
        frames.hang().await
    });
    let mut body = fixture.send(get("/")).await.unwrap().into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "half");
    let error = body.frame().await.unwrap().map_err(ours).unwrap_err();
    assert!(matches!(error, Error::Reset { code: 0 }), "{error:?}");
}

#[tokio::test]
async fn frames_in_doubt_end_the_connection() {
    for (kind, stream, payload) in [
        (kind::DATA, 0, &b"x"[..]),
        (kind::WINDOW_UPDATE, 0, &b"\0\0\0\0"[..]),
        (kind::SETTINGS, 0, &b"\0\x05\0\0\0\0"[..]),
        (kind::PING, 0, &b"short"[..]),
        (kind::HEADERS, 2, &b"\x88"[..]),
    ] {
        let fixture = Fixture::frames(move |n, mut frames| async move {
            let id = frames.request().await?;
            if n == 0 {
                frames.send(kind, 4, stream, payload).await?;
                return frames.hang().await;
            }
            frames.answer(id, "ok").await
        });
        let error = fixture.fetch(get("/")).await.unwrap_err();
        assert!(matches!(error, Error::InvalidHead(_)), "{kind} {error:?}");
        assert_eq!(fixture.pool.idle(), 0, "{kind}");
        assert_eq!(fixture.fetch(get("/")).await.unwrap(), "ok", "{kind}");
    }
}

#[tokio::test]
async fn a_flood_of_interim_responses() {
    let error = fails(|id, mut frames| async move {
        for _ in 0..20 {
            frames.head(id, &[(":status", "103"), ("link", "</a>")], false).await?;
        }
        frames.hang().await
    })
    .await;
    assert!(matches!(error, Error::InvalidHead(HeadFault::TooManyInterim)), "{error:?}");
}

#[tokio::test]
async fn floods_are_borne() {
    let fixture = Fixture::frames(|_, mut frames| async move {
        let id = frames.request().await?;
        for _ in 0..1000 {
            frames.send(kind::PING, 0, 0, b"12345678").await?;
            frames.settings(&[(3, 100)]).await?;
            frames.send(kind::WINDOW_UPDATE, 0, id, &[0, 0, 0, 1]).await?;
        }
        frames.answer(id, "ok").await?;
        let mut answers = 0;
        while answers < 2000 {
            let frame = frames.read().await?;
            answers += usize::from(frame.flags & 1 != 0 && matches!(frame.kind, kind::PING | kind::SETTINGS));
        }
        let id = frames.request().await?;
        frames.answer(id, "still here").await?;
        frames.hang().await
    });
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "ok");
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "still here");
    assert_eq!(fixture.h2.accepted(), 1);
}

#[tokio::test]
async fn a_flood_of_continuations_ends_the_connection() {
    let error = fails(|id, mut frames| async move {
        frames.send(kind::HEADERS, 0, id, b"\x88").await?;
        for _ in 0..100_000 {
            frames.send(kind::CONTINUATION, 0, id, b"").await?;
        }
        frames.hang().await
    })
    .await;
    assert!(matches!(error, Error::InvalidHead(_)), "{error:?}");
}

#[tokio::test]
async fn an_early_answer_is_passed_on_and_the_body_stops() {
    let stopped = Gate::new();
    let stop = stopped.clone();
    let fixture = Fixture::frames(move |_, mut frames| {
        let stop = stop.clone();
        async move {
            let id = frames.request().await?;
            frames.head(id, &[(":status", "413"), ("content-length", "3")], false).await?;
            frames.data(id, b"no!", true).await?;
            // RFC 9113 8.1: the peer may ask us to stop, or we do by ourselves.
            let reset = frames.next(kind::RST_STREAM).await?;
            assert_eq!((reset.stream, reset.payload), (id, vec![0, 0, 0, 0]));
            stop.open();
            let id = frames.request().await?;
            frames.head(id, &[(":status", "413"), ("content-length", "3")], false).await?;
            frames.data(id, b"no!", true).await?;
            frames.reset(id, 0).await?;
            let id = frames.request().await?;
            frames.answer(id, "next").await?;
            frames.hang().await
        }
    });
    for _ in 0..2 {
        let response = fixture.send(full(Method::POST, vec![b'x'; 1 << 20])).await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(read(response).await.unwrap(), "no!");
        settle(|| stopped.is_open()).await;
    }
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "next");
    assert_eq!(fixture.h2.accepted(), 1);
}

#[tokio::test]
async fn who_leaves_is_heard_of() {
    let heard = Gate::new();
    let hear = heard.clone();
    let fixture = Fixture::frames(move |_, mut frames| {
        let hear = hear.clone();
        async move {
            let id = frames.request().await?;
            frames.head(id, &[(":status", "200")], false).await?;
            let reset = frames.next(kind::RST_STREAM).await?;
            assert_eq!((reset.stream, reset.payload), (id, vec![0, 0, 0, 8]));
            hear.open();
            let id = frames.request().await?;
            frames.answer(id, "next").await?;
            frames.hang().await
        }
    });
    drop(fixture.send(get("/")).await.unwrap());
    settle(|| heard.is_open()).await;
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "next");
    assert_eq!(fixture.h2.accepted(), 1);
}

//! What a peer provably did nothing with is sent again, whatever it is; what it may have acted on, only if that does no harm.

use bytes::Bytes;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::StreamBody;
use propylon_testkit::gate::Gate;
use propylon_testkit::http2::{END_STREAM, Frames, kind};
use propylon_upstream::{AttemptClass, Error};

use crate::support::{Fixture, exchange, full, get, settle, tries};

const REFUSED: u32 = 7;

/// Reads a request's body to its end.
async fn body(frames: &mut Frames) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let frame = frames.next(kind::DATA).await?;
        body.extend(frame.payload);
        if frame.flags & END_STREAM != 0 {
            return Ok(body);
        }
    }
}

/// Answers requests for ever, with their bodies.
async fn echo(mut frames: Frames) -> std::io::Result<()> {
    loop {
        let head = frames.next(kind::HEADERS).await?;
        let body = if head.flags & END_STREAM == 0 { body(&mut frames).await? } else { Vec::new() };
        frames.answer(head.stream, &format!("again{}", String::from_utf8_lossy(&body))).await?;
    }
}

#[tokio::test]
async fn refused_requests_are_sent_again_whatever_they_are() {
    for method in [Method::GET, Method::POST] {
        for with_body in [false, true] {
            let fixture = Fixture::frames(move |n, mut frames| async move {
                if n == 0 {
                    // Refused on the connection that it came on, which goes on.
                    let id = frames.request().await?;
                    if with_body {
                        body(&mut frames).await?;
                    }
                    frames.reset(id, REFUSED).await?;
                }
                echo(frames).await
            });
            let exchange = exchange();
            let mut request = full(method.clone(), if with_body { "body" } else { "" });
            request.extensions_mut().insert(exchange.clone());
            let text = fixture.fetch(request).await.unwrap();
            assert_eq!(text, if with_body { "againbody" } else { "again" }, "{method}");
            assert_eq!(tries(&exchange), [Some(200)], "{method}: nothing was done twice, so it is one try");
        }
    }
}

#[tokio::test]
async fn what_comes_after_the_last_of_a_goaway_goes_elsewhere() {
    let fixture = Fixture::frames(|n, mut frames| async move {
        if n > 0 {
            return echo(frames).await;
        }
        let (first, second) = (frames.request().await?, frames.request().await?);
        assert_eq!(frames.next(kind::DATA).await?.payload, b"x");
        frames.go_away(first, 0).await?;
        frames.answer(first, "first").await?;
        assert!(second > first);
        frames.hang().await
    });
    let first = fixture.fetch(get("/"));
    let second = fixture.fetch(full(Method::POST, "x"));
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first.unwrap(), second.unwrap()), ("first".into(), "againx".into()));
    assert_eq!(fixture.h2.accepted(), 2);
    settle(|| fixture.pool.idle() == 1).await;
}

#[tokio::test]
async fn nothing_new_is_sent_on_a_connection_that_goes_away() {
    let go = Gate::new();
    let gone = go.clone();
    let fixture = Fixture::frames(move |n, mut frames| {
        let gone = gone.clone();
        async move {
            let id = frames.request().await?;
            frames.answer(id, "ok").await?;
            if n == 0 {
                gone.opened().await;
                frames.go_away(id, 0).await?;
            }
            frames.hang().await
        }
    });
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "ok");
    fixture.idle(1).await;
    go.open();
    fixture.idle(0).await;
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "ok");
    assert_eq!(fixture.h2.accepted(), 2);
}

#[tokio::test]
async fn a_peer_that_refuses_for_ever_is_an_error() {
    let fixture = Fixture::frames(|_, mut frames| async move {
        loop {
            let id = frames.request().await?;
            frames.reset(id, REFUSED).await?;
        }
    });
    let error = fixture.fetch(full(Method::POST, "x")).await.unwrap_err();
    assert!(matches!(error, Error::Rejected { code: REFUSED }), "{error:?}");
    assert_eq!(error.class(), AttemptClass::NotSent);
}

#[tokio::test]
async fn a_body_that_is_gone_is_not_sent_again() {
    let fixture = Fixture::frames(|n, mut frames| async move {
        if n > 0 {
            return echo(frames).await;
        }
        let id = frames.request().await?;
        frames.window(0, 1 << 20).await?;
        frames.window(id, 1 << 20).await?;
        body(&mut frames).await?;
        frames.reset(id, REFUSED).await?;
        frames.hang().await
    });
    let error = fixture.fetch(full(Method::POST, vec![b'x'; 100_000])).await.unwrap_err();
    assert!(matches!(error, Error::Rejected { code: REFUSED }), "{error:?}");
    assert_eq!(error.class(), AttemptClass::NotSent, "whoever still has it may send it to another");
}

#[tokio::test]
async fn other_resets_are_not_sent_again() {
    for (code, text) in
        [(2, "2 (INTERNAL_ERROR)"), (8, "8 (CANCEL)"), (11, "11 (ENHANCE_YOUR_CALM)"), (99, "99")]
    {
        let fixture = Fixture::frames(move |_, mut frames| async move {
            let id = frames.request().await?;
            frames.reset(id, code).await?;
            frames.hang().await
        });
        let exchange = exchange();
        let mut request = get("/");
        request.extensions_mut().insert(exchange.clone());
        let error = fixture.fetch(request).await.unwrap_err();
        assert_eq!(error.class(), AttemptClass::Sent);
        let expected = format!(
            "upstream rejected request with error {text} while reading response header from upstream"
        );
        assert_eq!(error.to_string(), expected);
        assert_eq!(tries(&exchange), [Some(502)]);
        // The connection is as good as before.
        assert_eq!((fixture.h2.accepted(), fixture.pool.idle()), (1, 1));
    }
}

/// The peer closes while a request is under way, on a connection that has served one before.
async fn cut(method: Method, body: &'static str) -> (Result<String, Error>, Vec<Option<u16>>) {
    let fixture = Fixture::frames(|n, mut frames| async move {
        if n == 0 {
            let id = frames.request().await?;
            frames.answer(id, "ok").await?;
            frames.request().await?;
            return Ok(());
        }
        echo(frames).await
    });
    fixture.fetch(get("/")).await.unwrap();
    let exchange = exchange();
    let mut request = full(method, body);
    request.extensions_mut().insert(exchange.clone());
    let result = fixture.fetch(request).await;
    (result, tries(&exchange))
}

#[tokio::test]
async fn a_connection_that_was_cut() {
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let (result, tries) = cut(method, "").await;
        assert_eq!(result.unwrap(), "again");
        assert_eq!(tries, [Some(502), Some(200)]);
    }
    for (method, body) in [(Method::POST, ""), (Method::PATCH, ""), (Method::PUT, "x")] {
        let (result, tries) = cut(method, body).await;
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Closed { sent: true } | Error::Io { sent: true, .. }), "{error:?}");
        assert_eq!(tries, [Some(502)]);
    }
}

#[tokio::test]
async fn a_body_that_has_begun_waits_for_no_second_chance() {
    // The peer has shown that it is at it: from then on nothing is remembered, and a refusal is only an error.
    let fixture = Fixture::frames(|n, mut frames| async move {
        assert_eq!(n, 0);
        let id = frames.request().await?;
        frames.head(id, &[(":status", "103"), ("link", "</a>")], false).await?;
        frames.next(kind::DATA).await?;
        frames.reset(id, REFUSED).await?;
        frames.hang().await
    });
    let go = Gate::new();
    let wait = go.clone();
    let body = StreamBody::new(futures_util::stream::once(async move {
        wait.opened().await;
        Ok::<_, Error>(Frame::data(Bytes::from("x")))
    }));
    let request = Request::post("/").header("host", "h").body(body).unwrap();
    let (result, ()) = tokio::join!(fixture.fetch(request), async {
        settle(|| go.was_reached()).await;
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        go.open();
    });
    let error = result.unwrap_err();
    assert!(matches!(error, Error::Rejected { code: REFUSED }), "{error:?}");
}

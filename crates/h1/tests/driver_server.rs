//! Messages as a server's connection reads and writes them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests: helpers may fail, and what is read was written here"
)]

mod driver_support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use driver_support::*;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use propylon_h1::server::{End, RequestBody, SendBuffer};
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

async fn read(body: RequestBody) -> Result<(Bytes, Option<HeaderMap>), propylon_h1::server::BoxError> {
    let collected = Limited::new(body, 1 << 20).collect().await?;
    let trailers = collected.trailers().cloned();
    Ok((collected.to_bytes(), trailers))
}

#[tokio::test]
async fn requests_are_served_one_after_the_other_and_counted() {
    let at_once = Arc::new(AtomicUsize::new(0));
    let gate = Gate::new();
    let mut served = serve({
        let (at_once, gate) = (at_once.clone(), gate.clone());
        move |_, context| {
            let (at_once, gate) = (at_once.clone(), gate.clone());
            async move {
                at_once.fetch_add(1, Ordering::SeqCst);
                if context.number() == 1 {
                    gate.opened().await;
                }
                assert_eq!(at_once.fetch_sub(1, Ordering::SeqCst), 1);
                let target = context.received().target.as_bytes().clone();
                Ok(Response::new(body(http_body_util::Full::new(target))))
            }
        }
    });
    say(&mut served.client, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /%zz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(is_quiet(&mut served.client).await);
    gate.open();
    hear(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/1").await;
    hear(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n/%zz").await;
    say(&mut served.client, "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    hear_last(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n/3")
        .await;
    let closed = served.task.await.unwrap();
    assert_eq!((closed.requests, closed.cut), (3, None));
    let outcomes = served.log.outcomes();
    let of = |n: usize| {
        let o = outcomes[n];
        (o.number, o.head_bytes, o.sent, o.sent_head, o.end)
    };
    assert_eq!(of(0), (1, 28, 40, 38, End::Complete));
    assert_eq!(of(1), (2, 30, 42, 38, End::Complete));
    assert_eq!(of(2).0, 3);
    assert_eq!(served.log.began.load(Ordering::Relaxed), 2, "the second was pipelined");
}

#[tokio::test]
async fn a_body_that_came_with_its_head_is_whole_at_once() {
    let mut served = serve(|request, _| async move {
        let whole = request.body().as_bytes().cloned();
        let exact = request.body().size_hint().exact();
        let read = read(request.into_body()).await.unwrap().0;
        Ok(Response::new(body(http_body_util::Full::from(format!("{whole:?} {exact:?} {read:?}")))))
    });
    let check = [
        ("Content-Length: 3\r\n\r\nabc", r#"Some(b"abc") Some(3) b"abc""#),
        (
            "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            r#"Some(b"abc") Some(3) b"abc""#,
        ),
        ("Content-Length: 0\r\n\r\n", r#"Some(b"") Some(0) b"""#),
        ("X: y\r\n\r\n", r#"Some(b"") Some(0) b"""#),
    ];
    for (request, expected) in check {
        say(&mut served.client, format!("POST / HTTP/1.1\r\nHost: a\r\n{request}")).await;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", expected.len());
        hear(&mut served.client, &format!("{head}{expected}")).await;
    }
    let bodies: Vec<_> = served.log.outcomes().iter().map(|o| o.body_bytes).collect();
    assert_eq!(bodies, [3, 3, 0, 0]);
}

#[tokio::test]
async fn a_body_streams_and_trailers_come_through_both_ways() {
    let mut served = serve(|request, _| async move { Ok(Response::new(body(request.into_body()))) });
    say(&mut served.client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    hear(&mut served.client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    say(&mut served.client, "3\r\nabc\r\n").await;
    hear(&mut served.client, "3\r\nabc\r\n").await;
    say(&mut served.client, "1\r\nd\r\n0\r\nX-Sum: 7\r\n\r\n").await;
    hear(&mut served.client, "1\r\nd\r\n0\r\nX-Sum: 7\r\n\r\n").await;
    // Of a known length, in pieces.
    say(&mut served.client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab").await;
    hear(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nab").await;
    say(&mut served.client, "cdefGET").await;
    hear(&mut served.client, "cdef").await;
    say(&mut served.client, &GET[3..]).await;
    hear(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let bodies: Vec<_> = served.log.outcomes().iter().map(|o| (o.body_bytes, o.end)).collect();
    assert_eq!(bodies, [(4, End::Complete), (6, End::Complete), (0, End::Complete)]);
}

#[tokio::test]
async fn a_body_may_be_read_by_another_task() {
    let mut served = serve(|request, _| async move {
        let reader = tokio::spawn(read(request.into_body()));
        let (bytes, _) = reader.await.unwrap().unwrap();
        Ok(Response::new(body(http_body_util::Full::new(bytes))))
    });
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    say(&mut served.client, head).await;
    // The client is silent: it is the reader that wakes the connection.
    hear(&mut served.client, "HTTP/1.1 100 Continue\r\n\r\n").await;
    for piece in ["a", "b", "c", "d"] {
        settle().await;
        say(&mut served.client, piece).await;
    }
    hear(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd").await;
}

#[tokio::test]
async fn continue_is_said_when_the_body_is_wanted() {
    let gate = Gate::new();
    let mut served = serve({
        let gate = gate.clone();
        move |request, context| {
            let gate = gate.clone();
            async move {
                gate.opened().await;
                if context.number() == 1 {
                    let (bytes, _) = read(request.into_body()).await.unwrap();
                    return Ok(Response::new(body(http_body_util::Full::new(bytes))));
                }
                Ok(Response::new(text("no")))
            }
        }
    });
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    say(&mut served.client, head).await;
    assert!(is_quiet(&mut served.client).await);
    gate.open();
    hear(&mut served.client, "HTTP/1.1 100 Continue\r\n\r\n").await;
    say(&mut served.client, "hi").await;
    hear(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi").await;
    let outcome = served.log.only();
    assert_eq!(outcome.sent - outcome.sent_head, 2);
    // A body that nobody wants is never asked for, and it is not known whether it comes.
    say(&mut served.client, head).await;
    hear(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").await;
    served.client.shutdown().await.unwrap();
    hear_last(&mut served.client, "").await;
}

#[tokio::test]
async fn messages_without_a_body_have_none() {
    let mut served = serve(|request, _| async move {
        let status: u16 = request.uri().path()[1..].parse().unwrap();
        Ok(Response::builder().status(status).body(text("secret")).unwrap())
    });
    for (request, expected) in [
        ("HEAD /200", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"),
        ("GET /204", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET /304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\n"),
        ("GET /200", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"),
    ] {
        say(&mut served.client, format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        hear(&mut served.client, expected).await;
    }
}

#[tokio::test]
async fn http_1_0_ends_with_the_connection_unless_both_know_better() {
    let mut served = serve(|_, context| async move {
        assert!(context.interim().is_none());
        Ok(Response::new(if context.number() == 1 {
            text("known")
        } else {
            body(Script::new().data("open").end_unannounced())
        }))
    });
    say(&mut served.client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    hear(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nknown")
        .await;
    say(&mut served.client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
    hear_last(&mut served.client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nopen").await;
}

#[tokio::test]
async fn the_service_may_close_the_connection_or_not_answer() {
    let mut served = serve(|_, _| async {
        Ok(Response::builder().header("connection", "close").body(text("bye")).unwrap())
    });
    say(&mut served.client, GET).await;
    hear_last(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbye")
        .await;

    let mut served = serve(|_, _| async { Err(()) });
    say(&mut served.client, GET).await;
    hear_last(&mut served.client, "").await;
    assert_eq!((served.log.only().end, served.log.only().sent), (End::Unanswered, 0));
    assert_eq!(served.task.await.unwrap().cut, Some(End::Unanswered));
}

#[tokio::test]
async fn small_messages_leave_in_one_write_and_large_ones_vectored() {
    let (client, server) = tokio::io::duplex(1 << 20);
    let (counted, calls) = Counted::new(server);
    let mut served = serve_on(counted, client, config(|_| {}), |_, context| async move {
        Ok(Response::new(match context.number() {
            1 => text("hello"),
            2 => body(Script::new().data("a").data("b").data("c")),
            3 => body(http_body_util::Full::from(vec![0; 8000])),
            _ => body(http_body_util::Full::from(vec![0; 100_000])),
        }))
    });
    let mut sink = vec![0; 1 << 20];
    for (size, writes, slices) in
        [(38 + 5, 1, vec![]), (69, 1, vec![]), (41 + 8000, 1, vec![]), (100_043, 0, vec![2])]
    {
        say(&mut served.client, GET).await;
        served.client.read_exact(&mut sink[..size]).await.unwrap();
        let (counts, vectored) = calls.take();
        assert_eq!(
            (counts.len(), vectored),
            (writes, slices),
            "{size} {:?}",
            String::from_utf8_lossy(&sink[..60])
        );
    }
}

#[tokio::test]
async fn a_body_that_fails_cuts_the_message_visibly() {
    for (body_of, expected) in [
        (Script::new().data("ab").error("broken"), "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),
        (Script::new().data("ab").error("broken").exact(), "Content-Length: 2\r\n\r\nab"),
    ] {
        let exact = body_of.size_hint().exact().is_some();
        let script = std::sync::Mutex::new(Some(body_of));
        let mut served = serve(move |_, _| {
            let script = script.lock().unwrap().take().unwrap();
            async move { Ok(Response::new(body(script))) }
        });
        say(&mut served.client, GET).await;
        let head = "HTTP/1.1 200 OK\r\n";
        if exact {
            hear(&mut served.client, &format!("{head}{expected}")).await;
            continue; // all that was announced came
        }
        hear_last(&mut served.client, &format!("{head}{expected}")).await;
        assert_eq!(served.log.only().end, End::Truncated);
        assert_eq!(served.task.await.unwrap().cut, Some(End::Truncated));
    }
}

#[tokio::test]
async fn a_body_keeps_to_its_announced_length() {
    for (script, sent) in [(Script::new().data("ab"), "ab"), (Script::new().data("ab").data("cdef"), "ab")] {
        let script = std::sync::Mutex::new(Some(script));
        let mut served = serve(move |_, _| {
            let script = script.lock().unwrap().take().unwrap();
            async move { Ok(Response::builder().header("content-length", "5").body(body(script)).unwrap()) }
        });
        say(&mut served.client, GET).await;
        hear_last(&mut served.client, &format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{sent}")).await;
        assert_eq!(served.log.only().end, End::Truncated);
    }
}

#[tokio::test]
async fn a_connection_is_handed_over_with_what_was_read() {
    let mut served = serve(|request, context| async move {
        let upgrade = context.on_upgrade().unwrap();
        tokio::spawn(async move {
            let mut io = upgrade.await.unwrap();
            let mut hello = [0; 5];
            io.read_exact(&mut hello).await.unwrap();
            io.write_all(&hello).await.unwrap();
            let parts = io.downcast::<tokio::io::DuplexStream>().unwrap();
            assert!(parts.read.is_empty());
            drop(parts.io);
        });
        let response = Response::builder();
        let response = if request.method() == Method::CONNECT {
            response
        } else {
            response.status(101).header("upgrade", "x")
        };
        Ok(response.body(empty()).unwrap())
    });
    say(&mut served.client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhel")
        .await;
    hear(
        &mut served.client,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n".replace("upgrade:", "Upgrade:").as_str(),
    )
    .await;
    hear(&mut served.client, "Connection: upgrade\r\n\r\n").await;
    say(&mut served.client, "lo").await;
    hear_last(&mut served.client, "hello").await;
    assert_eq!(served.log.only().end, End::Complete);
    assert!(served.task.await.unwrap().handed_over);
}

#[tokio::test]
async fn what_is_left_of_a_body_is_not_handed_over() {
    let mut served = serve(|_, context| async move {
        let upgrade = context.on_upgrade().unwrap();
        tokio::spawn(async move { assert!(upgrade.await.is_err()) });
        Ok(Response::builder().status(101).header("upgrade", "x").body(empty()).unwrap())
    });
    let head =
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 9\r\n\r\nGET";
    say(&mut served.client, head).await;
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
    hear_last(&mut served.client, answer).await;
    assert!(!served.task.await.unwrap().handed_over);
}

#[tokio::test]
async fn connect_is_handed_over_and_other_answers_are_not() {
    let mut served = serve(|_, context| async move {
        let upgrade = context.on_upgrade().unwrap();
        if context.number() == 1 {
            tokio::spawn(async move { assert!(upgrade.await.is_err()) });
            return Ok(Response::builder().status(StatusCode::FORBIDDEN).body(text("no")).unwrap());
        }
        tokio::spawn(async move { upgrade.await.unwrap().write_all(b"tunnel").await });
        Ok(Response::new(empty()))
    });
    for expected in ["HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 200 OK\r\n\r\ntunnel"]
    {
        say(&mut served.client, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n").await;
        hear(&mut served.client, expected).await;
    }
    hear_last(&mut served.client, "").await;
}

#[tokio::test]
async fn interim_responses_come_before_the_final_one() {
    let gate = Gate::new();
    let mut served = serve({
        let gate = gate.clone();
        move |_, context| {
            let gate = gate.clone();
            async move {
                let interim = context.interim().unwrap();
                let mut fields = HeaderMap::new();
                fields.insert("link", "</a>".parse().unwrap());
                for _ in 0..8 {
                    interim.send(StatusCode::EARLY_HINTS, &fields).unwrap();
                }
                assert!(interim.send(StatusCode::EARLY_HINTS, &fields).is_err(), "the ninth");
                assert!(interim.send(StatusCode::OK, &fields).is_err());
                gate.opened().await;
                let late = async move {
                    assert!(interim.send(StatusCode::EARLY_HINTS, &HeaderMap::new()).is_err(), "late");
                    Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(b"x")))
                };
                Ok(Response::new(body(http_body_util::StreamBody::new(futures_util::stream::once(late)))))
            }
        }
    });
    say(&mut served.client, GET).await;
    hear(&mut served.client, &"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(8)).await;
    assert!(is_quiet(&mut served.client).await);
    gate.open();
    hear(&mut served.client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
        .await;
    let outcome = served.log.only();
    assert_eq!(outcome.sent - outcome.sent_head, 11);
}

#[tokio::test]
async fn a_response_says_how_much_of_it_may_wait() {
    for (buffer, most) in [(None, 64), (Some(20 << 10), 20), (Some(0), 1), (Some(200 << 10), 200)] {
        let script = (0..400).fold(Script::new(), |script, _| script.data(vec![b'x'; 1 << 10]));
        let watch = script.watch();
        let slot = Mutex::new(Some(script));
        let mut served = serve(move |_, _| {
            let mut response = Response::new(body(slot.lock().unwrap().take().unwrap()));
            if let Some(bytes) = buffer {
                response.extensions_mut().insert(SendBuffer(bytes));
            }
            async { Ok(response) }
        });
        say(&mut served.client, GET).await;
        settle().await;
        // Pieces of that size, until the pipe of 64 KiB is full.
        let taken = watch.polls();
        assert!(
            taken + 1 >= most.max(64) && taken <= most.max(64 + 20),
            "{taken} KiB with a buffer of {most}"
        );
    }
}

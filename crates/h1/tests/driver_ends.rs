//! How a server's connections end: in order, late, cut, refused, drained.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests: helpers may fail, and what is read was written here"
)]

mod driver_support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use driver_support::*;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use propylon_h1::server::{Connection, End, Observer, Outcome, RequestBodyError, Ticker};
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Tells whether a future that holds it was dropped.
struct Tell(Gate);

impl Drop for Tell {
    fn drop(&mut self) {
        self.0.open();
    }
}

#[tokio::test]
async fn a_body_is_there_until_its_end_was_told() {
    struct Looks(Gate, std::sync::Mutex<Vec<(End, bool)>>);
    impl Observer for Looks {
        fn finished(&self, outcome: &Outcome) {
            self.1.lock().unwrap().push((outcome.end, self.0.is_open()));
        }
    }

    let dropped = Gate::new();
    let looks = Looks(dropped.clone(), std::sync::Mutex::default());
    let service = Fun(|_, _| {
        let tell = Tell(dropped.clone());
        let hello = Full::from("hello").map_frame(move |frame| {
            let _ = &tell;
            frame
        });
        async move { Ok(Response::new(body(hello))) }
    });
    let (mut client, server) = tokio::io::duplex(1024);
    say(&mut client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    client.shutdown().await.unwrap();
    Connection::new(server, service, &looks).run().await;
    assert!(dropped.is_open());
    assert_eq!(looks.1.into_inner().unwrap(), [(End::Complete, false)]);
}

#[tokio::test]
async fn a_client_that_leaves_takes_its_request_along() {
    for half_close in [false, true] {
        let (dropped, answer) = (Gate::new(), Gate::new());
        let mut served = serve_by(config(|config| config.half_close = half_close), {
            let (dropped, answer) = (dropped.clone(), answer.clone());
            move |_, _| {
                let (tell, answer) = (Tell(dropped.clone()), answer.clone());
                async move {
                    answer.opened().await;
                    drop(tell);
                    Ok(Response::new(text("hello")))
                }
            }
        });
        say(&mut served.client, GET).await;
        settle().await;
        served.client.shutdown().await.unwrap();
        settle().await;
        assert_eq!(dropped.is_open(), !half_close);
        answer.open();
        if half_close {
            hear_last(&mut served.client, HELLO).await;
            assert_eq!(served.log.only().end, End::Complete);
        } else {
            hear_last(&mut served.client, "").await;
            assert_eq!(served.log.only().end, End::ClientGone);
            assert_eq!(served.task.await.unwrap().cut, Some(End::ClientGone));
        }
    }
}

#[tokio::test]
async fn what_is_ready_at_once_goes_out_to_a_half_closed_client() {
    let mut served = serve(|_, _| async { Ok(Response::new(text("hello"))) });
    say(&mut served.client, [GET, GET].concat()).await;
    served.client.shutdown().await.unwrap();
    hear_last(&mut served.client, &[HELLO, HELLO].concat()).await;
    assert!(served.log.outcomes().iter().all(|o| o.end == End::Complete));
}

#[tokio::test]
async fn a_client_that_leaves_within_its_body_is_an_error_to_the_reader() {
    for (framing, piece) in
        [("Content-Length: 9", "abc"), ("Transfer-Encoding: chunked", "3\r\nabc\r\n4\r\n")]
    {
        let mut served = serve(|request, _| async {
            let error = request.into_body().collect().await.unwrap_err();
            assert!(
                matches!(error, RequestBodyError::Malformed(propylon_h1::BodyError::Truncated)),
                "{error:?}"
            );
            Ok(Response::builder().status(400).body(text("hello")).unwrap())
        });
        say(&mut served.client, format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{piece}")).await;
        settle().await;
        served.client.shutdown().await.unwrap();
        hear_last(
            &mut served.client,
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        )
        .await;
        assert_eq!((served.log.only().end, served.log.only().body_bytes), (End::Complete, 3));
    }
}

#[tokio::test]
async fn a_malformed_body_ends_the_connection_after_its_answer() {
    let mut served = serve(|request, _| async {
        assert!(request.into_body().collect().await.is_err());
        Ok(Response::builder().status(400).body(text("hello")).unwrap())
    });
    say(&mut served.client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n").await;
    say(&mut served.client, GET).await;
    hear(
        &mut served.client,
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    )
    .await;
    served.client.shutdown().await.unwrap();
    hear_last(&mut served.client, "").await;
    assert_eq!(served.task.await.unwrap().requests, 1);
}

#[tokio::test]
async fn an_early_answer_does_not_end_the_connection_if_little_is_left() {
    let mut served = serve(|_, _| async { Ok(Response::new(text("hello"))) });
    say(&mut served.client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n").await;
    hear(&mut served.client, HELLO).await;
    say(&mut served.client, vec![0; 1000]).await;
    say(&mut served.client, GET).await;
    hear(&mut served.client, HELLO).await;
}

#[tokio::test]
async fn an_early_answer_ends_the_connection_lingering_if_much_is_left() {
    let mut served = serve(|_, _| async { Ok(Response::new(text("hello"))) });
    say(&mut served.client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").await;
    hear(&mut served.client, HELLO).await;
    // All of it is taken, so that no reset overtakes the answer.
    say(&mut served.client, vec![0; 1_000_000]).await;
    hear_last(&mut served.client, "").await;
    assert!(!served.task.is_finished());
    drop(served.client);
    assert_eq!(served.task.await.unwrap().requests, 1);
}

#[tokio::test]
async fn who_reads_a_body_after_its_response_is_told() {
    let (sender, mut bodies) = tokio::sync::mpsc::channel(1);
    let mut served = serve(move |request, _| {
        let sender = sender.clone();
        async move {
            sender.send(request.into_body()).await.unwrap();
            Ok(Response::new(text("hello")))
        }
    });
    say(&mut served.client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n").await;
    hear(&mut served.client, HELLO).await;
    let error = bodies.recv().await.unwrap().collect().await.unwrap_err();
    assert!(matches!(error, RequestBodyError::Over), "{error:?}");
}

#[tokio::test]
async fn a_refused_head_gets_the_observer_s_page_and_the_connection_closes() {
    let mut served = serve(|_, _| async { Ok(Response::new(text("hello"))) });
    say(&mut served.client, [GET, "GET /b HTTP/1.1\r\nHost : a\r\n\r\n", GET].concat()).await;
    hear(&mut served.client, HELLO).await;
    hear(
        &mut served.client,
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage",
    )
    .await;
    say(&mut served.client, vec![b'x'; 100_000]).await;
    served.client.shutdown().await.unwrap();
    hear_last(&mut served.client, "").await;
    let rejected = served.log.rejected.lock().unwrap().clone();
    assert_eq!((rejected[0].0, &rejected[0].1[..]), (400, &b"GET /b HTTP/1.1"[..]));
    assert_eq!(rejected[0].2, 29);
    let outcome = served.log.outcomes()[1];
    assert_eq!((outcome.number, outcome.end, outcome.sent), (2, End::Complete, 70));
}

#[tokio::test]
async fn a_head_that_is_cut_short_is_told_and_silence_is_not() {
    let mut served = serve(|_, _| async { Ok(Response::new(text("hello"))) });
    say(&mut served.client, [GET, "GET /b HT"].concat()).await;
    hear(&mut served.client, HELLO).await;
    served.client.shutdown().await.unwrap();
    served.task.await.unwrap();
    assert_eq!(served.log.rejected.lock().unwrap()[0].1, "GET /b HT");

    let mut served = serve(|_, _| async { Ok(Response::new(text("hello"))) });
    served.client.shutdown().await.unwrap();
    served.task.await.unwrap();
    assert!(served.log.outcomes().is_empty() && served.log.rejected.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_drained_connection_closes_at_once_if_idle_and_else_after_its_response() {
    let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let mut served = serve(|_, _| async { Ok(Response::new(text("hello"))) });
    say(&mut served.client, GET).await;
    hear(&mut served.client, hello).await;
    served.handle.drain();
    // The limit is far below the time that it may rest.
    let closed = tokio::time::timeout(std::time::Duration::from_secs(20), served.task).await;
    assert_eq!(closed.expect("closed at once").unwrap().requests, 1);

    // One that has just been accepted is owed its first answer.
    let mut served = serve(|_, _| async { Ok(Response::new(text("hello"))) });
    settle().await;
    served.handle.drain();
    settle().await;
    say(&mut served.client, GET).await;
    hear_last(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        .await;

    let gate = Gate::new();
    let mut served = serve({
        let gate = gate.clone();
        move |_, _| {
            let gate = gate.clone();
            async move {
                gate.opened().await;
                Ok(Response::new(text("hello")))
            }
        }
    });
    say(&mut served.client, GET).await;
    settle().await;
    served.handle.drain();
    settle().await;
    gate.open();
    hear_last(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        .await;
    // And one whose head has begun is waited for.
    let mut served = serve(|_, _| async { Ok(Response::new(text("hello"))) });
    say(&mut served.client, &GET[..9]).await;
    settle().await;
    served.handle.drain();
    settle().await;
    say(&mut served.client, &GET[9..]).await;
    hear_last(&mut served.client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        .await;
}

#[tokio::test]
async fn a_slow_reader_holds_the_body_back() {
    let script = (0..1000).fold(Script::new(), |script, _| script.data(vec![0; 10_000]));
    let watch = script.watch();
    let script = std::sync::Mutex::new(Some(script));
    let mut served = serve(move |_, _| {
        let script = script.lock().unwrap().take().unwrap();
        async move { Ok(Response::new(body(script))) }
    });
    say(&mut served.client, GET).await;
    settle().await;
    // 64 KiB in the pipe, and hardly more here.
    assert!((7..=20).contains(&watch.polls()), "{}", watch.polls());
    let mut sink = vec![0; 1 << 20];
    let mut got = 0;
    while got < 10_000_000 {
        got += served.client.read(&mut sink).await.unwrap();
    }
    settle().await;
    assert!(watch.ended() && served.log.only().end == End::Complete);
}

#[tokio::test(start_paused = true)]
async fn late_clients() {
    for ticker in [None, Some(Ticker::new())] {
        if let Some(ticker) = ticker.clone() {
            tokio::spawn(async move { ticker.run().await });
        }
        let start = |sent: &'static str| {
            let ticker = ticker.clone();
            async move {
                let (mut client, server) = tokio::io::duplex(1 << 10);
                let log = Arc::<Log>::default();
                let service = Fun(|request: Request<propylon_h1::server::RequestBody>, _| async move {
                    Ok(match request.uri().path() {
                        "/large" => Response::new(body(Full::new(Bytes::from(vec![0; 100_000])))),
                        _ => match request.into_body().collect().await {
                            Err(RequestBodyError::TimedOut) => Response::new(text("late!")),
                            _ => Response::new(text("hello")),
                        },
                    })
                });
                let connection = Connection::new(server, service, log.clone()).config(config(|_| {}));
                let task = match ticker {
                    Some(ticker) => tokio::spawn(over(connection.deadlines(ticker.deadlines()).run())),
                    None => tokio::spawn(over(connection.run())),
                };
                let began = Instant::now();
                say(&mut client, sent).await;
                (client, log, task, began)
            }
        };
        let took = |began: Instant, seconds: u64| {
            let took = began.elapsed();
            assert!(took.as_secs() == seconds, "{took:?}, not {seconds} s");
        };

        // Nothing is said: nothing is answered.
        let (_client, log, task, began) = start("").await;
        task.await.unwrap();
        took(began, 60);
        assert!(log.outcomes().is_empty());

        // Half a head.
        let (mut client, log, task, began) = start("GET / HTTP/1.1\r\nHo").await;
        hear(
            &mut client,
            "HTTP/1.1 408 Request Timeout\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage",
        )
        .await;
        took(began, 60);
        assert_eq!(log.rejected.lock().unwrap()[0].1, "GET / HTTP/1.1");
        // The client does not close: it is left after the lingering time.
        task.await.unwrap();
        took(began, 65);

        // Idle between two requests, and the head of the next begins late.
        let (mut client, log, task, began) = start(GET).await;
        hear(&mut client, HELLO).await;
        tokio::time::sleep(Duration::from_secs(74)).await;
        say(&mut client, "GET").await;
        tokio::time::sleep(Duration::from_secs(59)).await;
        say(&mut client, &GET[3..]).await;
        hear(&mut client, HELLO).await;
        took(began, 133);
        task.await.unwrap();
        took(began, 133 + 75);
        assert_eq!(log.outcomes().len(), 2);

        // The next piece of a body.
        let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na";
        let (mut client, _, _task, began) = start(post).await;
        tokio::time::sleep(Duration::from_secs(59)).await;
        say(&mut client, "b").await;
        hear(&mut client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nlate!").await;
        took(began, 119);

        // A response that is not taken.
        let (_client, log, task, began) = start("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(task.await.unwrap().cut, Some(End::TimedOut));
        took(began, 60);
        let outcome = log.only();
        assert_eq!((outcome.end, outcome.sent), (End::TimedOut, 1024));
    }
}

#[tokio::test]
async fn an_exchange_is_told_whatever_becomes_of_its_connection() {
    let mut served = serve(|_, _| std::future::pending());
    say(&mut served.client, GET).await;
    settle().await;
    served.task.abort();
    assert!(served.task.await.is_err());
    assert_eq!(served.log.only().end, End::Aborted);

    let mut served = serve(|_, _| async { panic!("a service that panics") });
    say(&mut served.client, GET).await;
    assert!(served.task.await.is_err());
    assert_eq!(served.log.only().end, End::Aborted);
}

#[tokio::test]
async fn a_reset_is_a_client_that_left() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let log = Arc::<Log>::default();
    let service = Fun(|_, _| std::future::pending());
    let task = tokio::spawn(Connection::new(server, service, log.clone()).run());
    client.write_all(GET.as_bytes()).await.unwrap();
    while log.began.load(std::sync::atomic::Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    client.set_zero_linger().unwrap();
    drop(client);
    assert_eq!(task.await.unwrap().cut, Some(End::ClientGone));
    assert_eq!(log.only().end, End::ClientGone);
}

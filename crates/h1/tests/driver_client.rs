//! A client's connections: what is sent, what is read, and who gets the connection back.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests: helpers may fail, and what is read was written here"
)]

mod driver_support;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use driver_support::*;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use propylon_h1::ResponseHead;
use propylon_h1::client::{Body, Connection, Error, Failure, Keeper, Progress};
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const ASKED: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

/// Gets connections back, and remembers what it was told.
struct Pool<I>(Arc<Told<I>>);

struct Told<I> {
    back: Mutex<Vec<Connection<I>>>,
    interim: Mutex<Vec<u16>>,
    sent: Gate,
}

impl<I> Pool<I> {
    fn new() -> (Self, Arc<Told<I>>) {
        let told = Arc::new(Told { back: Mutex::default(), interim: Mutex::default(), sent: Gate::new() });
        (Self(told.clone()), told)
    }
}

impl<I> Told<I> {
    fn take(&self) -> Option<Connection<I>> {
        self.back.lock().unwrap().pop()
    }
}

impl<I: Send> Keeper<I> for Pool<I> {
    fn interim(&mut self, head: ResponseHead) {
        self.0.interim.lock().unwrap().push(head.status.as_u16());
    }

    fn request_sent(&mut self) {
        self.0.sent.open();
    }

    fn give_back(self, connection: Connection<I>) {
        self.0.back.lock().unwrap().push(connection);
    }
}

fn get() -> Request<AnyBody> {
    Request::builder().uri("/x").header("host", "a").body(empty()).unwrap()
}

fn post(sent: AnyBody) -> Request<AnyBody> {
    Request::builder().method(Method::POST).uri("/x").header("host", "a").body(sent).unwrap()
}

type Answer = Result<Response<Body<DuplexStream, Pool<DuplexStream>>>, Failure<AnyBody, Pool<DuplexStream>>>;

/// Sends `request` to a peer that answers so at once; with what the connection's keeper was told.
async fn ask(
    request: Request<AnyBody>,
    answer: impl AsRef<[u8]>,
) -> (Answer, Arc<Told<DuplexStream>>, DuplexStream) {
    let (near, mut far) = tokio::io::duplex(64 << 10);
    say(&mut far, answer).await;
    let (pool, told) = Pool::new();
    (Connection::new(near).send(request, pool).await, told, far)
}

async fn read<I, K>(body: Body<I, K>) -> Result<(Bytes, Option<HeaderMap>), Error>
where
    Body<I, K>: http_body::Body<Data = Bytes, Error = Error>,
{
    let collected = body.collect().await?;
    let trailers = collected.trailers().cloned();
    Ok((collected.to_bytes(), trailers))
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let (near, mut far) = tokio::io::duplex(64 << 10);
    let (near, calls) = Counted::new(near);
    let mut connection = Connection::new(near);
    for n in 1..4 {
        let (pool, told) = Pool::new();
        let sending = tokio::spawn(connection.send(post(text("ab")), pool));
        hear(&mut far, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab").await;
        assert_eq!(calls.take().0.len(), 1, "one write");
        assert!(told.sent.is_open());
        say(&mut far, "HTTP/1.1 200 Fine\r\nContent-Length: 3\r\n\r\nyes").await;
        let response = sending.await.unwrap().unwrap();
        connection = told.take().unwrap();
        assert_eq!(response.into_body().into_bytes().unwrap(), "yes");
        assert!(connection.is_reusable() && !connection.holds_buffer());
        let counters = connection.counters();
        assert_eq!((connection.requests(), counters.sent(), counters.received()), (n, n * 50, n * 43));
    }
    say(&mut far, "x").await;
    assert!(!connection.is_reusable(), "something unasked");
}

#[tokio::test]
async fn bodies_of_every_framing() {
    for (answer, expected, back) in [
        ("Content-Length: 3\r\n\r\nabc", "abc", true),
        ("Content-Length: 0\r\n\r\n", "", true),
        ("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", "abc", true),
        ("Content-Length: 3\r\nConnection: close\r\n\r\nabc", "abc", false),
        ("Content-Length: 3\r\n\r\nabcd", "abc", false),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP", "abc", false),
        ("X: y\r\n\r\nabc", "abc", false),
    ] {
        let (response, told, mut far) = ask(get(), format!("HTTP/1.1 200 OK\r\n{answer}")).await;
        far.shutdown().await.unwrap();
        let (bytes, trailers) = read(response.unwrap().into_body()).await.unwrap();
        assert_eq!((&bytes[..], trailers), (expected.as_bytes(), None), "{answer}");
        assert_eq!(told.take().is_some(), back, "{answer}");
    }
}

#[tokio::test]
async fn a_body_streams_and_the_connection_comes_back_at_its_end() {
    for (framing, pieces) in [
        ("Content-Length: 6", ["ab", "cd", "ef"]),
        ("Transfer-Encoding: chunked", ["2\r\nab\r\n", "2\r\ncd\r\n", "2\r\nef\r\n0\r\nX-Sum: 7\r\n\r\n"]),
    ] {
        let (response, told, mut far) = ask(get(), format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n")).await;
        let mut body = response.unwrap().into_body();
        for (piece, expected) in pieces.into_iter().zip(["ab", "cd", "ef"]) {
            assert!(told.take().is_none());
            say(&mut far, piece).await;
            assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), expected);
        }
        if framing.starts_with('T') {
            let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
            assert_eq!(trailers["x-sum"], "7");
            assert!(body.frame().await.is_none());
        }
        assert!(http_body::Body::is_end_stream(&body));
        assert!(told.take().unwrap().is_reusable());
    }
}

#[tokio::test]
async fn trailers_that_came_with_the_head() {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n";
    let (response, told, _far) = ask(get(), answer).await;
    assert!(told.take().is_some());
    let (bytes, trailers) = read(response.unwrap().into_body().into_bytes().unwrap_err()).await.unwrap();
    assert_eq!((&bytes[..], trailers.unwrap()["x-sum"].as_bytes()), (&b"abc"[..], &b"7"[..]));
}

#[tokio::test]
async fn messages_without_a_body() {
    for (method, status) in [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")] {
        let mut request = get();
        *request.method_mut() = method.parse().unwrap();
        let length = if status.starts_with("204") { "" } else { "Content-Length: 5\r\n" };
        let (response, told, _far) = ask(request, format!("HTTP/1.1 {status}\r\n{length}\r\n")).await;
        assert!(told.take().is_some(), "{method} {status}");
        assert_eq!(response.unwrap().into_body().into_bytes().unwrap(), "");
    }
}

#[tokio::test]
async fn bodies_that_are_cut_short_or_malformed_are_errors() {
    for (answer, truncated) in [
        ("Content-Length: 5\r\n\r\nabc", true),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", true),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", false),
        ("Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0x\r\n\r\n", false),
    ] {
        let (response, told, mut far) = ask(get(), format!("HTTP/1.1 200 OK\r\n{answer}")).await;
        far.shutdown().await.unwrap();
        let mut body = response.unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "abc", "what came is given");
        match body.frame().await.unwrap().unwrap_err() {
            Error::Truncated => assert!(truncated, "{answer}"),
            Error::InvalidBody(_) => assert!(!truncated, "{answer}"),
            other => panic!("{answer}: {other:?}"),
        }
        assert!(body.frame().await.is_none() && told.take().is_none());
    }
}

#[tokio::test]
async fn heads_that_are_none_are_errors() {
    let flood = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(9);
    for (answer, expected) in [
        ("SSH-2.0-x\r\n\r\n", "Head"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", "Head"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "UnexpectedUpgrade",
        ),
        (&flood, "TooManyInterim"),
        ("HTTP/1.1 200 OK\r\nX", "Closed"),
        ("", "Closed"),
    ] {
        let (near, mut far) = tokio::io::duplex(64 << 10);
        say(&mut far, answer).await;
        far.shutdown().await.unwrap();
        let failure = Connection::new(near).send(get(), ()).await.unwrap_err();
        assert!(format!("{:?}", failure.error).starts_with(expected), "{answer}: {failure:?}");
        let progress = if answer.is_empty() { Progress::Written } else { Progress::Answered };
        assert_eq!(failure.progress, progress, "{answer}");
    }
}

#[tokio::test]
async fn interim_responses_are_told() {
    let answer = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    let (response, told, _far) = ask(get(), answer).await;
    assert_eq!(response.unwrap().status(), 204);
    assert_eq!(*told.interim.lock().unwrap(), [100, 103]);
}

#[tokio::test]
async fn a_kept_connection_that_has_died_takes_nothing_and_the_request_goes_elsewhere() {
    let (response, told, far) = ask(get(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    response.unwrap();
    let dead = told.take().unwrap();
    drop(far);
    let (pool, told) = Pool::new();
    let failure = dead.send(post(text("body")), pool).await.unwrap_err();
    assert_eq!(failure.progress, Progress::Nothing);
    assert!(matches!(failure.error, Error::Closed));

    let (near, mut far) = tokio::io::duplex(1 << 10);
    let unsent = failure.unsent.unwrap();
    assert_eq!(unsent.method(), Method::POST);
    let sending = tokio::spawn(Connection::new(near).resend(unsent, failure.keeper));
    hear(&mut far, "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody").await;
    say(&mut far, "HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(sending.await.unwrap().unwrap().status(), 204);
    assert!(told.take().is_some());
}

#[tokio::test]
async fn a_small_request_can_be_repeated_and_a_streamed_one_cannot() {
    let never = Gate::new();
    for (request, again) in [
        (get(), true),
        (post(body(Script::new().data("a").wait(&never).data("b"))), false),
        (post(body(Full::from(vec![0; 20_000]))), false),
    ] {
        let (near, mut far) = tokio::io::duplex(64 << 10);
        let sending = tokio::spawn(Connection::new(near).send(request, ()));
        settle().await;
        let mut some = [0; 10];
        far.read_exact(&mut some).await.unwrap();
        drop(far);
        let failure = sending.await.unwrap().unwrap_err();
        assert_eq!(failure.progress, Progress::Written);
        assert_eq!(failure.unsent.is_some(), again, "{failure:?}");
        if let Some(unsent) = failure.unsent {
            let (near, mut far) = tokio::io::duplex(64 << 10);
            let sending = tokio::spawn(Connection::new(near).resend(unsent, ()));
            hear(&mut far, ASKED).await;
            drop(far);
            assert!(sending.await.unwrap().is_err());
        }
    }
}

#[tokio::test]
async fn a_response_that_comes_early_lets_the_request_go_on() {
    let (first, second) = (Gate::new(), Gate::new());
    let script = Script::new().data("ab").wait(&first).data("cd").wait(&second).data("ef");
    let (near, mut far) = tokio::io::duplex(64 << 10);
    let (pool, told) = Pool::new();
    let sending = tokio::spawn(Connection::new(near).send(post(body(script)), pool));
    hear(&mut far, "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n").await;
    say(&mut far, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nw").await;
    let mut response = sending.await.unwrap().unwrap().into_body();
    assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), "w");
    first.open();
    let reading = tokio::spawn(async move { (response.frame().await, response) });
    hear(&mut far, "2\r\ncd\r\n").await;
    second.open();
    hear(&mut far, "2\r\nef\r\n0\r\n\r\n").await;
    say(&mut far, "xyz").await;
    let (frame, response) = reading.await.unwrap();
    assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "xyz");
    drop(response);
    assert!(told.take().is_some(), "the whole request was sent");

    // A peer that has said all before it was told all is not asked again.
    let never = Gate::new();
    let request = post(body(Script::new().data("ab").wait(&never)));
    let (response, told, _far) = ask(request, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno").await;
    assert_eq!(response.unwrap().into_body().into_bytes().unwrap(), "no");
    assert!(told.take().is_none());
}

#[tokio::test]
async fn a_request_body_that_fails_closes_the_connection() {
    for script in [Script::new().data("ab").error("broken"), Script::new().error("broken")] {
        let (near, mut far) = tokio::io::duplex(64 << 10);
        let failure = Connection::new(near).send(post(body(script)), ()).await.unwrap_err();
        assert!(matches!(failure.error, Error::RequestBody(_)) && failure.unsent.is_none(), "{failure:?}");
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        assert!(!got.ends_with(b"0\r\n\r\n"), "it must not look complete");
    }
    // Shorter and longer than announced.
    for data in ["ab", "abcdef"] {
        let mut request = post(body(Script::new().data(data)));
        request.headers_mut().insert("content-length", "4".parse().unwrap());
        let (near, _far) = tokio::io::duplex(64 << 10);
        let failure = Connection::new(near).send(request, ()).await.unwrap_err();
        assert!(matches!(failure.error, Error::RequestBody(_)), "{data}: {failure:?}");
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_written_is_refused() {
    let mut request = post(body(Script::new().data("x")));
    *request.version_mut() = http::Version::HTTP_10;
    let (near, _far) = tokio::io::duplex(64);
    let failure = Connection::new(near).send(request, ()).await.unwrap_err();
    assert!(matches!(failure.error, Error::Request(_)));
    assert_eq!(failure.progress, Progress::Nothing);
}

#[tokio::test]
async fn a_connection_is_handed_over_with_what_was_read() {
    let mut upgrade = get();
    upgrade.headers_mut().insert("upgrade", "x".parse().unwrap());
    let mut connect = get();
    *connect.method_mut() = Method::CONNECT;
    *connect.uri_mut() = "a:1".parse().unwrap();
    for (request, status, sent) in [
        (upgrade, 101, "GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
        (connect, 200, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        let answer = format!("HTTP/1.1 {status} Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhel");
        let (response, told, mut far) = ask(request, answer).await;
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::from_u16(status).unwrap());
        let mut upgraded = response.into_body().into_upgraded().unwrap();
        assert_eq!(upgraded.read, "hel");
        hear(&mut far, sent).await;
        say(&mut upgraded.io, "there").await;
        hear(&mut far, "there").await;
        assert!(told.take().is_none());
    }
}

#[tokio::test]
async fn a_slow_peer_holds_the_request_back() {
    let script = (0..1000).fold(Script::new(), |script, _| script.data(vec![0; 10_000]));
    let watch = script.watch();
    let (near, mut far) = tokio::io::duplex(64 << 10);
    let sending = tokio::spawn(Connection::new(near).send(post(body(script)), ()));
    settle().await;
    assert!((7..=20).contains(&watch.polls()), "{}", watch.polls());
    say(&mut far, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(sending.await.unwrap().unwrap().status(), 200);
    assert!(watch.dropped_early());
}

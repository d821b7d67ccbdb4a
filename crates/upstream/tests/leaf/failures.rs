//! What comes back broken, or not at all.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use http::{Method, Request};
use http_body::Body as _;
use http_body_util::Empty;
use propylon_testkit::gate::Gate;
use propylon_testkit::peer::Plan;
use propylon_upstream::{AttemptClass, Client, Error, HeadFault, Keepalive, Peer, Pool, Target};
use tokio::net::{TcpSocket, TcpStream};
use tower::ServiceExt;

use crate::support::{Fixture, OK, answering, empty, get, ours, read, send, transport};

async fn check_head(answer: impl Into<String>, expected: HeadFault) {
    let answer = answer.into();
    let shown = answer.chars().take(80).collect::<String>();
    let fixture = Fixture::new(move |_| {
        let answer = answer.clone();
        Plan::new().answer(move |_| answer.clone()).hang()
    });
    let error = fixture.fetch(get("/")).await.unwrap_err();
    assert!(matches!(error, Error::InvalidHead(fault) if fault == expected), "{shown:?}: {error:?}");
    assert_eq!(error.class(), AttemptClass::Sent);
    assert_eq!(error.status(), 502);
    fixture.raw.wait_closed(1).await;
    assert_eq!(fixture.pool.idle(), 0);
}

#[tokio::test]
async fn heads_that_are_none() {
    for answer in [
        "garbage\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "ICY 200 OK\r\n\r\n",
        "<html>\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX\0: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
    ] {
        check_head(answer, HeadFault::Syntax).await;
    }
}

#[tokio::test]
async fn heads_in_doubt() {
    use HeadFault::{ConflictingFraming, TooManyInterim, UnexpectedUpgrade, UnknownEncoding};
    let te = "Transfer-Encoding: chunked\r\n";
    check_head(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{te}\r\n"), ConflictingFraming).await;
    check_head(format!("HTTP/1.1 304 X\r\nContent-Length: 2\r\n{te}\r\n"), ConflictingFraming).await;
    check_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", UnknownEncoding).await;
    check_head("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", UnknownEncoding).await;
    check_head("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", UnexpectedUpgrade).await;
    let interim = "HTTP/1.1 103 Early Hints\r\n\r\n";
    check_head(format!("{}{OK}", interim.repeat(9)), TooManyInterim).await;
    check_head(interim.repeat(200_000), TooManyInterim).await;
}

#[tokio::test]
async fn lengths_that_are_none() {
    for lengths in ["Content-Length: 2\r\nContent-Length: 3", "Content-Length: 2, 3", "Content-Length: x"] {
        // Where there may be a body the parser sees it, else the leaf: either way it is refused.
        let fixture = Fixture::new(move |_| {
            Plan::new().answer(move |_| format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nok")).hang()
        });
        let error = fixture.fetch(get("/")).await.unwrap_err();
        assert!(matches!(error, Error::InvalidHead(_)), "{lengths}: {error:?}");
        check_head(format!("HTTP/1.1 304 X\r\n{lengths}\r\n\r\n"), HeadFault::InvalidLength).await;
    }
}

#[tokio::test]
async fn heads_too_large() {
    let big = format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(70_000));
    check_head(big.clone(), HeadFault::TooLarge).await;
    let fields = "X: y\r\n".repeat(101);
    let many = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n");
    check_head(many.clone(), HeadFault::TooLarge).await;

    let transport = transport().max_head(100_000).max_fields(200);
    let fixture = Fixture::with(Keepalive::new(), transport, move |n| {
        let answer = if n == 0 { big.clone() } else { many.clone() };
        Plan::new().answer(move |_| answer.clone()).close()
    });
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "");
    fixture.idle(0).await;
    assert_eq!(fixture.fetch(get("/")).await.unwrap(), "");
}

#[tokio::test]
async fn closed_before_the_head_was_complete() {
    for answer in ["", "HTTP/1.1 200 OK\r\nX:"] {
        let fixture = Fixture::new(move |_| Plan::new().answer(move |_| answer).close());
        let error = fixture.fetch(get("/")).await.unwrap_err();
        assert!(matches!(error, Error::Closed { sent: true }), "{error:?}");
        assert_eq!(
            error.to_string(),
            "upstream prematurely closed connection while reading response header from upstream"
        );
        assert_eq!(fixture.raw.accepted(), 1, "a fresh connection that fails is not tried again");
    }
}

#[tokio::test]
async fn reset_before_the_head_was_complete() {
    let fixture = Fixture::new(|_| Plan::new().read_request().reset());
    let error = fixture.fetch(get("/")).await.unwrap_err();
    let Error::Io { sent: true, source } = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), ErrorKind::ConnectionReset);
    assert_eq!(
        error.to_string(),
        "recv() failed (104: Connection reset by peer) while reading response header from upstream"
    );
}

#[tokio::test]
async fn bodies_cut_short() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
    ] {
        let fixture = Fixture::new(move |_| Plan::new().answer(move |_| answer).close());
        let response = fixture.send(get("/")).await.unwrap();
        let error = ours(read(response).await.unwrap_err());
        assert!(matches!(error, Error::Truncated), "{answer:?}: {error:?}");
        assert_eq!(error.class(), AttemptClass::ResponseStarted);
        assert_eq!(fixture.pool.idle(), 0);
    }
}

/// A server above sends what it has when it has to wait: what came before the error should get out.
#[tokio::test]
async fn an_error_waits_for_what_came_before_it() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab";
    let fixture = Fixture::new(move |_| Plan::new().answer(move |_| answer).close());
    let mut body = fixture.send(get("/")).await.unwrap().into_body();
    fixture.raw.wait_closed(1).await;
    let mut seen = Vec::new();
    let error = poll_fn(|cx| match Pin::new(&mut body).poll_frame(cx) {
        Poll::Pending => {
            seen.push("waits");
            Poll::Pending
        }
        Poll::Ready(Some(Ok(_))) => {
            seen.push("data");
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Poll::Ready(end) => Poll::Ready(end.unwrap().unwrap_err()),
    })
    .await;
    assert!(matches!(ours(error), Error::Truncated));
    assert_eq!(seen[..2], ["data", "waits"]);
}

#[tokio::test]
async fn bodies_with_invalid_chunks() {
    for chunk in ["x\r\n", "2\r\nabc\r\n", "fffffffffffffffff\r\n", "-1\r\n"] {
        let fixture = Fixture::new(move |_| {
            let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}");
            Plan::new().answer(move |_| answer.clone()).hang()
        });
        let response = fixture.send(get("/")).await.unwrap();
        let error = ours(read(response).await.unwrap_err());
        assert!(matches!(error, Error::InvalidBody), "{chunk:?}: {error:?}");
        fixture.raw.wait_closed(1).await;
    }
}

#[tokio::test]
async fn a_body_whose_connection_is_reset() {
    let gate = Gate::new();
    let later = gate.clone();
    let fixture = Fixture::new(move |_| {
        Plan::new().read_request().write("HTTP/1.1 200 OK\r\n\r\nab").wait(&later).reset()
    });
    let response = fixture.send(get("/")).await.unwrap();
    gate.open();
    let error = ours(read(response).await.unwrap_err());
    assert!(matches!(&error, Error::BodyIo { source } if source.kind() == ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn dropping_the_body_closes_the_connection() {
    let fixture = Fixture::new(|_| {
        Plan::new().read_request().write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab").hang()
    });
    drop(fixture.send(get("/")).await.unwrap());
    fixture.raw.wait_closed(1).await;
    assert_eq!(fixture.pool.idle(), 0);
}

#[tokio::test]
async fn dropping_the_future_closes_the_connection() {
    let fixture = Fixture::new(|_| Plan::new().read_request().hang());
    let (client, peer) = (fixture.client.clone(), fixture.peer.clone());
    let call = tokio::spawn(async move { send(&client, &peer, get("/")).await });
    fixture.raw.wait_requests(1).await;
    call.abort();
    fixture.raw.wait_closed(1).await;
}

#[tokio::test]
async fn nobody_listens() {
    let client = Client::new(Pool::new(Keepalive::new()), transport());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = ours(send(&client, &free.into(), get("/")).await.unwrap_err());
    assert_eq!(error.to_string(), "connect() failed (111: Connection refused) while connecting to upstream");
    assert_eq!((error.class(), error.status().as_u16()), (AttemptClass::NotConnected, 502));

    let error = ours(send(&client, &Peer::unix("/nonexistent/x.sock"), get("/")).await.unwrap_err());
    assert_eq!(
        error.to_string(),
        "connect() failed (2: No such file or directory) while connecting to upstream"
    );
}

#[tokio::test]
async fn connecting_takes_too_long() {
    // A full accept queue drops further SYNs.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(addr)).await {
        queue.push(stream);
        assert!(queue.len() < 100, "the queue never fills");
    }
    let transport = transport().connect_timeout(Duration::from_millis(50));
    let client = Client::new(Pool::new(Keepalive::new()), transport);
    let error = ours(send(&client, &addr.into(), get("/")).await.unwrap_err());
    assert!(matches!(error, Error::ConnectTimeout), "{error:?}");
    assert!(error.is_timeout());
    assert_eq!(error.status(), 504);
}

#[tokio::test]
async fn requests_that_cannot_be_sent() {
    let fixture = Fixture::new(|_| answering(OK));
    let mut request = get("/");
    request.extensions_mut().insert(Target("no-slash".into()));
    let error = fixture.fetch(request).await.unwrap_err();
    assert!(matches!(error, Error::InvalidTarget));

    let without = Request::builder().method(Method::GET).body(Empty::<bytes::Bytes>::new()).unwrap();
    let error = ours(fixture.client.clone().oneshot(without).await.unwrap_err());
    assert!(matches!(error, Error::NoPeer));
}

#[tokio::test]
async fn tunnels_are_not_for_this_leaf() {
    let fixture = Fixture::answering("HTTP/1.1 200 OK\r\n\r\n");
    let error = fixture.fetch(empty(Method::CONNECT)).await.unwrap_err();
    assert!(matches!(error, Error::InvalidHead(HeadFault::UnexpectedUpgrade)), "{error:?}");
    fixture.raw.wait_closed(1).await;
}

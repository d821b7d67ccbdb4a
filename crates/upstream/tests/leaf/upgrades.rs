//! Peers that switch to another protocol.

use http::{Request, StatusCode};
use http_body_util::Empty;
use propylon_testkit::peer::Plan;
use propylon_upstream::{Error, HeadFault, Switched};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Fixture, exchange, ours};

const SWITCH: &str = "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";

fn asking() -> Request<Empty<bytes::Bytes>> {
    let request =
        Request::get("/").header("host", "h").header("upgrade", "x").header("connection", "upgrade");
    request.body(Empty::new()).unwrap()
}

#[tokio::test]
async fn the_stream_is_handed_over_with_what_was_read_already() {
    let fixture = Fixture::new(|_| Plan::new().read_head().write([SWITCH, "hello"].concat()).read_to_end());
    let exchange = exchange();
    let mut request = asking();
    request.extensions_mut().insert(exchange.clone());
    let response = fixture.send(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(response.headers()["upgrade"], "x");
    assert!(http_body::Body::is_end_stream(response.body()));

    let switched = response.extensions().get::<Switched>().unwrap().clone();
    let mut stream = switched.take().unwrap();
    assert!(switched.take().is_none(), "it is there once");
    drop(response);
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).await.unwrap();
    assert_eq!(&hello, b"hello");
    stream.write_all(b"good day").await.unwrap();
    exchange.with_tries(|tries| assert_eq!(tries[0].response(), None, "the try goes on"));
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut hello).await.unwrap(), 0);
    drop(stream);

    let asked = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".len() as u64;
    exchange.with_tries(|tries| {
        assert_eq!(tries.len(), 1);
        assert_eq!(tries[0].status, Some(StatusCode::SWITCHING_PROTOCOLS));
        assert_eq!(tries[0].bytes_sent, asked + 8);
        assert_eq!(tries[0].bytes_received, SWITCH.len() as u64 + 5);
        assert_eq!(tries[0].length, 0, "as in nginx");
        assert!(tries[0].response().is_some());
    });
    fixture.raw.wait_closed(1).await;
    assert!(fixture.raw.received(0).ends_with(b"\r\n\r\ngood day"));
    assert_eq!(fixture.pool.idle(), 0);
}

#[tokio::test]
async fn a_stream_that_nobody_takes_is_closed() {
    let fixture = Fixture::new(|_| Plan::new().read_head().write(SWITCH).read_to_end());
    drop(fixture.send(asking()).await.unwrap());
    fixture.raw.wait_closed(1).await;
}

#[tokio::test]
async fn a_peer_that_does_not_switch_answers() {
    let fixture = Fixture::answering(
        "HTTP/1.1 426 X\r\nUpgrade: x\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nno",
    );
    for _ in 0..2 {
        let response = fixture.send(asking()).await.unwrap();
        assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
        assert!(response.extensions().get::<Switched>().is_none());
        assert_eq!(crate::support::read(response).await.unwrap(), "no");
    }
    assert_eq!(fixture.raw.accepted(), 1, "the connection is kept");
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_refused() {
    let fixture = Fixture::answering(SWITCH);
    let error = ours(fixture.send(crate::support::get("/")).await.unwrap_err());
    assert!(matches!(error, Error::InvalidHead(HeadFault::UnexpectedUpgrade)), "{error:?}");
    fixture.raw.wait_closed(1).await;
}

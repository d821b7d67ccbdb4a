//! Connections for whatever is spoken on them.

use std::io::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, StatusCode};
use propylon_exchange::{Address, Connection, Exchange};
use propylon_upstream::{AttemptClass, Greeting, Peer, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

fn stream() -> (Exchange, Extensions) {
    let connection = Connection::new(1, Address::unix(), Address::unix());
    let exchange = Exchange::stream("".into(), Arc::new(connection), Instant::now());
    let mut extensions = Extensions::new();
    extensions.insert(exchange.clone());
    (exchange, extensions)
}

#[tokio::test]
async fn what_passes_is_the_try_s() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = Peer::from(listener.local_addr().unwrap());
    let (exchange, mut extensions) = stream();
    extensions.insert(Greeting(Bytes::from_static(b"PROXY UNKNOWN\r\n")));
    let transport = Transport::new().special(true);
    let (opened, accepted) = tokio::join!(transport.connect(&peer, &extensions), listener.accept());
    let (mut upstream, (mut server, _)) = (opened.unwrap(), accepted.unwrap());
    upstream.write_all(b"hello").await.unwrap();
    let mut heard = [0; 20];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"PROXY UNKNOWN\r\nhello");
    exchange.with_tries(|tries| assert!(tries[0].connect().is_some() && tries[0].header().is_none()));
    server.write_all(b"good day").await.unwrap();
    upstream.read_exact(&mut [0; 8]).await.unwrap();
    exchange.with_tries(|tries| {
        assert!(tries[0].header().is_some(), "its first byte is here");
        assert!(tries[0].response().is_none(), "it goes on");
    });
    drop(upstream);
    exchange.with_tries(|tries| {
        assert_eq!((tries[0].bytes_sent, tries[0].bytes_received), (20, 8), "what it began with, too");
        assert!(tries[0].response().is_some() && tries[0].status == Some(StatusCode::OK));
    });
}

#[tokio::test]
async fn what_cannot_be_had_is_a_try_too() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = Peer::from(listener.local_addr().unwrap());
    drop(listener);
    let (exchange, extensions) = stream();
    let error = Transport::new().connect(&peer, &extensions).await.unwrap_err();
    assert_eq!(error.class(), AttemptClass::NotConnected);
    exchange.with_tries(|tries| {
        assert_eq!(tries[0].status, Some(StatusCode::BAD_GATEWAY));
        assert!(tries[0].connect().is_none() && tries[0].response().is_some());
    });
}

#[tokio::test]
async fn a_reset_looks_like_none_of_an_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = Peer::from(listener.local_addr().unwrap());
    for reset in [false, true] {
        let transport = Transport::new();
        let extensions = Extensions::new();
        let (opened, accepted) = tokio::join!(transport.connect(&peer, &extensions), listener.accept());
        let (upstream, (mut server, _)) = (opened.unwrap(), accepted.unwrap());
        if reset {
            upstream.reset();
        } else {
            drop(upstream);
        }
        let read = server.read(&mut [0]).await.map_err(|error| error.kind());
        assert_eq!(read, if reset { Err(ErrorKind::ConnectionReset) } else { Ok(0) });
    }
}

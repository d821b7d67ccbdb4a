//! Reading ahead of connections.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::time::Duration;

use propylon_stream::{Ahead, BoxError, ClientHello, Error, Limits, PrereadLayer, preread};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;
use tower::{Layer, ServiceExt, service_fn};

/// A hello of TLS 1.2 that asks for `a.b`.
const HELLO: &[u8] = b"\x16\x03\x01\x00\x39\x01\x00\x00\x35\x03\x03\
    0123456789abcdef0123456789abcdef\x00\x00\x02\x13\x01\x01\x00\
    \x00\x0a\x00\x00\x00\x06\x00\x04\x00\x00\x01a";

const LIMITS: Limits = Limits::new().buffer(100).timeout(Duration::from_secs(5));

async fn rest(mut client: Ahead<DuplexStream>) -> Vec<u8> {
    let mut all = Vec::new();
    client.read_to_end(&mut all).await.unwrap();
    all
}

#[tokio::test]
async fn not_a_byte_is_lost_however_they_come() {
    for piece in [1, 5, 50, 1000] {
        let (mut browser, client) = duplex(1000);
        let writing = tokio::spawn(async move {
            for piece in [HELLO, b"more"].concat().chunks(piece) {
                browser.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let (client, hello) = preread(client, LIMITS).await.unwrap();
        assert_eq!(hello.unwrap().server_name.unwrap(), "a");
        assert!(client.read_ahead().starts_with(HELLO));
        assert_eq!(rest(client).await, [HELLO, b"more"].concat(), "in pieces of {piece}");
        writing.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_no_tls_goes_on_as_it_is() {
    let (mut browser, client) = duplex(1000);
    browser.write_all(b"\x16SSH").await.unwrap();
    let (client, hello) = preread(client, LIMITS).await.unwrap();
    assert_eq!(hello, None);
    drop(browser);
    assert_eq!(rest(client).await, b"\x16SSH");
}

#[tokio::test(start_paused = true)]
async fn what_never_says_it_is_given_up() {
    let (mut browser, client) = duplex(1000);
    browser.write_all(HELLO.get(..20).unwrap()).await.unwrap();
    let since = Instant::now();
    let error = preread(client, LIMITS).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut(limit) if limit == Duration::from_secs(5)), "{error}");
    assert_eq!(since.elapsed().as_secs(), 5);

    let (mut browser, client) = duplex(1000);
    browser.write_all(HELLO.get(..20).unwrap()).await.unwrap();
    drop(browser);
    assert!(matches!(preread(client, LIMITS).await.unwrap_err(), Error::Closed));

    let (mut browser, client) = duplex(1000);
    browser.write_all(b"\x16\x03\x01\x01\x00\x01\x00\x00\xff").await.unwrap();
    browser.write_all(&[3; 200]).await.unwrap();
    assert!(matches!(preread(client, LIMITS).await.unwrap_err(), Error::Full { limit: 100 }));
}

#[tokio::test]
async fn the_layer_serves_with_what_was_read() {
    let route = service_fn(|(client, hello): (Ahead<DuplexStream>, Option<ClientHello>)| async move {
        let name = hello.and_then(|hello| hello.server_name).ok_or("no name")?;
        Ok::<_, BoxError>((name, rest(client).await))
    });
    let service = PrereadLayer::new(LIMITS).layer(route);
    let (mut browser, client) = duplex(1000);
    browser.write_all(HELLO).await.unwrap();
    drop(browser);
    let (name, all) = service.oneshot(client).await.unwrap();
    assert_eq!((&*name, &*all), (&b"a"[..], HELLO));

    let (mut browser, client) = duplex(1000);
    browser.write_all(b"x").await.unwrap();
    assert_eq!(service.oneshot(client).await.unwrap_err().to_string(), "no name");
    let (_, client) = duplex(1000);
    let closed = service.oneshot(client).await.unwrap_err();
    assert!(closed.downcast_ref::<Error>().is_some_and(|error| matches!(error, Error::Closed)));
}

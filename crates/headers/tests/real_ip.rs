//! The real client address through the public API.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::convert::Infallible;

use http::header::{FORWARDED, HeaderName};
use http::{HeaderMap, Request};
use propylon_headers::{ClientAddr, ConnectionAddr, RealIpLayer, Trusted, X_FORWARDED_FOR};
use tower::{Layer, ServiceExt, service_fn};

#[derive(Debug)]
struct Seen {
    client: Option<ClientAddr>,
    connection: Option<ConnectionAddr>,
    headers: HeaderMap,
}

async fn seen(layer: &RealIpLayer, peer: Option<&str>, fields: &[(&str, &str)]) -> Seen {
    let inner = service_fn(async |request: Request<()>| {
        Ok::<_, Infallible>(Seen {
            client: request.extensions().get().copied(),
            connection: request.extensions().get().copied(),
            headers: request.headers().clone(),
        })
    });
    let mut request = Request::builder();
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    let mut request = request.body(()).unwrap();
    if let Some(peer) = peer {
        request.extensions_mut().insert(address(peer));
    }
    layer.layer(inner).oneshot(request).await.unwrap()
}

fn address(text: &str) -> ClientAddr {
    ClientAddr::ip(text.parse().unwrap(), None)
}

fn trusted() -> Trusted {
    Trusted::from_iter(["10.0.0.0/8".parse().unwrap()])
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_client_is() {
    let layer = RealIpLayer::new(trusted());
    let fields = [("x-real-ip", "192.0.2.1"), ("x-real-ip", "192.0.2.2"), ("x-forwarded-for", "192.0.2.3")];
    let seen = seen(&layer, Some("10.0.0.1"), &fields).await;
    assert_eq!(seen.client, Some(address("192.0.2.1")));
    assert_eq!(seen.connection, Some(ConnectionAddr(address("10.0.0.1"))));
    assert_eq!(seen.headers.len(), 3);
}

#[tokio::test]
async fn nobody_else_does() {
    let layer = RealIpLayer::new(trusted());
    for peer in [Some("192.0.2.9"), None] {
        let kept = seen(&layer, peer, &[("x-real-ip", "192.0.2.1")]).await;
        assert_eq!(kept.client, peer.map(address));
        assert_eq!(kept.connection, None);
        assert_eq!(kept.headers.len(), 1);

        let stripped = layer.clone().strip_untrusted(true);
        assert!(seen(&stripped, peer, &[("x-real-ip", "192.0.2.1")]).await.headers.is_empty());
    }
    let trusted = seen(&layer.strip_untrusted(true), Some("10.0.0.1"), &[("x-real-ip", "192.0.2.1")]).await;
    assert_eq!(trusted.headers.len(), 1);
}

#[tokio::test]
async fn the_header_decides_how_it_is_read() {
    let layer = |header: HeaderName| RealIpLayer::new(trusted()).header(header).recursive(true);
    let twice = [("192.0.2.1", "10.0.0.2"), ("for=192.0.2.1", "for=10.0.0.2")];
    for (header, (first, second), expected) in [
        (X_FORWARDED_FOR, twice[0], "192.0.2.1"),
        (FORWARDED, twice[1], "192.0.2.1"),
        (HeaderName::from_static("cf-connecting-ip"), twice[0], "192.0.2.1"),
    ] {
        let fields = [(header.as_str(), first), (header.as_str(), second)];
        assert_eq!(
            seen(&layer(header.clone()), Some("10.0.0.1"), &fields).await.client,
            Some(address(expected))
        );
    }
    // of another field only the first line counts
    let other = HeaderName::from_static("cf-connecting-ip");
    let fields = [(other.as_str(), "10.0.0.2"), (other.as_str(), "192.0.2.1")];
    assert_eq!(
        seen(&layer(other.clone()), Some("10.0.0.1"), &fields).await.client,
        Some(address("10.0.0.2"))
    );
}

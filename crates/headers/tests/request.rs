//! The request side through the public API.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::convert::Infallible;

use http::header::{CONNECTION, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, UPGRADE};
use http::{Request, Response};
use propylon_headers::{
    ClientAddr, Forwarding, RequestField, RequestHeadersLayer, SanitizeLayer, X_FORWARDED_FOR, X_REAL_IP,
};
use tower::{Layer, Service, ServiceExt, service_fn};

/// What the upstream sees of this request.
async fn seen(layer: RequestHeadersLayer, request: Request<()>) -> HeaderMap {
    let upstream = service_fn(async |request: Request<()>| {
        Ok::<_, Infallible>(Response::new(request.headers().clone()))
    });
    layer.layer(upstream).oneshot(request).await.unwrap().into_body()
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

fn fixed(name: HeaderName, value: &'static str) -> RequestField {
    RequestField::fixed(name, HeaderValue::from_static(value))
}

#[tokio::test]
async fn a_client_cannot_remove_what_the_config_sets() {
    let layer = RequestHeadersLayer::new()
        .set(fixed(X_REAL_IP, "192.0.2.1"))
        .set(fixed(HeaderName::from_static("x-auth"), "secret"))
        .protect(HeaderName::from_static("x-trace"));
    let request = Request::get("/")
        .header(HOST, "a.example")
        .header(CONNECTION, "host, x-forwarded-for, content-length, X-Real-IP, x-auth, x-trace, cookie")
        .header(X_FORWARDED_FOR, "198.51.100.7")
        .header("content-length", "3")
        .header("x-trace", "t")
        .header("cookie", "c")
        .header("x-auth", "forged")
        .body(())
        .unwrap();
    let mut seen = lines(&seen(layer, request).await);
    seen.sort();
    assert_eq!(
        seen,
        [
            "content-length: 3",
            "host: a.example",
            "x-auth: secret",
            "x-forwarded-for: 198.51.100.7",
            "x-real-ip: 192.0.2.1",
            "x-trace: t",
        ]
    );
}

#[tokio::test]
async fn the_websocket_recipe() {
    let layer = RequestHeadersLayer::new()
        .set(RequestField::computed(UPGRADE, |parts| parts.headers.get(UPGRADE).cloned()))
        .set(RequestField::computed(CONNECTION, |parts| {
            Some(HeaderValue::from_static(if parts.headers.contains_key(UPGRADE) {
                "upgrade"
            } else {
                "close"
            }))
        }));
    let upgrade =
        Request::get("/").header(CONNECTION, "Upgrade").header(UPGRADE, "websocket").body(()).unwrap();
    assert_eq!(lines(&seen(layer.clone(), upgrade).await), ["upgrade: websocket", "connection: upgrade"]);
    let plain = Request::get("/").header(CONNECTION, "keep-alive").body(()).unwrap();
    assert_eq!(lines(&seen(layer, plain).await), ["connection: close"]);
}

#[tokio::test]
async fn built_ins_hold_for_what_is_not_set() {
    let request = || {
        Request::get("/")
            .header(HOST, "client.example")
            .header(TE, "trailers")
            .header(EXPECT, "100-continue")
            .header("keep-alive", "5")
            .header("proxy-connection", "keep-alive")
            .header("proxy-authorization", "Basic x")
            .body(())
            .unwrap()
    };
    let layer = RequestHeadersLayer::new().host(|parts| parts.uri.path().trim_matches('/').parse().ok());
    assert_eq!(lines(&seen(layer.clone(), request()).await), ["proxy-authorization: Basic x"]);
    let layer = layer.host(|_| Some(HeaderValue::from_static("proxy.host"))).set(fixed(TE, "trailers"));
    assert_eq!(
        lines(&seen(layer, request()).await),
        ["host: proxy.host", "proxy-authorization: Basic x", "te: trailers"]
    );
}

#[tokio::test]
async fn forwarding_fields_in_one_call() {
    let layer = RequestHeadersLayer::new().set_all(Forwarding::append().fields()).pass_request_headers(false);
    let request = Request::get("https://a.example/")
        .header(HOST, "a.example")
        .header(X_FORWARDED_FOR, "198.51.100.7")
        .extension(ClientAddr::ip("192.0.2.1".parse().unwrap(), Some(1)))
        .body(())
        .unwrap();
    assert_eq!(
        lines(&seen(layer, request).await),
        [
            "host: a.example",
            "x-real-ip: 192.0.2.1",
            "x-forwarded-for: 198.51.100.7, 192.0.2.1",
            "x-forwarded-proto: https",
            "x-forwarded-host: a.example",
            "forwarded: for=192.0.2.1;host=a.example;proto=https",
        ]
    );
}

#[tokio::test]
async fn odd_names_stop_at_the_edge() {
    let upstream = service_fn(async |request: Request<()>| Ok::<_, Infallible>(request.headers().len()));
    let request = || Request::get("/").header("x_y", "1").header("x-y", "1").body(()).unwrap();
    let mut strict = SanitizeLayer::new().layer(upstream);
    assert_eq!(strict.ready().await.unwrap().call(request()).await.unwrap(), 1);
    let loose = SanitizeLayer::new().underscores_in_headers(true).layer(upstream);
    assert_eq!(loose.oneshot(request()).await.unwrap(), 2);
}

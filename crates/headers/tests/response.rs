//! The response side through the public API.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use http::header::{HeaderName, HeaderValue, SERVER};
use http::{Request, Response, StatusCode};
use propylon_headers::{ResponseField, ResponseHeadersLayer};
use tower::{Layer, ServiceExt, service_fn};

async fn lines(
    layer: ResponseHeadersLayer,
    status: StatusCode,
    upstream: &[(&'static str, &'static str)],
) -> Vec<String> {
    let mut response = Response::new("body");
    *response.status_mut() = status;
    for (name, value) in upstream {
        response.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    let mut response = Some(response);
    let upstream =
        service_fn(move |_: Request<()>| std::future::ready(response.take().ok_or("called twice")));
    let response = layer.layer(upstream).oneshot(Request::new(())).await.unwrap();
    assert_eq!(*response.body(), "body");
    response.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

#[tokio::test]
async fn hides_passes_and_adds() {
    let name = HeaderName::from_static("x-upstream");
    let layer = ResponseHeadersLayer::new()
        .hide(HeaderName::from_static("x-powered-by"))
        .pass(&SERVER)
        .add(ResponseField::computed(name.clone(), |parts| parts.headers.get("x-powered-by").cloned()))
        .add_always(ResponseField::fixed(HeaderName::from_static("x-edge"), HeaderValue::from_static("1")));
    const UPSTREAM: &[(&str, &str)] = &[
        ("server", "s"),
        ("date", "d"),
        ("x-powered-by", "p"),
        ("x-accel-expires", "1"),
        ("connection", "x-edge"),
    ];
    assert_eq!(
        lines(layer.clone(), StatusCode::OK, UPSTREAM).await,
        ["server: s", "x-upstream: p", "x-edge: 1"]
    );
    assert_eq!(lines(layer, StatusCode::BAD_GATEWAY, UPSTREAM).await, ["server: s", "x-edge: 1"]);
}

#[tokio::test]
async fn another_status_is_told_by_a_closure_that_may_capture() {
    let shown = std::sync::Arc::new(std::sync::atomic::AtomicU16::new(404));
    let told = shown.clone();
    let layer = ResponseHeadersLayer::new()
        .add(ResponseField::fixed(HeaderName::from_static("x-edge"), HeaderValue::from_static("1")))
        .status(move |_| told.load(std::sync::atomic::Ordering::Relaxed).try_into().unwrap());
    assert!(lines(layer.clone(), StatusCode::OK, &[]).await.is_empty());
    shown.store(200, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(lines(layer, StatusCode::BAD_GATEWAY, &[]).await, ["x-edge: 1"]);
}

#[tokio::test]
async fn an_upgrade_survives() {
    const UPSTREAM: &[(&str, &str)] = &[("connection", "upgrade"), ("upgrade", "websocket"), ("server", "s")];
    let layer = ResponseHeadersLayer::new();
    let mut switched = lines(layer.clone(), StatusCode::SWITCHING_PROTOCOLS, UPSTREAM).await;
    switched.sort();
    assert_eq!(switched, ["connection: upgrade", "upgrade: websocket"]);
    assert!(lines(layer, StatusCode::OK, UPSTREAM).await.is_empty());
}

#[tokio::test]
async fn errors_and_readiness_pass_as_they_are() {
    let (mut service, mut handle) =
        tower_test::mock::spawn_layer::<Request<()>, Response<()>, _>(ResponseHeadersLayer::new());
    handle.allow(0);
    assert!(service.poll_ready().is_pending());
    handle.allow(1);
    assert!(service.poll_ready().is_ready());
    let answer = service.call(Request::new(()));
    handle.next_request().await.unwrap().1.send_error("upstream is gone");
    assert_eq!(answer.await.unwrap_err().to_string(), "upstream is gone");
}

//! What is done with any input; a panic is a fault. `fuzz/` and the replay of its corpus call these.

use http::header::SET_COOKIE;
use http::{HeaderValue, Request, Response};
use propylon_cookie::{CookieLayer, Flags, SameSite};
use tower::{Layer, ServiceExt, service_fn};

/// Any bytes as a `Set-Cookie`: the line stays one line, and its name and value stay.
pub(crate) fn set_cookie(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let layer = CookieLayer::new()
        .domain("localhost", "example.com")
        .path("/app/", "/")
        .flags("a", Flags::new().secure().http_only().same_site(SameSite::Strict));
    let given = value.clone();
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let response = Response::builder().header(SET_COOKIE, given.clone()).body(());
        async move { response }
    }));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let response = runtime.block_on(service.oneshot(Request::new(()))).expect("a response");
    let written: Vec<_> = response.headers().get_all(SET_COOKIE).iter().collect();
    assert_eq!(written.len(), 1);
    let pair = |value: &HeaderValue| {
        let pair = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
        pair.trim_ascii().to_vec()
    };
    assert_eq!(pair(written[0]), pair(&value));
}

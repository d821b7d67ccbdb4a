//! What the tests of all engines share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::{BodyExt, Empty, Full};
use propylon_exchange::{Address, Connection, Exchange, Head};
use propylon_upstream::{Body, BoxError, Error};
use tokio::time::Instant;

/// The outcome of what must not take for ever.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("never")
}

/// Lets the runtime work until it is so.
pub(crate) async fn settle(done: impl Fn() -> bool) {
    soon(async {
        while !done() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(crate) async fn read(response: Response<Body>) -> Result<String, BoxError> {
    let mut body = response.into_body();
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        text.extend_from_slice(&frame?.into_data().unwrap_or_default());
    }
    Ok(String::from_utf8(text)?)
}

pub(crate) fn ours(error: BoxError) -> Error {
    *error.downcast().expect("the crate's own error")
}

pub(crate) fn get(target: &str) -> Request<Empty<Bytes>> {
    Request::get(target).header("host", "h").body(Empty::new()).unwrap()
}

pub(crate) fn full(method: Method, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri("/").header("host", "h").body(Full::new(body.into())).unwrap()
}

pub(crate) fn exchange() -> Exchange {
    let connection = Arc::new(Connection::new(1, Address::unix(), Address::unix()));
    let head = Head {
        method: Method::GET,
        target: "/".into(),
        version: Version::HTTP_11,
        headers: HeaderMap::new().into(),
        bytes: 18,
    };
    Exchange::new(connection, 1, Instant::now(), head)
}

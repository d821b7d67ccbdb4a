//! The limits of one request, and the values at the edges.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::{future::pending, time::Duration};

use http::{Request, Response};
use propylon_testkit::body::Script;
use propylon_timeout::{Error, Limits, TimeoutLayer};
use support::{Given, READ, SEND, both, cause, drain, next, seconds, service};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt};

/// Sends a request that has limits of its own through a layer; the response takes an hour.
async fn hour_long(layer: TimeoutLayer, own: Limits) -> (Result<Given, Error>, Duration) {
    let mut service = service(layer, |mut request| async move {
        assert_eq!(request.extensions().get(), Some(&own));
        drain(request.body_mut()).await.unwrap();
        sleep(seconds(3600)).await;
        Ok(Response::new(Script::new().data("a").sleep(seconds(3600)).data("b")))
    });
    let mut request = Request::new(Script::new().data("x"));
    request.extensions_mut().insert(own);
    let start = Instant::now();
    let result = service.ready().await.unwrap().call(request).await;
    (result.map_err(|error| cause(&error)), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_request_may_have_longer_shorter_or_no_limits() {
    let (result, took) = hour_long(both(), Limits::new().read(seconds(600))).await;
    assert_eq!(result.unwrap_err(), Error::HeadTimeout(seconds(600)));
    assert_eq!(took, seconds(600));

    let (result, took) = hour_long(both(), Limits::new().read(seconds(2))).await;
    assert_eq!(result.unwrap_err(), Error::HeadTimeout(seconds(2)));
    assert_eq!(took, seconds(2));

    let (result, _) = hour_long(TimeoutLayer::new(), Limits::new().read(seconds(2))).await;
    assert_eq!(result.unwrap_err(), Error::HeadTimeout(seconds(2)));

    let (result, took) = hour_long(both(), Limits::new()).await;
    assert_eq!(drain(&mut result.unwrap().into_body()).await.unwrap(), 2);
    assert_eq!(took, seconds(3600));
}

#[tokio::test(start_paused = true)]
async fn the_limits_of_a_request_rule_its_response_body_too() {
    let (result, _) = hour_long(both(), Limits::new().read(seconds(3600))).await;
    assert_eq!(drain(&mut result.unwrap().into_body()).await.unwrap(), 2);

    let (result, _) = hour_long(both(), Limits::new().read(seconds(3600))).await;
    let mut body = result.unwrap().into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn the_limits_of_a_request_replace_both() {
    // The layer's `send` does not shine through.
    let mut service = service(both(), |request| async move {
        sleep(SEND * 3).await;
        drop(request);
        Ok(Response::new(Script::new()))
    });
    let mut request = Request::new(Script::new().data("x"));
    request.extensions_mut().insert(Limits::new().read(READ));
    assert!(service.ready().await.unwrap().call(request).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_fails_at_the_first_wait() {
    let zero = TimeoutLayer::new().send(Duration::ZERO).read(Duration::ZERO);
    let start = Instant::now();
    let error = support::send(zero, Script::new(), |_| pending()).await.unwrap_err();
    assert_eq!(cause(&error), Error::HeadTimeout(Duration::ZERO));
    assert_eq!(start.elapsed(), Duration::ZERO);

    // While nothing runs, it does not spin.
    let body = Script::new().sleep(seconds(2)).data("x");
    let response = support::send(zero, body, |mut request| async move {
        drain(request.body_mut()).await.unwrap();
        Ok(Response::new(Script::new()))
    });
    assert!(response.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_limit_beyond_the_clock_never_comes() {
    let forever = TimeoutLayer::new().send(Duration::MAX).read(Duration::MAX);
    let start = Instant::now();
    let body = Script::new().sleep(seconds(86_400 * 3)).data("x");
    let response = support::send(forever, body, |mut request| async move {
        drain(request.body_mut()).await.unwrap();
        sleep(seconds(86_400 * 3)).await;
        Ok(Response::new(Script::new()))
    });
    assert!(response.await.is_ok());
    assert_eq!(start.elapsed(), seconds(86_400 * 6));
}

#[test]
fn limits_are_built_by_value() {
    let limits = Limits::new().send(SEND).read(Some(READ));
    assert_eq!((limits.send, limits.read), (Some(SEND), Some(READ)));
    assert_eq!(limits.send(None).read(None), Limits::default());
}

//! Responses that turn the connection into a tunnel.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use http::{Method, Request, Response, StatusCode};
use propylon_testkit::body::Script;
use propylon_timeout::{Limits, TimeoutLayer};
use support::{Given, READ, SEND, both, drain, seconds, service};
use tower::{Service, ServiceExt};

/// A response whose body stands still for longer than any limit.
async fn respond(layer: TimeoutLayer, method: Method, status: StatusCode, own: Option<Limits>) -> Given {
    let mut service = service(layer, |_| async move {
        let body = Script::new().data("a").sleep(seconds(1000)).data("b");
        Ok(Response::builder().status(status).body(body).unwrap())
    });
    let mut request = Request::builder().method(method).body(Script::new()).unwrap();
    if let Some(own) = own {
        request.extensions_mut().insert(own);
    }
    service.ready().await.unwrap().call(request).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_is_not_limited_and_gets_the_limits() {
    for (method, status) in [
        (Method::GET, StatusCode::SWITCHING_PROTOCOLS),
        (Method::CONNECT, StatusCode::OK),
        (Method::CONNECT, StatusCode::ACCEPTED),
    ] {
        let mut response = respond(both(), method, status, None).await;
        assert_eq!(response.extensions().get(), Some(&Limits::new().send(SEND).read(READ)));
        assert_eq!(drain(response.body_mut()).await.unwrap(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn any_other_response_is_limited_and_gets_nothing() {
    for (method, status) in [(Method::GET, StatusCode::OK), (Method::CONNECT, StatusCode::FORBIDDEN)] {
        let mut response = respond(both(), method, status, None).await;
        assert_eq!(response.extensions().get::<Limits>(), None);
        assert!(drain(response.body_mut()).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn the_tunnel_gets_the_limits_of_the_request() {
    let own = Limits::new().read(seconds(3600));
    let response = respond(both(), Method::GET, StatusCode::SWITCHING_PROTOCOLS, Some(own)).await;
    assert_eq!(response.extensions().get(), Some(&own));
    let response = respond(TimeoutLayer::new(), Method::GET, StatusCode::SWITCHING_PROTOCOLS, None).await;
    assert_eq!(response.extensions().get(), Some(&Limits::new()));
}

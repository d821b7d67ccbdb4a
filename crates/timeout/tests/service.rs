//! The service: readiness, access to what is inside, clones.

mod support;

use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use propylon_testkit::body::Script;
use propylon_timeout::{Limits, RequestBody, ResponseBody, ResponseFuture, Timeout, TimeoutLayer};
use support::{READ, Taken, both};
use tower::{Layer, Service};
use tower_test::mock::{self, Mock};

type Inner = Mock<Taken, Response<Script>>;

fn poll_ready(service: &mut Timeout<Inner>) -> Poll<Result<(), String>> {
    let mut cx = Context::from_waker(Waker::noop());
    Service::<Request<Script>>::poll_ready(service, &mut cx).map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn readiness_is_the_inner_service_s() {
    let (inner, mut handle) = mock::pair::<Taken, Response<Script>>();
    let mut service = both().layer(inner);
    handle.allow(0);
    assert_eq!(poll_ready(&mut service), Poll::Pending);
    handle.allow(1);
    assert_eq!(poll_ready(&mut service), Poll::Ready(Ok(())));

    let response = tokio::spawn(service.call(Request::new(Script::new().data("a"))));
    let (request, answer) = handle.next_request().await.unwrap();
    assert_eq!(request.body().get_ref().watch().polls(), 0);
    answer.send_response(Response::new(Script::new()));
    assert!(response.await.unwrap().is_ok());
    assert_eq!(poll_ready(&mut service), Poll::Pending);

    handle.send_error("closed");
    assert_eq!(poll_ready(&mut service), Poll::Ready(Err("closed".into())));
}

#[test]
fn the_inner_service_can_be_reached() {
    let mut service = both().layer(1);
    assert_eq!(*service.get_ref(), 1);
    *service.get_mut() += 1;
    assert_eq!(service.into_inner(), 2);
    assert_eq!(Timeout::new(3, Limits::new().read(READ)).into_inner(), 3);
}

#[test]
fn everything_can_be_sent_shared_and_cloned() {
    fn shared<T: Send + Sync>() {}
    fn cloned<T: Clone + Send + Sync>() {}
    cloned::<TimeoutLayer>();
    cloned::<Timeout<()>>();
    cloned::<Limits>();
    shared::<ResponseFuture<()>>();
    shared::<RequestBody<()>>();
    shared::<ResponseBody<()>>();
}

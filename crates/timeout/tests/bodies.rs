//! Both bodies obey the laws of body wrappers.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::{
    future::ready,
    task::{Context, Poll, Waker},
};

use http::{Request, Response};
use propylon_testkit::{body::Script, laws};
use propylon_timeout::{RequestBody, ResponseBody, TimeoutLayer};
use support::{both, service};
use tower::Service;

fn call<T>(service: &mut impl Service<Request<Script>, Response = T>, request: Request<Script>) -> T {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let Poll::Ready(Ok(response)) = std::pin::pin!(service.call(request)).poll(&mut cx) else {
        panic!("the response is not ready");
    };
    response
}

fn response_body(layer: TimeoutLayer, script: Script) -> ResponseBody<Script> {
    let mut script = Some(script);
    let mut service = service(layer, |_| ready(Ok(Response::new(script.take().unwrap()))));
    call(&mut service, Request::new(Script::new())).into_body()
}

fn request_body(layer: TimeoutLayer, script: Script) -> RequestBody<Script> {
    let mut taken = None;
    let mut service = service(layer, |request| {
        taken = Some(request.into_body());
        ready(Ok(Response::new(Script::new())))
    });
    drop(call(&mut service, Request::new(script)));
    drop(service);
    taken.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_response_body_obeys_the_laws() {
    laws::check_all(|script| response_body(both(), script));
    laws::check_all(|script| response_body(TimeoutLayer::new(), script));
}

#[tokio::test(start_paused = true)]
async fn the_request_body_obeys_the_laws() {
    laws::check_all(|script| request_body(both(), script));
    laws::check_all(|script| request_body(TimeoutLayer::new(), script));
}

#[test]
fn no_timer_is_made_as_long_as_nothing_waits() {
    // Outside of a runtime a timer would panic.
    laws::frames_pass_in_order(|script| response_body(both(), script));
    laws::frames_pass_in_order(|script| request_body(both(), script));
}

#[test]
fn the_bodies_give_back_what_is_inside() {
    let body = response_body(both(), Script::new().data("a"));
    let watch = body.get_ref().watch();
    drop(body.into_inner());
    assert!(watch.dropped_early());

    let body = request_body(both(), Script::new().data("a"));
    let watch = body.get_ref().watch();
    drop(body.into_inner());
    assert!(watch.dropped_early());
}

//! A dropped future is the client's abort: nothing outlives it.

mod support;

use std::{future::pending, io};

use http::{Request, Response};
use propylon_testkit::{
    body::Script,
    gate::Gate,
    service::{Fate, Tracked},
};
use support::{both, next, poll_once, respond, service};
use tower::{Service, ServiceExt};

#[tokio::test(start_paused = true)]
async fn dropping_the_response_future_drops_the_inner_one_and_the_request() {
    let fate = Fate::default();
    let mut service = service(both(), |request| {
        let answer = async move {
            pending::<()>().await;
            drop(request);
            Err::<Response<Script>, _>(io::Error::other("unreachable"))
        };
        Tracked::with(answer, fate.clone())
    });
    let body = Script::new().data("a");
    let watch = body.watch();
    let mut future = Box::pin(service.ready().await.unwrap().call(Request::new(body)));
    assert!(poll_once(&mut future).await.is_pending());
    assert!(!fate.dropped() && !watch.dropped());
    drop(future);
    assert!(fate.dropped());
    assert!(watch.dropped_early());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_future_that_was_never_polled_drops_the_inner_one() {
    let fate = Fate::default();
    let answer = |_| Tracked::with(pending::<Result<Response<Script>, io::Error>>(), fate.clone());
    let mut service = service(both(), answer);
    drop(service.ready().await.unwrap().call(Request::new(Script::new())));
    assert!(fate.dropped());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_response_body_midway_drops_the_inner_one() {
    let script = Script::new().data("a").wait(&Gate::new());
    let watch = script.watch();
    let mut body = respond(both(), script).await;
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "a");
    assert!(poll_once(&mut Box::pin(next(&mut body))).await.is_pending());
    assert!(!watch.dropped());
    drop(body);
    assert!(watch.dropped_early());
}

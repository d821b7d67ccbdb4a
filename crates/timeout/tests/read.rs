//! The time between two frames of the response body.

mod support;

use http::{Request, Response};
use http_body::Body;
use propylon_testkit::{body::Script, gate::Gate};
use propylon_timeout::{Error, Limits, TimeoutLayer};
use support::{READ, SEND, both, cause, drain, next, respond, seconds, send, service};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt};

#[tokio::test(start_paused = true)]
async fn a_body_that_stands_still_fails_at_the_limit() {
    let mut body = respond(both(), Script::new().data("a").wait(&Gate::new())).await;
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "a");
    let start = Instant::now();
    assert_eq!(cause(&next(&mut body).await.unwrap().unwrap_err()), Error::ReadTimeout(READ));
    assert_eq!(start.elapsed(), READ);
}

#[tokio::test(start_paused = true)]
async fn after_the_limit_the_body_is_at_its_end() {
    let script = Script::new().sleep(READ * 2).data("too late");
    let watch = script.watch();
    let mut body = respond(both(), script).await;
    assert!(next(&mut body).await.unwrap().is_err());
    assert!(body.is_end_stream());
    sleep(READ * 2).await;
    assert!(next(&mut body).await.is_none());
    drop(body);
    assert!(watch.dropped_early());
}

#[tokio::test(start_paused = true)]
async fn a_trickling_body_never_fails() {
    let start = Instant::now();
    let script = (0..1000).fold(Script::new(), |body, _| body.sleep(seconds(6)).data("x"));
    let mut body = respond(both(), script).await;
    assert_eq!(drain(&mut body).await.unwrap(), 1000);
    assert_eq!(start.elapsed(), seconds(6000));
}

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_does_not_use_up_the_limit() {
    let gate = Gate::new();
    let mut body = respond(both(), Script::new().data("a").sleep(seconds(1)).data("b").wait(&gate)).await;
    sleep(READ * 10).await; // before the first poll
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "a");
    sleep(READ * 10).await; // between two frames
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "b");
    sleep(READ * 10).await; // with a timer that has fired long ago
    let start = Instant::now();
    assert_eq!(cause(&next(&mut body).await.unwrap().unwrap_err()), Error::ReadTimeout(READ));
    assert_eq!(start.elapsed(), READ);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_comes_with_the_limit_wins() {
    let mut body = respond(both(), Script::new().sleep(READ).data("a")).await;
    assert_eq!(drain(&mut body).await.unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_frame_starts_the_limit_anew() {
    let mut body = respond(both(), Script::new().sleep(seconds(6)).data("a").wait(&Gate::new())).await;
    let start = Instant::now();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "a");
    assert!(next(&mut body).await.unwrap().is_err());
    assert_eq!(start.elapsed(), seconds(6) + READ);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_does_not_come_fails_too() {
    let script = Script::new().data("a").wait(&Gate::new()).end_unannounced();
    let mut body = respond(both(), script).await;
    assert_eq!(cause(&drain(&mut body).await.unwrap_err()), Error::ReadTimeout(READ));
}

#[tokio::test(start_paused = true)]
async fn without_a_read_limit_a_body_may_stand_still_for_a_day() {
    for layer in [TimeoutLayer::new(), TimeoutLayer::new().send(SEND)] {
        let mut body = respond(layer, Script::new().sleep(seconds(86_400)).data("a")).await;
        assert_eq!(drain(&mut body).await.unwrap(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_the_head_does_not_count_for_the_body() {
    let start = Instant::now();
    let answer = |_| async {
        sleep(seconds(6)).await;
        Ok(Response::new(Script::new().wait(&Gate::new())))
    };
    let mut body = send(both(), Script::new(), answer).await.unwrap().into_body();
    assert!(next(&mut body).await.unwrap().is_err());
    assert_eq!(start.elapsed(), seconds(6) + READ);
}

#[tokio::test(start_paused = true)]
async fn a_timer_of_an_earlier_exchange_comes_neither_early_nor_late() {
    let layer = both();
    for own in [READ * 3, READ, READ / 7] {
        // Leaves a timer behind, armed for the limits of this layer or for longer ones.
        let mut service = service(layer, |_| async {
            sleep(seconds(1) / 2).await;
            Ok(Response::new(Script::new().wait(&Gate::new())))
        });
        let mut request = Request::new(Script::new());
        request.extensions_mut().insert(Limits::new().read(own));
        let response = service.ready().await.unwrap().call(request).await.unwrap();
        let start = Instant::now();
        let error = next(&mut response.into_body()).await.unwrap().unwrap_err();
        assert_eq!(cause(&error), Error::ReadTimeout(own));
        assert_eq!(start.elapsed(), own);
    }
}

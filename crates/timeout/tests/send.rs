//! The time between two takings from the request.

mod support;

use std::future::pending;

use http::Response;
use propylon_testkit::body::Script;
use propylon_timeout::{Error, TimeoutLayer};
use support::{READ, SEND, both, cause, drain, next, seconds, send};
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn a_service_that_never_asks_for_the_body_fails() {
    let start = Instant::now();
    let error = send(both(), Script::new().data("a"), |request| async move {
        pending::<()>().await;
        drop(request);
        Ok(Response::new(Script::new()))
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::SendTimeout(SEND));
    assert_eq!(start.elapsed(), SEND);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_stops_midway_fails_a_limit_after_the_last_frame() {
    let start = Instant::now();
    let error = send(both(), Script::new().data("a").data("b").data("c"), |mut request| async move {
        for _ in 0..2 {
            sleep(seconds(4)).await;
            next(request.body_mut()).await.unwrap().unwrap();
        }
        pending::<()>().await;
        drop(request);
        Ok(Response::new(Script::new()))
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::SendTimeout(SEND));
    assert_eq!(start.elapsed(), seconds(8) + SEND);
}

#[tokio::test(start_paused = true)]
async fn a_slow_but_steady_service_never_fails() {
    let start = Instant::now();
    let body = (0..100).fold(Script::new(), |body, _| body.data("x"));
    let response = send(both(), body, |mut request| async move {
        for _ in 0..100 {
            sleep(seconds(4)).await;
            next(request.body_mut()).await.unwrap().unwrap();
        }
        Ok(Response::new(Script::new()))
    });
    assert!(response.await.is_ok());
    assert_eq!(start.elapsed(), seconds(400));
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_never_fails() {
    let start = Instant::now();
    let body = Script::new().sleep(seconds(1000)).data("a").sleep(seconds(1000)).data("b");
    let response = send(both(), body, |mut request| async move {
        assert_eq!(drain(request.body_mut()).await.unwrap(), 2);
        Ok(Response::new(Script::new()))
    });
    assert!(response.await.is_ok());
    assert_eq!(start.elapsed(), seconds(2000));
}

#[tokio::test(start_paused = true)]
async fn the_limit_runs_anew_after_a_slow_client() {
    let start = Instant::now();
    // In the middle of a span of the timer, so that a fixed rhythm would come late or early.
    let body = Script::new().sleep(seconds(13)).data("a").data("b");
    let error = send(both(), body, |mut request| async move {
        next(request.body_mut()).await.unwrap().unwrap();
        pending::<()>().await;
        drop(request);
        Ok(Response::new(Script::new()))
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::SendTimeout(SEND));
    assert_eq!(start.elapsed(), seconds(13) + SEND);
}

#[tokio::test(start_paused = true)]
async fn an_early_response_does_not_end_the_limit() {
    let start = Instant::now();
    let response = send(both(), Script::new().data("a").data("b"), |mut request| async move {
        tokio::spawn(async move {
            next(request.body_mut()).await.unwrap().unwrap();
            sleep(seconds(1)).await;
            next(request.body_mut()).await.unwrap().unwrap();
        });
        Ok(Response::new(Script::new().sleep(seconds(2)).data("early").sleep(seconds(100)).data("x")))
    });
    // Taken completely after a second: only `read` is left.
    let mut body = response.await.unwrap().into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "early");
    assert_eq!(cause(&next(&mut body).await.unwrap().unwrap_err()), Error::ReadTimeout(READ));
    assert_eq!(start.elapsed(), seconds(2) + READ);

    let start = Instant::now();
    let response = send(both(), Script::new().data("a").data("b"), |mut request| async move {
        tokio::spawn(async move {
            next(request.body_mut()).await.unwrap().unwrap();
            pending::<()>().await;
            drop(request);
        });
        Ok(Response::new(Script::new().sleep(seconds(2)).data("early").sleep(seconds(100)).data("x")))
    });
    // Stuck after a frame: `send` comes before `read`.
    let mut body = response.await.unwrap().into_body();
    assert_eq!(next(&mut body).await.unwrap().unwrap(), "early");
    assert_eq!(cause(&next(&mut body).await.unwrap().unwrap_err()), Error::SendTimeout(SEND));
    assert_eq!(start.elapsed(), seconds(2) + SEND);
}

#[tokio::test(start_paused = true)]
async fn without_a_send_limit_the_service_may_take_a_day() {
    let day = seconds(86_400);
    let start = Instant::now();
    let layer = TimeoutLayer::new().read(READ);
    let response = send(layer, Script::new().data("a"), |mut request| async move {
        sleep(day).await;
        drain(request.body_mut()).await.unwrap();
        Ok(Response::new(Script::new()))
    });
    assert!(response.await.is_ok());
    assert_eq!(start.elapsed(), day);
}

#[tokio::test(start_paused = true)]
async fn a_short_send_limit_is_kept_beside_a_long_read_limit() {
    // Nothing runs for ten seconds; the timer was armed before.
    let layer = TimeoutLayer::new().send(seconds(1)).read(seconds(60));
    let start = Instant::now();
    let error = send(layer, Script::new().sleep(seconds(10)).data("a").data("b"), |mut request| async move {
        next(request.body_mut()).await.unwrap().unwrap();
        pending::<()>().await;
        drop(request);
        Ok(Response::new(Script::new()))
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::SendTimeout(seconds(1)));
    assert_eq!(start.elapsed(), seconds(11));
}

#[tokio::test(start_paused = true)]
async fn a_send_limit_alone_is_kept() {
    let start = Instant::now();
    let layer = TimeoutLayer::new().send(SEND);
    let error = send(layer, Script::new().data("a"), |request| async move {
        pending::<()>().await;
        drop(request);
        Ok(Response::new(Script::new()))
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::SendTimeout(SEND));
    assert_eq!(start.elapsed(), SEND);
}

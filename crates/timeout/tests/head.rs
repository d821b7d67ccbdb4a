//! The time to the response head.

mod support;

use std::{future::pending, io};

use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use propylon_testkit::body::Script;
use propylon_timeout::{Error, TimeoutLayer};
use support::{READ, SEND, both, cause, drain, next, seconds, send};
use tokio::time::{Instant, sleep};

#[tokio::test(start_paused = true)]
async fn a_head_that_never_comes_fails_at_the_limit() {
    for layer in [both(), TimeoutLayer::new().read(READ)] {
        let start = Instant::now();
        let error = send(layer, Script::new(), |_| pending()).await.unwrap_err();
        assert_eq!(cause(&error), Error::HeadTimeout(READ));
        assert_eq!(start.elapsed(), READ);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_body_is_complete_at_once() {
    let start = Instant::now();
    let error = send(both(), Script::new(), |request| async move {
        pending::<()>().await;
        drop(request);
        Ok(Response::new(Script::new()))
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::HeadTimeout(READ));
    assert_eq!(start.elapsed(), READ);
}

#[tokio::test(start_paused = true)]
async fn a_head_within_the_limit_passes() {
    let start = Instant::now();
    let answer = |_| async {
        sleep(seconds(6)).await;
        Ok(Response::new(Script::new().data("late")))
    };
    let response = send(both(), Script::new(), answer).await.unwrap();
    assert_eq!(start.elapsed(), seconds(6));
    assert_eq!(drain(&mut response.into_body()).await.unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_with_the_limit_wins() {
    let answer = |_| async {
        sleep(READ).await;
        Ok(Response::new(Script::new()))
    };
    assert!(send(both(), Script::new(), answer).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_wait_begins_when_the_request_is_complete() {
    let start = Instant::now();
    // The client takes 4 + 4 seconds for its body, which is longer than both limits.
    let body = Script::new().sleep(seconds(4)).data("a").sleep(seconds(4)).data("b");
    let error = send(both(), body, |mut request| async move {
        drain(request.body_mut()).await.unwrap();
        pending().await
    });
    let error = error.await.unwrap_err();
    assert_eq!(cause(&error), Error::HeadTimeout(READ));
    assert_eq!(start.elapsed(), seconds(8) + READ);
}

#[tokio::test(start_paused = true)]
async fn an_announced_end_need_not_be_polled() {
    let start = Instant::now();
    let error = send(both(), Script::new().sleep(seconds(3)).data("a"), |mut request| async move {
        next(request.body_mut()).await.unwrap().unwrap();
        pending::<()>().await;
        drop(request);
        Ok(Response::new(Script::new()))
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::HeadTimeout(READ));
    assert_eq!(start.elapsed(), seconds(3) + READ);
}

#[tokio::test(start_paused = true)]
async fn trailers_complete_the_request() {
    let start = Instant::now();
    let body = Script::new().trailers(HeaderMap::new());
    let error = send(both(), body, |mut request| async move {
        request.body_mut().frame().await.unwrap().unwrap();
        pending::<()>().await;
        drop(request);
        Ok(Response::new(Script::new()))
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::HeadTimeout(READ));
    assert_eq!(start.elapsed(), READ);
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_not_announced_completes_the_request_too() {
    let start = Instant::now();
    let body = Script::new().data("a").sleep(seconds(20)).end_unannounced();
    let error = send(both(), body, |mut request| async move {
        drain(request.body_mut()).await.unwrap();
        pending().await
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::HeadTimeout(READ));
    assert_eq!(start.elapsed(), seconds(20) + READ);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_drops_the_body_has_taken_the_request() {
    let start = Instant::now();
    let error = send(both(), Script::new().data("a"), |request| async move {
        sleep(seconds(3)).await;
        drop(request);
        pending().await
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::HeadTimeout(READ));
    assert_eq!(start.elapsed(), seconds(3) + READ);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_unwraps_the_body_has_taken_the_request() {
    let start = Instant::now();
    let error = send(both(), Script::new().data("a"), |request| async move {
        let inner: Script = request.into_body().into_inner();
        pending::<()>().await;
        drop(inner);
        Err(io::Error::other("unreachable"))
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::HeadTimeout(READ));
    assert_eq!(start.elapsed(), READ);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_has_been_taken() {
    let start = Instant::now();
    let error = send(both(), Script::new().error("client gone"), |mut request| async move {
        drain(request.body_mut()).await.unwrap_err();
        pending().await
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::HeadTimeout(READ));
    assert_eq!(start.elapsed(), READ);
}

#[tokio::test(start_paused = true)]
async fn a_short_read_limit_is_kept_after_a_long_send_limit() {
    // The timer was armed while the long limit ran.
    let layer = TimeoutLayer::new().send(seconds(60)).read(seconds(1));
    let start = Instant::now();
    let error = send(layer, Script::new().data("a"), |mut request| async move {
        sleep(seconds(10)).await;
        drain(request.body_mut()).await.unwrap();
        pending().await
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::HeadTimeout(seconds(1)));
    assert_eq!(start.elapsed(), seconds(11));
}

#[tokio::test(start_paused = true)]
async fn a_body_polled_by_another_task_moves_the_deadline() {
    let start = Instant::now();
    let body = Script::new().data("a").data("b");
    let error = send(both(), body, |mut request| {
        tokio::spawn(async move {
            sleep(seconds(3)).await;
            drain(request.body_mut()).await.unwrap();
        });
        pending()
    });
    assert_eq!(cause(&error.await.unwrap_err()), Error::HeadTimeout(READ));
    assert_eq!(start.elapsed(), seconds(3) + READ);
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_service_pass_through() {
    let error =
        send(both(), Script::new(), |_| async { Err(io::Error::other("refused")) }).await.unwrap_err();
    assert_eq!(error.downcast_ref::<io::Error>().unwrap().to_string(), "refused");
}

#[tokio::test(start_paused = true)]
async fn without_a_read_limit_the_head_may_take_a_day() {
    let day = seconds(86_400);
    for layer in [TimeoutLayer::new(), TimeoutLayer::new().send(SEND)] {
        let start = Instant::now();
        let response = send(layer, Script::new().data("a"), |mut request| async move {
            drain(request.body_mut()).await.unwrap();
            sleep(day).await;
            Ok(Response::new(Script::new()))
        });
        assert!(response.await.is_ok());
        assert_eq!(start.elapsed(), day);
    }
}

//! Progress does not touch the timer: it fires once in a span of the shortest limit, however busy the exchange is.

mod support;

use std::future::poll_fn;

use http::{Request, Response};
use propylon_testkit::body::Script;
use support::{SEND, both, drain, seconds, service};
use tokio::time::{Duration, Instant, sleep};
use tower::{Service, ServiceExt};

/// A body of 1000 frames, one every 100 ms.
fn busy() -> Script {
    (0..1000).fold(Script::new(), |body, _| body.sleep(Duration::from_millis(100)).data("x"))
}

/// Polls to the end, and gives the number of polls as well.
async fn counted<F: Future>(future: F) -> (F::Output, u32) {
    let mut future = Box::pin(future);
    let mut polls = 0;
    let output = poll_fn(|cx| {
        polls += 1;
        future.as_mut().poll(cx)
    });
    (output.await, polls)
}

#[tokio::test(start_paused = true)]
async fn a_busy_request_does_not_wake_the_response_future() {
    let mut service = service(both(), |mut request| async move {
        let taken = tokio::spawn(async move { drain(request.body_mut()).await });
        assert_eq!(taken.await.unwrap().unwrap(), 1000);
        Ok(Response::new(Script::new()))
    });
    let start = Instant::now();
    let (response, polls) = counted(service.ready().await.unwrap().call(Request::new(busy()))).await;
    assert!(response.is_ok());
    let spans = start.elapsed().as_secs() / SEND.as_secs();
    assert_eq!((start.elapsed(), spans), (seconds(100), 20));
    // The first poll, one for each span, the last one.
    assert!((2..=22).contains(&polls), "{polls} polls");
}

#[tokio::test(start_paused = true)]
async fn a_busy_response_is_polled_for_its_frames_and_little_more() {
    let mut body = support::respond(both(), busy()).await;
    let (taken, polls) = counted(drain(&mut body)).await;
    assert_eq!(taken.unwrap(), 1000);
    assert!((1001..=1022).contains(&polls), "{polls} polls");
}

#[tokio::test(start_paused = true)]
async fn the_timer_of_a_body_outlives_it_by_one_wake_at_most() {
    let mut body = support::respond(both(), Script::new().sleep(seconds(1)).data("x")).await;
    let ((), polls) = counted(async {
        assert_eq!(drain(&mut body).await.unwrap(), 1);
        sleep(SEND * 3).await;
    })
    .await;
    // For the frame to wait and to come, then for the sleep; and one by the timer, which waits for the next exchange.
    assert!((3..=4).contains(&polls), "{polls} polls");
}

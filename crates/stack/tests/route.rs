//! A seam is always ready, awaits readiness inside, boxes nothing twice and passes errors as they came.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use propylon_stack::{Body, BoxError, Route};
use tower::{Service, service_fn};

#[derive(Debug)]
struct Typed;

impl std::fmt::Display for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("typed")
    }
}

impl std::error::Error for Typed {}

#[tokio::test]
async fn errors_keep_their_type() {
    let failing = service_fn(|_: Request<Body>| async { Err::<Response<Body>, BoxError>(Box::new(Typed)) });
    let route = Route::new(Route::new(Route::new(failing)));
    let error = route.call(Request::new(Body::empty())).await.unwrap_err();
    assert!(error.is::<Typed>());
}

#[tokio::test]
async fn whole_bytes_pass_seams_without_a_box() {
    let echo = service_fn(|req: Request<Body>| async { Ok::<_, BoxError>(Response::new(req.into_body())) });
    let route = Route::new(Route::new(echo));
    let response = route.call(Request::new(Body::from("hello"))).await.unwrap();
    assert_eq!(response.body().as_bytes(), Some(&Bytes::from("hello")));
}

/// Ready only at its second poll; counts the calls which came without readiness.
#[derive(Clone)]
struct SlowlyReady {
    polls: usize,
    unready_calls: Arc<AtomicUsize>,
}

impl Service<Request<Body>> for SlowlyReady {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.polls += 1;
        if self.polls < 2 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        if self.polls < 2 {
            self.unready_calls.fetch_add(1, SeqCst);
        }
        std::future::ready(Ok(Response::new(Body::empty())))
    }
}

#[tokio::test]
async fn readiness_is_awaited_inside_the_call_and_belongs_to_it() {
    let unready_calls = Arc::new(AtomicUsize::new(0));
    let route = Route::new(SlowlyReady { polls: 0, unready_calls: unready_calls.clone() });
    for _ in 0..3 {
        route.call(Request::new(Body::empty())).await.unwrap();
    }
    assert_eq!(unready_calls.load(SeqCst), 0);
}

#[test]
fn what_can_be_sent_again() {
    assert!(Body::empty().try_clone().is_some());
    assert_eq!(Body::from("x").try_clone().unwrap().as_bytes(), Some(&Bytes::from("x")));
    let streamed = Body::new(http_body_util::Full::new(Bytes::from("x")));
    assert!(streamed.try_clone().is_none());
    let replayable = Body::replayable(http_body_util::Full::new(Bytes::from("x")));
    assert!(replayable.try_clone().unwrap().try_clone().is_some());
    // Boxing a body again changes nothing: it is still the same kind.
    assert!(Body::new(Body::from("x")).try_clone().is_some());
}

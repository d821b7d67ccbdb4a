//! Requests whose client leaves, and those whose client stays.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use std::convert::Infallible;
use std::sync::Arc;

use http::{Request, Response};
use http_body_util::BodyExt;
use propylon_detach::{Counts, Detach, DetachLayer, Left};
use propylon_testkit::body::{Script, Watch};
use tokio::sync::{Notify, mpsc};
use tower::util::BoxCloneService;
use tower::{Layer, Service, ServiceExt, service_fn};

type Inner = BoxCloneService<Request<()>, Response<Script>, Infallible>;

/// A service that answers each request when it is told to, and shows the body that it answers with.
fn application(left: &Left) -> (Detach<Inner>, Arc<Notify>, mpsc::Receiver<Watch>) {
    let (sends, bodies) = mpsc::channel(100);
    let go = Arc::new(Notify::new());
    let told = go.clone();
    let inner = service_fn(move |_: Request<()>| {
        let (sends, told) = (sends.clone(), told.clone());
        async move {
            told.notified().await;
            let body = Script::new().data("hello");
            sends.send(body.watch()).await.unwrap();
            Ok::<_, Infallible>(Response::new(body))
        }
    });
    (DetachLayer::new(left.clone()).layer(BoxCloneService::new(inner)), go, bodies)
}

fn left() -> Left {
    Left::new(|work| drop(tokio::spawn(work)))
}

/// Lets what was spawned go as far as it can.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn who_stays_has_the_answer() {
    let left = left();
    let (service, go, _bodies) = application(&left);
    go.notify_one();
    let response = service.oneshot(Request::new(())).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    settle().await;
    assert_eq!((left.counts().running(), left.counts().ended(), left.counts().given_up()), (0, 0, 0));
}

#[tokio::test]
async fn what_is_left_goes_on_to_its_end() {
    let left = left();
    let (mut service, go, mut bodies) = application(&left);
    // One has begun, one has not even been looked at.
    let mut begun = service.call(Request::new(()));
    assert!(tokio::select! { biased; _ = &mut begun => false, () = settle() => true });
    drop(begun);
    drop(service.call(Request::new(())));
    settle().await;
    assert_eq!((left.counts().running(), left.counts().ended()), (2, 0));
    for ended in 1..=2 {
        go.notify_one();
        let body = bodies.recv().await.unwrap();
        settle().await;
        assert!(body.ended());
        assert_eq!((left.counts().running(), left.counts().ended()), (2 - ended, ended));
    }
}

/// An answer is read as far as it may be of use for its connection, and let go of.
#[tokio::test]
async fn answers_are_read_a_little() {
    let left = left();
    let (sends, mut bodies) = mpsc::channel(1);
    let mut service = DetachLayer::new(left.clone()).layer(service_fn(move |size: Request<usize>| {
        let body = (0..*size.body()).fold(Script::new(), |body, _| body.data(vec![b'x'; 32 * 1024]));
        sends.try_send(body.watch()).unwrap();
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    }));
    for (pieces, polls, ended) in [(1, 2, true), (2, 2, true), (3, 2, false), (100, 2, false)] {
        drop(service.call(Request::new(pieces)));
        let watch = bodies.recv().await.unwrap();
        settle().await;
        assert_eq!((watch.polls(), watch.ended(), watch.dropped()), (polls, ended, true), "{pieces}");
    }
}

#[tokio::test]
async fn there_is_a_limit() {
    let left = left().at_once(2);
    let (mut service, go, mut bodies) = application(&left);
    for _ in 0..3 {
        drop(service.call(Request::new(())));
    }
    settle().await;
    assert_eq!((left.counts().running(), left.counts().ended(), left.counts().given_up()), (2, 0, 1));
    go.notify_waiters();
    bodies.recv().await.unwrap();
    bodies.recv().await.unwrap();
    settle().await;
    // Places come back.
    drop(service.call(Request::new(())));
    assert_eq!((left.counts().running(), left.counts().ended(), left.counts().given_up()), (1, 2, 1));
}

/// Others may count there too, and have a limit of their own; what else outlives its client may run within this one.
#[tokio::test]
async fn counts_may_be_shared() {
    let all = Counts::default();
    let (one, other) = (left().at_once(1).counting(all.clone()), left().at_once(1).counting(all.clone()));
    for left in [&one, &one, &other] {
        left.run(std::future::pending());
    }
    assert_eq!((all.running(), all.ended(), all.given_up()), (2, 0, 1));
}

/// Whoever runs them may stop.
#[tokio::test]
async fn what_is_not_run_gives_its_place_back() {
    let left = Left::new(drop);
    let (mut service, ..) = application(&left);
    drop(service.call(Request::new(())));
    assert_eq!((left.counts().running(), left.counts().ended()), (0, 1));
}

//! The layer around services that tell what they got.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use propylon_mirror::{Copies, Counts, MirrorLayer, TooMany};
use tokio::sync::{Notify, mpsc};
use tower::{Layer, ServiceExt, service_fn};

type Got = (Method, String, http::HeaderMap, Bytes);

fn copies() -> Copies {
    Copies::new(|work| drop(tokio::spawn(work)))
}

async fn got(request: Request<Full<Bytes>>) -> Got {
    let (head, body) = request.into_parts();
    assert_eq!(head.version, Version::HTTP_10);
    (head.method, head.uri.to_string(), head.headers, body.collect().await.unwrap().to_bytes())
}

/// What the application and the mirror get of one request.
async fn both(bodies: bool) -> [Got; 2] {
    let (mirror_sends, mut mirror) = mpsc::unbounded_channel();
    let (sends, mut application) = mpsc::unbounded_channel();
    let mirror_service = service_fn(move |copy| {
        let sends = mirror_sends.clone();
        async move {
            sends.send(got(copy).await).unwrap();
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("x")))
        }
    });
    let layer = if bodies {
        MirrorLayer::new(mirror_service, copies())
    } else {
        MirrorLayer::without_bodies(mirror_service, copies())
    };
    let service = layer.layer(service_fn(move |request| {
        let sends = sends.clone();
        async move {
            sends.send(got(request).await).unwrap();
            Ok::<_, Infallible>(Response::new("hello"))
        }
    }));
    let mut request =
        Request::put("/a?b").version(Version::HTTP_10).body(Full::<Bytes>::from("the body")).unwrap();
    for (name, value) in
        [("cookie", "a=b"), ("content-length", "8"), ("expect", "100-continue"), ("upgrade", "websocket")]
    {
        request.headers_mut().append(name, HeaderValue::from_static(value));
    }
    assert_eq!(service.oneshot(request).await.unwrap().into_body(), "hello");
    [application.recv().await.unwrap(), mirror.recv().await.unwrap()]
}

#[tokio::test]
async fn a_copy_is_the_request_with_its_body() {
    let [own, copy] = both(true).await;
    assert_eq!((&own.0, &*own.1, own.2.len(), &*own.3), (&Method::PUT, "/a?b", 4, &b"the body"[..]));
    assert_eq!((&copy.0, &*copy.1, &*copy.3), (&Method::PUT, "/a?b", &b"the body"[..]));
    let mut names: Vec<_> = copy.2.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "cookie"]);
}

#[tokio::test]
async fn a_copy_of_the_head_says_nothing_of_a_body() {
    let [own, copy] = both(false).await;
    assert_eq!(&*own.3, b"the body");
    assert!(copy.3.is_empty());
    assert_eq!(copy.2.keys().collect::<Vec<_>>(), ["cookie"]);
}

/// A mirror that never answers holds up nobody; what is more than may be is dropped, and places come back.
#[tokio::test]
async fn copies_are_bounded_and_requests_do_not_wait_for_them() {
    let go = Arc::new(Notify::new());
    let waits = Arc::clone(&go);
    let mirror = service_fn(move |_: Request<Full<Bytes>>| {
        let go = Arc::clone(&waits);
        async move {
            go.notified().await;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    let counts = Counts::default();
    let copies = copies().at_once(2).counting(counts.clone());
    let service = MirrorLayer::new(mirror, copies.clone())
        .layer(service_fn(|_: Request<Full<Bytes>>| async { Ok::<_, Infallible>(Response::new("hello")) }));
    let ask = || service.clone().oneshot(Request::new(Full::default()));
    for _ in 0..5 {
        assert_eq!(ask().await.unwrap().into_body(), "hello");
    }
    assert_eq!((counts.sent(), counts.dropped(), counts.running()), (2, 3, 2));
    assert_eq!(copies.send(pending), Err(TooMany { limit: 2 }));
    tokio::task::yield_now().await; // both wait by now
    go.notify_waiters();
    while counts.running() > 0 {
        tokio::task::yield_now().await;
    }
    ask().await.unwrap();
    assert_eq!((counts.sent(), counts.dropped(), counts.running()), (3, 4, 1));
}

/// Whoever runs copies may stop: their places come back.
#[tokio::test]
async fn a_copy_that_is_dropped_gives_its_place_back() {
    let copies = Copies::new(drop).at_once(1);
    assert_eq!(copies.send(pending), Ok(()));
    assert_eq!(copies.send(pending), Ok(()));
    assert_eq!((copies.counts().sent(), copies.counts().running()), (2, 0));
}

/// A copy goes on though its request is cancelled, and a mirror that fails is nobody's trouble.
#[tokio::test]
async fn a_copy_is_on_its_own() {
    let (sends, mut arrived) = mpsc::unbounded_channel();
    let mirror = service_fn(move |copy: Request<Full<Bytes>>| {
        let sends = sends.clone();
        async move {
            sends.send(copy.into_body()).unwrap();
            Err::<Response<Full<Bytes>>, _>("no")
        }
    });
    let service = MirrorLayer::new(mirror, copies())
        .layer(service_fn(|_: Request<Full<Bytes>>| pending::<Result<Response<&str>, Infallible>>()));
    let cancelled = tokio::spawn(service.oneshot(Request::new(Full::from("abc"))));
    tokio::task::yield_now().await;
    cancelled.abort();
    let body = arrived.recv().await.unwrap().collect().await.unwrap().to_bytes();
    assert_eq!(&*body, b"abc");
}

//! How many requests of a key are served at once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use propylon_limit::{
    ConnectionLimit, ConnectionLimitLayer, ConnectionVerdict, ConnectionZone, ConnectionsRefused,
    check_connections,
};
use propylon_testkit::{body::Script, laws};
use tower::{Layer, Service, ServiceExt, service_fn};

/// The place of a request, or why it has none and by which limit.
fn ask(
    limits: &[ConnectionLimit],
    keys: &str,
) -> Result<Option<propylon_limit::Places>, (ConnectionsRefused, usize)> {
    let keys: Vec<&str> = keys.split(',').collect();
    match check_connections(limits, |at| keys.get(at)) {
        ConnectionVerdict::Uncounted => Ok(None),
        ConnectionVerdict::Passed(places) => Ok(Some(places)),
        ConnectionVerdict::Rejected { why, limit } => Err((why, limit)),
    }
}

#[test]
fn places_are_taken_and_given_back() {
    let zone = ConnectionZone::new(1 << 20);
    let limits = [ConnectionLimit::new(zone.clone(), 2)];
    let (first, second) = (ask(&limits, "a").unwrap(), ask(&limits, "a").unwrap());
    assert_eq!(ask(&limits, "a").unwrap_err(), (ConnectionsRefused::TooMany, 0));
    let other = ask(&limits, "b").unwrap();
    assert_eq!(zone.len(), 2);
    drop(first);
    let third = ask(&limits, "a").unwrap();
    assert!(ask(&limits, "a").is_err());
    drop((second, third, other));
    assert!(zone.is_empty());
    assert!(ask(&limits, "").unwrap().is_none());
    assert!(ask(&limits, &"k".repeat(256)).unwrap().is_none());
    assert!(ask(&limits, &"k".repeat(255)).unwrap().is_some());
}

#[test]
fn who_has_no_place_in_one_zone_has_none_in_the_others() {
    let (wide, narrow) = (ConnectionZone::new(1 << 20), ConnectionZone::new(1 << 20));
    let limits = [ConnectionLimit::new(wide.clone(), 10), ConnectionLimit::new(narrow, 1)];
    let place = ask(&limits, "a,x").unwrap();
    assert_eq!(ask(&limits, "b,x").unwrap_err(), (ConnectionsRefused::TooMany, 1));
    assert_eq!(wide.len(), 1);
    drop(place);
    assert!(wide.is_empty());
}

#[test]
fn a_full_zone_refuses_new_keys() {
    let limits = [ConnectionLimit::new(ConnectionZone::new(128 * 10), 5)];
    let places: Vec<_> = (0..10).map(|n| ask(&limits, &n.to_string()).unwrap()).collect();
    assert_eq!(ask(&limits, "new").unwrap_err(), (ConnectionsRefused::NoRoom, 0));
    assert!(ask(&limits, "3").is_ok());
    drop(places);
    assert!(ask(&limits, "new").is_ok());
}

#[test]
fn threads_share_a_zone() {
    let zone = ConnectionZone::new(1 << 20);
    let most = Arc::new(Mutex::new((0, 0)));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let limits = [ConnectionLimit::new(zone.clone(), 3)];
                for _ in 0..2000 {
                    let Ok(place) = ask(&limits, "k") else { continue };
                    let mut now = most.lock().unwrap();
                    now.0 += 1;
                    now.1 = now.1.max(now.0);
                    drop(now);
                    std::thread::yield_now();
                    most.lock().unwrap().0 -= 1;
                    drop(place);
                }
            });
        }
    });
    assert!(zone.is_empty());
    assert!((1..=3).contains(&most.lock().unwrap().1));
}

fn everybody(_: &http::request::Parts) -> Option<Bytes> {
    Some(Bytes::from_static(b"all"))
}

#[tokio::test]
async fn a_place_is_held_to_the_end_of_the_body() {
    let layer = |dry| {
        ConnectionLimitLayer::new(ConnectionLimit::new(ConnectionZone::new(1 << 20), 1), everybody)
            .status(StatusCode::TOO_MANY_REQUESTS)
            .dry_run(dry)
    };
    let hello =
        service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello"))));
    let mut service = layer(false).layer(hello);
    let mut call = async || service.ready().await.unwrap().call(Request::new(())).await.unwrap();
    let first = call().await;
    let refused = call().await;
    assert_eq!((first.status().as_u16(), refused.status().as_u16()), (200, 429));
    assert!(refused.collect().await.unwrap().to_bytes().is_empty());
    let mut first = first.into_body();
    first.frame().await.unwrap().unwrap();
    let second = call().await;
    assert_eq!(second.status(), 200, "the first one's last frame has gone");
    drop(second);
    assert_eq!(call().await.status(), 200, "the second one was dropped");

    let mut service = layer(true).layer(hello);
    let mut held = Vec::new();
    for _ in 0..3 {
        let response = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
        assert_eq!(response.status(), 200);
        held.push(response);
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_gives_its_place_back() {
    let zone = ConnectionZone::new(1 << 20);
    let layer = ConnectionLimitLayer::new(ConnectionLimit::new(zone.clone(), 1), everybody);
    let mut service = layer.layer(service_fn(|_: Request<()>| {
        std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>()
    }));
    let mut call = Box::pin(service.ready().await.unwrap().call(Request::new(())));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(zone.len(), 1);
    drop(call);
    assert!(zone.is_empty());
}

#[test]
fn bodies_pass_unchanged() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    laws::check_all(|script: Script| {
        runtime.block_on(async {
            let zone = ConnectionZone::new(1 << 20);
            let layer = ConnectionLimitLayer::new(ConnectionLimit::new(zone, 1), everybody);
            let script = Mutex::new(Some(script));
            let service = service_fn(|_: Request<()>| {
                let script = script.lock().unwrap().take().unwrap();
                async { Ok::<_, Infallible>(Response::new(script)) }
            });
            layer.layer(service).oneshot(Request::new(())).await.unwrap().into_body()
        })
    });
}

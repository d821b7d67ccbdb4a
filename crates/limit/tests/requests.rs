//! How many requests a key may send.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use propylon_limit::{
    RequestLimit, RequestLimitLayer, RequestRate, RequestVerdict, RequestZone, check_requests,
};
use propylon_testkit::laws;
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt, service_fn};

fn per_second(requests: u32, bytes: usize) -> RequestZone {
    RequestZone::new(RequestRate::per_second(NonZeroU32::new(requests).unwrap()), bytes)
}

/// In short: P, D with milliseconds, R with how far ahead, or -.
fn tell(verdict: RequestVerdict) -> String {
    match verdict {
        RequestVerdict::Uncounted => "-".into(),
        RequestVerdict::Passed => "P".into(),
        RequestVerdict::Delayed { by, excess, limit } => format!("D{} {excess} by {limit}", by.as_millis()),
        RequestVerdict::Rejected { excess, limit } => format!("R {excess} by {limit}"),
    }
}

/// Asks at these milliseconds.
#[track_caller]
fn check(limits: &[RequestLimit], asked: &[(u64, &str)], expected: &[&str]) {
    let start = Instant::now();
    let found: Vec<String> = asked
        .iter()
        .map(|(millis, keys)| {
            let keys: Vec<&str> = keys.split(',').collect();
            let now = start + Duration::from_millis(*millis);
            tell(check_requests(limits, now, |at| keys.get(at)))
        })
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test(start_paused = true)]
async fn one_limit() {
    let limit = || RequestLimit::new(per_second(10, 1 << 20));
    let burst = [(0, "a"), (0, "a"), (0, "a"), (0, "a"), (50, "a")];
    check(&[limit()], &burst, &["P", "R 1.000 by 0", "R 1.000 by 0", "R 1.000 by 0", "R 0.500 by 0"]);
    check(
        &[limit().burst(2)],
        &burst,
        &["P", "D100 1.000 by 0", "D200 2.000 by 0", "R 3.000 by 0", "R 2.500 by 0"],
    );
    check(&[limit().burst(3).no_delay()], &burst, &["P", "P", "P", "P", "R 3.500 by 0"]);
    check(&[limit().burst(3).delay_after(2)], &burst, &["P", "P", "P", "D100 3.000 by 0", "R 3.500 by 0"]);
    check(
        &[limit()],
        &[(0, "a"), (0, "b"), (0, ""), (0, ""), (99, "a"), (100, "b")],
        &["P", "P", "-", "-", "R 0.010 by 0", "P"],
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_is_not_counted() {
    let limits = [RequestLimit::new(per_second(1, 1 << 20))];
    let ask = |length| tell(check_requests(&limits, Instant::now(), |_| Some("k".repeat(length))));
    assert_eq!((ask(65_536), ask(65_536)), ("-".into(), "-".into()));
    assert_eq!((ask(65_535), ask(65_535)), ("P".into(), "R 1.000 by 0".into()));
}

#[tokio::test(start_paused = true)]
async fn several_limits_count_together_or_not_at_all() {
    let (slow, fast) =
        (|| RequestLimit::new(per_second(1, 1 << 20)), || RequestLimit::new(per_second(10, 1 << 20)));
    // The second rejects: the first has not counted it.
    check(
        &[slow().burst(1).no_delay(), fast()],
        &[(0, "a,x"), (0, "a,x"), (100, "a,x"), (200, "a,x")],
        &["P", "R 1.000 by 1", "P", "R 1.800 by 0"],
    );
    // The longest delay counts.
    check(
        &[slow().burst(5), fast().burst(5)],
        &[(0, "a,x"), (0, "a,x"), (0, "b,x")],
        &["P", "D1000 1.000 by 0", "D200 2.000 by 1"],
    );
    // Keys that are not there leave the rest.
    check(&[slow(), fast()], &[(0, "a,"), (0, "a,"), (0, ",x"), (0, ",")], &["P", "R 1.000 by 0", "P", "-"]);
}

#[tokio::test(start_paused = true)]
async fn a_zone_is_bounded_and_forgets_what_is_oldest() {
    let zone = per_second(1, 128 * 100);
    let limits = [RequestLimit::new(zone.clone())];
    let start = Instant::now();
    let ask = |key: &str, millis| {
        tell(check_requests(&limits, start + Duration::from_millis(millis), |_| Some(key.to_owned())))
    };
    for n in 0..1000 {
        assert_eq!(ask(&n.to_string(), 0), "P");
        assert!(ask("0", 0).starts_with('R') || n == 0, "what is used stays");
    }
    assert_eq!(zone.len(), 100);
    assert!(ask("999", 0).starts_with('R'));
    assert_eq!(ask("1", 0), "P", "it was forgotten");
    // A minute later two of the old ones go with each new key.
    for n in 0..10 {
        ask(&format!("new {n}"), 60_000);
    }
    assert_eq!(zone.len(), 90);
}

#[tokio::test(start_paused = true)]
async fn a_zone_is_one_for_all_and_its_rate_may_change() {
    let zone = per_second(1, 1 << 20);
    let ask = |zone: &RequestZone, millis| {
        let limits = [RequestLimit::new(zone.clone()).burst(9).no_delay()];
        tell(check_requests(&limits, Instant::now() + Duration::from_millis(millis), |_| Some("k")))
    };
    for _ in 0..10 {
        assert_eq!(ask(&zone.clone(), 0), "P");
    }
    assert_eq!(ask(&zone, 100), "R 9.900 by 0");
    assert_eq!(ask(&zone.at(RequestRate::per_second(NonZeroU32::new(10).unwrap())), 100), "P");
    let minutes = zone.at(RequestRate::per_minute(NonZeroU32::new(600).unwrap()));
    assert_eq!(ask(&minutes, 200), "P");
}

fn everybody(_: &http::request::Parts) -> Option<Bytes> {
    Some(Bytes::from_static(b"all"))
}

#[tokio::test(start_paused = true)]
async fn the_layer_delays_and_refuses() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = heard.clone();
    let layer = RequestLimitLayer::new(RequestLimit::new(per_second(10, 1 << 20)).burst(2), everybody)
        .status(StatusCode::TOO_MANY_REQUESTS)
        .observer(move |_, verdict| told.lock().unwrap().push(tell(*verdict)));
    let mut service = layer.layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("hello")))
    }));
    let began = Instant::now();
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let response = service.ready().await.unwrap().call(Request::new(()));
        asked.spawn(async move {
            let response = response.await.unwrap();
            let status = response.status().as_u16();
            (began.elapsed().as_millis(), status, response.collect().await.unwrap().to_bytes().len())
        });
    }
    let mut found = asked.join_all().await;
    found.sort_unstable();
    assert_eq!(found, [(0, 200, 5), (0, 429, 0), (100, 200, 5), (200, 200, 5)]);
    assert_eq!(*heard.lock().unwrap(), ["P", "D100 1.000 by 0", "D200 2.000 by 0", "R 3.000 by 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_lets_all_pass() {
    let layer = RequestLimitLayer::new(RequestLimit::new(per_second(1, 1 << 20)).burst(1), everybody);
    let layer = layer.dry_run(true);
    let mut service = layer.layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    let began = Instant::now();
    for _ in 0..5 {
        let response = service.ready().await.unwrap().call(Request::new(())).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[test]
fn bodies_pass_unchanged() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    laws::check_all(|script| {
        runtime.block_on(async {
            let layer = RequestLimitLayer::new(RequestLimit::new(per_second(1, 1 << 20)), everybody);
            let script = Mutex::new(Some(script));
            let service = service_fn(|_: Request<()>| {
                let script = script.lock().unwrap().take().unwrap();
                async { Ok::<_, Infallible>(Response::new(script)) }
            });
            layer.layer(service).oneshot(Request::new(())).await.unwrap().into_body()
        })
    });
}

//! What becomes of what is stale: validation (RFC 9111 4.3), RFC 5861, and nginx's `use_stale`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

mod support;

use std::time::Duration;

use http::{Method, StatusCode};
use propylon_cache::policy::{Conditions, Failure, Rules, Valid};
use propylon_cache::store::{Purge, Strength};
use propylon_cache::{Error, Status};
use support::{Bench, ask, seconds, settle};

const FRESH: (&str, &str) = ("cache-control", "max-age=60");
const TAG: (&str, &str) = ("etag", "W/\"a\"");
const MODIFIED: (&str, &str) = ("last-modified", "Mon, 01 Jan 2018 00:00:00 GMT");

/// RFC 9111 3.2: "the cache MUST update the stored response's header fields".
#[tokio::test(start_paused = true)]
async fn a_304_updates_what_is_stored() {
    let bench = Bench::new();
    let old = [
        FRESH,
        TAG,
        MODIFIED,
        ("x-old", "1"),
        ("x-both", "1"),
        ("content-type", "x/y"),
        ("content-length", "5"),
    ];
    bench.says(200, &old, "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    seconds(60).await;
    let new = [
        ("cache-control", "max-age=90"),
        TAG,
        ("x-both", "2"),
        ("x-new", "2"),
        ("set-cookie", "a=b"),
        ("content-length", "0"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
    ];
    bench.says(304, &new, "");
    let expect = |reply: &support::Reply| {
        reply
            .has("x-old", "1")
            .has("x-both", "2")
            .has("x-new", "2")
            .has("set-cookie", "a=b")
            .has("x-hop", "");
        reply.has("content-length", "5").has("content-type", "x/y").has("cache-control", "max-age=90");
    };
    let reply = bench.get("/").await;
    reply.is(Status::Revalidated, "hello").status(200).has("age", "0");
    reply.has("cache-status", "test; fwd=stale; fwd-status=304; ttl=90; stored");
    expect(&reply);
    let asked = bench.asked().pop().unwrap();
    assert_eq!(asked.headers["if-none-match"], TAG.1);
    assert_eq!(asked.headers["if-modified-since"], MODIFIED.1);

    seconds(89).await;
    let reply = bench.get("/").await;
    reply.is(Status::Hit, "hello").has("age", "89");
    expect(&reply);
    assert_eq!(
        *bench.told.lock().unwrap(),
        [Status::Miss, Status::Expired, Status::Revalidated, Status::Hit]
    );
}

/// The client's own question is answered with what the upstream said.
#[tokio::test(start_paused = true)]
async fn a_client_may_have_what_is_revalidated() {
    let bench = Bench::new();
    bench.says(200, &[FRESH, TAG], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    seconds(60).await;
    bench.says(304, &[FRESH], "");
    let reply = bench.get_with("/", &[("if-none-match", "\"other\", \"a\"")]).await;
    reply.status(304).is(Status::Revalidated, "");
    assert_eq!(bench.asked().pop().unwrap().headers["if-none-match"], TAG.1);
    seconds(60).await;
    bench.says(200, &[FRESH, ("etag", "\"b\"")], "newer");
    let reply = bench.get_with("/", &[("range", "bytes=0-1")]).await;
    reply.status(206).is(Status::Expired, "ne");
}

/// RFC 9111 4.3.4: a 304 for another strong tag says nothing of what is stored.
#[tokio::test(start_paused = true)]
async fn a_304_for_something_else_is_not_believed() {
    let bench = Bench::new();
    bench.says(200, &[FRESH, ("etag", "\"a\"")], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    seconds(60).await;
    bench.says(304, &[("etag", "\"b\"")], "");
    bench.says(200, &[FRESH, ("etag", "\"b\"")], "newer");
    bench.get("/").await.is(Status::Expired, "newer");
    let asked = bench.asked();
    assert!(
        asked[1].headers.contains_key("if-none-match") && !asked[2].headers.contains_key("if-none-match")
    );
}

#[tokio::test(start_paused = true)]
async fn a_304_may_forbid_to_keep_it() {
    let bench = Bench::new();
    bench.says(200, &[FRESH, TAG], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    seconds(60).await;
    for _ in 0..2 {
        bench.says(304, &[("cache-control", "no-store")], "");
        let reply = bench.get("/").await;
        reply.is(Status::Revalidated, "hello").has("cache-status", "test; fwd=stale; fwd-status=304; ttl=60");
    }
}

/// For whom it is from then on.
#[tokio::test(start_paused = true)]
async fn a_304_may_change_vary() {
    for (new, others) in [(&[FRESH, ("vary", "X")][..], false), (&[FRESH], true)] {
        let bench = Bench::new();
        bench.says(200, &[FRESH, TAG], "hello");
        bench.get("/").await.is(Status::Miss, "hello");
        seconds(60).await;
        bench.says(304, new, "");
        bench.get_with("/", &[("x", "1")]).await.is(Status::Revalidated, "hello");
        bench.get_with("/", &[("x", "1")]).await.is(Status::Hit, "hello");
        if !others {
            bench.says(200, &[FRESH], "other");
        }
        let reply = bench.get_with("/", &[("x", "2")]).await;
        if others {
            reply.is(Status::Hit, "hello")
        } else {
            reply.is(Status::Miss, "other")
        };
    }

    // It need not be stored to be true.
    let bench = Bench::new();
    bench.says(200, &[FRESH, ("cache-control", "private=\"vary\""), TAG, ("vary", "X")], "one");
    bench.get_with("/", &[("x", "1")]).await.is(Status::Miss, "one");
    seconds(60).await;
    bench.says(304, &[FRESH], "");
    bench.get_with("/", &[("x", "1")]).await.is(Status::Revalidated, "one");
    bench.says(200, &[FRESH], "two");
    bench.get_with("/", &[("x", "2")]).await.is(Status::Miss, "two");
}

#[tokio::test(start_paused = true)]
async fn what_must_be_validated_each_time() {
    let bench = Bench::new();
    bench.says(200, &[("cache-control", "no-cache"), TAG], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    for _ in 0..2 {
        bench.says(304, &[], "");
        bench.get("/").await.is(Status::Revalidated, "hello");
    }
}

/// RFC 9111 4.3.5.
#[tokio::test(start_paused = true)]
async fn a_head_updates_what_a_get_brought() {
    let bench = Bench::new();
    for (head, status) in [
        (&[FRESH, ("etag", "\"a\""), ("content-length", "5"), ("x-new", "1")][..], Status::Hit),
        (&[("etag", "\"b\"")], Status::Expired),
        (&[("content-length", "6")], Status::Expired),
    ] {
        bench.says(200, &[FRESH, ("etag", "\"a\""), ("content-length", "5")], "hello");
        bench.get_with("/", &[("x-bypass", "1")]).await.is(Status::Bypass, "hello");
        seconds(60).await;
        bench.asked();
        bench.says(200, head, "");
        bench.send(Method::HEAD, "/", &[]).await.status(200);
        assert_eq!(bench.asked()[0].method, Method::HEAD);
        bench.says(200, &[FRESH], "newer");
        let reply = bench.get("/").await;
        match status {
            Status::Hit => {
                reply.is(Status::Hit, "hello").has("x-new", "1");
                bench.forget();
            }
            status => _ = reply.is(status, "newer"),
        }
    }
}

/// nginx asks anew, unless `proxy_cache_revalidate` is on; then a 304 changes how long it is fresh, and nothing else.
#[tokio::test(start_paused = true)]
async fn as_nginx_does_it() {
    let bench = Bench::nginx();
    bench.says(200, &[FRESH, TAG], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    seconds(60).await;
    bench.says(200, &[FRESH, TAG], "newer");
    bench.get("/").await.is(Status::Expired, "newer");
    assert!(!bench.asked()[1].headers.contains_key("if-none-match"));

    let bench = Bench::rules(Rules { revalidate: true, ..Rules::nginx() });
    bench.says(200, &[FRESH, TAG, ("x-a", "1")], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    seconds(60).await;
    bench.says(304, &[("cache-control", "max-age=100"), ("x-a", "2")], "");
    bench.get("/").await.is(Status::Revalidated, "hello").has("x-a", "1").has("cache-control", "max-age=60");
    seconds(99).await;
    bench.get("/").await.is(Status::Hit, "hello").has("x-a", "1");
    seconds(1).await;
    bench.says(304, &[], "");
    bench.get("/").await.is(Status::Revalidated, "hello");
    seconds(59).await;
    bench.get("/").await.is(Status::Hit, "hello");

    bench.says(201, &[FRESH, TAG], "hello");
    bench.get("/201").await.is(Status::Miss, "hello");
    seconds(60).await;
    bench.says(201, &[FRESH], "newer");
    bench.get("/201").await.is(Status::Expired, "newer");
    assert!(!bench.asked().pop().unwrap().headers.contains_key("if-none-match"));
}

/// RFC 9111 4.2.4, RFC 5861 4.
#[tokio::test(start_paused = true)]
async fn stale_rather_than_an_error() {
    let bench = Bench::new();
    bench.says(200, &[FRESH], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    seconds(70).await;
    for failure in [Failure::Error, Failure::Timeout, Failure::InvalidHeader] {
        bench.breaks(failure);
        let reply = bench.get("/").await;
        reply.is(Status::Stale, "hello").status(200).has("age", "70");
        reply.has("cache-status", "test; fwd=stale; ttl=-10; detail=error");
    }
    for status in [500, 502, 503, 504] {
        bench.says(status, &[("x", "y")], "broken");
        let reply = bench.get("/").await;
        reply.is(Status::Stale, "hello").has("x", "");
        reply.has("cache-status", &format!("test; fwd=stale; fwd-status={status}; ttl=-10"));
    }
    bench.says(404, &[], "none");
    bench.get("/").await.status(404).is(Status::Expired, "none");

    bench.says(200, &[("cache-control", "max-age=1, must-revalidate")], "strict");
    bench.get("/strict").await;
    seconds(1).await;
    bench.breaks(Failure::Error);
    let error = bench.call(ask(Method::GET, "/strict", &[])).await.unwrap_err();
    assert_eq!(error.to_string(), "the origin is broken");
    bench.says(503, &[], "broken");
    bench.get("/strict").await.status(503).is(Status::Expired, "broken");
}

#[tokio::test(start_paused = true)]
async fn stale_for_the_conditions_that_are_named() {
    let bench =
        Bench::rules(Rules { use_stale: Conditions::TIMEOUT | Conditions::HTTP_404, ..Rules::nginx() });
    bench.says(200, &[FRESH], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    seconds(70).await;
    bench.breaks(Failure::Timeout);
    bench.get("/").await.is(Status::Stale, "hello");
    bench.says(404, &[], "none");
    bench.get("/").await.is(Status::Stale, "hello");
    bench.says(500, &[], "broken");
    bench.get("/").await.is(Status::Expired, "broken");
    bench.breaks(Failure::Error);
    bench.call(ask(Method::GET, "/", &[])).await.unwrap_err();
}

/// RFC 5861 3.
#[tokio::test(start_paused = true)]
async fn stale_while_it_is_refreshed() {
    let bench = Bench::new();
    let window = ("cache-control", "max-age=60, stale-while-revalidate=30");
    bench.says(200, &[window, TAG], "one");
    bench.get("/").await.is(Status::Miss, "one");
    seconds(70).await;
    bench.acts(support::Act {
        after: Some(Duration::from_secs(2)),
        ..support::act(200, &[window], propylon_testkit::body::Script::new().data("two"))
    });
    let reply = bench.get_with("/", &[("range", "bytes=0-0")]).await;
    reply.status(206).is(Status::Stale, "o").has("cache-status", "test; hit; ttl=-10");
    settle().await;
    bench.get("/").await.is(Status::Updating, "one");
    let asked = bench.asked();
    assert_eq!((asked.len(), asked[1].headers.get("range")), (2, None));
    assert_eq!(asked[1].headers["if-none-match"], TAG.1);
    seconds(2).await;
    settle().await;
    bench.get("/").await.is(Status::Hit, "two");

    // Behind the window it is validated first.
    seconds(91).await;
    bench.says(200, &[window], "three");
    bench.get("/").await.is(Status::Expired, "three");

    // A refresh that failed is tried again by the next request.
    seconds(61).await;
    for _ in 0..2 {
        bench.breaks(Failure::Error);
        bench.get("/").await.is(Status::Stale, "three");
        settle().await;
    }
    assert_eq!(bench.asked().len(), 3);
}

/// What a refresh brings that is not stored is not read.
#[tokio::test(start_paused = true)]
async fn a_refresh_reads_only_what_is_stored() {
    let window = ("cache-control", "max-age=60, stale-while-revalidate=30");
    let bench = Bench::new();
    bench.says(200, &[window], "one");
    bench.get("/").await.is(Status::Miss, "one");
    seconds(60).await;
    let endless = propylon_testkit::body::Script::new().data("t").wait(&propylon_testkit::gate::Gate::new());
    let watch = endless.watch();
    bench.says_body(&[("cache-control", "no-store")], endless);
    bench.get("/").await.is(Status::Stale, "one");
    settle().await;
    assert!(watch.dropped_early());
}

#[tokio::test(start_paused = true)]
async fn without_a_background_the_first_client_waits() {
    let window = ("cache-control", "max-age=60, stale-while-revalidate=30");
    for bench in [Bench::alone(|layer| layer), Bench::with(|layer| layer.background_update(false))] {
        bench.says(200, &[window], "one");
        bench.get("/").await.is(Status::Miss, "one");
        seconds(60).await;
        let gate = propylon_testkit::gate::Gate::new();
        let mut act = support::act(200, &[window], propylon_testkit::body::Script::new().data("two").exact());
        act.gate = Some(gate.clone());
        bench.acts(act);
        let first = bench.spawn("/");
        settle().await;
        bench.get("/").await.is(Status::Updating, "one");
        gate.open();
        first.await.unwrap().is(Status::Expired, "two");
        bench.get("/").await.is(Status::Hit, "two");
    }
}

/// nginx's `use_stale updating`: however stale it is.
#[tokio::test(start_paused = true)]
async fn updating() {
    let rules = Rules { use_stale: Conditions::UPDATING, ..Rules::nginx() };
    let bench = Bench::with(|layer| layer.rules(rules).lock(None));
    bench.says(200, &[FRESH], "one");
    bench.get("/").await.is(Status::Miss, "one");
    seconds(100_000).await;
    bench.says(200, &[FRESH], "two");
    bench.get("/").await.is(Status::Stale, "one");
    settle().await;
    bench.get("/").await.is(Status::Hit, "two");
}

#[tokio::test(start_paused = true)]
async fn what_is_purged_softly_is_stale() {
    let bench = Bench::new();
    bench.says(
        200,
        &[("cache-control", "max-age=60, stale-while-revalidate=30"), TAG, ("cache-tag", "t, u")],
        "one",
    );
    bench.get("/").await.is(Status::Miss, "one");
    assert_eq!(bench.zone.purge(&Purge::Tag("u".into()), Strength::Soft).await.responses, 1);
    bench.says(304, &[], "");
    bench.get("/").await.is(Status::Stale, "one");
    settle().await;
    bench.get("/").await.is(Status::Hit, "one");
}

/// nginx keeps its own 502 and 504 as long as `proxy_cache_valid` says.
#[tokio::test(start_paused = true)]
async fn an_error_is_remembered() {
    let valid = Valid { status: None, time: Duration::from_secs(10) };
    for rules in [Rules::nginx(), Rules::rfc()] {
        let bench = Bench::rules(Rules { valid: vec![valid], ..rules.clone() });
        bench.breaks(Failure::Error);
        bench.call(ask(Method::GET, "/", &[])).await.unwrap_err();
        seconds(9).await;
        let error = bench.call(ask(Method::GET, "/", &[])).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Error::Remembered(StatusCode::BAD_GATEWAY)));
        // And so is the next one, in its place.
        seconds(1).await;
        bench.breaks(Failure::Error);
        bench.call(ask(Method::GET, "/", &[])).await.unwrap_err();
        seconds(9).await;
        let error = bench.call(ask(Method::GET, "/", &[])).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Error::Remembered(StatusCode::BAD_GATEWAY)));
        seconds(1).await;
        bench.says(200, &[], "hello");
        bench.get("/").await.is(Status::Expired, "hello");
        bench.get("/").await.is(Status::Hit, "hello");

        let bench = Bench::rules(rules);
        for _ in 0..2 {
            bench.breaks(Failure::Error);
            bench.call(ask(Method::GET, "/", &[])).await.unwrap_err();
        }
    }
}

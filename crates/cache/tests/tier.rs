//! A tier that two caches share: what one has stored the other one takes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

mod shared;
mod support;

use std::time::Duration;

use http::Method;
use propylon_cache::Status;
use propylon_cache::policy::Failure;
use propylon_cache::store::tier::Options;
use propylon_cache::store::{Limits, Zone};
use propylon_testkit::body::Script;
use shared::{Health, One, Shared};
use support::{act, seconds, settle};
use tokio::time::Instant;

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

async fn two() -> (Shared, One, One) {
    let tier = Shared::new();
    let (a, b) = (One::new(&tier).await, One::new(&tier).await);
    assert_eq!((a.told.take(), b.told.take()), (vec!["reached".to_owned()], vec!["reached".to_owned()]));
    (tier, a, b)
}

#[tokio::test(start_paused = true)]
async fn what_one_stored_the_other_takes() {
    let (tier, a, b) = two().await;
    a.bench.says(200, &[FRESH, ("etag", "\"x\"")], "hello");
    a.bench.get("/").await.is(Status::Miss, "hello");
    settle().await;
    assert_eq!((tier.kept(), a.stats().stored), (1, 1));

    seconds(10).await;
    let reply = b.bench.get("/").await;
    reply.is(Status::Hit, "hello").has("age", "10").has("etag", "\"x\"");
    reply.has("cache-status", "test; hit; ttl=50; detail=tier");
    // From here on it is here.
    let looks = tier.looks();
    b.bench.get("/").await.is(Status::Hit, "hello").has("cache-status", "test; hit; ttl=50");
    assert_eq!((tier.looks(), b.stats().hits), (looks, 1));
    settle().await;
    assert_eq!(b.stats().stored, 0, "what came from there is not sent there");
}

#[tokio::test(start_paused = true)]
async fn ranges_conditions_and_head_are_answered_by_it() {
    for (method, fields, status, body) in [
        (Method::GET, [("range", "bytes=1-2")], 206, "el"),
        (Method::GET, [("if-none-match", "\"x\"")], 304, ""),
        (Method::HEAD, [("accept", "*/*")], 200, ""),
        (Method::GET, [("cache-control", "only-if-cached")], 200, "hello"),
    ] {
        let (_tier, a, b) = two().await;
        a.bench.says(200, &[FRESH, ("etag", "\"x\"")], "hello");
        a.bench.get("/").await.is(Status::Miss, "hello");
        settle().await;
        let reply = b.bench.send(method, "/", &fields).await;
        reply.status(status).is(Status::Hit, body);
    }
}

/// One that has too much to do has not failed: it is asked again.
#[tokio::test(start_paused = true)]
async fn who_is_busy_is_asked_again() {
    let (tier, a, b) = two().await;
    a.bench.says(200, &[FRESH], "hello");
    a.bench.get("/").await.is(Status::Miss, "hello");
    settle().await;
    tier.is(Health::Busy);
    b.bench.says(200, &[("cache-control", "no-store")], "own");
    b.bench.get("/").await.is(Status::Miss, "own");
    assert_eq!((b.stats().up, b.stats().skipped, b.stats().failed), (true, 1, 0));
    seconds(3).await;
    settle().await;
    assert!(b.stats().up && b.told.take().is_empty());
    tier.is(Health::Well);
    b.bench.get("/").await.is(Status::Hit, "hello");
}

#[tokio::test(start_paused = true)]
async fn variants_are_told_apart() {
    let (_tier, a, b) = two().await;
    let fields = [FRESH, ("vary", "accept-encoding")];
    for (coding, body) in [("gzip", "one"), ("br", "two")] {
        a.bench.says(200, &fields, body);
        a.bench.get_with("/", &[("accept-encoding", coding)]).await.is(Status::Miss, body);
    }
    settle().await;
    b.bench.get_with("/", &[("accept-encoding", "br")]).await.is(Status::Hit, "two");
    b.bench.get_with("/", &[("accept-encoding", "gzip")]).await.is(Status::Hit, "one");
    b.bench.says(200, &fields, "three");
    b.bench.get_with("/", &[("accept-encoding", "zstd")]).await.is(Status::Miss, "three");
}

/// What is stale there is validated by whoever takes it, and its new head is for all.
#[tokio::test(start_paused = true)]
async fn what_is_stale_is_validated_once() {
    let (_tier, a, b) = two().await;
    a.bench.says(200, &[FRESH, ("etag", "\"x\"")], "hello");
    a.bench.get("/").await.is(Status::Miss, "hello");
    settle().await;
    seconds(61).await;
    b.bench.says(304, &[FRESH, ("etag", "\"x\"")], "");
    b.bench.get("/").await.is(Status::Revalidated, "hello").has("age", "0");
    assert_eq!(b.bench.asked()[0].headers["if-none-match"], "\"x\"");
    b.bench.get("/").await.is(Status::Hit, "hello");
    settle().await;
    seconds(5).await;
    a.bench.get("/").await.is(Status::Hit, "hello").has("age", "5");
    assert_eq!(a.stats().hits, 1);
    // What is there is no newer than what is here: it is of no use.
    seconds(60).await;
    a.bench.says(304, &[FRESH, ("etag", "\"x\"")], "");
    a.bench.get("/").await.is(Status::Revalidated, "hello");
    assert_eq!((a.stats().hits, a.stats().misses), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_stands_in_for_an_origin_that_fails() {
    let (_tier, a, b) = two().await;
    a.bench.says(200, &[("cache-control", "max-age=60, stale-if-error=100")], "hello");
    a.bench.get("/").await.is(Status::Miss, "hello");
    settle().await;
    seconds(70).await;
    b.bench.breaks(Failure::Error);
    b.bench.get("/").await.is(Status::Stale, "hello").has("age", "70");
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_the_background_looks_there_first() {
    let (_tier, a, b) = two().await;
    let fields = [("cache-control", "max-age=60, stale-while-revalidate=100")];
    a.bench.says(200, &fields, "old");
    a.bench.get("/").await.is(Status::Miss, "old");
    settle().await;
    b.bench.get("/").await.is(Status::Hit, "old");
    seconds(70).await;
    a.bench.says(200, &fields, "new");
    a.bench.get("/").await.is(Status::Stale, "old");
    settle().await;
    b.bench.get("/").await.is(Status::Stale, "old");
    settle().await;
    b.bench.get("/").await.is(Status::Hit, "new");
    assert!(b.bench.asked().is_empty());
}

/// What is there is validated with the origin for a client who wants that; who has something here already does not look there.
#[tokio::test(start_paused = true)]
async fn who_wants_it_validated_has_it_validated() {
    let (tier, a, b) = two().await;
    a.bench.says(200, &[FRESH, ("etag", "\"x\"")], "hello");
    a.bench.get("/").await.is(Status::Miss, "hello");
    settle().await;
    for looks in [1, 0] {
        let before = tier.looks();
        b.bench.says(304, &[FRESH, ("etag", "\"x\"")], "");
        b.bench.get_with("/", &[("cache-control", "no-cache")]).await.is(Status::Revalidated, "hello");
        assert_eq!(b.bench.asked()[0].headers["if-none-match"], "\"x\"");
        assert_eq!(tier.looks() - before, looks);
    }
}

/// Many who want the same look once.
#[tokio::test(start_paused = true)]
async fn one_looks_for_all() {
    let (tier, a, b) = two().await;
    a.bench.says(200, &[FRESH], "hello");
    a.bench.get("/").await.is(Status::Miss, "hello");
    settle().await;
    let before = tier.looks();
    let all: Vec<_> = (0..5).map(|_| b.bench.spawn("/")).collect();
    for reply in all {
        reply.await.unwrap().is(Status::Hit, "hello");
    }
    assert_eq!(tier.looks(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_for_nobody_else_is_not_sent() {
    let (tier, a, _b) = two().await;
    a.bench.says(200, &[("cache-control", "no-store")], "1");
    a.bench.get("/1").await;
    a.bench.says(200, &[FRESH], "");
    a.bench.send(Method::HEAD, "/2", &[]).await;
    a.bench.says_body(&[FRESH], Script::new().data("hel").error("cut"));
    a.bench.get("/3").await;
    a.bench.breaks(Failure::Error);
    let _ = a.bench.call(support::ask(Method::GET, "/4", &[])).await;
    settle().await;
    assert_eq!(tier.kept(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_or_too_much_is_not_sent() {
    let tier = Shared::new();
    let options = Options::default().max_object(5).queue(2);
    let a = One::with(&tier, options, Zone::memory(Limits::default())).await;
    for (path, body) in
        [("/1", "123456"), ("/2", "12345"), ("/3", "3"), ("/4", "4"), ("/5", "5"), ("/6", "6"), ("/7", "7")]
    {
        a.bench.says(200, &[FRESH], body);
        a.bench.get(path).await.is(Status::Miss, body);
        if path == "/1" {
            settle().await;
            assert_eq!((a.stats().dropped, a.stats().stored), (0, 0));
            tier.is(Health::WritesHang); // four of the others are on their way, and the queue has room for two
        }
        settle().await;
    }
    a.bench.says(200, &[FRESH], "8");
    a.bench.get("/8").await.is(Status::Miss, "8");
    settle().await;
    assert_eq!((a.stats().queued, a.stats().dropped), (2, 1));
}

/// It costs one request its time, and the others nothing.
#[tokio::test(start_paused = true)]
async fn one_that_does_not_answer_is_left_alone() {
    for (health, error, waits) in [
        (Health::Hangs, "the cache server did not respond in time", 100),
        (Health::Gone, "the cache server cannot be used", 0),
        (Health::Refuses, "the cache server refused the request", 0),
    ] {
        let (tier, a, b) = two().await;
        a.bench.says(200, &[FRESH], "a");
        a.bench.get("/").await.is(Status::Miss, "a");
        settle().await;
        tier.is(health);
        let begun = Instant::now();
        b.bench.says(200, &[FRESH], "b");
        b.bench.get("/").await.is(Status::Miss, "b");
        assert_eq!(begun.elapsed().as_millis(), waits, "{health:?}");
        for path in ["/1", "/2"] {
            b.bench.says(200, &[FRESH], "b");
            b.bench.get(path).await.is(Status::Miss, "b");
        }
        assert_eq!(begun.elapsed().as_millis(), waits, "{health:?}");
        assert_eq!(b.told.take(), [format!("lost: {error}")]);
        let stats = b.stats();
        assert_eq!((stats.up, stats.failed, stats.skipped), (false, 1, 2));

        // It is tried now and then, told once, and used when it is there again.
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(b.told.take().is_empty() && !b.stats().up);
        tier.is(Health::Well);
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert_eq!(b.told.take(), ["reached"]);
        a.bench.says(200, &[FRESH], "c");
        a.bench.get("/3").await.is(Status::Miss, "c");
        settle().await;
        b.bench.get("/3").await.is(Status::Hit, "c");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_full_is_read_all_the_same() {
    let (tier, a, b) = two().await;
    a.bench.says(200, &[FRESH], "1");
    a.bench.get("/1").await.is(Status::Miss, "1");
    settle().await;
    tier.is(Health::Full);
    for path in ["/2", "/3"] {
        a.bench.says(200, &[FRESH], "2");
        a.bench.get(path).await.is(Status::Miss, "2");
        settle().await;
    }
    assert_eq!(a.told.take(), ["keeps nothing: the cache server refused the request"]);
    assert_eq!((a.stats().up, a.stats().store_failures), (true, 2));
    b.bench.get("/1").await.is(Status::Hit, "1");
    tier.is(Health::Well);
    a.bench.says(200, &[FRESH], "4");
    a.bench.get("/4").await.is(Status::Miss, "4");
    settle().await;
    assert_eq!(a.told.take(), ["keeps again"]);
}

/// A bit that flipped, half of it, nothing of it, somebody else's.
#[tokio::test(start_paused = true)]
async fn what_is_not_what_was_kept_is_a_miss() {
    let (tier, a, b) = two().await;
    a.bench.says(200, &[FRESH], "hello");
    a.bench.get("/").await.is(Status::Miss, "hello");
    a.bench.says(200, &[FRESH], "other");
    a.bench.get("/other").await.is(Status::Miss, "other");
    settle().await;
    let damage = |change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let mut store = tier.0.lock().unwrap();
        let names: Vec<_> = store.kept.keys().cloned().collect();
        let whole = store.kept.clone();
        for name in names {
            let (record, _) = store.kept.get_mut(&name).unwrap();
            *record = change(record.to_vec()).into();
        }
        whole
    };
    let flip = |mut record: Vec<u8>| {
        *record.last_mut().unwrap() ^= 1;
        record
    };
    let half = |record: Vec<u8>| record[..record.len() / 2].to_vec();
    let changes: [&dyn Fn(Vec<u8>) -> Vec<u8>; 4] = [&flip, &half, &|_| Vec::new(), &|_| b"OK".to_vec()];
    for change in changes {
        let whole = damage(change);
        b.bench.says(200, &[("cache-control", "no-store")], "own");
        b.bench.get("/").await.is(Status::Miss, "own");
        tier.0.lock().unwrap().kept = whole;
    }
    assert_eq!(b.stats().damaged, 4);
    // Each in the place of the other.
    {
        let mut store = tier.0.lock().unwrap();
        let (names, records): (Vec<_>, Vec<_>) = store.kept.clone().into_iter().unzip();
        store.kept = names.into_iter().zip(records.into_iter().rev()).collect();
    }
    b.bench.says(200, &[("cache-control", "no-store")], "own");
    b.bench.get("/").await.is(Status::Miss, "own");
    assert!(b.stats().up);
}

/// Whoever stored it has a clock that is a minute early: it is not fresh for a minute more than it is.
#[tokio::test(start_paused = true)]
async fn clocks_that_differ_make_nothing_younger() {
    let tier = Shared::new();
    let a = One::new(&tier).await;
    // The clock of a test begins when its bench is made.
    seconds(30).await;
    let b = One::new(&tier).await;
    a.bench.says(200, &[FRESH], "hello");
    a.bench.get("/").await.is(Status::Miss, "hello");
    settle().await;
    seconds(20).await;
    b.bench.get("/").await.is(Status::Hit, "hello").has("age", "20");
    seconds(41).await;
    b.bench.acts(act(200, &[FRESH], Script::new().data("new").exact()));
    b.bench.get("/").await.is(Status::Expired, "new");
}

//! Requests that wait for another one: nginx's `proxy_cache_lock`, and RFC 9211's `collapsed`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

mod support;

use std::future::Future;
use std::time::Duration;

use propylon_cache::policy::{Failure, Rules};
use propylon_cache::{Lock, Status};
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
use support::{Act, Bench, Reply, act, seconds, settle};

const FRESH: (&str, &str) = ("cache-control", "max-age=60");

fn gated(gate: &Gate, act: Act) -> Act {
    Act { gate: Some(gate.clone()), ..act }
}

/// `n` requests that have come as far as they can.
async fn spawn(bench: &Bench, n: usize) -> Vec<tokio::task::JoinHandle<Reply>> {
    let all = (0..n).map(|_| bench.spawn("/")).collect();
    settle().await;
    all
}

#[tokio::test(start_paused = true)]
async fn one_asks_for_all() {
    let bench = Bench::new();
    let gate = Gate::new();
    bench.acts(gated(&gate, act(200, &[FRESH], Script::new().data("hello").exact())));
    let all = spawn(&bench, 5).await;
    assert_eq!(bench.asked().len(), 1);
    gate.open();
    for (n, reply) in all.into_iter().enumerate() {
        let reply = reply.await.unwrap();
        if n == 0 {
            reply.is(Status::Miss, "hello");
        } else {
            reply.is(Status::Hit, "hello").has("cache-status", "test; hit; ttl=60; collapsed");
        }
    }
    assert!(bench.asked().is_empty());
}

/// As soon as the head is there, and its length is known, the others read what comes.
#[tokio::test(start_paused = true)]
async fn the_others_read_while_it_comes() {
    let bench = Bench::new();
    let gate = Gate::new();
    let body = Script::new().data("hel").wait(&gate).data("lo").exact();
    bench.says_body(&[FRESH], body);
    let response = bench.call(support::ask(http::Method::GET, "/", &[])).await.unwrap();
    let mut first = tokio::spawn(Reply::read(response));
    let second = bench.call(support::ask(http::Method::GET, "/", &[])).await.unwrap();
    assert_eq!(second.extensions().get(), Some(&Status::Hit));
    let mut second = tokio::spawn(Reply::read(second));
    settle().await;
    assert!(support::is_pending(&std::pin::Pin::new(&mut first).poll(&mut support::noop())));
    assert!(support::is_pending(&std::pin::Pin::new(&mut second).poll(&mut support::noop())));
    gate.open();
    first.await.unwrap().is(Status::Miss, "hello");
    second.await.unwrap().is(Status::Hit, "hello");
}

/// nginx: whoever waits for a lock waits until all is stored, and goes on by himself if that takes too long.
#[tokio::test(start_paused = true)]
async fn nginx_waits_for_all_of_it() {
    let lock = Lock { timeout: Duration::from_secs(5), age: Duration::from_secs(100) };
    let bench = Bench::with(|layer| layer.rules(Rules::nginx()).lock(Some(lock)));
    let gate = Gate::new();
    bench.says_body(&[FRESH], Script::new().data("hel").wait(&gate).data("lo").exact());
    let first = bench.call(support::ask(http::Method::GET, "/", &[])).await.unwrap();
    let first = tokio::spawn(Reply::read(first));
    let mut all = spawn(&bench, 1).await;
    assert_eq!(bench.asked().len(), 1);
    bench.says(200, &[FRESH], "quick");
    seconds(5).await;
    all.remove(0).await.unwrap().is(Status::Miss, "quick").has("cache-status", "test; fwd=uri-miss");
    let mut all = spawn(&bench, 1).await;
    gate.open();
    first.await.unwrap().is(Status::Miss, "hello");
    all.remove(0).await.unwrap().is(Status::Hit, "hello");
}

/// For ever is a time that can be waited, too.
#[tokio::test(start_paused = true)]
async fn who_waits_for_ever_waits() {
    let lock = Lock { timeout: Duration::MAX, age: Duration::MAX };
    let bench = Bench::with(|layer| layer.lock(Some(lock)));
    let gate = Gate::new();
    bench.acts(gated(&gate, act(200, &[FRESH], Script::new().data("hello").exact())));
    let mut all = spawn(&bench, 2).await;
    seconds(50).await;
    assert_eq!(bench.asked().len(), 1);
    gate.open();
    all.remove(1).await.unwrap().is(Status::Hit, "hello");
    all.remove(0).await.unwrap().is(Status::Miss, "hello");
}

/// What cannot be stored is asked for by all at once, not by one after the other.
#[tokio::test(start_paused = true)]
async fn what_is_not_stored_is_not_waited_for() {
    let bench = Bench::new();
    let (first, second) = (Gate::new(), Gate::new());
    let private = [("cache-control", "private")];
    bench.acts(gated(&first, act(200, &private, Script::new().data("mine").exact())));
    let all = spawn(&bench, 4).await;
    for _ in 0..3 {
        bench.acts(gated(&second, act(200, &private, Script::new().data("mine").exact())));
    }
    first.open();
    settle().await;
    assert_eq!(bench.asked().len(), 4, "they do not wait for each other");
    second.open();
    for reply in all {
        reply.await.unwrap().is(Status::Miss, "mine");
    }
}

/// Who fails, or leaves, makes room for one other.
#[tokio::test(start_paused = true)]
async fn the_next_one_tries() {
    let bench = Bench::new();
    let (first, second) = (Gate::new(), Gate::new());
    bench.acts(gated(&first, act(200, &[FRESH], Script::new())));
    bench.acts(gated(&second, act(200, &[FRESH], Script::new().data("hello").exact())));
    let mut all = spawn(&bench, 4).await;
    all.remove(0).abort();
    settle().await;
    assert_eq!(bench.asked().len(), 2);
    second.open();
    for (n, reply) in all.into_iter().enumerate() {
        reply.await.unwrap().is(if n == 0 { Status::Miss } else { Status::Hit }, "hello");
    }

    let bench = Bench::new();
    let gate = Gate::new();
    bench.acts(Act {
        result: Err(support::Broken(Failure::Error)),
        ..gated(&gate, act(200, &[], Script::new()))
    });
    bench.says(200, &[FRESH], "hello");
    let mut cache = bench.cache.clone();
    let first = tokio::spawn(async move {
        use tower::{Service, ServiceExt};
        cache.ready().await.unwrap().call(support::ask(http::Method::GET, "/", &[])).await.unwrap_err()
    });
    settle().await;
    let all = spawn(&bench, 2).await;
    gate.open();
    first.await.unwrap();
    for reply in all {
        assert_eq!(reply.await.unwrap().body.as_deref(), Some("hello"));
    }
    assert_eq!(bench.asked().len(), 2);
}

/// nginx's `proxy_cache_lock_timeout`: it goes on by itself, and its answer is not stored.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever() {
    let lock = Lock { timeout: Duration::from_secs(3), age: Duration::from_secs(100) };
    let bench = Bench::with(|layer| layer.lock(Some(lock)));
    let gate = Gate::new();
    bench.acts(gated(&gate, act(200, &[FRESH], Script::new().data("slow").exact())));
    let mut all = spawn(&bench, 2).await;
    bench.says(200, &[FRESH], "quick");
    seconds(3).await;
    settle().await;
    all.remove(1).await.unwrap().is(Status::Miss, "quick").has("cache-status", "test; fwd=uri-miss");
    gate.open();
    all.remove(0).await.unwrap().is(Status::Miss, "slow");
    bench.get("/").await.is(Status::Hit, "slow");
}

/// nginx's `proxy_cache_lock_age`: one more may try.
#[tokio::test(start_paused = true)]
async fn who_is_too_slow_is_not_waited_for() {
    let lock = Lock { timeout: Duration::from_secs(100), age: Duration::from_secs(3) };
    let bench = Bench::with(|layer| layer.lock(Some(lock)));
    let (slow, quick) = (Gate::new(), Gate::new());
    bench.acts(gated(&slow, act(200, &[FRESH], Script::new().data("slow").exact())));
    bench.acts(gated(&quick, act(200, &[FRESH], Script::new().data("quick").exact())));
    let mut all = spawn(&bench, 3).await;
    assert_eq!(bench.asked().len(), 1);
    seconds(3).await;
    settle().await;
    assert_eq!(bench.asked().len(), 1);
    quick.open();
    let replies = [all.remove(1).await.unwrap(), all.remove(1).await.unwrap()];
    assert_eq!(replies.map(|reply| reply.body.unwrap()), ["quick", "quick"]);
    slow.open();
    all.remove(0).await.unwrap().is(Status::Miss, "slow");
}

/// What is stale is asked for by one as well.
#[tokio::test(start_paused = true)]
async fn one_validates_for_all() {
    let bench = Bench::new();
    bench.says(200, &[FRESH, ("etag", "\"a\"")], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    seconds(60).await;
    let gate = Gate::new();
    bench.acts(gated(&gate, act(304, &[FRESH], Script::new())));
    bench.asked();
    let all = spawn(&bench, 3).await;
    gate.open();
    for (n, reply) in all.into_iter().enumerate() {
        reply.await.unwrap().is(if n == 0 { Status::Revalidated } else { Status::Hit }, "hello");
    }
    assert_eq!(bench.asked().len(), 1);
}

/// What must be validated each time is, by each.
#[tokio::test(start_paused = true)]
async fn each_validates_what_is_never_fresh() {
    let bench = Bench::new();
    bench.says(200, &[("cache-control", "no-cache, max-age=60"), ("etag", "\"a\"")], "hello");
    bench.get("/").await.is(Status::Miss, "hello");
    let gate = Gate::new();
    for _ in 0..3 {
        bench.acts(gated(&gate, act(304, &[], Script::new())));
    }
    bench.asked();
    let all = spawn(&bench, 3).await;
    assert_eq!(bench.asked().len(), 3);
    gate.open();
    for reply in all {
        reply.await.unwrap().is(Status::Revalidated, "hello");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_without_a_lock() {
    let bench = Bench::with(|layer| layer.lock(None));
    let gate = Gate::new();
    for _ in 0..3 {
        bench.acts(gated(&gate, act(200, &[FRESH], Script::new().data("hello").exact())));
    }
    let all = spawn(&bench, 3).await;
    assert_eq!(bench.asked().len(), 3);
    gate.open();
    for reply in all {
        reply.await.unwrap().is(Status::Miss, "hello");
    }
}

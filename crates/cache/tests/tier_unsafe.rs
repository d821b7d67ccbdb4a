//! What an unsafe request makes invalid does not come back from a tier.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

mod shared;
mod support;

use std::time::Duration;

use http::Method;
use propylon_cache::Status;
use propylon_testkit::gate::Gate;
use shared::{FRESH, Health, One, Shared};
use support::{seconds, settle};

/// An unsafe request concerns this cache and what it would take; what others have stays.
#[tokio::test(start_paused = true)]
async fn unsafe_requests_invalidate_here_and_there() {
    let tier = Shared::new();
    let (a, b) = (One::new(&tier).await, One::new(&tier).await);
    a.has("/a", &[]).await;
    assert!(b.is_hit("/a").await);
    a.bench.says(200, &[], "done");
    a.bench.send(Method::POST, "/a", &[]).await.status(200);
    assert!(!a.is_hit("/a").await);
    assert!(b.is_hit("/a").await);
    assert_eq!(tier.0.lock().unwrap().journal.len(), 1, "its beginning");

    // What is more than one key is a purge as any other.
    a.has("/many/1", &[]).await;
    assert!(b.is_hit("/many/1").await);
    a.bench.says(200, &[], "done");
    a.bench.send(Method::POST, "/many/", &[]).await.status(200);
    assert!(!a.is_hit("/many/1").await);
    seconds(1).await;
    settle().await;
    assert!(!b.is_hit("/many/1").await);

    // While it cannot be told to forget, nothing from before is taken from it afterwards.
    b.has("/c", &[]).await;
    tier.is(Health::Gone);
    a.bench.says(200, &[], "done");
    a.bench.send(Method::POST, "/c", &[]).await.status(200);
    tier.is(Health::Well);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!a.is_hit("/c").await);
    b.has("/d", &[]).await;
    assert!(a.is_hit("/d").await);
}

/// It is sent there while it is made invalid, and comes there later than what removes it.
#[tokio::test(start_paused = true)]
async fn what_is_invalid_is_not_kept_there_late() {
    let tier = Shared::new();
    let a = One::new(&tier).await;
    let gate = Gate::new();
    tier.0.lock().unwrap().late_write = Some(gate.clone());
    a.has("/a", &[]).await;
    tier.0.lock().unwrap().late_write = None;
    a.bench.says(200, &[], "done");
    a.bench.send(Method::POST, "/a", &[]).await.status(200);
    assert_eq!(tier.kept(), 0);
    gate.open();
    settle().await;
    assert_eq!((a.bench.zone.tier_stats().unwrap().stored, tier.kept()), (1, 0));
    assert!(!a.is_hit("/a").await);
}

/// It was found there before that was removed, and comes here afterwards.
#[tokio::test(start_paused = true)]
async fn what_is_invalid_is_not_taken_late() {
    let tier = Shared::new();
    let (a, b) = (One::new(&tier).await, One::new(&tier).await);
    b.has("/a", &[]).await;
    let gate = Gate::new();
    tier.0.lock().unwrap().late_look = Some(gate.clone());
    a.bench.says(200, &[], "done");
    a.bench.says(200, &[FRESH], "new");
    let get = a.bench.spawn("/a");
    settle().await;
    a.bench.send(Method::POST, "/a", &[]).await.status(200);
    gate.open();
    get.await.unwrap().is(Status::Miss, "new");
}

/// It is about to be in use again, and something else cannot be forgotten there.
#[tokio::test(start_paused = true)]
async fn what_is_doubted_while_it_comes_back_is_not_taken() {
    let tier = Shared::new();
    let (a, b) = (One::new(&tier).await, One::new(&tier).await);
    let posts = async |path| {
        a.bench.says(200, &[], "done");
        a.bench.send(Method::POST, path, &[]).await.status(200);
    };
    let (writes, reads) = (Gate::new(), Gate::new());
    tier.is(Health::Gone);
    posts("/x").await;
    tier.is(Health::Well);
    tier.0.lock().unwrap().late_write = Some(writes.clone());
    seconds(6).await;
    settle().await;
    {
        let mut store = tier.0.lock().unwrap();
        (store.late_write, store.late_journal) = (None, Some(reads.clone()));
    }
    writes.open();
    settle().await;
    assert!(reads.was_reached() && !a.bench.zone.tier_stats().unwrap().up);
    tier.0.lock().unwrap().late_journal = None;
    // Who looks there hears what a has appended, and keeps something newer.
    b.has("/b", &[]).await;
    b.has("/a", &[]).await;
    posts("/a").await;
    reads.open();
    settle().await;
    settle().await;
    assert!(a.bench.zone.tier_stats().unwrap().up);
    assert!(!a.is_hit("/a").await);
}

/// He leaves while what is invalid now is removed there.
#[tokio::test(start_paused = true)]
async fn a_client_who_leaves_takes_nothing_with_him() {
    let tier = Shared::new();
    let (a, b) = (One::new(&tier).await, One::new(&tier).await);
    b.has("/a", &[]).await;
    tier.is(Health::WritesHang);
    a.bench.says(200, &[], "done");
    let mut post = tokio_test::task::spawn(a.bench.send(Method::POST, "/a", &[]));
    for _ in 0..20 {
        tokio_test::assert_pending!(post.poll());
        tokio::task::yield_now().await;
    }
    drop(post);
    tier.is(Health::Well);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!a.is_hit("/a").await);
}

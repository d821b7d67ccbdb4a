//! Tests of a full disk: a writer that says so.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;
use tempfile::TempDir;

use super::Directory;
use crate::store::{EntryBody, Error, Guard, Key, Limits, Locked, Lookup, Meta, Released, Zone};

fn set_free(zone: &Zone, bytes: u64) {
    zone.shared.disk.as_ref().unwrap().free.store(bytes, Ordering::Relaxed);
}

async fn read(mut body: EntryBody) -> Result<usize, Error> {
    let mut length = 0;
    while let Some(frame) = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await {
        length += frame?.into_data().unwrap().len();
    }
    Ok(length)
}

pub(super) async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..2_000_000 {
        if done() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not happen");
}

fn guard(zone: &Zone, key: &Key) -> Guard {
    match zone.lock(key, Duration::MAX) {
        Locked::Holder(guard) => guard,
        Locked::Waiting(_) => panic!("it is free"),
    }
}

async fn is_there(zone: &Zone, key: &Key) -> bool {
    match zone.lookup(key, |_| true) {
        Lookup::Found(_) => true,
        Lookup::Missing => false,
        Lookup::Opening(opening) => opening.await.is_some(),
    }
}

/// The only thing in it is what this process left there.
pub(super) fn is_empty(directory: &TempDir) -> bool {
    std::fs::read_dir(directory.path()).unwrap().next().is_none()
}

pub(super) fn open() -> (TempDir, Zone, Key) {
    let directory = TempDir::new().unwrap();
    let zone = Zone::disk(Directory::new(directory.path()), Limits::default()).unwrap();
    (directory, zone, Key::new("a"))
}

/// SPEC: "a full disk means pass-through". It is full when the first byte is written, when the last is, and in between.
#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_not_stored_and_those_who_read_it_have_it_all() {
    for free in [0, 300_000, 999_999, 1_000_000] {
        let (directory, zone, key) = open();
        set_free(&zone, free);
        let mut fill = zone.fill(&key, Meta::new(StatusCode::OK), Some(1_000_000), None).unwrap();
        let reader = tokio::spawn(read(fill.entry().body()));
        for _ in 0..10 {
            std::future::poll_fn(|cx| fill.poll_ready(cx)).await;
            assert!(fill.is_wanted());
            fill.write(&Bytes::from(vec![1; 100_000]));
            tokio::task::yield_now().await;
        }
        fill.finish();
        assert_eq!(reader.await.unwrap().unwrap(), 1_000_000, "{free}");
        until(|| zone.stats().failed == 1).await;
        until(|| is_empty(&directory)).await;
        assert!(!is_there(&zone, &key).await);
        assert_eq!((zone.stats().keys, zone.stats().bytes, zone.stats().stored), (0, 0, 0));
    }
}

/// Nobody is kept waiting for what cannot be stored, and it is not tried with each request.
#[tokio::test(start_paused = true)]
async fn after_a_failure_nothing_is_tried_for_a_moment() {
    let (_directory, zone, key) = open();
    set_free(&zone, 0);
    zone.fill(&key, Meta::new(StatusCode::OK), None, Some(guard(&zone, &key))).unwrap().finish();
    until(|| zone.stats().failed == 1).await;

    let held = guard(&zone, &key);
    let Locked::Waiting(waiting) = zone.lock(&key, Duration::MAX) else { panic!("it is held") };
    assert!(zone.fill(&key, Meta::new(StatusCode::OK), None, Some(held)).is_none());
    assert_eq!(waiting.await, Released::Pass);

    set_free(&zone, u64::MAX);
    tokio::time::advance(Duration::from_secs(1)).await;
    zone.fill(&key, Meta::new(StatusCode::OK), None, None).unwrap().finish();
    until(|| zone.stats().stored == 1).await;
    assert!(is_there(&zone, &key).await);
}

/// Who reads nothing and who reads too slowly do not keep all of it in memory.
#[tokio::test(start_paused = true)]
async fn what_is_kept_for_readers_is_bounded() {
    let (_directory, zone, key) = open();
    set_free(&zone, 0);
    for readers in [0, 1] {
        tokio::time::advance(Duration::from_secs(2)).await;
        let failed = zone.stats().failed;
        let mut fill = zone.fill(&key, Meta::new(StatusCode::OK), None, None).unwrap();
        let slow = (readers == 1).then(|| fill.entry());
        let mut written = 0;
        while fill.is_wanted() {
            fill.write(&Bytes::from(vec![1; 200_000]));
            written += 200_000;
            until(|| zone.stats().failed > failed).await;
            assert!(written < 10_000_000);
        }
        assert_eq!(written > 8_000_000, readers == 1);
        if let Some(slow) = slow {
            assert!(matches!(read(slow.body()).await, Err(Error::FillAborted)));
        }
    }
}

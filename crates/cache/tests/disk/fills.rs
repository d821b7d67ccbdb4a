//! What is being written, and who holds the lock for it.

use std::fs;
use std::time::Duration;

use bytes::Bytes;
use propylon_cache::store::{Error, Key, Limits, Locked, Purge, Released, Strength, Zone};
use tempfile::TempDir;

use crate::on_disk::{files, find, meta, open, read, store, text, the_file, until};

const AGE: Duration = Duration::from_secs(5);

/// Collapsing: readers that came at different times, from memory and from the file that is being written.
#[tokio::test]
async fn readers_follow_a_fill() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    let body = text(2_000_000);
    let key = Key::new("a");
    let Locked::Holder(guard) = zone.lock(&key, AGE) else { panic!("it is free") };
    let mut fill = zone.fill(&key, meta(1), None, Some(guard)).unwrap();
    assert!(matches!(zone.lock(&key, AGE), Locked::Holder(_)), "there is something to read");
    let mut readers = Vec::new();
    for (number, piece) in body.chunks(9999).enumerate() {
        if number % 20 == 0 {
            let entry = find(&zone, "a").await.unwrap();
            assert!(entry.is_filling() && entry.len().is_none());
            readers.push(tokio::spawn(read(entry.body())));
        }
        std::future::poll_fn(|cx| fill.poll_ready(cx)).await;
        fill.write(&Bytes::copy_from_slice(piece));
        tokio::task::yield_now().await;
    }
    let late = fill.entry();
    fill.finish();
    assert_eq!(late.len(), Some(2_000_000));
    for reader in readers {
        assert!(reader.await.unwrap().unwrap() == body);
    }
    until(|| zone.stats().stored == 1).await;
    assert!(read(late.body()).await.unwrap() == body, "from a file that has its name now");
    assert!(read(find(&zone, "a").await.unwrap().body()).await.unwrap() == body);
}

/// It works without [`Fill::poll_ready`], as long as the disk keeps up.
#[tokio::test]
async fn a_fill_that_stops_leaves_nothing() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    for (written, length) in [(0, None), (10, None), (500_000, None), (10, Some(11)), (11, Some(10))] {
        let mut fill = zone.fill(&Key::new("a"), meta(1), length, None).unwrap();
        let reader = fill.entry();
        for piece in text(written).chunks(50_000) {
            fill.write(&Bytes::copy_from_slice(piece));
        }
        if length.is_some() {
            fill.finish()
        } else {
            drop(fill)
        }
        assert!(matches!(read(reader.body()).await, Err(Error::FillAborted)));
        drop(reader);
        until(|| files(directory.path()).is_empty()).await;
        assert!(find(&zone, "a").await.is_none());
        assert_eq!((zone.stats().keys, zone.stats().failed), (0, 0));
    }
}

/// nginx's way: who waits gets nothing before it is whole, and then all of it.
#[tokio::test]
async fn a_fill_may_be_alone() {
    let directory = TempDir::new().unwrap();
    for zone in [Zone::memory(Limits::default()), open(&directory)] {
        let key = Key::new("a");
        let Locked::Holder(guard) = zone.lock(&key, AGE) else { panic!("it is free") };
        let mut fill = zone.fill_alone(&key, meta(1), Some(4), Some(guard)).unwrap();
        fill.write(&Bytes::from_static(b"text"));
        assert!(find(&zone, "a").await.is_none());
        let Locked::Waiting(waiting) = zone.lock(&key, AGE) else { panic!("it is held") };
        fill.finish();
        assert_eq!(waiting.await, Released::Filled);
        assert_eq!(read(find(&zone, "a").await.unwrap().body()).await.unwrap(), b"text");
    }
}

/// Nobody waits for a disk that writes what nobody wants.
#[tokio::test]
async fn a_purged_fill_is_ready() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    let mut fill = zone.fill(&Key::new("a"), meta(1), None, None).unwrap();
    for _ in 0..30 {
        fill.write(&Bytes::from(text(100_000)));
    }
    let _ = zone.purge(&Purge::All, Strength::Hard).await;
    std::future::poll_fn(|cx| fill.poll_ready(cx)).await;
    assert!(!fill.is_wanted());
    drop(fill);
    until(|| files(directory.path()).is_empty()).await;
}

#[tokio::test]
async fn a_validated_entry_has_a_new_head_and_the_old_body() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    store(&zone, "a", meta(1), &text(200_000)).await;
    let _ = zone.purge(&Purge::All, Strength::Soft).await;
    let path = the_file(&directory);
    for round in 2..10 {
        let before = fs::read(&path).unwrap();
        let entry = find(&zone, "a").await.unwrap();
        let Locked::Holder(guard) = zone.lock(&Key::new("a"), AGE) else { panic!("it is free") };
        zone.update(&entry, meta(round), Some(guard));
        assert!(matches!(zone.lock(&Key::new("a"), AGE), Locked::Holder(_)));
        // At once, and when it is in the file.
        check(&zone, round).await;
        until(|| fs::read(&path).unwrap() != before).await;
        check(&zone, round).await;
        check(&open(&directory), round).await;
    }
    async fn check(zone: &Zone, round: u64) {
        let entry = find(zone, "a").await.unwrap();
        assert_eq!((entry.meta().stored_at, entry.is_purged()), (round, false));
        assert!(read(entry.body()).await.unwrap() == text(200_000));
    }
    // One that has no room is a miss rather than a file that is written twice.
    let entry = find(&zone, "a").await.unwrap();
    let mut large = meta(20);
    large.headers.insert("x-large", "x".repeat(5000).parse().unwrap());
    zone.update(&entry, large, None);
    until(|| files(directory.path()).is_empty()).await;
    assert!(find(&zone, "a").await.is_none());
    // And what is gone is not brought back.
    zone.update(&entry, meta(21), None);
    assert!(find(&zone, "a").await.is_none());
}

//! How much there may be, and what goes first.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use propylon_cache::store::{Key, Limits};
use tempfile::TempDir;

use crate::on_disk::{files, find, load, meta, open_with, store, text, until};

#[tokio::test(start_paused = true)]
async fn what_was_not_used_for_the_longest_time_goes_first() {
    for limits in
        [Limits::default().max_size(Some(3 * 4096)), Limits::default().keys(NonZeroUsize::new(3).unwrap())]
    {
        let directory = TempDir::new().unwrap();
        let zone = open_with(&directory, limits);
        load(&zone).await;
        for key in ["a", "b", "c"] {
            tokio::time::advance(Duration::from_millis(2)).await;
            store(&zone, key, meta(1), b"").await;
        }
        tokio::time::advance(Duration::from_millis(2)).await;
        find(&zone, "a").await.unwrap();
        tokio::time::advance(Duration::from_millis(2)).await;
        store(&zone, "d", meta(1), b"").await;
        until(|| files(directory.path()).len() == 3).await;
        for (key, there) in [("a", true), ("b", false), ("c", true), ("d", true)] {
            assert_eq!(find(&zone, key).await.is_some(), there, "{key}");
        }
        assert_eq!((zone.stats().evicted, zone.stats().keys, zone.stats().bytes), (1, 3, 3 * 4096));
    }
}

#[tokio::test(start_paused = true)]
async fn the_manager_removes_what_nobody_asks_for_and_keeps_the_disk_free() {
    let directory = TempDir::new().unwrap();
    let limits = Limits::default().inactive(Duration::from_secs(60));
    let zone = open_with(&directory, limits);
    let manager = tokio::spawn({
        let zone = zone.clone();
        async move { zone.manage().await }
    });
    for key in 0..30 {
        store(&zone, &key.to_string(), meta(1), b"").await;
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
    find(&zone, "7").await.unwrap();
    tokio::time::sleep(Duration::from_secs(32)).await;
    until(|| zone.stats().expired == 29).await;
    until(|| files(directory.path()).len() == 1).await;
    assert!(find(&zone, "7").await.is_some());

    zone.set_limits(limits.min_free(u64::MAX));
    tokio::time::sleep(Duration::from_secs(2)).await;
    until(|| files(directory.path()).is_empty()).await;
    assert_eq!((zone.stats().keys, zone.stats().evicted), (0, 1));
    manager.abort();
}

#[tokio::test]
async fn what_is_larger_than_all_is_not_stored() {
    let directory = TempDir::new().unwrap();
    let zone = open_with(&directory, Limits::default().max_size(Some(100_000)));
    assert!(zone.fill(&Key::new("a"), meta(1), Some(100_001), None).is_none());
    let mut fill = zone.fill(&Key::new("a"), meta(1), None, None).unwrap();
    fill.write(&Bytes::from(text(100_000)));
    assert!(fill.is_wanted());
    fill.write(&Bytes::from_static(b"x"));
    assert!(!fill.is_wanted());
    drop(fill);
    until(|| files(directory.path()).is_empty()).await;
    let mut large = meta(1);
    large.headers.insert("x-large", "x".repeat(300_000).parse().unwrap());
    assert!(zone.fill(&Key::new("a"), large, Some(1), None).is_none());
}

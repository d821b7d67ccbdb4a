//! What was stored, and is found.

use propylon_cache::store::{Purge, Strength};
use tempfile::TempDir;

use crate::on_disk::{files, find, load, meta, open, read, store, text, the_file};

#[tokio::test]
async fn what_was_stored_is_found_where_nginx_would_put_it() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    load(&zone).await;
    assert!(find(&zone, "http://example.com/").await.is_none());
    store(&zone, "http://example.com/", meta(1), b"text").await;
    let path = directory.path().join("d/6f/a6bf1757fff057f266b697df9cf176fd");
    assert_eq!(the_file(&directory), path);
    let entry = find(&zone, "http://example.com/").await.unwrap();
    assert_eq!((entry.len(), entry.is_filling(), entry.is_purged()), (Some(4), false, false));
    assert_eq!(entry.meta().headers["content-type"], "text/plain");
    assert_eq!(entry.bytes().unwrap(), "text");
    assert_eq!(read(entry.body()).await.unwrap(), b"text");
    assert_eq!(read(entry.range(1..3)).await.unwrap(), b"ex");
    assert_eq!(zone.stats().bytes, 4096);
}

#[tokio::test]
async fn bodies_of_all_sizes_and_their_ranges() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    for length in [0, 1, 65_535, 65_536, 65_537, 131_072, 1_000_000] {
        let body = text(length);
        store(&zone, "a", meta(1), &body).await;
        let entry = find(&zone, "a").await.unwrap();
        assert_eq!(entry.len(), Some(length as u64));
        assert!(read(entry.body()).await.unwrap() == body, "{length}");
        for (start, end) in [(0, 1), (65_530, 65_540), (length / 2, length), (1, length), (300_001, 700_002)]
        {
            let (start, end) = (start.min(length), end.min(length));
            let part = read(entry.range(start as u64..end as u64)).await.unwrap();
            assert!(part == body[start..end.max(start)], "{start}..{end} of {length}");
        }
    }
    assert_eq!(files(directory.path()).len(), 1);
}

/// What is read is what was looked up, although its file has been replaced and removed.
#[tokio::test]
async fn a_hit_outlives_its_file() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    let old = text(1_000_000);
    store(&zone, "a", meta(1), &old).await;
    let entry = find(&zone, "a").await.unwrap();
    store(&zone, "a", meta(2), &text(500_000)).await;
    assert_eq!(files(directory.path()).len(), 1);
    let _ = zone.purge(&Purge::All, Strength::Hard).await;
    assert!(files(directory.path()).is_empty());
    assert!(read(entry.body()).await.unwrap() == old);
    assert_eq!(zone.stats().bytes, 0);
}

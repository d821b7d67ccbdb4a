//! How much there may be, and what goes first.

use std::time::Duration;

use bytes::Bytes;
use propylon_cache::store::{Key, Zone};
use tokio_test::{assert_pending, task};

use crate::support::{find, limits, meta, store};

#[tokio::test(start_paused = true)]
async fn what_was_not_used_for_the_longest_time_goes_first() {
    let zone = Zone::memory(limits(3));
    for key in ["a", "b", "c"] {
        store(&zone, key, meta(1), "");
    }
    find(&zone, "a").unwrap();
    store(&zone, "d", meta(1), "");
    assert_eq!(["a", "b", "c", "d"].map(|key| find(&zone, key).is_some()), [true, false, true, true]);
    assert_eq!(zone.stats().evicted, 1);
}

#[tokio::test(start_paused = true)]
async fn there_is_never_more_than_max_size() {
    // Many shards: the order of use holds across them.
    let zone = Zone::memory(limits(100_000).max_size(Some(100_000)));
    for number in 0..200 {
        tokio::time::advance(Duration::from_millis(2)).await;
        store(&zone, &format!("{number}"), meta(1), &"x".repeat(1000));
        if number > 0 {
            tokio::time::advance(Duration::from_millis(2)).await;
            find(&zone, "0").expect("used all the time");
        }
        assert!(zone.stats().bytes <= 100_000);
    }
    let there: Vec<_> = (1..200).filter(|number| find(&zone, &number.to_string()).is_some()).collect();
    assert_eq!(there.len() as u64, zone.stats().keys - 1);
    assert!(there.len() > 50);
    assert_eq!(there, (200 - there.len()..200).collect::<Vec<_>>());
}

/// What is being stored counts, and is not thrown out.
#[tokio::test]
async fn running_fills_count() {
    let zone = Zone::memory(limits(100_000).max_size(Some(10_000)));
    let first = zone.fill(&Key::new("a"), meta(1), Some(6000), None).unwrap();
    assert!(zone.fill(&Key::new("b"), meta(1), Some(6000), None).is_none());
    assert_eq!(zone.stats().bytes, 6000);
    let mut unknown = zone.fill(&Key::new("c"), meta(1), None, None).unwrap();
    unknown.write(&Bytes::from(vec![0; 3000]));
    assert!(unknown.is_wanted());
    unknown.write(&Bytes::from(vec![0; 3000]));
    assert!(!unknown.is_wanted());
    drop((first, unknown));
    assert_eq!((zone.stats().bytes, zone.stats().keys), (0, 0));
}

/// A byte at a time takes many times its bytes, until all are joined.
#[tokio::test]
async fn small_pieces_count_for_what_they_take() {
    let zone = Zone::memory(limits(100_000).max_size(Some(100_000)));
    for pieces in [1000, 2000] {
        let mut fill = zone.fill(&Key::new("a"), meta(1), Some(pieces), None).unwrap();
        for _ in 0..pieces {
            fill.write(&Bytes::from_static(b"x"));
        }
        assert_eq!(fill.is_wanted(), pieces == 1000);
        assert!(zone.stats().bytes > 60_000, "{:?}", zone.stats());
        fill.finish();
        assert!(zone.stats().bytes < 3000, "{:?}", zone.stats());
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_asks_for_is_removed() {
    let zone = Zone::memory(limits(100_000).inactive(Duration::from_secs(60)));
    let mut manager = task::spawn(zone.manage());
    for key in 0..1000 {
        store(&zone, &key.to_string(), meta(1), "");
    }
    tokio::time::advance(Duration::from_secs(30)).await;
    find(&zone, "7").unwrap();
    tokio::time::advance(Duration::from_secs(31)).await;
    for _ in 0..20 {
        assert_pending!(manager.poll());
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(zone.stats().keys, 1);
    assert_eq!(zone.stats().expired, 999);
    assert!(find(&zone, "7").is_some());
}

//! What is being written, and who follows it.

use bytes::Bytes;
use propylon_cache::store::{Error, Fill, Key, Limits, Locked, Purge, Released, Strength, Zone};
use tokio_test::{assert_pending, assert_ready, task};

use crate::support::{AGE, find, guard, meta, store, text};

/// Collapsing: readers that came while it was being written, at different times, get all of it.
#[tokio::test]
async fn readers_follow_a_fill() {
    let zone = Zone::memory(Limits::default());
    let key = Key::new("a");
    let guard = guard(&zone, &key);
    let Locked::Waiting(waiting) = zone.lock(&key, AGE) else { panic!("it is held") };
    let mut waiting = task::spawn(waiting);
    assert_pending!(waiting.poll());
    assert!(find(&zone, "a").is_none());

    let mut fill = zone.fill(&key, meta(1), Some(6), Some(guard)).unwrap();
    assert_eq!(assert_ready!(waiting.poll()), Released::Filled);
    let early = find(&zone, "a").unwrap();
    assert!(early.is_filling());
    assert_eq!(early.len(), Some(6));
    let mut early = task::spawn(text(early.body()));
    let mut part = task::spawn(text(find(&zone, "a").unwrap().range(1..4)));
    assert_pending!(early.poll());
    fill.write(&Bytes::from_static(b"one"));
    assert!(early.is_woken());
    assert_pending!(early.poll());
    assert_pending!(part.poll());
    let late = find(&zone, "a").unwrap();
    fill.write(&Bytes::from_static(b"two"));
    assert_eq!(assert_ready!(part.poll()).unwrap(), "net");
    fill.finish();
    assert!(early.is_woken());
    assert_eq!(assert_ready!(early.poll()).unwrap(), "onetwo");
    assert!(!late.is_filling());
    assert_eq!(text(late.body()).await.unwrap(), "onetwo");
    assert_eq!(find(&zone, "a").unwrap().bytes().unwrap(), "onetwo");
}

#[tokio::test]
async fn a_fill_that_stops_stores_nothing_and_cuts_its_readers() {
    type End = fn(Fill);
    let cases: [(Option<u64>, End); 4] = [
        (Some(6), drop),
        (Some(6), Fill::finish), // three are missing
        (Some(2), Fill::finish), // one is too much
        (None, drop),
    ];
    for (length, end) in cases {
        let zone = Zone::memory(Limits::default());
        store(&zone, "a", meta(1), "before");
        let key = Key::new("a");
        let mut fill = zone.fill(&key, meta(2), length, Some(guard(&zone, &key))).unwrap();
        let reader = fill.entry();
        fill.write(&Bytes::from_static(b"one"));
        end(fill);
        assert!(matches!(text(reader.body()).await, Err(Error::FillAborted)));
        assert_eq!(find(&zone, "a").unwrap().bytes().unwrap(), "before", "{length:?}");
        drop(reader);
        assert!(matches!(zone.lock(&key, AGE), Locked::Holder(_)));
        let _ = zone.purge(&Purge::All, Strength::Hard).await;
        assert_eq!((zone.stats().keys, zone.stats().bytes), (0, 0));
    }
}

/// Who waited asks one after the other for what was cut short, or purged: not all at once.
#[tokio::test]
async fn who_waits_for_what_is_not_whole_takes_the_lock() {
    for (body, purged) in [("one", false), ("onetwo", true)] {
        let zone = Zone::memory(Limits::default());
        let key = Key::new("a");
        let mut fill = zone.fill_alone(&key, meta(1), Some(6), Some(guard(&zone, &key))).unwrap();
        let Locked::Waiting(waiting) = zone.lock(&key, AGE) else { panic!("it is held") };
        let _reader = fill.entry();
        fill.write(&Bytes::from_static(body.as_bytes()));
        if purged {
            let _ = zone.purge(&Purge::All, Strength::Hard).await;
        }
        fill.finish();
        assert_eq!(waiting.await, Released::Abandoned, "{body}");
        assert!(matches!(zone.lock(&key, AGE), Locked::Holder(_)));
    }
}

/// Nobody reads what may turn out too large to be kept: he would be cut.
#[tokio::test]
async fn a_body_of_unknown_length_is_shared_when_it_is_whole() {
    let zone = Zone::memory(Limits::default().max_object(10));
    for (body, released) in [("0123456789", Released::Filled), ("0123456789a", Released::Pass)] {
        let key = Key::new(body);
        let mut fill = zone.fill(&key, meta(1), None, Some(guard(&zone, &key))).unwrap();
        let Locked::Waiting(waiting) = zone.lock(&key, AGE) else { panic!("it is held") };
        let mut waiting = task::spawn(waiting);
        for byte in body.bytes() {
            assert_pending!(waiting.poll());
            assert!(find(&zone, body).is_none());
            assert!(fill.is_wanted());
            fill.write(&Bytes::copy_from_slice(&[byte]));
        }
        assert_eq!(fill.is_wanted(), released == Released::Filled);
        fill.finish();
        assert_eq!(assert_ready!(waiting.poll()), released);
        assert_eq!(find(&zone, body).is_some(), released == Released::Filled);
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_begun() {
    let zone = Zone::memory(Limits::default().max_object(10));
    let key = Key::new("a");
    let guard = guard(&zone, &key);
    let Locked::Waiting(waiting) = zone.lock(&key, AGE) else { panic!("it is held") };
    assert!(zone.fill(&key, meta(1), Some(11), Some(guard)).is_none());
    assert_eq!(waiting.await, Released::Pass);
    assert_eq!(zone.stats().bytes, 0);
}

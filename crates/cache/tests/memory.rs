//! A zone in memory, through its public face.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::num::NonZeroUsize;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use propylon_cache::store::{
    Entry, EntryBody, Error, Fill, Guard, Key, Limits, Locked, Lookup, Meta, Purge, Released, Strength, Tags,
    Variant, Zone,
};
use tokio_test::{assert_pending, assert_ready, task};

const AGE: Duration = Duration::from_secs(5);

fn limits(keys: usize) -> Limits {
    Limits::default().keys(NonZeroUsize::new(keys).unwrap())
}

fn meta(stored_at: u64) -> Meta {
    Meta { stored_at, ..Meta::new(StatusCode::OK) }
}

fn variant(text: &'static str) -> Option<Variant> {
    Some(Variant(Bytes::from_static(text.as_bytes())))
}

fn store(zone: &Zone, key: &str, meta: Meta, body: &str) {
    let mut fill = zone.fill(&Key::new(key.to_owned()), meta, Some(body.len() as u64), None).unwrap();
    fill.write(&Bytes::copy_from_slice(body.as_bytes()));
    fill.finish();
}

fn find(zone: &Zone, key: &str) -> Option<Entry> {
    match zone.lookup(&Key::new(key.to_owned()), |_| true) {
        Lookup::Found(entry) => Some(entry),
        Lookup::Missing => None,
        Lookup::Opening(_) => panic!("nothing is on disk"),
    }
}

fn guard(zone: &Zone, key: &Key) -> Guard {
    match zone.lock(key, AGE) {
        Locked::Holder(guard) => guard,
        Locked::Waiting(_) => panic!("somebody holds it"),
    }
}

async fn text(mut body: EntryBody) -> Result<String, Error> {
    let mut text = Vec::new();
    while let Some(frame) = body.frame().await {
        text.extend_from_slice(&frame?.into_data().unwrap());
    }
    assert!(body.is_end_stream());
    Ok(String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn what_was_stored_is_found() {
    let zone = Zone::memory(Limits::default());
    assert!(find(&zone, "a").is_none());
    store(&zone, "a", meta(1), "text");
    let entry = find(&zone, "a").unwrap();
    assert_eq!((entry.len(), entry.is_filling(), entry.is_purged()), (Some(4), false, false));
    assert_eq!(entry.meta().status, StatusCode::OK);
    assert_eq!(entry.body().size_hint().exact(), Some(4));
    assert_eq!(text(entry.body()).await.unwrap(), "text");
    assert_eq!(entry.bytes().unwrap(), "text");
    for (range, expected) in [(0..4, "text"), (1..3, "ex"), (3..9, "t"), (4..9, ""), (9..10, "")] {
        let body = entry.range(range);
        assert_eq!(body.size_hint().exact(), Some(expected.len() as u64));
        assert_eq!(text(body).await.unwrap(), expected);
    }
    assert!(find(&zone, "b").is_none());
}

#[tokio::test]
async fn a_large_body_comes_in_pieces_and_ranges() {
    let zone = Zone::memory(Limits::default());
    let body: String = ('a'..='z').cycle().take(300_001).collect();
    for length in [Some(body.len() as u64), None] {
        let key = Key::new("large");
        let mut fill = zone.fill(&key, meta(1), length, None).unwrap();
        for piece in body.as_bytes().chunks(10_007) {
            fill.write(&Bytes::copy_from_slice(piece));
        }
        fill.finish();
        let entry = find(&zone, "large").unwrap();
        assert!(entry.bytes().is_none());
        assert_eq!(text(entry.body()).await.unwrap(), body);
        for (start, end) in [(0, 1), (65_535, 65_537), (65_536, 131_072), (299_999, 300_001), (7, 300_000)] {
            let part = text(entry.range(start as u64..end as u64)).await.unwrap();
            assert_eq!(part, body[start..end]);
        }
    }
}

#[tokio::test]
async fn a_slice_of_a_large_buffer_does_not_keep_it() {
    let zone = Zone::memory(Limits::default());
    let buffer = Bytes::from(vec![b'x'; 1 << 20]);
    let mut fill = zone.fill(&Key::new("a"), meta(1), Some(10), None).unwrap();
    fill.write(&buffer.slice(100..110));
    fill.finish();
    assert!(buffer.is_unique());
    assert!(zone.stats().bytes < 2000, "{:?}", zone.stats());
}

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

#[tokio::test]
async fn variants_stand_side_by_side() {
    let zone = Zone::memory(Limits::default());
    let key = Key::new("a");
    let gzip = |stored_at| Meta { variant: variant("gzip"), ..meta(stored_at) };
    let of = |wanted: &'static str| match zone
        .lookup(&key, |variant| variant.is_none_or(|variant| variant.0 == wanted))
    {
        Lookup::Found(entry) => entry.bytes().unwrap(),
        other => panic!("{other:?}"),
    };
    store(&zone, "a", meta(1), "any");
    store(&zone, "a", gzip(2), "zipped");
    store(&zone, "a", Meta { variant: variant("br"), ..meta(3) }, "brotli");
    assert_eq!([of("gzip"), of("br"), of("other")], ["zipped", "brotli", "any"]);
    store(&zone, "a", gzip(4), "zipped again");
    assert_eq!([of("gzip"), of("br"), of("other")], ["zipped again", "brotli", "any"]);
    assert_eq!(zone.stats().keys, 3);
    // A newer one that does not vary is for all.
    store(&zone, "a", meta(5), "new");
    assert_eq!([of("gzip"), of("br"), of("other")], ["new", "new", "new"]);
    assert_eq!(zone.purge(&Purge::Key(key.clone()), Strength::Hard).await.responses, 3);
    assert!(find(&zone, "a").is_none());
}

#[tokio::test]
async fn a_key_has_so_many_variants_and_no_more() {
    let zone = Zone::memory(Limits::default());
    for number in 0..100 {
        let name = Some(Variant(number.to_string().into()));
        store(&zone, "a", Meta { variant: name, ..meta(number) }, "");
    }
    assert_eq!(zone.stats().keys, 32);
    assert_eq!(find(&zone, "a").unwrap().meta().stored_at, 99);
}

#[tokio::test]
async fn a_validated_entry_has_a_new_head_and_the_old_body() {
    let zone = Zone::memory(Limits::default());
    store(&zone, "a", meta(1), "text");
    store(&zone, "a", Meta { variant: variant("x"), ..meta(2) }, "varied");
    let _ = zone.purge(&Purge::All, Strength::Soft).await;
    let Lookup::Found(entry) = zone.lookup(&Key::new("a"), |variant| variant.is_none()) else {
        panic!("it is there")
    };
    let mut new = meta(3);
    new.headers.insert("x-new", "1".parse().unwrap());
    zone.update(&entry, new, None);
    let entry = find(&zone, "a").unwrap();
    assert!(!entry.is_purged());
    assert_eq!((entry.meta().stored_at, entry.meta().headers.len()), (3, 1));
    assert_eq!(entry.bytes().unwrap(), "text");
    assert_eq!(zone.stats().keys, 2);

    // What was purged since it was looked up stays purged.
    let _ = zone.purge(&Purge::All, Strength::Soft).await;
    zone.update(&entry, meta(4), None);
    assert!(find(&zone, "a").unwrap().is_purged());

    // What is gone is not brought back.
    let _ = zone.purge(&Purge::All, Strength::Hard).await;
    zone.update(&entry, meta(4), None);
    assert_eq!((zone.stats().keys, zone.stats().bytes), (0, 0));
}

#[tokio::test]
async fn purges_by_key_prefix_and_tag() {
    let zone = Zone::memory(Limits::default());
    let tagged = |tags: &[&'static str]| Meta {
        tags: tags.iter().map(|tag| Bytes::from_static(tag.as_bytes())).collect::<Tags>(),
        ..meta(1)
    };
    let keys = ["/a", "/a/b", "/a/c", "/b"];
    for (what, expected) in [
        (Purge::Key(Key::new("/a")), [false, true, true, true]),
        (Purge::Key(Key::new("/")), [true, true, true, true]),
        (Purge::Prefix(Bytes::from_static(b"/a/")), [true, false, false, true]),
        (Purge::Tag(Bytes::from_static(b"red")), [false, true, true, false]),
        (Purge::Tag(Bytes::from_static(b"blue")), [true, true, true, false]),
        (Purge::All, [false; 4]),
    ] {
        for strength in [Strength::Soft, Strength::Hard] {
            let _ = zone.purge(&Purge::All, Strength::Hard).await;
            for (key, tags) in keys.iter().zip([&["red"][..], &[], &["green"], &["blue", "red"]]) {
                store(&zone, key, tagged(tags), "");
            }
            let count = zone.purge(&what, strength).await.responses;
            assert_eq!(count, expected.iter().map(|there| u64::from(!there)).sum::<u64>());
            let fresh = keys.map(|key| find(&zone, key).is_some_and(|entry| !entry.is_purged()));
            assert_eq!(fresh, expected, "{what:?} {strength:?}");
            let there = keys.map(|key| find(&zone, key).is_some());
            assert_eq!(there, if strength == Strength::Soft { [true; 4] } else { expected });
        }
    }
}

/// What the origin said before the purge is not stored after it.
#[tokio::test]
async fn a_purge_reaches_what_is_on_its_way() {
    let zone = Zone::memory(Limits::default());
    for strength in [Strength::Hard, Strength::Soft] {
        let mut fill = zone.fill(&Key::new("a"), meta(1), Some(4), None).unwrap();
        let reader = find(&zone, "a").unwrap();
        assert_eq!(zone.purge(&Purge::All, strength).await.responses, 1);
        assert!(fill.is_wanted(), "somebody reads it");
        fill.write(&Bytes::from_static(b"text"));
        fill.finish();
        assert_eq!(text(reader.body()).await.unwrap(), "text");
        assert_eq!(find(&zone, "a").is_some_and(|entry| entry.is_purged()), strength == Strength::Soft);
    }
    let fill = zone.fill(&Key::new("b"), meta(1), Some(4), None).unwrap();
    let _ = zone.purge(&Purge::All, Strength::Hard).await;
    assert!(!fill.is_wanted(), "nobody needs it");
}

/// What is still coming is newer than any 304, but whoever was told so has validated it.
#[tokio::test]
async fn what_is_on_its_way_is_no_longer_purged_when_it_is_validated() {
    for settled in [false, true] {
        let zone = Zone::memory(Limits::default());
        let mut fill = zone.fill(&Key::new("a"), meta(1), Some(4), None).unwrap();
        let _ = zone.purge(&Purge::All, Strength::Soft).await;
        let entry = find(&zone, "a").unwrap();
        assert!(entry.is_purged() && entry.is_filling());
        fill.write(&Bytes::from_static(b"text"));
        if settled {
            fill.finish();
            zone.update(&entry, meta(2), None);
        } else {
            zone.update(&entry, meta(2), None);
            assert!(!find(&zone, "a").unwrap().is_purged());
            fill.finish();
        }
        let fresh = find(&zone, "a").unwrap();
        assert!(!fresh.is_purged(), "{settled}");
        assert_eq!(fresh.bytes().unwrap(), "text");
    }
}

/// Purged between the look-up and the 304: the origin was asked before that.
#[tokio::test]
async fn what_is_on_its_way_stays_purged_if_that_was_after_it_was_looked_up() {
    let zone = Zone::memory(Limits::default());
    let _fill = zone.fill(&Key::new("a"), meta(1), Some(4), None).unwrap();
    let entry = find(&zone, "a").unwrap();
    let _ = zone.purge(&Purge::All, Strength::Soft).await;
    zone.update(&entry, meta(2), None);
    assert!(find(&zone, "a").unwrap().is_purged());
}

#[tokio::test]
async fn uses_are_counted() {
    let zone = Zone::memory(Limits::default());
    let key = Key::new("a");
    assert_eq!([zone.count_use(&key), zone.count_use(&key), zone.count_use(&Key::new("b"))], [1, 2, 1]);
}

/// Many threads, few keys: nothing is lost, mixed up or counted twice.
#[test]
fn threads_share_a_zone() {
    let zone = Zone::memory(limits(8).max_size(Some(200_000)));
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let zone = zone.clone();
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                for round in 0..2000 {
                    let key = ((round * 7 + thread) % 16).to_string();
                    if let Some(entry) = find(&zone, &key) {
                        let mut task = task::spawn(text(entry.body()));
                        if let Poll::Ready(Ok(text)) = task.poll() {
                            assert_eq!(text, key.repeat(1000));
                        }
                    } else {
                        store(&zone, &key, meta(round), &key.repeat(1000));
                    }
                    if round % 50 == thread {
                        let what = Purge::Key(Key::new(key));
                        let _ = runtime.block_on(zone.purge(&what, Strength::Hard));
                    }
                }
            });
        }
    });
    assert!(zone.stats().keys <= 8);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _ = runtime.block_on(zone.purge(&Purge::All, Strength::Hard));
    assert_eq!((zone.stats().keys, zone.stats().bytes), (0, 0));
}

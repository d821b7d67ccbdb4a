//! What was stored, and is found.

use bytes::Bytes;
use http::StatusCode;
use http_body::Body as _;
use propylon_cache::store::{Key, Limits, Lookup, Meta, Purge, Strength, Variant, Zone};

use crate::support::{find, meta, store, text, variant};

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
async fn uses_are_counted() {
    let zone = Zone::memory(Limits::default());
    let key = Key::new("a");
    assert_eq!([zone.count_use(&key), zone.count_use(&key), zone.count_use(&Key::new("b"))], [1, 2, 1]);
}

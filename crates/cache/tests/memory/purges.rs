//! What is removed by request.

use bytes::Bytes;
use propylon_cache::store::{Key, Limits, Meta, Purge, Strength, Tags, Zone};

use crate::support::{find, meta, store, text};

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

//! What is removed by request.

use bytes::Bytes;
use propylon_cache::store::{Key, Meta, Purge, Strength, Variant};
use tempfile::TempDir;

use crate::on_disk::{files, find, load, meta, open, path_of, read, store, text, the_file, until};

#[tokio::test]
async fn purges_by_key_prefix_and_tag() {
    let keys = ["/a", "/a/b", "/a/c", "/b"];
    for (what, expected) in [
        (Purge::Key(Key::new("/a")), [false, true, true, true]),
        (Purge::Prefix(Bytes::from_static(b"/a/")), [true, false, false, true]),
        (Purge::Tag(Bytes::from_static(b"red")), [false, true, true, false]),
        (Purge::All, [false; 4]),
    ] {
        for strength in [Strength::Soft, Strength::Hard] {
            for loaded in [true, false] {
                let directory = TempDir::new().unwrap();
                let mut zone = open(&directory);
                for (key, tags) in keys.iter().zip([&["red"][..], &[], &["green"], &["blue", "red"]]) {
                    let tags = tags.iter().map(|tag| Bytes::from_static(tag.as_bytes())).collect();
                    store(&zone, key, Meta { tags, ..meta(1) }, b"").await;
                }
                if !loaded {
                    zone = open(&directory); // nothing is in the index yet
                }
                let count = zone.purge(&what, strength).await.responses;
                let gone = expected.iter().map(|there| u64::from(!there)).sum::<u64>();
                if loaded {
                    assert_eq!(count, gone);
                }
                for restarted in [false, true] {
                    for (key, expected) in keys.iter().zip(expected) {
                        let entry = find(&zone, key).await;
                        let fresh = entry.as_ref().is_some_and(|entry| !entry.is_purged());
                        assert_eq!(fresh, expected, "{key} {what:?} {strength:?} {loaded} {restarted}");
                        assert_eq!(entry.is_some(), expected || strength == Strength::Soft);
                    }
                    if !restarted {
                        load(&zone).await;
                    }
                    if loaded {
                        zone = open(&directory);
                    }
                }
            }
        }
    }
}

/// What is removed while nothing is loaded is removed, and not only forgotten.
#[tokio::test]
async fn a_purge_by_key_removes_files_that_are_not_loaded_yet() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    store(&zone, "a", meta(1), b"").await;
    store(&zone, "a", Meta { variant: Some(Variant(Bytes::from_static(b"x"))), ..meta(2) }, b"").await;
    store(&zone, "b", meta(1), b"").await;
    let zone = open(&directory);
    assert_eq!(zone.purge(&Purge::Key(Key::new("a")), Strength::Hard).await.responses, 2);
    assert_eq!(the_file(&directory), path_of(&directory, "b"));
}

#[tokio::test]
async fn a_purge_reaches_what_is_on_its_way() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    for strength in [Strength::Hard, Strength::Soft] {
        let mut fill = zone.fill(&Key::new("a"), meta(1), None, None).unwrap();
        let reader = find(&zone, "a").await.unwrap();
        fill.write(&Bytes::from(text(300_000)));
        assert_eq!(zone.purge(&Purge::Prefix(Bytes::new()), strength).await.responses, 1);
        assert!(fill.is_wanted(), "somebody reads it");
        fill.write(&Bytes::from(text(300_000)));
        fill.finish();
        assert_eq!(read(reader.body()).await.unwrap().len(), 600_000);
        drop(reader);
        if strength == Strength::Hard {
            until(|| files(directory.path()).is_empty()).await;
            assert!(find(&zone, "a").await.is_none());
        } else {
            until(|| zone.stats().stored == 1).await;
            assert!(find(&zone, "a").await.unwrap().is_purged());
            assert!(find(&open(&directory), "a").await.unwrap().is_purged());
        }
    }
}

//! The zone's directory, and what is in it at the start.

use std::fs;
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use propylon_cache::store::{Directory, Key, Limits, Meta, OpenError, Pace, Purge, Strength, Variant, Zone};
use tempfile::TempDir;
use tokio_test::{assert_pending, task};

use crate::on_disk::{
    count, files, find, find_variant, load, meta, open, open_with, path_of, read, store, text, until,
};

#[tokio::test]
async fn levels_are_nginx_s() {
    let directory = TempDir::new().unwrap();
    let zone =
        |levels: &[usize]| Zone::disk(Directory::new(directory.path()).levels(levels), Limits::default());
    for wrong in [&[3][..], &[0], &[1, 1, 1, 1]] {
        assert!(matches!(zone(wrong), Err(OpenError::Levels)));
    }
    store(&zone(&[2, 2, 1]).unwrap(), "http://example.com/", meta(1), b"").await;
    assert!(directory.path().join("fd/76/1/a6bf1757fff057f266b697df9cf176fd").exists());
    store(&zone(&[]).unwrap(), "http://example.com/", meta(1), b"").await;
    assert!(directory.path().join("a6bf1757fff057f266b697df9cf176fd").exists());
    let file = directory.path().join("a6bf1757fff057f266b697df9cf176fd");
    let below = Zone::disk(Directory::new(file.join("below")), Limits::default());
    assert!(matches!(below, Err(OpenError::Directory(_))));
}

/// A restart: before it is loaded as well as after.
#[tokio::test]
async fn what_was_there_at_the_start_is_used() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    let tagged = Meta { tags: [Bytes::from_static(b"red")].into_iter().collect(), ..meta(7) };
    store(&zone, "a", tagged, b"plain").await;
    let varied = Meta { variant: Some(Variant(Bytes::from_static(b"gzip"))), ..meta(8) };
    store(&zone, "a", varied, b"zipped").await;
    store(&zone, "b", meta(9), b"soft").await;
    let _ = zone.purge(&Purge::Key(Key::new("b")), Strength::Soft).await;
    store(&zone, "c", meta(10), b"validated").await;
    let mut new = meta(11);
    new.headers.insert("x-new", "1".parse().unwrap());
    let entry = find(&zone, "c").await.unwrap();
    zone.update(&entry, new, None);
    until(|| fs::read(path_of(&directory, "c")).is_ok_and(|file| count(&file, b"x-new") == 1)).await;

    let cold = open(&directory);
    assert!(cold.stats().loading);
    assert_eq!(cold.stats().keys, 0);
    check_all(&cold, false).await;
    let warm = open(&directory);
    load(&warm).await;
    let stats = warm.stats();
    assert_eq!((stats.loading, stats.keys, stats.loaded, stats.bytes), (false, 4, 4, 4 * 4096));
    check_all(&warm, true).await;
    assert_eq!(warm.purge(&Purge::Tag(Bytes::from_static(b"red")), Strength::Hard).await.responses, 1);
    load(&cold).await;
    assert_eq!(cold.stats().keys, 4, "no more than before, and one whose file is gone");
    assert!(find(&cold, "a").await.is_none());
    assert_eq!(cold.stats().keys, 3);

    async fn check_all(zone: &Zone, loaded: bool) {
        assert_eq!(find(zone, "a").await.unwrap().bytes().unwrap(), "plain");
        assert!(find(zone, "b").await.unwrap().is_purged());
        let validated = find(zone, "c").await.unwrap();
        assert_eq!(validated.bytes().unwrap(), "validated");
        assert_eq!((validated.meta().stored_at, validated.meta().headers.len()), (11, 2));
        assert_eq!(find_variant(zone, "a", Some("gzip")).await.is_some(), loaded);
        assert!(find(zone, "d").await.is_none());
    }
}

#[tokio::test]
async fn temporary_files_have_a_place_of_their_own() {
    let (directory, temporary) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let place = Directory::new(directory.path()).temporary(Some(temporary.path().to_owned()));
    let zone = Zone::disk(place.clone(), Limits::default()).unwrap();
    let mut fill = zone.fill(&Key::new("a"), meta(1), None, None).unwrap();
    fill.write(&Bytes::from(text(500_000)));
    until(|| files(temporary.path()).len() == 1).await;
    let left = files(temporary.path()).remove(0);
    let copy = fs::read(&left).unwrap();
    fill.finish();
    until(|| zone.stats().stored == 1).await;
    assert!(files(temporary.path()).is_empty());
    assert_eq!(files(directory.path()).len(), 1);

    // What a crash left there goes, and what it left beside its place; not what is being written.
    fs::write(&left, &copy).unwrap();
    fs::write(directory.path().join(left.file_name().unwrap()), &copy).unwrap();
    fs::write(temporary.path().join("other"), &copy).unwrap();
    let zone = Zone::disk(place, Limits::default()).unwrap();
    let mut fill = zone.fill(&Key::new("b"), meta(1), None, None).unwrap();
    fill.write(&Bytes::from(text(500_000)));
    until(|| files(temporary.path()).len() == 3).await;
    load(&zone).await;
    assert_eq!(files(temporary.path()).len(), 2, "{:?} {left:?}", files(temporary.path()));
    assert_eq!(files(directory.path()).len(), 1);
    fill.finish();
    until(|| zone.stats().stored == 1).await;
    assert!(read(find(&zone, "b").await.unwrap().body()).await.unwrap() == text(500_000));
}

#[tokio::test(start_paused = true)]
async fn loading_goes_in_portions_and_serves_meanwhile() {
    let directory = TempDir::new().unwrap();
    {
        let zone = open(&directory);
        for key in 0..100 {
            store(&zone, &key.to_string(), meta(1), key.to_string().as_bytes()).await;
        }
    }
    let pace = Pace { files: NonZeroUsize::new(10).unwrap(), ..Pace::default() };
    let zone = open_with(&directory, Limits::default().loader(pace));
    let mut manager = task::spawn(zone.manage());
    let mut portions = 0;
    let mut before = 0;
    while zone.stats().loading {
        assert_pending!(manager.poll());
        let now = zone.stats().loaded;
        assert!(now - before <= 10 + 1, "ten, and the one that was asked for");
        portions += u32::from(now > before);
        before = now;
        let key = (portions % 100).to_string();
        assert_eq!(find(&zone, &key).await.unwrap().bytes().unwrap(), key);
        tokio::time::advance(Duration::from_millis(50)).await;
    }
    assert!(portions > 10);
    assert_eq!((zone.stats().keys, zone.stats().loaded), (100, 100));

    // More than there may be: the rest goes.
    let pace = Pace { sleep: Duration::ZERO, ..pace };
    let few = open_with(&directory, Limits::default().keys(NonZeroUsize::new(10).unwrap()).loader(pace));
    load(&few).await;
    assert_eq!(few.stats().keys, 10);
    until(|| files(directory.path()).len() == 10).await;
}

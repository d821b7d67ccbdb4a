//! A zone on disk, through its public face and through its files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

mod on_disk;

use std::fs;
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use propylon_cache::store::{
    Directory, Error, Key, Limits, Locked, Meta, OpenError, Pace, Purge, Released, Strength, Variant, Zone,
};
use tempfile::TempDir;
use tokio_test::{assert_pending, task};

const AGE: Duration = Duration::from_secs(5);

use on_disk::{
    count, files, find, find_variant, load, meta, open, open_with, path_of, read, store, text, the_file,
    until,
};

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

/// Many threads, few keys, little room: what is found is what was stored, and in the end there is a file for each record and
/// a record for each file.
#[test]
fn threads_share_a_zone() {
    let directory = TempDir::new().unwrap();
    let zone = open_with(&directory, Limits::default().max_size(Some(10 * 4096)));
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let body = |key: &str, stored_at: u64| format!("{key}:{stored_at}:").repeat(100);
    let worker = async |thread: u64| {
        for round in 0..300 {
            let stored_at = round * 4 + thread;
            let key = ((round * 7 + thread) % 16).to_string();
            match find(&zone, &key).await {
                Some(entry) => {
                    let (meta, bytes) = (entry.meta().clone(), read(entry.body()).await);
                    let written = meta.headers["x-written"].to_str().unwrap().parse().unwrap();
                    match bytes {
                        Ok(bytes) => assert_eq!(bytes, body(&key, written).as_bytes()),
                        Err(error) => assert!(matches!(error, Error::FillAborted), "{error:?}"),
                    }
                    match round % 5 {
                        0 => zone.update(&entry, Meta { stored_at, ..meta }, None),
                        1 => drop(zone.purge(&Purge::Key(Key::new(key)), Strength::Soft).await),
                        2 => drop(zone.purge(&Purge::Prefix(key.into()), Strength::Hard).await),
                        _ => {}
                    }
                }
                None => {
                    let mut meta = meta(stored_at);
                    meta.headers.insert("x-written", stored_at.into());
                    let mut fill = zone.fill(&Key::new(key.clone()), meta, None, None).unwrap();
                    fill.write(&Bytes::from(body(&key, stored_at)));
                    if round % 10 != 9 {
                        fill.finish();
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let worker = &worker;
            scope.spawn(move || runtime().block_on(worker(thread)));
        }
    });
    // The runtimes waited for what their blocking pools did.
    let stats = zone.stats();
    assert_eq!((stats.failed, stats.damaged, stats.foreign), (0, 0, 0));
    assert!(stats.bytes <= 10 * 4096, "{stats:?}");
    assert_eq!(stats.keys * 4096, stats.bytes);
    assert_eq!(files(directory.path()).len() as u64, stats.keys, "{stats:?}");
}

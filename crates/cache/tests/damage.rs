//! Files that are not what was written: nothing of them is served.
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

use bytes::Bytes;
use http_body_util::BodyExt as _;
use propylon_cache::store::{Error, Meta, Variant};
use tempfile::TempDir;

use on_disk::{files, find, find_variant, load, meta, open, path_of, store, text, the_file, until};

/// Whatever moment a crash cuts a file at, it is not served: neither by who comes before it is loaded, nor after.
#[tokio::test]
async fn a_file_that_is_cut_anywhere_is_a_miss() {
    let directory = TempDir::new().unwrap();
    store(&open(&directory), "a", meta(1), &text(300)).await;
    let path = the_file(&directory);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let zone = open(&directory);
        assert!(find(&zone, "a").await.is_none(), "{length} of {}", whole.len());
        // What begins as ours does and is not whole is taken away. A few bytes may be anybody's.
        assert!(!path.exists(), "{length}");
    }
    for length in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..length]).unwrap();
        let zone = open(&directory);
        load(&zone).await;
        assert_eq!(zone.stats().keys, 0);
        assert!(find(&zone, "a").await.is_none());
    }
    fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
    assert!(find(&open(&directory), "a").await.is_none(), "longer");
    fs::write(&path, &whole).unwrap();
    assert_eq!(find(&open(&directory), "a").await.unwrap().bytes().unwrap(), text(300));
}

/// A crash of the machine can leave a file of the right length with parts that were never written.
#[tokio::test]
async fn a_file_with_holes_is_a_miss() {
    let directory = TempDir::new().unwrap();
    store(&open(&directory), "a", meta(1), &text(300)).await;
    let path = the_file(&directory);
    let whole = fs::read(&path).unwrap();
    for from in 0..whole.len() {
        let mut holed = whole.clone();
        holed[from..].fill(0);
        if holed != whole {
            fs::write(&path, &holed).unwrap();
            assert!(find(&open(&directory), "a").await.is_none(), "{from}");
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_is_never_served() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    let body = text(300);
    store(&zone, "a", meta(1), &body).await;
    let entry = find(&zone, "a").await.unwrap();
    let path = the_file(&directory);
    let before = fs::read(&path).unwrap();
    zone.update(&entry, meta(2), None);
    until(|| fs::read(&path).unwrap() != before).await;
    let whole = fs::read(&path).unwrap();
    let mut unused = 0;
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&path, &flipped).unwrap();
        if let Some(entry) = find(&open(&directory), "a").await {
            unused += 1; // what is behind a head
            assert_eq!(entry.meta().stored_at, 2, "byte {at}: the head that was replaced");
            assert_eq!(entry.meta().headers, meta(2).headers, "byte {at}");
            assert_eq!(entry.bytes().unwrap(), body, "byte {at}");
        }
    }
    assert!(unused < 500, "{unused} of {}", whole.len());
}

/// What is behind the first pieces is checked when it is read: the client's message is cut.
#[tokio::test]
async fn a_flipped_bit_in_a_large_body_cuts_it() {
    let directory = TempDir::new().unwrap();
    let body = text(1_000_000);
    store(&open(&directory), "a", meta(1), &body).await;
    let path = the_file(&directory);
    let whole = fs::read(&path).unwrap();
    let start = count_until(&whole, &body[..64]);
    for at in [0, 65_536, 131_072, 200_000, 700_000, 999_999, 1_000_000, 1_000_000 + 15 * 8] {
        let mut flipped = whole.clone();
        flipped[start + at] ^= 4;
        fs::write(&path, &flipped).unwrap();
        let zone = open(&directory);
        if let Some(entry) = find(&zone, "a").await {
            let mut from = entry.body();
            let mut got = Vec::new();
            let end = loop {
                match from.frame().await.unwrap() {
                    Ok(frame) => got.extend_from_slice(&frame.into_data().unwrap()),
                    Err(error) => break error,
                }
            };
            assert!(matches!(end, Error::Damaged));
            assert!(got == body[..got.len()]);
        }
        assert!(!path.exists(), "{at}");
        assert!(find(&zone, "a").await.is_none());
        assert_eq!((zone.stats().keys, zone.stats().damaged), (0, 1));
    }
}

fn count_until(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).position(|window| window == part).unwrap()
}

#[tokio::test]
async fn what_is_somebody_else_s_is_neither_served_nor_removed() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    store(&zone, "a", meta(1), b"a").await;
    let a = the_file(&directory);
    let b = path_of(&directory, "b");
    fs::create_dir_all(b.parent().unwrap()).unwrap();

    // The file of another key.
    fs::copy(&a, &b).unwrap();
    for zone in [&zone, &open(&directory)] {
        assert!(find(zone, "b").await.is_none());
        load(zone).await;
        assert!(find(zone, "b").await.is_none());
    }
    // nginx's, and what has nothing to do with a cache.
    for foreign in [&b"\x05\0\0\0\0\0\0\0\nKEY: b\nHTTP/1.1 200 OK\r\n\r\nb"[..], b"x"] {
        fs::write(&b, foreign).unwrap();
        let zone = open(&directory);
        assert!(find(&zone, "b").await.is_none());
        load(&zone).await;
        assert!(find(&zone, "b").await.is_none());
        assert_eq!(fs::read(&b).unwrap(), foreign);
        assert!(zone.stats().foreign >= 1);
        // Until it is stored again.
        store(&zone, "b", meta(1), b"ours").await;
        assert_eq!(find(&zone, "b").await.unwrap().bytes().unwrap(), "ours");
    }
    for other in ["README", "c/README", "c/29/README", "zz/a", "c/b7f54b2df7773722d382f4809d65029c"] {
        let path = directory.path().join(other);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"").unwrap();
        load(&open(&directory)).await;
        assert!(path.exists(), "{other}");
    }
}

/// As if a client had found two variants whose files have one name.
#[tokio::test]
async fn the_file_of_another_variant_is_a_miss() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    let varied =
        |text: &'static str| Meta { variant: Some(Variant(Bytes::from_static(text.as_bytes()))), ..meta(1) };
    store(&zone, "a", varied("mine"), b"mine").await;
    let mine = the_file(&directory);
    store(&zone, "a", varied("yours"), b"yours").await;
    let yours = files(directory.path()).into_iter().find(|file| *file != mine).unwrap();
    store(&zone, "a", meta(1), b"plain").await;
    let plain = path_of(&directory, "a");
    for (other, variant) in [(&mine, Some("mine")), (&plain, None)] {
        fs::copy(&yours, other).unwrap();
        assert!(find_variant(&zone, "a", variant).await.is_none(), "{variant:?}");
        assert!(find_variant(&zone, "a", variant).await.is_none(), "{variant:?}");
        assert_eq!(find_variant(&zone, "a", Some("yours")).await.unwrap().bytes().unwrap(), "yours");
    }
    assert_eq!((zone.stats().keys, zone.stats().bytes), (1, 4096));

    let zone = open(&directory);
    assert!(find(&zone, "a").await.is_none(), "nothing is loaded yet");
    load(&zone).await;
    assert_eq!(zone.stats().keys, 1);
    assert!(find(&zone, "a").await.is_none());
    assert!(find_variant(&zone, "a", Some("mine")).await.is_none());
    assert_eq!(find_variant(&zone, "a", Some("yours")).await.unwrap().bytes().unwrap(), "yours");
}

#[tokio::test]
async fn a_file_that_somebody_removed_is_a_miss() {
    let directory = TempDir::new().unwrap();
    let zone = open(&directory);
    store(&zone, "a", meta(1), b"text").await;
    fs::remove_dir_all(directory.path()).unwrap();
    assert!(find(&zone, "a").await.is_none());
    assert_eq!((zone.stats().keys, zone.stats().bytes), (0, 0));
    store(&zone, "a", meta(1), b"again").await;
    assert_eq!(find(&zone, "a").await.unwrap().bytes().unwrap(), "again");
}

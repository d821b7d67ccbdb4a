//! What the tests of zones on disk share.
#![allow(dead_code, reason = "not all of them use all of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;
use propylon_cache::store::{
    Directory, Entry, EntryBody, Error, Key, Limits, Lookup, Meta, Pace, Variant, Zone,
};
use tempfile::TempDir;
use tokio_test::{assert_pending, task};

pub(super) fn open(directory: &TempDir) -> Zone {
    let pace = Pace { sleep: Duration::ZERO, ..Pace::default() };
    open_with(directory, Limits::default().loader(pace))
}

pub(super) fn open_with(directory: &TempDir, limits: Limits) -> Zone {
    Zone::disk(Directory::new(directory.path()).levels([1, 2]), limits).unwrap()
}

pub(super) fn meta(stored_at: u64) -> Meta {
    let mut meta = Meta { stored_at, ..Meta::new(StatusCode::OK) };
    meta.headers.insert("content-type", "text/plain".parse().unwrap());
    meta
}

/// Asks again and again: what is done on the blocking pool is done at some time.
pub(super) async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..2_000_000 {
        if done() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not happen");
}

/// Stores it and waits until it is in its file.
pub(super) async fn store(zone: &Zone, key: &str, meta: Meta, body: &[u8]) {
    let stored = zone.stats().stored;
    let mut fill = zone.fill(&Key::new(key.to_owned()), meta, None, None).unwrap();
    for piece in body.chunks(10_007) {
        std::future::poll_fn(|cx| fill.poll_ready(cx)).await;
        fill.write(&Bytes::copy_from_slice(piece));
    }
    fill.finish();
    until(|| zone.stats().stored > stored).await;
}

pub(super) async fn find_variant(zone: &Zone, key: &str, wanted: Option<&'static str>) -> Option<Entry> {
    let wanted = wanted.map(|text| Variant(Bytes::from_static(text.as_bytes())));
    match zone.lookup(&Key::new(key.to_owned()), |variant| variant == wanted.as_ref()) {
        Lookup::Found(entry) => Some(entry),
        Lookup::Missing => None,
        Lookup::Opening(opening) => opening.await,
    }
}

pub(super) async fn find(zone: &Zone, key: &str) -> Option<Entry> {
    find_variant(zone, key, None).await
}

pub(super) async fn read(mut body: EntryBody) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        bytes.extend_from_slice(&frame?.into_data().unwrap());
    }
    Ok(bytes)
}

pub(super) fn files(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub(super) fn the_file(directory: &TempDir) -> PathBuf {
    let files = files(directory.path());
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

pub(super) fn text(length: usize) -> Vec<u8> {
    (0..=255).cycle().zip(0..length).map(|(byte, at)| byte ^ (at >> 8).to_le_bytes()[0]).collect()
}

/// Runs the background work until all that is there is loaded.
pub(super) async fn load(zone: &Zone) {
    let mut manager = task::spawn(zone.manage());
    until(|| {
        assert_pending!(manager.poll());
        !zone.stats().loading
    })
    .await;
}

pub(super) fn path_of(directory: &TempDir, key: &str) -> PathBuf {
    let other = TempDir::new().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(store(&open(&other), key, meta(1), b""));
        });
    });
    directory.path().join(the_file(&other).strip_prefix(other.path()).unwrap())
}

pub(super) fn count(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).filter(|window| *window == part).count()
}

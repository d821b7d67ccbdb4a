//! Tests of purges that come at the worst moment.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::StatusCode;
use parking_lot::Mutex;
use tempfile::TempDir;

use super::full::{is_empty, open, until};
use super::{Directory, Loader};
use crate::store::limits::Pace;
use crate::store::{Entry, Key, Limits, Lookup, Meta, Purge, Strength, Zone};

/// What happens, once, between what is asked of the index and what is told to it.
#[derive(Default)]
pub(super) struct Moment(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Moment {
    pub(super) fn come(&self) {
        let happens = self.0.lock().take();
        if let Some(happens) = happens {
            happens();
        }
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Moment")
    }
}

/// Has all purged at that moment. Tells whether it has come.
fn purge_then(zone: &Zone, strength: Strength) -> Arc<AtomicBool> {
    let come = Arc::new(AtomicBool::new(false));
    let (shared, told) = (Arc::clone(&zone.shared), Arc::clone(&come));
    let purge = move || {
        shared.purge_files(&Purge::All, strength);
        told.store(true, Ordering::Release);
    };
    *zone.shared.disk.as_ref().unwrap().moment.0.lock() = Some(Box::new(purge));
    come
}

async fn find(zone: &Zone, key: &Key) -> Option<Entry> {
    match zone.lookup(key, |variant| variant.is_none()) {
        Lookup::Found(entry) => Some(entry),
        Lookup::Missing => None,
        Lookup::Opening(opening) => opening.await,
    }
}

async fn store(zone: &Zone, key: &Key) {
    let mut fill = zone.fill(key, Meta::new(StatusCode::OK), None, None).unwrap();
    fill.write(&Bytes::from_static(b"text"));
    fill.finish();
    until(|| zone.stats().stored == 1).await;
}

fn again(directory: &TempDir) -> Zone {
    Zone::disk(Directory::new(directory.path()), Limits::default()).unwrap()
}

#[tokio::test]
async fn what_is_purged_when_its_file_has_its_name_already_is_removed() {
    let (directory, zone, key) = open();
    let come = purge_then(&zone, Strength::Hard);
    zone.fill(&key, Meta::new(StatusCode::OK), None, None).unwrap().finish();
    until(|| come.load(Ordering::Acquire)).await;
    until(|| is_empty(&directory)).await;
    assert!(find(&zone, &key).await.is_none());
    assert_eq!((zone.stats().keys, zone.stats().bytes, zone.stats().stored), (0, 0, 0));
}

#[tokio::test]
async fn what_is_purged_softly_then_is_so_after_a_restart() {
    let (directory, zone, key) = open();
    let _come = purge_then(&zone, Strength::Soft);
    store(&zone, &key).await;
    drop(zone.shared.shard(zone.shared.id(&key)).files.lock()); // it is written
    for zone in [zone, again(&directory)] {
        assert!(find(&zone, &key).await.unwrap().is_purged());
    }
}

#[tokio::test]
async fn what_is_purged_while_it_is_loaded_is_not_used() {
    for by_loader in [true, false] {
        for strength in [Strength::Hard, Strength::Soft] {
            let (directory, zone, key) = open();
            store(&zone, &key).await;
            let zone = again(&directory);
            let come = purge_then(&zone, strength);
            if by_loader {
                let mut loader = Loader::new(zone.shared.disk.as_ref().unwrap());
                assert!(loader.step(&zone.shared, &Pace::default()));
            }
            let found = find(&zone, &key).await;
            assert!(come.load(Ordering::Acquire));
            if strength == Strength::Hard {
                assert!(found.is_none() && is_empty(&directory), "{by_loader}");
                assert_eq!((zone.stats().keys, zone.stats().bytes), (0, 0));
            } else {
                assert!(found.unwrap().is_purged(), "{by_loader}");
                assert!(find(&zone, &key).await.unwrap().is_purged(), "{by_loader}");
            }
        }
    }
}

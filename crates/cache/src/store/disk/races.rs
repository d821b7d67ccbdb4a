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

/// Has this done at that moment. Tells whether it has come.
fn then(zone: &Zone, what: impl FnOnce() + Send + 'static) -> Arc<AtomicBool> {
    let come = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&come);
    let happens = move || {
        what();
        told.store(true, Ordering::Release);
    };
    *zone.shared.disk.as_ref().unwrap().moment.0.lock() = Some(Box::new(happens));
    come
}

/// Has all purged at that moment.
fn purge_then(zone: &Zone, strength: Strength) -> Arc<AtomicBool> {
    let shared = Arc::clone(&zone.shared);
    then(zone, move || {
        shared.purge_files(&Purge::All, strength);
    })
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

/// What is validated while its body is still coming, or is being written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Coming,
    Named,
    Settled,
}

#[tokio::test]
async fn what_is_validated_while_it_is_written_is_no_longer_purged() {
    for when in [When::Coming, When::Named, When::Settled] {
        let (directory, zone, key) = open();
        let mut fill = zone.fill(&key, Meta::new(StatusCode::OK), None, None).unwrap();
        let _ = zone.purge(&Purge::All, Strength::Soft).await;
        let entry = find(&zone, &key).await.unwrap();
        assert!(entry.is_purged() && entry.is_filling());
        let update = {
            let zone = zone.clone();
            move || zone.update(&entry, Meta::new(StatusCode::OK), None)
        };
        fill.write(&Bytes::from_static(b"text"));
        match when {
            When::Coming => {
                update();
                assert!(!find(&zone, &key).await.unwrap().is_purged());
                fill.finish();
            }
            When::Named => {
                let come = then(&zone, update);
                fill.finish();
                until(|| come.load(Ordering::Acquire)).await;
            }
            When::Settled => {
                fill.finish();
                until(|| zone.stats().stored == 1).await;
                drop(zone.shared.shard(zone.shared.id(&key)).files.lock()); // it is written
                update();
            }
        }
        until(|| zone.stats().stored == 1).await;
        assert!(!find(&zone, &key).await.unwrap().is_purged(), "{when:?}");
        // So it is after a restart, as soon as the file says so too.
        until(|| {
            let again = again(&directory);
            Loader::new(again.shared.disk.as_ref().unwrap()).step(&again.shared, &Pace::default());
            let id = again.shared.id(&key);
            let index = again.shared.shard(id).index();
            index.chain(id).map(|(_, record)| record.soft).eq([false])
        })
        .await;
    }
}

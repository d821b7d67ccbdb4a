//! Everything at once.

use bytes::Bytes;
use propylon_cache::store::{Error, Key, Limits, Meta, Purge, Strength};
use tempfile::TempDir;

use crate::on_disk::{files, find, meta, open_with, read};

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
        // What a runtime has not begun when it ends is never done.
        for key in 0..16 {
            while find(&zone, &key.to_string()).await.is_some_and(|entry| entry.is_filling()) {
                tokio::task::yield_now().await;
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

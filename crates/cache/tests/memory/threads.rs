//! Everything at once.

use std::task::Poll;

use propylon_cache::store::{Key, Purge, Strength, Zone};
use tokio_test::task;

use crate::support::{find, limits, meta, store, text};

/// Many threads, few keys: nothing is lost, mixed up or counted twice.
#[test]
fn threads_share_a_zone() {
    let zone = Zone::memory(limits(8).max_size(Some(200_000)));
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let zone = zone.clone();
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                for round in 0..2000 {
                    let key = ((round * 7 + thread) % 16).to_string();
                    if let Some(entry) = find(&zone, &key) {
                        let mut task = task::spawn(text(entry.body()));
                        if let Poll::Ready(Ok(text)) = task.poll() {
                            assert_eq!(text, key.repeat(1000));
                        }
                    } else {
                        store(&zone, &key, meta(round), &key.repeat(1000));
                    }
                    if round % 50 == thread {
                        let what = Purge::Key(Key::new(key));
                        let _ = runtime.block_on(zone.purge(&what, Strength::Hard));
                    }
                }
            });
        }
    });
    assert!(zone.stats().keys <= 8);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _ = runtime.block_on(zone.purge(&Purge::All, Strength::Hard));
    assert_eq!((zone.stats().keys, zone.stats().bytes), (0, 0));
}

//! Purges reach all who share a tier, and none is lost.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test")]

mod shared;
mod support;

use std::time::Duration;

use bytes::Bytes;
use propylon_cache::Status;
use propylon_cache::store::tier::{JOURNAL, Options};
use propylon_cache::store::{Directory, Key, Limits, Purge, Strength, Zone};
use propylon_testkit::body::Script;
use propylon_testkit::gate::Gate;
use shared::{FRESH, Health, One, Shared};
use support::{Act, act, seconds, settle};

fn key(path: &str) -> Purge {
    Purge::Key(Key::new(format!("example.com{path}")))
}

fn kinds() -> [Purge; 4] {
    [
        key("/a"),
        Purge::Prefix(Bytes::from_static(b"example.com/a")),
        Purge::Tag(Bytes::from_static(b"tag")),
        Purge::All,
    ]
}

#[tokio::test(start_paused = true)]
async fn what_one_purges_is_gone_with_all() {
    for what in kinds() {
        let tier = Shared::new();
        let (a, b) = (One::new(&tier).await, One::new(&tier).await);
        a.has("/a", &[("cache-tag", "tag")]).await;
        a.has("/b", &[]).await;
        assert!(b.is_hit("/a").await && b.is_hit("/b").await);
        let purged = a.bench.zone.purge(&what, Strength::Hard).await;
        assert!(matches!(purged.elsewhere, Some(Ok(()))));
        assert_eq!(purged.responses, if what == Purge::All { 2 } else { 1 });
        assert!(!a.is_hit("/a").await, "{what:?}: here, and what is there is not taken");
        seconds(1).await;
        settle().await;
        assert!(!b.is_hit("/a").await, "{what:?}");
        assert_eq!(b.is_hit("/b").await, what != Purge::All, "{what:?}");
        // What is stored from now on is good.
        a.has("/a", &[("cache-tag", "tag")]).await;
        assert!(b.is_hit("/a").await, "{what:?}");
    }
}

/// What is taken from there is compared with the journal as it is at that moment.
#[tokio::test(start_paused = true)]
async fn nobody_takes_what_was_purged_a_moment_ago() {
    for what in kinds() {
        let tier = Shared::new();
        let (a, b) = (One::new(&tier).await, One::new(&tier).await);
        a.has("/a", &[("cache-tag", "tag")]).await;
        let kept = tier.0.lock().unwrap().kept.clone();
        assert!(matches!(a.purges(&what, Strength::Hard).await, Some(Ok(()))));
        tier.0.lock().unwrap().kept = kept; // the key's is removed at once
        assert!(!b.is_hit("/a").await, "{what:?}");
        assert_eq!(b.bench.zone.tier_stats().unwrap().purged, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_purged_softly_is_stale_with_all() {
    let tier = Shared::new();
    let (a, b, c) = (One::new(&tier).await, One::new(&tier).await, One::new(&tier).await);
    a.has("/a", &[("etag", "\"x\""), ("cache-tag", "tag")]).await;
    assert!(b.is_hit("/a").await);
    let tag = Purge::Tag(Bytes::from_static(b"tag"));
    assert!(matches!(a.purges(&tag, Strength::Soft).await, Some(Ok(()))));
    seconds(1).await;
    settle().await;
    for one in [&b, &c] {
        let asks = one.bench.zone.tier_stats().unwrap().hits;
        one.bench.says(304, &[FRESH, ("etag", "\"x\"")], "");
        one.bench.get("/a").await.is(if asks == 1 { Status::Revalidated } else { Status::Hit }, "it");
        if asks == 0 {
            one.bench.forget();
        }
        settle().await;
    }
    assert!(c.is_hit("/a").await);
}

/// It asked before the purge, and is answered after it: what it got is not stored, neither here nor there.
#[tokio::test(start_paused = true)]
async fn an_answer_that_was_under_way_is_not_stored() {
    let tier = Shared::new();
    let (a, b) = (One::new(&tier).await, One::new(&tier).await);
    let gate = Gate::new();
    let old = act(200, &[FRESH], Script::new().data("old").exact());
    b.bench.acts(Act { gate: Some(gate.clone()), ..old });
    let slow = b.bench.spawn("/a");
    settle().await;
    assert!(matches!(a.purges(&key("/a"), Strength::Hard).await, Some(Ok(()))));
    seconds(1).await;
    settle().await;
    gate.open();
    slow.await.unwrap().is(Status::Miss, "old");
    settle().await;
    assert!(!b.is_hit("/a").await);
    assert!(!a.is_hit("/a").await);
}

/// The same, while who stores it has not heard of the purge: nobody else takes it, and he has to let go of it.
#[tokio::test(start_paused = true)]
async fn what_is_stored_late_is_not_taken() {
    let tier = Shared::new();
    let (a, b) = (One::new(&tier).await, One::new(&tier).await);
    assert!(matches!(a.purges(&key("/a"), Strength::Hard).await, Some(Ok(()))));
    b.has("/a", &[]).await;
    assert_eq!(tier.kept(), 1);
    assert!(!a.is_hit("/a").await);
    seconds(1).await;
    settle().await;
    assert!(!b.is_hit("/a").await);
}

/// Nobody hears anything for a while, and one purges meanwhile: what he was told is true.
#[tokio::test(start_paused = true)]
async fn a_purge_that_cannot_be_ordered_says_so_and_is_made_up_for() {
    for health in [Health::Gone, Health::Hangs, Health::Full, Health::Refuses] {
        let tier = Shared::new();
        let (a, b) = (One::new(&tier).await, One::new(&tier).await);
        a.has("/a", &[("cache-tag", "tag")]).await;
        assert!(b.is_hit("/a").await);
        tier.is(health);
        let tag = Purge::Tag(Bytes::from_static(b"tag"));
        assert!(matches!(a.purges(&tag, Strength::Hard).await, Some(Err(_))), "{health:?}");
        assert!(!a.is_hit("/a").await, "{health:?}: here it is in force");
        assert!(b.is_hit("/a").await);
        tier.is(Health::Well);
        tokio::time::sleep(Duration::from_secs(15)).await;
        assert!(!a.is_hit("/a").await, "{health:?}");
        assert!(!b.is_hit("/a").await, "{health:?}");
        assert_eq!(a.bench.zone.tier_stats().unwrap().owed, 0);
    }
}

/// What is owed is owed by whoever takes the place of the one who owed it, and is in force here all the while.
#[tokio::test(start_paused = true)]
async fn what_is_owed_outlives_a_reload() {
    let tier = Shared::new();
    let (mut a, b) = (One::new(&tier).await, One::new(&tier).await);
    a.has("/a", &[("cache-tag", "tag")]).await;
    assert!(b.is_hit("/a").await);
    tier.is(Health::Full);
    assert!(matches!(a.purges(&Purge::Tag("tag".into()), Strength::Hard).await, Some(Err(_))));
    a.join(&tier, Options::default()).await;
    assert!(a.bench.zone.tier_stats().unwrap().up);
    assert!(!a.is_hit("/a").await, "it is still there");
    assert_eq!(a.bench.zone.tier_stats().unwrap().owed, 1);
    assert!(b.is_hit("/a").await);
    tier.is(Health::Well);
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(!b.is_hit("/a").await);
    assert_eq!(a.bench.zone.tier_stats().unwrap().owed, 0);
}

/// What was kept before is kept, and what was purged meanwhile is not.
#[tokio::test(start_paused = true)]
async fn a_reload_empties_nothing() {
    let tier = Shared::new();
    let (mut a, b) = (One::new(&tier).await, One::new(&tier).await);
    a.has("/a", &[]).await;
    a.has("/b", &[]).await;
    tier.0.lock().unwrap().kept.clear();
    a.follower.abort();
    settle().await;
    for n in 0..9 {
        assert!(matches!(b.purges(&key(&format!("/x{n}")), Strength::Hard).await, Some(Ok(()))));
    }
    assert!(matches!(b.purges(&key("/a"), Strength::Hard).await, Some(Ok(()))));
    a.join(&tier, Options::default()).await;
    seconds(1).await;
    settle().await;
    assert!(!a.told.take().contains(&"emptied".to_owned()));
    assert!(!a.is_hit("/a").await);
    assert!(a.is_hit("/b").await);
}

/// One that was cut off reads what it has missed.
#[tokio::test(start_paused = true)]
async fn who_was_cut_off_hears_it_afterwards() {
    let tier = Shared::new();
    let (a, b) = (One::new(&tier).await, One::new(&tier).await);
    a.has("/a", &[]).await;
    a.has("/b", &[]).await;
    assert!(b.is_hit("/a").await && b.is_hit("/b").await);
    b.follower.abort(); // as if the wire were cut
    for n in 0..9 {
        assert!(matches!(a.purges(&key(&format!("/x{n}")), Strength::Hard).await, Some(Ok(()))));
    }
    assert!(matches!(a.purges(&key("/a"), Strength::Hard).await, Some(Ok(()))));
    seconds(3).await;
    assert!(b.is_hit("/a").await, "it does not know");
    let zone = b.bench.zone.clone();
    let _again = tokio::spawn(async move { zone.follow().await });
    settle().await;
    seconds(1).await;
    settle().await;
    assert!(!b.is_hit("/a").await);
}

/// A journal that has forgotten what one knew may have forgotten more.
#[tokio::test(start_paused = true)]
async fn a_gap_empties_all() {
    let lose = |tier: &Shared| tier.lose_all();
    let trim = |tier: &Shared| {
        let mut store = tier.0.lock().unwrap();
        let last = store.journal.len() - 1;
        store.journal.drain(..last);
    };
    for (break_it, name) in [(&lose as &dyn Fn(&Shared), "lost"), (&trim, "trimmed")] {
        let tier = Shared::new();
        let (a, b) = (One::new(&tier).await, One::new(&tier).await);
        b.has("/b", &[]).await;
        tier.is(Health::Gone);
        seconds(2).await;
        settle().await;
        tier.is(Health::Well);
        if name == "trimmed" {
            // a hears of it again at once, and purges before b does
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
        b.told.take();
        let entry = propylon_entry();
        tier.0.lock().unwrap().journal.push(entry);
        break_it(&tier);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(b.told.take().iter().filter(|told| *told == "emptied").count(), 1, "{name}");
        assert!(!b.is_hit("/b").await, "{name}");
        drop(a);
    }
}

/// An entry that nobody can read.
fn propylon_entry() -> (propylon_cache::store::tier::Mark, Bytes) {
    (propylon_cache::store::tier::Mark { time: 5000, count: 0 }, Bytes::from_static(b"\x01\x00\x0012345678"))
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_comes_in_many_pieces_is_followed() {
    let tier = Shared::new();
    let (a, b) = (One::new(&tier).await, One::new(&tier).await);
    a.has("/a", &[]).await;
    assert!(b.is_hit("/a").await);
    for n in 0..JOURNAL / 64 {
        assert!(matches!(a.purges(&key(&format!("/x{n}")), Strength::Hard).await, Some(Ok(()))));
    }
    assert!(matches!(a.purges(&key("/a"), Strength::Hard).await, Some(Ok(()))));
    seconds(1).await;
    for _ in 0..50 {
        settle().await;
    }
    assert!(!b.is_hit("/a").await);
    let c = One::new(&tier).await;
    for _ in 0..50 {
        settle().await;
    }
    a.has("/c", &[]).await;
    assert!(c.is_hit("/c").await);
}

/// What is on disk is still there after a restart, and what was purged meanwhile is not.
#[tokio::test(start_paused = true)]
async fn a_restart_hears_what_it_missed() {
    let directory = tempfile::TempDir::new().unwrap();
    let tier = Shared::new();
    let open = || Zone::disk(Directory::new(directory.path()), Limits::default()).unwrap();
    let a = One::new(&tier).await;
    {
        let b = One::at(&tier, open()).await;
        until(|| b.bench.zone.tier_stats().unwrap().up).await;
        assert!(matches!(a.purges(&Purge::All, Strength::Hard).await, Some(Ok(()))));
        seconds(1).await;
        until(|| b.bench.zone.tier_stats().unwrap().obeyed == 1).await;
        for path in ["/a", "/b"] {
            let stored = b.bench.zone.stats().stored;
            b.has(path, &[]).await;
            until(|| b.bench.zone.stats().stored > stored).await;
        }
        until(|| std::fs::exists(directory.path().join(".propylon-tier")).unwrap()).await;
        settle().await;
    }
    settle().await;
    assert!(matches!(a.purges(&key("/a"), Strength::Hard).await, Some(Ok(()))));
    tier.0.lock().unwrap().kept.clear();
    let b = One::at(&tier, open()).await;
    until(|| b.bench.zone.tier_stats().unwrap().up).await;
    assert!(!b.is_hit("/a").await);
    assert!(b.is_hit("/b").await, "what was purged before it was stored is none of its business");
    drop(b);

    // Without the note nobody knows.
    std::fs::remove_file(directory.path().join(".propylon-tier")).unwrap();
    let b = One::at(&tier, open()).await;
    until(|| b.bench.zone.tier_stats().unwrap().up).await;
    assert!(!b.is_hit("/b").await);
}

async fn until(mut done: impl FnMut() -> bool) {
    for _ in 0..2_000_000 {
        if done() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not happen");
}

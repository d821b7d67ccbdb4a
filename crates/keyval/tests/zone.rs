//! Zones: what is added, changed, removed, over, and refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use propylon_keyval::{Change, Error, Kept, Kind, Limits, Zone};
use tokio::time::{Instant, advance};

fn zone(timeout: u64) -> Zone {
    let timeout = (timeout > 0).then(|| Duration::from_secs(timeout));
    Zone::new(Kind::String, Limits::default().timeout(timeout))
}

fn add(zone: &Zone, key: &str, value: &str) -> Result<(), Error> {
    zone.add(vec![(key.into(), Kept::new(value))])
}

fn change(zone: &Zone, key: &str, change: Change) -> Result<(), Error> {
    zone.change(vec![(key.into(), change)])
}

#[track_caller]
fn check(zone: &Zone, key: &str, expected: Option<&str>) {
    assert_eq!(zone.find(key.as_bytes()).as_deref(), expected.map(str::as_bytes), "{key}");
}

fn keys(zone: &Zone) -> Vec<String> {
    zone.list().into_iter().map(|pair| pair.key).collect()
}

#[test]
fn entries_are_added_changed_and_removed() {
    let zone = zone(0);
    let other = zone.clone();
    add(&zone, "a", "1").unwrap();
    check(&other, "a", Some("1"));
    assert_eq!(add(&other, "a", "2"), Err(Error::Exists("a".into())));
    check(&zone, "a", Some("1"));
    change(&other, "a", Change::Set(Kept::new("2"))).unwrap();
    check(&zone, "a", Some("2"));
    assert_eq!(change(&zone, "b", Change::Set(Kept::new("1"))), Err(Error::Missing("b".into())));
    assert_eq!(change(&zone, "b", Change::Remove), Err(Error::Missing("b".into())));
    check(&zone, "b", None);
    change(&zone, "a", Change::Remove).unwrap();
    check(&other, "a", None);
    assert_eq!((zone.stats().entries, zone.stats().used), (0, 0));
    assert_eq!(add(&zone, "", "1"), Err(Error::Key(String::new())));
    add(&zone, "a", "").unwrap();
    check(&zone, "a", Some(""));
    assert_eq!((zone.clear(), zone.clear(), zone.stats().used), (1, 0, 0));
    check(&zone, "a", None);
}

#[test]
fn all_is_done_or_nothing() {
    let zone = zone(0);
    let new = |key: &str| (key.to_owned(), Kept::new("1"));
    zone.add(vec![new("b"), new("a")]).unwrap();
    assert_eq!(zone.add(vec![new("c"), new("a"), new("d")]), Err(Error::Exists("a".into())));
    assert_eq!(zone.add(vec![new("c"), new("c")]), Err(Error::Exists("c".into())));
    let set = Change::Set(Kept::new("2"));
    let changes = vec![("a".into(), set.clone()), ("b".into(), Change::Remove), ("c".into(), set.clone())];
    assert_eq!(zone.change(changes), Err(Error::Missing("c".into())));
    assert_eq!(keys(&zone), ["a", "b"]);
    check(&zone, "a", Some("1"));
    zone.change(vec![("a".into(), set), ("b".into(), Change::Remove)]).unwrap();
    check(&zone, "a", Some("2"));
    assert_eq!(keys(&zone), ["a"]);
}

#[test]
fn networks_have_one_name() {
    let zone = Zone::new(Kind::Ip, Limits::default());
    add(&zone, "10.1.2.3/8", "1").unwrap();
    assert_eq!(add(&zone, "10.0.0.0/8", "2"), Err(Error::Exists("10.0.0.0/8".into())));
    let new = |key: &str| (key.to_owned(), Kept::new("1"));
    assert_eq!(zone.add(vec![new("::1"), new("::1/128")]), Err(Error::Exists("::1/128".into())));
    assert_eq!(add(&zone, "localhost", "1"), Err(Error::Key("localhost".into())));
    assert_eq!(zone.get("10.9.9.9/8").unwrap().key, "10.0.0.0/8");
    assert_eq!(zone.get("10.9.9.9"), None);
    check(&zone, "10.9.9.9", Some("1"));
    change(&zone, "10.7.7.7/8", Change::Remove).unwrap();
    assert_eq!(zone.stats().used, 0);
}

#[test]
fn a_full_zone_refuses_and_forgets_nothing() {
    let zone = Zone::new(Kind::String, Limits::default().size(300));
    add(&zone, "a", "1").unwrap();
    add(&zone, "b", "1").unwrap();
    assert_eq!(zone.stats().used, 2 * (128 + 2));
    assert_eq!(add(&zone, "c", "1"), Err(Error::Full(300)));
    assert_eq!(change(&zone, "a", Change::Set(Kept::new("x".repeat(42)))), Err(Error::Full(300)));
    change(&zone, "a", Change::Set(Kept::new("x".repeat(41)))).unwrap();
    assert_eq!((keys(&zone).len(), zone.stats().used), (2, 300));
    // What is there stays, and may become less.
    zone.set_limits(Limits::default().size(10));
    change(&zone, "a", Change::Set(Kept::new("x".repeat(40)))).unwrap();
    assert_eq!(change(&zone, "b", Change::Set(Kept::new("12"))), Err(Error::Full(10)));
    change(&zone, "a", Change::Remove).unwrap();
    assert_eq!(zone.stats().used, 130);
}

#[tokio::test(start_paused = true)]
async fn entries_are_over() {
    let zone = zone(10);
    add(&zone, "a", "1").unwrap();
    zone.add(vec![("b".into(), Kept::new("1").expires(Duration::from_secs(5)))]).unwrap();
    zone.add(vec![("c".into(), Kept::new("1").expires(Duration::MAX))]).unwrap();
    advance(Duration::from_millis(4999)).await;
    check(&zone, "b", Some("1"));
    advance(Duration::from_millis(1)).await;
    check(&zone, "b", None);
    assert_eq!((keys(&zone), zone.get("b")), (vec!["a".to_owned(), "c".to_owned()], None));
    assert_eq!(change(&zone, "b", Change::Remove), Err(Error::Missing("b".into())));
    add(&zone, "b", "2").unwrap();
    // A value that is changed begins anew.
    change(&zone, "a", Change::Set(Kept::new("2"))).unwrap();
    change(&zone, "b", Change::Expire(Duration::from_secs(1))).unwrap();
    advance(Duration::from_secs(1)).await;
    check(&zone, "b", None);
    advance(Duration::from_millis(8999)).await;
    check(&zone, "a", Some("2"));
    advance(Duration::from_millis(1)).await;
    check(&zone, "a", None);
    check(&zone, "c", Some("1"));
    let forever = self::zone(0);
    let own = Kept::new("1").expires(Duration::from_secs(1));
    assert_eq!(forever.add(vec![("a".into(), own)]), Err(Error::NoTimeout));
    add(&forever, "a", "1").unwrap();
    assert_eq!(change(&forever, "a", Change::Expire(Duration::from_secs(1))), Err(Error::NoTimeout));
    advance(Duration::from_secs(1 << 30)).await;
    check(&forever, "a", Some("1"));
}

/// A smaller network that is over does not hide the larger one.
#[tokio::test(start_paused = true)]
async fn what_is_over_is_looked_past() {
    let zone = Zone::new(Kind::Ip, Limits::default().timeout(Some(Duration::from_secs(10))));
    add(&zone, "10.0.0.0/8", "all").unwrap();
    zone.add(vec![("10.1.0.0/16".into(), Kept::new("one").expires(Duration::from_secs(1)))]).unwrap();
    check(&zone, "10.1.2.3", Some("one"));
    advance(Duration::from_secs(1)).await;
    check(&zone, "10.1.2.3", Some("all"));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_makes_room() {
    let zone = Zone::new(Kind::String, Limits::default().size(200).timeout(Some(Duration::from_secs(10))));
    add(&zone, "a", "1").unwrap();
    assert_eq!(add(&zone, "b", "1"), Err(Error::Full(200)));
    advance(Duration::from_secs(10)).await;
    add(&zone, "b", "1").unwrap();
    assert_eq!((zone.stats().entries, zone.stats().used), (1, 130));
}

#[tokio::test(start_paused = true)]
async fn what_is_over_is_removed() {
    let zone = zone(3600);
    let keeping = zone.clone();
    let task = tokio::spawn(async move { keeping.manage().await });
    tokio::task::yield_now().await;
    let begun = Instant::now();
    let gone = async |count: usize| {
        while zone.stats().entries != count {
            assert!(begun.elapsed() < Duration::from_secs(10_000), "it does not go");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        begun.elapsed().as_secs_f64().round()
    };
    add(&zone, "a", "1").unwrap();
    tokio::task::yield_now().await;
    // It waits for an hour by now.
    zone.add(vec![("b".into(), Kept::new("1").expires(Duration::from_secs(5)))]).unwrap();
    assert!((gone(1).await - 5.0).abs() < f64::EPSILON);
    assert!((gone(0).await - 3600.0).abs() < f64::EPSILON);
    assert_eq!(zone.stats().used, 0);
    add(&zone, "a", "1").unwrap();
    assert!((gone(0).await - 7200.0).abs() < f64::EPSILON, "it goes on");
    task.abort();
}

/// Readers find one of the values that were there, whatever is done meanwhile.
#[test]
fn look_ups_go_on_while_others_change() {
    let zone = Zone::new(Kind::Prefix, Limits::default());
    add(&zone, "/", "root").unwrap();
    let busy = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..500 {
                add(&zone, "/a", "one").unwrap();
                change(&zone, "/a", Change::Set(Kept::new("two"))).unwrap();
                assert_eq!(zone.list().len(), 2, "{round}");
                change(&zone, "/a", Change::Remove).unwrap();
            }
            busy.store(false, Relaxed);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while busy.load(Relaxed) {
                    let found = zone.find(b"/ab").unwrap();
                    assert!(matches!(&*found, b"root" | b"one" | b"two"), "{found:?}");
                }
            });
        }
    });
    assert_eq!(keys(&zone), ["/"]);
}

//! Active health checks: who is asked when, and what follows from the answers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use propylon_balance::{Balancer, Change, Group, GroupBuilder, HealthCheck, Key, Method, Peer as Of, Server};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// What a peer does when it is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Well,
    Ill,
    /// Silent for so many seconds, then taken for ill.
    Silent(u64),
    Panics,
}
use Mood::*;

/// Peers by name, and when each was asked.
#[derive(Clone, Default)]
struct Ward(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    moods: HashMap<String, Mood>,
    asked: Vec<(String, Duration)>,
}

impl Ward {
    fn mood(&self, name: &str, mood: Mood) {
        self.0.lock().unwrap().moods.insert(name.into(), mood);
    }

    /// When a peer was asked, in milliseconds since the beginning.
    fn asked(&self, name: &str) -> Vec<u128> {
        let inside = self.0.lock().unwrap();
        inside.asked.iter().filter(|(known, _)| known == name).map(|(_, at)| at.as_millis()).collect()
    }

    fn check(&self, check: HealthCheck, group: &Group<()>) -> JoinHandle<()> {
        let (ward, start) = (self.clone(), Instant::now());
        tokio::spawn(check.run(group.clone(), move |peer: Arc<Of<()>>| {
            let ward = ward.clone();
            async move {
                let name = peer.server().name().to_string();
                let mood = {
                    let mut inside = ward.0.lock().unwrap();
                    inside.asked.push((name.clone(), start.elapsed()));
                    inside.moods.get(&name).copied().unwrap_or(Well)
                };
                match mood {
                    Well => true,
                    Ill => false,
                    Silent(seconds) => {
                        sleep(second(seconds)).await;
                        false
                    }
                    Panics => panic!("as it was told"),
                }
            }
        }))
    }
}

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn servers(names: &[&str]) -> Vec<Server<()>> {
    names.iter().map(|&name| Server::new(name, ())).collect()
}

fn available(group: &Group<()>) -> Vec<bool> {
    group.peers().iter().map(|peer| peer.is_available()).collect()
}

#[tokio::test(start_paused = true)]
async fn verdicts_take_as_many_probes_as_they_should() {
    let (group, ward) = (Group::new("g"), Ward::default());
    group.set([Server::new("a", ()), Server::new("b", ()), Server::new("c", ()).down(true)]);
    ward.mood("a", Ill);
    let task = ward.check(HealthCheck::new().fails(2).passes(3), &group);
    let mut seen = Vec::new();
    for round in 0..8 {
        sleep(second(1)).await;
        let now = available(&group);
        assert!(now[1]);
        seen.push(now[0]);
        ward.mood("a", if round >= 2 { Well } else { Ill });
        sleep(second(4)).await;
    }
    assert_eq!(seen, [true, false, false, false, false, true, true, true]);
    assert_eq!((ward.asked("b").len(), ward.asked("c").len()), (8, 0), "those that are down are left alone");
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn one_that_is_silent_keeps_nobody_waiting() {
    let (group, ward) = (Group::new("g"), Ward::default());
    group.set(servers(&["silent", "good", "broken"]));
    ward.mood("silent", Silent(3));
    ward.mood("broken", Panics);
    let task = ward.check(HealthCheck::new().interval(second(1)), &group);
    sleep(second(10)).await;
    let every = |step: u128, n: u128| (0..n).map(|n| n * step).collect::<Vec<_>>();
    assert_eq!(ward.asked("good"), every(1000, 10), "as if there were no other");
    assert_eq!(ward.asked("silent"), every(4000, 3), "an interval after each probe");
    assert_eq!(ward.asked("broken").len(), 10, "and is asked again");
    assert_eq!(available(&group), [false, true, true], "a probe that panicked says nothing");
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn probes_are_late_by_chance() {
    let (group, ward) = (Group::new("g"), Ward::default());
    group.set(servers(&["a", "b"]));
    let task = ward.check(HealthCheck::new().interval(second(1)).jitter(second(1)), &group);
    sleep(second(300)).await;
    let (a, b) = (ward.asked("a"), ward.asked("b"));
    let gaps: Vec<u128> = a.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(gaps.iter().all(|gap| (1000..=2010).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap < 1300) && gaps.iter().any(|gap| *gap > 1700), "{gaps:?}");
    assert!(a[0] <= 1010 && a != b, "each has a chance of its own");
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn who_comes_is_asked_at_once_and_who_goes_is_not_asked_again() {
    let (group, ward) = (Group::new("g"), Ward::default());
    group.set(servers(&["a"]));
    let task = ward.check(HealthCheck::new().interval(second(60)), &group);
    sleep(second(10)).await;
    group.set(servers(&["a", "b"]));
    sleep(second(90)).await;
    group.set([Server::new("b", ()), Server::new("c", ()).down(true)]);
    sleep(second(100)).await;
    group.set(servers(&["b", "c"]));
    sleep(second(5)).await;
    assert_eq!(ward.asked("a"), [0, 60_000]);
    assert_eq!(ward.asked("b"), [10_000, 70_000, 130_000, 190_000]);
    assert_eq!(ward.asked("c"), [200_000], "once it is not down any more");
    task.abort();
    let _ = task.await;
    sleep(second(1000)).await;
    assert_eq!(ward.asked("b").len(), 4, "nobody is asked when the checks have ended");
}

#[tokio::test(start_paused = true)]
async fn mandatory_peers_get_nothing_before_a_probe_found_them_well() {
    let changes = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&changes);
    let tell = move |_: &str, peer: &str, change| told.lock().unwrap().push((peer.to_owned(), change));
    let (group, ward) = (GroupBuilder::new("g").mandatory(true).observer(tell).build(), Ward::default());
    group.set(servers(&["a"]));
    let balancer = Balancer::new(group.clone(), Method::RoundRobin).unwrap();
    let picks = || balancer.pick(Key::None, None).is_ok();
    assert!(!picks(), "also the only one, and before the checks begin");
    let task = ward.check(HealthCheck::new().mandatory(true), &group);
    sleep(second(1)).await;
    assert!(picks());
    ward.mood("b", Silent(1));
    group.set(servers(&["a", "b"]));
    assert_eq!(available(&group), [true, false], "at once");
    sleep(second(7)).await;
    assert_eq!(available(&group), [true, false], "it was asked, and is ill");
    ward.mood("b", Well);
    sleep(second(7)).await;
    assert_eq!(available(&group), [true, true]);
    let expected = [("a", Change::Healthy), ("b", Change::Unhealthy), ("b", Change::Healthy)];
    assert_eq!(*changes.lock().unwrap(), expected.map(|(peer, change)| (peer.to_owned(), change)));
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn counts_go_on_when_checks_begin_anew() {
    let (old, ward) = (Group::new("g"), Ward::default());
    old.set(servers(&["a"]));
    ward.mood("a", Ill);
    let check = HealthCheck::new().interval(second(10)).fails(3);
    let task = ward.check(check.clone(), &old);
    sleep(second(15)).await; // two probes
    task.abort();
    let new = GroupBuilder::new("g").successor_of(&old);
    new.set(servers(&["a"]));
    assert_eq!(available(&new), [true]);
    let task = ward.check(check, &new);
    sleep(second(1)).await;
    assert_eq!(available(&new), [false], "the third one in a row");
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn who_was_well_before_is_asked_anew_unless_checks_are_persistent() {
    for persistent in [false, true] {
        let ward = Ward::default();
        let check = HealthCheck::new().mandatory(true).persistent(persistent);
        let old = GroupBuilder::new("g").mandatory(true).build();
        old.set(servers(&["a"]));
        let task = ward.check(check.clone(), &old);
        sleep(second(1)).await;
        task.abort();
        let new = GroupBuilder::new("g").mandatory(true).successor_of(&old);
        new.set(servers(&["a", "b"]));
        assert_eq!(available(&new), [true, false], "what is known stands until the checks begin");
        let task = ward.check(check.jitter(second(1)), &new);
        tokio::task::yield_now().await;
        assert_eq!(available(&new), [persistent, false], "before the first answer");
        sleep(second(2)).await;
        assert_eq!(available(&new), [true, true], "after it");
        task.abort();
    }
}

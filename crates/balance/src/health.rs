//! Active health checks: when peers are probed, and what follows from it. How, the caller knows.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::group::{Group, Peer};

/// When peers are probed, and how often a probe must fail or pass to count: a builder.
///
/// ```
/// use std::time::Duration;
/// use propylon_balance::HealthCheck;
///
/// let check = HealthCheck::new().interval(Duration::from_secs(2)).fails(3).passes(2).mandatory(true);
/// # let _ = check;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    interval: Duration,
    jitter: Duration,
    fails: u32,
    passes: u32,
    mandatory: bool,
    persistent: bool,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self::new()
    }
}

impl HealthCheck {
    /// Every 5 s; one failure or one success decides (nginx: `health_check`).
    #[must_use]
    pub fn new() -> Self {
        Self {
            interval: Duration::from_secs(5),
            jitter: Duration::ZERO,
            fails: 1,
            passes: 1,
            mandatory: false,
            persistent: false,
        }
    }

    /// The time between two rounds. Default 5 s (nginx: `interval=`).
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Each probe is late by a random time up to this. Default 0 (nginx: `jitter=`).
    #[must_use]
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// How many failures one after the other make a peer unhealthy. Default 1 (nginx: `fails=`).
    #[must_use]
    pub fn fails(mut self, fails: u32) -> Self {
        self.fails = fails.max(1);
        self
    }

    /// How many successes one after the other make it healthy again. Default 1 (nginx: `passes=`).
    #[must_use]
    pub fn passes(mut self, passes: u32) -> Self {
        self.passes = passes.max(1);
        self
    }

    /// Whether a peer that has not been probed yet counts as unhealthy. Default false (nginx: `mandatory`).
    #[must_use]
    pub fn mandatory(mut self, mandatory: bool) -> Self {
        self.mandatory = mandatory;
        self
    }

    /// Whether a peer that a check before this one has found well need not be probed anew to count as healthy, where
    /// [`mandatory`](Self::mandatory) would have it so. Default false (nginx: `persistent`).
    #[must_use]
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.persistent = persistent;
        self
    }

    /// Probes the peers of `group`, those that come later too, until it is dropped. `probe` tells whether a peer is well; it must
    /// not take for ever. Peers that are [`down`](crate::Server::down) are left alone.
    pub async fn run<T, F>(self, group: Group<T>, probe: impl Fn(Arc<Peer<T>>) -> F)
    where
        T: Send + Sync + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        let mut counts: HashMap<u32, Count> = HashMap::new();
        if self.mandatory && !self.persistent {
            group.peers().iter().for_each(|peer| peer.state.forget_checks());
        }
        loop {
            let peers = group.peers();
            counts.retain(|id, _| peers.iter().any(|peer| peer.id == *id));
            let mut probes = JoinSet::new();
            for peer in peers.iter().filter(|peer| !peer.server.down) {
                if self.mandatory && peer.state.is_new_to_checks() {
                    group.set_healthy(peer, false);
                }
                let (asked, late) = (probe(Arc::clone(peer)), self.jitter.mul_f64(fastrand::f64()));
                let peer = Arc::clone(peer);
                probes.spawn(async move {
                    tokio::time::sleep(late).await;
                    (peer, asked.await)
                });
            }
            while let Some(probed) = probes.join_next().await {
                // A probe that panicked has found nothing well.
                let Ok((peer, well)) = probed else { continue };
                peer.state.was_checked(well);
                if let Some(healthy) = counts.entry(peer.id).or_default().add(well, &self) {
                    group.set_healthy(&peer, healthy);
                }
            }
            tokio::time::sleep(self.interval).await;
        }
    }
}

/// Probes of a kind, one after the other.
#[derive(Debug, Default)]
struct Count {
    well: bool,
    times: u32,
}

impl Count {
    /// One more; gives the verdict once there are enough.
    fn add(&mut self, well: bool, check: &HealthCheck) -> Option<bool> {
        if self.well != well {
            *self = Self { well, times: 0 };
        }
        self.times = self.times.saturating_add(1);
        let enough = if well { check.passes } else { check.fails };
        (self.times >= enough).then_some(well)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

    use super::*;
    use crate::group::GroupBuilder;
    use crate::server::Server;

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn verdicts_take_as_many_probes_as_they_should() {
        let group = Group::new("g");
        group.set([Server::new("a", ()), Server::new("b", ()), Server::new("c", ()).down(true)]);
        let (well, probes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (answer, count) = (Arc::clone(&well), Arc::clone(&probes));
        let probe = move |peer: Arc<Peer<()>>| {
            count.fetch_add(1, SeqCst);
            let well = &**peer.server().name() != "a" || answer.load(SeqCst);
            async move { well }
        };
        let task = tokio::spawn(HealthCheck::new().fails(2).passes(3).run(group.clone(), probe));
        let mut seen = Vec::new();
        for round in 0..8 {
            tokio::time::sleep(second(1)).await;
            seen.push(group.peers().iter().map(|peer| peer.is_available()).collect::<Vec<_>>()[..2].to_vec());
            well.store(round >= 2, SeqCst);
            tokio::time::sleep(second(4)).await;
        }
        let a: Vec<bool> = seen.iter().map(|round| round[0]).collect();
        assert_eq!(a, [true, false, false, false, false, true, true, true]);
        assert!(seen.iter().all(|round| round[1]));
        assert_eq!(probes.load(SeqCst), 16, "those that are down are left alone");
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn mandatory_peers_wait_for_their_first_probe_also_those_that_come_later() {
        let group = Group::new("g");
        group.set([Server::new("a", ())]);
        let slow = |_: Arc<Peer<()>>| async {
            tokio::time::sleep(second(1)).await;
            true
        };
        let task = tokio::spawn(HealthCheck::new().mandatory(true).run(group.clone(), slow));
        let available = |n: usize| group.peers().iter().nth(n).unwrap().is_available();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!available(0));
        tokio::time::sleep(second(1)).await;
        assert!(available(0));
        group.set([Server::new("a", ()), Server::new("b", ())]);
        tokio::time::sleep(Duration::from_millis(5000)).await;
        assert!(available(0) && !available(1), "what was well stays so while it is probed");
        tokio::time::sleep(second(2)).await;
        assert!(available(1));
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_well_before_a_reload_is_asked_anew_unless_checks_are_persistent() {
        for persistent in [false, true] {
            let check = HealthCheck::new().mandatory(true).persistent(persistent);
            let old = Group::new("g");
            old.set([Server::new("a", ())]);
            let task = tokio::spawn(check.clone().run(old.clone(), |_: Arc<Peer<()>>| async { true }));
            tokio::time::sleep(second(1)).await;
            task.abort();
            let new = GroupBuilder::new("g").successor_of(&old);
            new.set([Server::new("a", ()), Server::new("b", ())]);
            let slow = |_: Arc<Peer<()>>| async {
                tokio::time::sleep(second(1)).await;
                true
            };
            let task = tokio::spawn(check.run(new.clone(), slow));
            let available = || new.peers().iter().map(|peer| peer.is_available()).collect::<Vec<_>>();
            tokio::time::sleep(Duration::from_millis(500)).await;
            assert_eq!(available(), [persistent, false], "before the first answer");
            tokio::time::sleep(second(1)).await;
            assert_eq!(available(), [true, true], "after it");
            task.abort();
        }
    }
}

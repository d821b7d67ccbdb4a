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

    /// The time from the end of a peer's probe to its next one. Default 5 s (nginx: `interval=`).
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

    /// Whether a peer that has not been probed yet counts as unhealthy. Default false (nginx: `mandatory`). A group that is made
    /// so ([`GroupBuilder::mandatory`](crate::GroupBuilder::mandatory)) sends nobody to such a peer before the checks begin, either.
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
    /// not take for ever. Each peer has a rhythm of its own: one that does not answer keeps nobody waiting. Peers that are
    /// [`down`](crate::Server::down) are left alone.
    pub async fn run<T, P, F>(self, group: Group<T>, probe: P)
    where
        T: Send + Sync + 'static,
        P: Fn(Arc<Peer<T>>) -> F + Send + Sync + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        if self.mandatory {
            group.require_checks(!self.persistent);
        }
        let mut changes = group.changes();
        changes.mark_changed(); // nobody has looked yet
        let rhythm = Arc::new(Rhythm { check: self, group, probe });
        let mut running: HashMap<u32, JoinSet<()>> = HashMap::new();
        while changes.changed().await.is_ok() {
            let peers = rhythm.group.peers();
            let asked: Vec<u32> = peers.iter().filter(|peer| !peer.server.down).map(|peer| peer.id).collect();
            running.retain(|id, _| asked.contains(id)); // dropping one ends it
            for id in asked {
                running.entry(id).or_insert_with(|| {
                    let mut task = JoinSet::new();
                    task.spawn(Arc::clone(&rhythm).beat(id));
                    task
                });
            }
        }
    }
}

struct Rhythm<T, P> {
    check: HealthCheck,
    group: Group<T>,
    probe: P,
}

impl<T, P, F> Rhythm<T, P>
where
    T: Send + Sync + 'static,
    P: Fn(Arc<Peer<T>>) -> F + Send + Sync + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    /// Probes one peer for as long as the group has it.
    async fn beat(self: Arc<Self>, id: u32) {
        let late = || self.check.jitter.mul_f64(fastrand::f64());
        let mut wait = late();
        loop {
            tokio::time::sleep(wait).await;
            // What is known of it stays the same; how it is reached may be something else by now.
            let Some(peer) = self.group.peers().iter().find(|peer| peer.id == id).cloned() else { return };
            let mut asked = JoinSet::new();
            asked.spawn((self.probe)(Arc::clone(&peer)));
            // A probe that panicked says nothing.
            if let Some(Ok(well)) = asked.join_next().await
                && let Some(healthy) = peer.state.was_checked(well, self.check.passes, self.check.fails)
            {
                self.group.set_healthy(&peer, healthy);
            }
            wait = self.check.interval + late();
        }
    }
}

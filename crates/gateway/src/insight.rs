//! What a running gateway tells of itself, and what can be done to it meanwhile: for whoever shows that to operators.
//!
//! Everything is read where it is counted at the moment of the question: nothing here costs anything while nobody asks.

mod caches;
mod certificates;
mod keyvals;
mod peers;
mod servers;
mod statuses;
mod streams;

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use propylon_config::Config;

use crate::runtime::Runtime;
use crate::tally::{Ledger, Ledgers};

pub use caches::{Cache, Outcome, Purged, Removed, Shared};
pub use keyvals::{KeyvalError, Keyvals};
pub use peers::{Change, History, MembershipError, Peer, PeerState, Standing, Unknown, Upstream};
pub use propylon_acme::Status as Certificate;
pub use propylon_cache::store::Stats;
pub use propylon_cache::store::tier::TierStats;
pub use propylon_keyval as keyval;
pub use servers::{Duration as Time, Server};
pub use statuses::StatusZone;
pub use streams::Stream;

/// A handle of a running gateway: what it tells of itself. A clone is the same handle, and it may outlive the gateway.
///
/// ```
/// # use propylon_gateway::{Gateway, Start, log::Sinks};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let text = "[runtime]\nworkers = 1\n[[server]]\nlisten = [\"unix:/tmp/propylon-doc-insight.sock\"]\nreturn = [204]\n";
/// # let config = propylon_config::parse(text, "example.toml")?.config;
/// let gateway = Gateway::start(config, Start::new(Sinks::spawn(propylon_gateway::report_trouble)?)).await?;
/// let insight = gateway.insight();
/// assert_eq!((insight.generation(), insight.connections().active), (1, 0));
/// # gateway.stop().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Insight(Arc<Inner>);

/// The same, for who must not keep what it tells of.
pub(crate) struct WeakInsight(Weak<Inner>);

impl WeakInsight {
    pub(crate) fn upgrade(&self) -> Option<Insight> {
        self.0.upgrade().map(Insight)
    }
}

struct Inner {
    runtime: Arc<Runtime>,
    config: ArcSwap<Config>,
    /// How many configurations have been put to use.
    generation: AtomicU64,
    /// Since when the last of them is in force.
    since: ArcSwap<SystemTime>,
    workers: usize,
}

/// The connections of clients, and their requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connections {
    /// Those that were accepted.
    pub accepted: u64,
    /// Those that are open.
    pub active: u64,
    /// Those of which a part of a request's head has come.
    pub reading: u64,
    /// Those whose request is being served, or that shake hands.
    pub writing: u64,
    /// Those that wait for a request.
    pub waiting: u64,
    /// Requests so far, those under way too.
    pub requests: u64,
    /// Handshakes of TLS that succeeded.
    pub handshakes: u64,
    /// Those that did not.
    pub handshakes_failed: u64,
    /// Those that went on with an earlier session.
    pub handshakes_resumed: u64,
}

/// An open log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Log {
    /// Where its lines go.
    pub target: String,
    /// Lines that were dropped.
    pub dropped: u64,
    /// Writes that failed.
    pub errors: u64,
}

/// The keys of a limit's zone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitZone {
    /// Its name.
    pub name: Box<str>,
    /// What it counts: `requests` or `connections`.
    pub kind: &'static str,
    /// Whether requests of HTTP are looked at.
    pub serves_http: bool,
    /// Whether connections of streams are.
    pub serves_streams: bool,
    /// How many keys are known.
    pub keys: u64,
    /// What became of requests, since they are counted.
    pub counts: LimitCounts,
}

/// What became of requests that a limit has looked at. Of several limits it is the one that decides that counts it as delayed or rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitCounts {
    /// They went on.
    pub passed: u64,
    /// They went on later.
    pub delayed: u64,
    /// They went no further.
    pub rejected: u64,
    /// They would have gone on later, but for `dry_run`.
    pub delayed_dry_run: u64,
    /// They would have gone no further, but for `dry_run`.
    pub rejected_dry_run: u64,
}

impl Insight {
    pub(crate) fn new(runtime: Arc<Runtime>, config: Arc<Config>, workers: usize) -> Self {
        let (config, generation) = (ArcSwap::new(config), AtomicU64::new(1));
        let since = ArcSwap::from_pointee(wall_clock());
        Self(Arc::new(Inner { runtime, config, generation, since, workers }))
    }

    /// Another configuration is in force.
    pub(crate) fn reloaded(&self, config: Arc<Config>) {
        self.0.config.store(config);
        self.0.since.store(Arc::new(wall_clock()));
        self.0.generation.fetch_add(1, Relaxed);
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        self.0.config.load_full()
    }

    /// Which configuration since the start is in force, from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Relaxed)
    }

    /// Since when the configuration in force is.
    #[must_use]
    pub fn since(&self) -> SystemTime {
        **self.0.since.load()
    }

    /// How many workers there are.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.0.workers
    }

    /// The connections of clients. Looks at each of them: it costs by connection.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections::of(&self.0.runtime.ledgers)
    }

    /// The same by worker.
    #[must_use]
    pub fn each_worker(&self) -> Vec<Connections> {
        let mut each = Vec::new();
        for ledger in self.0.runtime.ledgers.all() {
            let mut one = Connections::default();
            one.add(&ledger);
            each.push(one);
        }
        each
    }

    /// The open logs, the error log among them, by their targets.
    #[must_use]
    pub fn logs(&self) -> Vec<Log> {
        let sinks = self.0.runtime.sinks.all();
        let log = |sink: &Arc<propylon_access_log::Sink>| Log {
            target: sink.target().to_string(),
            dropped: sink.dropped(),
            errors: sink.errors(),
        };
        let mut logs: Vec<Log> = sinks.iter().map(log).collect();
        logs.sort_by(|one, other| one.target.cmp(&other.target));
        logs
    }

    /// Copies of requests: sent, dropped because there were too many, and under way.
    #[must_use]
    pub fn copies(&self) -> [u64; 3] {
        let copies = &self.0.runtime.copies;
        [copies.sent(), copies.dropped(), copies.running()]
    }

    /// Requests whose clients have left, and what is stored of their responses: those that have come to their end, that ended with their clients
    /// because there were too many, and under way.
    #[must_use]
    pub fn left(&self) -> [u64; 3] {
        let left = &self.0.runtime.left;
        [left.ended(), left.given_up(), left.running()]
    }

    /// Spans: those that the collector has taken, that were dropped because too many waited, that were lost because it was not there
    /// or did not take them, and those that wait.
    #[must_use]
    pub fn spans(&self) -> [u64; 4] {
        let traces = &self.0.runtime.traces;
        let counts = traces.counts();
        [counts.exported(), counts.dropped(), counts.failed(), traces.waiting() as u64]
    }

    /// The zones of limits that the configuration in force has.
    #[must_use]
    pub fn limits(&self) -> Vec<LimitZone> {
        self.0.runtime.zones.known(&self.config())
    }

    pub(crate) fn downgrade(&self) -> WeakInsight {
        WeakInsight(Arc::downgrade(&self.0))
    }

    fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }
}

impl Connections {
    pub(crate) fn of(ledgers: &Ledgers) -> Self {
        let mut all = Self::default();
        ledgers.all().iter().for_each(|ledger| all.add(ledger));
        all
    }

    /// Those of a worker, too.
    fn add(&mut self, ledger: &Ledger) {
        let closed = ledger.closed.get(); // before those that were accepted: they are never fewer
        let accepted = ledger.accepted.get();
        let look = ledger.look();
        let active = accepted.saturating_sub(closed);
        self.accepted += accepted;
        self.active += active;
        self.requests += look.requests;
        self.reading += look.reading;
        self.waiting += look.idle;
        self.writing += active.saturating_sub(look.reading + look.idle);
        self.handshakes += ledger.handshakes.get();
        self.handshakes_failed += ledger.handshakes_failed.get();
        self.handshakes_resumed += ledger.handshakes_resumed.get();
    }
}

#[expect(clippy::disallowed_methods, reason = "once a reload: it is shown to people")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

impl std::fmt::Debug for Insight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Insight").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

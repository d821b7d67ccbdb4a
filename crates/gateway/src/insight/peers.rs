//! What peers have done, and what operators make of them.

use std::sync::Arc;
use std::time::Duration;

use propylon_upstream::Peer as Address;

pub use propylon_balance::{History, Standing};

use super::Insight;
use crate::names::Entry;
use crate::tally::PeerLane;

/// A group of servers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Upstream {
    /// The name of its `[upstream.NAME]`, or the address that a `proxy_pass` names.
    pub name: String,
    /// Whether the configuration has an `[upstream.NAME]` for it.
    pub is_named: bool,
    /// Whether requests of HTTP are sent to it.
    pub serves_http: bool,
    /// Whether connections of streams are.
    pub serves_streams: bool,
    /// How many requests wait for a place at a peer, and how many may.
    pub queue: Option<(usize, usize)>,
    /// Its peers, backups last.
    pub peers: Vec<Peer>,
}

/// One peer, and what it has done: answers, bytes and times since requests are counted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Peer {
    /// Its number in the group, which stays the same for as long as it is the same peer.
    pub id: u32,
    /// Its address.
    pub address: String,
    /// As the configuration writes it.
    pub server: String,
    /// Whether it serves only when none of the others can.
    pub backup: bool,
    /// Its weight.
    pub weight: u32,
    /// How many requests it serves at the same time; 0: any number.
    pub max_conns: u32,
    /// How many failures make it unavailable, within what time and for how long.
    pub fails: (u32, Duration),
    /// How long its share takes to grow.
    pub slow_start: Duration,
    /// What sticky sessions call it, where that is said.
    pub route: Option<String>,
    /// Whether it is said to be out of service, and to serve only what is bound to it.
    pub out: (bool, bool),
    /// Whether it is sent requests, and if not, why.
    pub standing: Standing,
    /// Whether active checks have found it well; none: there was no verdict.
    pub healthy: Option<bool>,
    /// What an operator has said of it.
    pub set: Change,
    /// Whether an operator has added it, and may take it out.
    pub added: bool,
    /// Requests under way.
    pub active: u32,
    /// Requests so far.
    pub requests: u64,
    /// Requests that failed.
    pub failures: u64,
    /// What happened to it.
    pub history: History,
    /// Its answers by class: `responses[2]` those with a status from 200 to 299; `responses[0]` tries without an answer.
    pub responses: [u64; 6],
    /// Bytes that came from it.
    pub received: u64,
    /// Bytes that were sent to it.
    pub sent: u64,
    /// How often there was a connection, and how long that took in all, in nanoseconds.
    pub connects: (u64, u64),
    /// How many answers there were, and how long their heads took.
    pub headers: (u64, u64),
    /// How long the same answers took to their ends.
    pub response_nanos: u64,
}

/// What an operator says of a peer. It holds until he takes it back, or the configuration says something else of the server than
/// it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Whether it is sent requests; none: as the configuration says.
    pub state: Option<PeerState>,
    /// Its weight; none: as the configuration says.
    pub weight: Option<u32>,
    /// How many requests it serves at the same time, 0 for any number; none: as the configuration says.
    pub max_conns: Option<u32>,
    /// How many failures make it unavailable; none: as the configuration says.
    pub max_fails: Option<u32>,
    /// Within what time they count, and for how long it is unavailable; none: as the configuration says.
    pub fail_timeout: Option<Duration>,
    /// How long its share takes to grow; none: as the configuration says.
    pub slow_start: Option<Duration>,
}

impl Change {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// Whether a peer is sent requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// It is.
    Up,
    /// Only those that are bound to it already.
    Drain,
    /// It is not.
    Down,
}

impl PeerState {
    /// As a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Drain => "drain",
            Self::Down => "down",
        }
    }
}

/// There is nothing with that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No such upstream.
    Upstream,
    /// No such peer.
    Peer,
}

/// Why a server was not added or not taken out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// No such upstream, or no location uses it.
    #[error("there is no such upstream")]
    NoUpstream,
    /// No such peer.
    #[error("there is no such peer")]
    NoPeer,
    /// The upstream has no use for such a server.
    #[error("{0}")]
    Invalid(String),
    /// It has one with this address.
    #[error("the upstream already has a server with this address")]
    Exists,
    /// It was not added, but stands in the configuration.
    #[error("a server of the configuration cannot be removed; `PATCH` its `state` to \"down\" instead")]
    Configured,
    /// What is to last cannot be kept.
    #[error("nothing was changed, because the file of `state` cannot be used: {0}")]
    State(String),
}

impl Insight {
    /// The upstreams in the order of the configuration, then the addresses that a `proxy_pass` names.
    #[must_use]
    pub fn upstreams(&self) -> Vec<Upstream> {
        let ledgers = self.runtime().ledgers.all();
        let config = self.config();
        let upstream = |entry: Arc<Entry>| {
            let (peers, made) = (entry.group().peers(), entry.made());
            let peers = peers.iter().map(|peer| {
                let mut told = Peer::new(peer);
                (told.set, told.added) = made.of(peer);
                let lanes =
                    ledgers.iter().filter_map(|ledger| ledger.known_peer(peer.server().payload().name()));
                lanes.for_each(|lane| told.add(&lane));
                told
            });
            let peers = peers.collect();
            let (name, is_named) = (entry.name(), entry.is_named());
            Upstream {
                serves_http: !config.is_of_streams(&name),
                serves_streams: config.serves_streams(&name),
                queue: entry.group().waiting(),
                is_named,
                peers,
                name,
            }
        };
        self.runtime().names.used(&config).into_iter().map(upstream).collect()
    }

    /// Says something of a peer, from now on.
    ///
    /// # Errors
    /// When there is no such upstream or peer.
    pub fn change_peer(
        &self,
        upstream: &str,
        peer: u32,
        change: impl FnOnce(Change) -> Change,
    ) -> Result<(), Unknown> {
        self.runtime().names.say_of(&self.config(), upstream, peer, change)
    }
}

impl Insight {
    /// Adds a server to an `[upstream.NAME]`, at once and for all workers, over reloads, and beyond the end of the process if the upstream has a
    /// `state`. Returns the peer's number. It may write a file.
    ///
    /// # Errors
    /// When there is no such upstream, when it cannot have such a server, or when the file cannot be written.
    pub fn add_peer(
        &self,
        upstream: &str,
        server: &propylon_config::UpstreamServer,
    ) -> Result<u32, MembershipError> {
        self.runtime().names.add(&self.config(), upstream, server)
    }

    /// Takes a server out that was added; its requests under way go on. It may write a file.
    ///
    /// # Errors
    /// When there is no such upstream or peer, when it stands in the configuration, or when the file cannot be written.
    pub fn remove_peer(&self, upstream: &str, peer: u32) -> Result<(), MembershipError> {
        self.runtime().names.remove(&self.config(), upstream, peer)
    }
}

impl Peer {
    fn new(peer: &Arc<propylon_balance::Peer<Address>>) -> Self {
        let server = peer.server();
        Self {
            id: peer.id(),
            address: server.name().to_string(),
            server: server.text().to_string(),
            backup: server.is_backup(),
            weight: server.share(),
            max_conns: server.places(),
            fails: server.endures(),
            slow_start: server.warms_up(),
            route: server.route_name().map(ToString::to_string),
            out: server.is_out(),
            standing: peer.standing(),
            healthy: peer.verdict(),
            set: Change::default(),
            added: false,
            active: peer.active(),
            requests: peer.requests(),
            failures: peer.failures(),
            history: peer.history(),
            responses: [0; 6],
            received: 0,
            sent: 0,
            connects: (0, 0),
            headers: (0, 0),
            response_nanos: 0,
        }
    }

    fn add(&mut self, lane: &PeerLane) {
        for (sum, counter) in self.responses.iter_mut().zip(&lane.responses) {
            *sum += counter.get();
        }
        self.received += lane.received.get();
        self.sent += lane.sent.get();
        self.connects.0 += lane.connects.get();
        self.connects.1 += lane.connect_nanos.get();
        self.headers.0 += lane.headers.get();
        self.headers.1 += lane.header_nanos.get();
        self.response_nanos += lane.response_nanos.get();
    }
}

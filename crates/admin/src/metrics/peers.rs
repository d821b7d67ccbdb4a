//! The families of upstreams and their peers.

use propylon_gateway::insight::{Peer, Standing, Upstream};

use super::CLASSES;
use super::text::Kind::{Counter, Gauge, Summary};
use super::text::{Text, seconds};

/// A peer and its labels.
struct Row<'u> {
    upstream: &'u str,
    /// Its address; that of a second one with the same address has a number behind it, for no two may have the same labels.
    name: String,
    peer: &'u Peer,
}

impl Row<'_> {
    fn labels(&self) -> [(&str, &str); 2] {
        [("upstream", self.upstream), ("peer", &self.name)]
    }
}

fn rows(upstreams: &[Upstream]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for upstream in upstreams {
        for (at, peer) in upstream.peers.iter().enumerate() {
            let before = upstream.peers.iter().take(at).filter(|other| other.address == peer.address).count();
            let name = match before {
                0 => peer.address.clone(),
                before => format!("{}#{}", peer.address, before + 1),
            };
            rows.push(Row { upstream: &upstream.name, name, peer });
        }
    }
    rows
}

/// One of a peer's numbers.
type Value = fn(&Peer) -> u64;

const GAUGES: &[(&str, &str, Value)] = &[
    ("propylon_upstream_peer_active_requests", "Requests under way at the peer.", |peer| peer.active.into()),
    ("propylon_upstream_peer_weight", "The peer's weight.", |peer| peer.weight.into()),
];

const COUNTERS: &[(&str, &str, Value)] = &[
    ("propylon_upstream_peer_requests_total", "Requests that were sent to the peer.", |peer| peer.requests),
    ("propylon_upstream_peer_failures_total", "Requests that failed at the peer.", |peer| peer.failures),
    (
        "propylon_upstream_peer_unavailable_total",
        "How often failures have made the peer unavailable.",
        |peer| peer.history.unavailable,
    ),
    ("propylon_upstream_peer_cut_responses_total", "Responses of the peer that broke off.", |peer| {
        peer.history.cut
    }),
    ("propylon_upstream_peer_received_bytes_total", "Bytes that came from the peer.", |peer| peer.received),
    ("propylon_upstream_peer_sent_bytes_total", "Bytes that were sent to the peer.", |peer| peer.sent),
    ("propylon_health_checks_total", "Probes of the peer.", |peer| peer.history.checks),
    ("propylon_health_check_failures_total", "Probes that found the peer not well.", |peer| {
        peer.history.failed_checks
    }),
    ("propylon_health_check_unhealthy_total", "How often probes have made the peer unhealthy.", |peer| {
        peer.history.unhealthy
    }),
];

/// A sum of nanoseconds, and of how many it is.
type Sum = fn(&Peer) -> (u64, u64);

const TIMES: &[(&str, &str, Sum)] = &[
    (
        "propylon_upstream_peer_connect_seconds",
        "How long connections to the peer took; those that were kept took none.",
        |peer| (peer.connects.1, peer.connects.0),
    ),
    (
        "propylon_upstream_peer_header_seconds",
        "How long it took until the head of the peer's response was there.",
        |peer| (peer.headers.1, peer.headers.0),
    ),
    (
        "propylon_upstream_peer_response_seconds",
        "How long the peer's responses took to their ends.",
        |peer| (peer.response_nanos, peer.headers.0),
    ),
];

pub(super) fn write(text: &mut Text, upstreams: &[Upstream]) {
    let rows = rows(upstreams);
    let help = "1 for the state that the peer is in, else 0.";
    let mut family = text.family("propylon_upstream_peer_state", Gauge, help);
    for row in &rows {
        for standing in Standing::ALL {
            let [upstream, peer] = row.labels();
            let labels = [upstream, peer, ("state", standing.as_str())];
            family.sample(&labels, u8::from(row.peer.standing == standing));
        }
    }
    for (kind, families) in [(Gauge, GAUGES), (Counter, COUNTERS)] {
        for (name, help, value) in families {
            let mut family = text.family(name, kind, help);
            rows.iter().for_each(|row| family.sample(&row.labels(), value(row.peer)));
        }
    }
    let help = "The peer's responses by class of status; none: it gave none.";
    let mut family = text.family("propylon_upstream_peer_responses_total", Counter, help);
    for row in &rows {
        for (class, count) in CLASSES.iter().zip(row.peer.responses) {
            let [upstream, peer] = row.labels();
            family.sample(&[upstream, peer, ("class", class)], count);
        }
    }
    for (name, help, sum) in TIMES {
        let mut family = text.family(name, Summary, help);
        for row in &rows {
            let (nanos, count) = sum(row.peer);
            family.part("_sum", &row.labels(), seconds(nanos));
            family.part("_count", &row.labels(), count);
        }
    }
    let queues = upstreams.iter().filter_map(|upstream| Some((upstream.name.as_str(), upstream.queue?)));
    let queues: Vec<_> = queues.collect();
    let mut family =
        text.family("propylon_upstream_queue_length", Gauge, "Requests that wait for a place at a peer.");
    queues.iter().for_each(|(name, (waiting, _))| family.sample(&[("upstream", name)], waiting));
    let mut family = text.family("propylon_upstream_queue_size", Gauge, "How many requests may wait.");
    queues.iter().for_each(|(name, (_, size))| family.sample(&[("upstream", name)], size));
}

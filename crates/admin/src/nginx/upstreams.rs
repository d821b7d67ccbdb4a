//! Upstreams, and what their peers have done.

use propylon_gateway::insight::{Insight, Peer, Standing, Upstream};
use serde_json::{Map, Value, json};

use super::bases::Bases;
use super::fault::Fault;
use super::zones::by_class;

/// Those that the configuration has by name.
pub(super) fn all(insight: &Insight, bases: &Bases) -> Vec<(String, Value)> {
    let named = insight.upstreams().into_iter().filter(|upstream| upstream.is_named);
    named.map(|upstream| (upstream.name.clone(), of_upstream(&upstream, bases))).collect()
}

pub(super) fn one(insight: &Insight, bases: &Bases, name: &str) -> Result<Value, Fault> {
    Ok(of_upstream(&find(insight, name)?, bases))
}

pub(super) fn find(insight: &Insight, name: &str) -> Result<Upstream, Fault> {
    let mut all = insight.upstreams().into_iter();
    let found = all.find(|upstream| upstream.is_named && upstream.name == name);
    found.ok_or(Fault::missing("UpstreamNotFound", "upstream not found"))
}

/// Its peers count from here on.
pub(super) fn reset(insight: &Insight, bases: &Bases, name: &str) -> Result<(), Fault> {
    let peers = find(insight, name)?.peers;
    bases.forget(&format!("upstreams/{name}/"));
    for peer in &peers {
        bases.set(&path(name, peer), of_peer(peer));
    }
    Ok(())
}

fn path(upstream: &str, peer: &Peer) -> String {
    // Another configuration may give its number to another one.
    format!("upstreams/{upstream}/{}/{}", peer.id, peer.address)
}

fn of_upstream(upstream: &Upstream, bases: &Bases) -> Value {
    let peers = upstream.peers.iter().map(|peer| bases.since(&path(&upstream.name, peer), of_peer(peer)));
    let mut all = json!({ "peers": peers.collect::<Vec<_>>() });
    if let (Some((waiting, most)), Some(all)) = (upstream.queue, all.as_object_mut()) {
        all.insert("queue".to_owned(), json!({ "size": waiting, "max_size": most }));
    }
    all
}

fn of_peer(peer: &Peer) -> Value {
    let mut checks = json!({
        "checks": peer.history.checks,
        "fails": peer.history.failed_checks,
        "unhealthy": peer.history.unhealthy,
    });
    if let (Some(healthy), Some(checks)) = (peer.healthy, checks.as_object_mut()) {
        checks.insert("last_passed".to_owned(), healthy.into());
    }
    let mut all: Map<String, Value> = [
        ("id", peer.id.into()),
        ("server", Value::from(&*peer.address)),
        ("name", Value::from(&*peer.server)),
        ("backup", peer.backup.into()),
        ("weight", peer.weight.into()),
        ("state", state(peer.standing).into()),
        ("active", peer.active.into()),
        ("requests", peer.requests.into()),
        ("responses", by_class(peer.responses).into()),
        ("sent", peer.sent.into()),
        ("received", peer.received.into()),
        ("fails", peer.failures.into()),
        ("unavail", peer.history.unavailable.into()),
        ("health_checks", checks),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect();
    let (heads, nanos) = peer.headers;
    let times = [
        ("header_time", nanos.checked_div(heads)),
        ("response_time", peer.response_nanos.checked_div(heads)),
    ];
    let most = [("max_conns", Some(u64::from(peer.max_conns)).filter(|most| *most > 0))];
    let millis = times.map(|(key, nanos)| (key, nanos.map(|nanos| (nanos + 500_000) / 1_000_000)));
    let known =
        millis.into_iter().chain(most).filter_map(|(key, value)| Some((key.to_owned(), value?.into())));
    all.extend(known);
    all.into()
}

fn state(standing: Standing) -> &'static str {
    match standing {
        Standing::Unavailable => "unavail",
        other => other.as_str(),
    }
}

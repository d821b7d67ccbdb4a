//! Upstreams, and what their peers have done.

use propylon_gateway::insight::{Insight, Peer, Standing, Upstream};
use serde_json::{Map, Value, json};

use super::bases::Bases;
use super::fault::Fault;
use super::resource::Part;
use super::zones::by_class;

/// Those that the configuration has by name, and that serve this part. One may serve both: its peers are the same.
fn of_part(insight: &Insight, part: Part) -> impl Iterator<Item = Upstream> {
    insight.upstreams().into_iter().filter(move |upstream| {
        let serves = match part {
            Part::Http => upstream.serves_http,
            Part::Stream => upstream.serves_streams,
        };
        upstream.is_named && serves
    })
}

pub(super) fn all(insight: &Insight, part: Part, bases: &Bases) -> Vec<(String, Value)> {
    let one = |upstream: Upstream| (upstream.name.clone(), of_upstream(part, &upstream, bases));
    of_part(insight, part).map(one).collect()
}

pub(super) fn one(insight: &Insight, part: Part, bases: &Bases, name: &str) -> Result<Value, Fault> {
    Ok(of_upstream(part, &find(insight, part, name)?, bases))
}

pub(super) fn find(insight: &Insight, part: Part, name: &str) -> Result<Upstream, Fault> {
    let found = of_part(insight, part).find(|upstream| upstream.name == name);
    found.ok_or(Fault::missing("UpstreamNotFound", "upstream not found"))
}

/// Its peers count from here on.
pub(super) fn reset(insight: &Insight, part: Part, bases: &Bases, name: &str) -> Result<(), Fault> {
    let peers = find(insight, part, name)?.peers;
    bases.forget(&path(part, name));
    for peer in &peers {
        bases.set(&path_of(part, name, peer), of_peer(part, peer));
    }
    Ok(())
}

fn path(part: Part, upstream: &str) -> String {
    format!("{part:?}/upstreams/{upstream}/")
}

fn path_of(part: Part, upstream: &str, peer: &Peer) -> String {
    // Another configuration may give its number to another one.
    format!("{}{}/{}", path(part, upstream), peer.id, peer.address)
}

fn of_upstream(part: Part, upstream: &Upstream, bases: &Bases) -> Value {
    let told = |peer| bases.since(&path_of(part, &upstream.name, peer), of_peer(part, peer));
    let mut all = json!({ "peers": upstream.peers.iter().map(told).collect::<Vec<_>>() });
    if let (Part::Http, Some((waiting, most)), Some(all)) = (part, upstream.queue, all.as_object_mut()) {
        all.insert("queue".to_owned(), json!({ "size": waiting, "max_size": most }));
    }
    all
}

fn of_peer(part: Part, peer: &Peer) -> Value {
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
        ("sent", peer.sent.into()),
        ("received", peer.received.into()),
        ("fails", peer.failures.into()),
        ("unavail", peer.history.unavailable.into()),
        ("health_checks", checks),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into_iter()
    .collect();
    let millis = |nanos: u64, count: u64| {
        nanos.checked_div(count).map(|nanos| Value::from((nanos + 500_000) / 1_000_000))
    };
    let ((heads, head_nanos), (connects, connect_nanos)) = (peer.headers, peer.connects);
    let of_part = match part {
        Part::Http => [
            ("requests", Some(peer.requests.into())),
            ("responses", Some(by_class(peer.responses).into())),
            ("header_time", millis(head_nanos, heads)),
        ],
        Part::Stream => [
            ("connections", Some(peer.requests.into())),
            ("connect_time", millis(connect_nanos, connects)),
            ("first_byte_time", millis(head_nanos, heads)),
        ],
    };
    let of_both = [
        ("response_time", millis(peer.response_nanos, heads)),
        ("max_conns", (peer.max_conns > 0).then(|| peer.max_conns.into())),
    ];
    let known = of_part.into_iter().chain(of_both);
    all.extend(known.filter_map(|(key, value)| Some((key.to_owned(), value?))));
    all.into()
}

fn state(standing: Standing) -> &'static str {
    match standing {
        Standing::Unavailable => "unavail",
        other => other.as_str(),
    }
}

//! The process, its connections, its requests.

use jiff::Timestamp;
use propylon_gateway::insight::{Connections, Insight};
use serde_json::{Value, json};

/// As nginx writes it, to the millisecond.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

pub(super) fn nginx(insight: &Insight, address: Option<&str>) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "build": "propylon",
        "address": address,
        "generation": insight.generation(),
        "load_timestamp": Timestamp::try_from(insight.since()).ok().map(time),
        "timestamp": time(Timestamp::now()),
        "pid": std::process::id(),
        "ppid": rustix::process::getppid().map_or(0, |parent| parent.as_raw_nonzero().get()),
    })
}

/// Workers are threads, which end with the process.
pub(super) fn processes() -> Value {
    json!({ "respawned": 0 })
}

pub(super) fn connections(insight: &Insight) -> Value {
    of_connections(&insight.connections())
}

/// None is dropped: there is no limit that would have it closed unseen.
fn of_connections(now: &Connections) -> Value {
    json!({
        "accepted": now.accepted,
        "dropped": 0,
        "active": now.active.saturating_sub(now.waiting),
        "idle": now.waiting,
    })
}

pub(super) fn ssl(insight: &Insight) -> Value {
    let now = insight.connections();
    json!({
        "handshakes": now.handshakes,
        "handshakes_failed": now.handshakes_failed,
        "session_reuses": now.handshakes_resumed,
    })
}

pub(super) fn requests(insight: &Insight) -> Value {
    of_requests(&insight.connections())
}

fn of_requests(now: &Connections) -> Value {
    json!({ "total": now.requests, "current": now.reading + now.writing })
}

pub(super) fn workers(insight: &Insight) -> Vec<Value> {
    let each = (0..).zip(insight.each_worker());
    let one = |(id, now): (u32, Connections)| {
        json!({
            "id": id,
            "pid": std::process::id(),
            "connections": of_connections(&now),
            "http": { "requests": of_requests(&now) },
        })
    };
    each.map(one).collect()
}

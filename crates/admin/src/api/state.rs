//! The process, its connections, its servers and streams, its logs.

use std::time::SystemTime;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use jiff::Timestamp;
use propylon_gateway::insight::{Certificate, LimitZone, Server, Stream};
use serde_json::{Map, Value, json};

use super::{Answer, Shared, responses};
use crate::error::Refusal;

pub(super) async fn status(State(app): Shared) -> Json<Value> {
    let reloads = app.reloading.so_far();
    let last = reloads
        .last
        .map(|last| json!({ "at": time(last.at), "successful": last.error.is_none(), "error": last.error }));
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "started": time(app.started),
        "uptime_seconds": Timestamp::now().as_second() - app.started.as_second(),
        "workers": app.insight.workers(),
        "configuration": app.insight.config().source.name().to_string(),
        "generation": app.insight.generation(),
        "reloads": { "succeeded": reloads.succeeded, "failed": reloads.failed, "last": last },
    }))
}

/// RFC 3339, to the second.
fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) async fn connections(State(app): Shared) -> Json<Value> {
    let now = app.insight.connections();
    Json(json!({
        "accepted": now.accepted,
        "handled": now.accepted,
        "active": now.active,
        "reading": now.reading,
        "writing": now.writing,
        "waiting": now.waiting,
        "requests": now.requests,
        "tls": {
            "handshakes": now.handshakes,
            "handshakes_failed": now.handshakes_failed,
            "sessions_resumed": now.handshakes_resumed,
        },
    }))
}

pub(super) async fn servers(State(app): Shared) -> Json<Value> {
    let all = app.insight.servers();
    Json(all.iter().map(|server| (server.name.clone(), one(server))).collect::<Map<_, _>>().into())
}

pub(super) async fn server(State(app): Shared, Path(name): Path<String>) -> Answer {
    let all = app.insight.servers();
    let found = all.iter().find(|server| server.name == name);
    found.map(|server| Json(one(server))).ok_or_else(|| Refusal::missing("server"))
}

fn one(server: &Server) -> Value {
    json!({
        "addresses": server.addresses,
        "requests": server.requests(),
        "responses": responses(server.responses),
        "received": server.received,
        "sent": server.sent,
        "request_time_ms": average(server.times.nanos, server.times.count),
    })
}

pub(super) async fn streams(State(app): Shared) -> Json<Value> {
    let all = app.insight.streams();
    let all = all.iter().map(|stream| (stream.name.clone(), passed(stream)));
    Json(all.collect::<Map<_, _>>().into())
}

pub(super) async fn stream(State(app): Shared, Path(name): Path<String>) -> Answer {
    let all = app.insight.streams();
    let found = all.iter().find(|stream| stream.name == name);
    found.map(|stream| Json(passed(stream))).ok_or_else(|| Refusal::missing("stream"))
}

fn passed(stream: &Stream) -> Value {
    json!({
        "addresses": stream.addresses,
        "active": stream.active,
        "sessions": responses(stream.sessions),
        "received": stream.received,
        "sent": stream.sent,
        "session_time_ms": average(stream.nanos, stream.ended()),
    })
}

/// The average in milliseconds; none of nothing.
pub(super) fn average(nanos: u64, count: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "an average")]
    let millis = nanos.checked_div(count)? as f64 / 1e6;
    Some((millis * 1000.0).round() / 1000.0)
}

pub(super) async fn limits(State(app): Shared) -> Json<Value> {
    let zones = app.insight.limits().into_iter();
    let one = |zone: LimitZone| {
        json!({
            "zone": zone.name,
            "kind": zone.kind,
            "keys": zone.keys,
            "passed": zone.counts.passed,
            "delayed": zone.counts.delayed,
            "rejected": zone.counts.rejected,
            "delayed_dry_run": zone.counts.delayed_dry_run,
            "rejected_dry_run": zone.counts.rejected_dry_run,
        })
    };
    Json(zones.map(one).collect())
}

pub(super) async fn certificates(State(app): Shared) -> Json<Value> {
    let at = |at: SystemTime| Timestamp::try_from(at).ok().map(time);
    let one = |one: Certificate| {
        json!({
            "names": one.names,
            "not_before": one.from.and_then(at),
            "not_after": one.until.and_then(at),
            "next_order": at(one.next),
            "failures": one.failures,
            "error": one.error,
        })
    };
    Json(app.insight.certificates().into_iter().map(one).collect())
}

pub(super) async fn logs(State(app): Shared) -> Json<Value> {
    let logs = app.insight.logs().into_iter();
    let log = |log: propylon_gateway::insight::Log| json!({ "target": log.target, "lines_lost": log.dropped, "write_errors": log.errors });
    Json(logs.map(log).collect())
}

pub(super) async fn reload(State(app): Shared, body: Bytes) -> Answer {
    if !body.is_empty() {
        super::order(&body, &[])?;
    }
    app.reloading.order().await?;
    Ok(Json(json!({ "generation": app.insight.generation() })))
}

//! Upstreams, their peers, and what operators make of those.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use http::StatusCode;
use http::header::LOCATION;
use propylon_config::{Report, UpstreamServer};
use propylon_gateway::insight::{Change, Insight, MembershipError, Peer, PeerState, Unknown, Upstream};
use serde_json::{Map, Value, json};

use super::state::average;
use super::{Answer, Shared, object, order, responses};
use crate::error::Refusal;

pub(super) async fn upstreams(State(app): Shared) -> Json<Value> {
    let all = app.insight.upstreams();
    Json(all.iter().map(|upstream| (upstream.name.clone(), one(upstream))).collect::<Map<_, _>>().into())
}

pub(super) async fn upstream(State(app): Shared, Path(name): Path<String>) -> Answer {
    Ok(Json(one(&find(&app.insight, &name)?)))
}

pub(super) async fn peers(State(app): Shared, Path(name): Path<String>) -> Answer {
    Ok(Json(find(&app.insight, &name)?.peers.iter().map(of_peer).collect()))
}

pub(super) async fn peer(State(app): Shared, Path((upstream, peer)): Path<(String, String)>) -> Answer {
    Ok(Json(of_peer(&find_peer(&app.insight, &upstream, &peer)?)))
}

pub(super) async fn change(
    State(app): Shared,
    Path((upstream, peer)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let found = find_peer(&app.insight, &upstream, &peer)?;
    let order = order(&body, &["state", "weight"])?;
    if order.is_empty() {
        return Err(Refusal::bad("expected `state`, `weight` or both"));
    }
    let state = order.get("state").map(state).transpose()?;
    let weight = order.get("weight").map(weight).transpose()?;
    let change = |before: Change| Change {
        state: state.unwrap_or(before.state),
        weight: weight.unwrap_or(before.weight),
        ..before
    };
    app.insight.change_peer(&upstream, found.id, change).map_err(|unknown| {
        Refusal::missing(match unknown {
            Unknown::Upstream => "upstream",
            Unknown::Peer => "peer",
        })
    })?;
    let now = find_peer(&app.insight, &upstream, &found.id.to_string())?;
    tell_change(&upstream, &now);
    Ok(Json(of_peer(&now)))
}

/// Says in the error log what was made of a peer.
pub(crate) fn tell_change(upstream: &str, now: &Peer) {
    tracing::warn!(
        target: "propylon_admin",
        "the API: upstream server \"{}\" of upstream \"{upstream}\" is {}, weight {}",
        now.address, now.standing.as_str(), now.weight
    );
}

pub(super) async fn add(
    State(app): Shared,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<impl IntoResponse, Refusal> {
    let server = server(&object(&body)?)?;
    let add = move |insight: &Insight, name: &str| add_to(insight, name, &server);
    let id = member(&app.insight, &name, add).await.map_err(|error| refused(&error))?;
    let peer = of_peer(&find_peer(&app.insight, &name, &id.to_string())?);
    Ok((StatusCode::CREATED, [(LOCATION, format!("/api/v1/upstreams/{name}/peers/{id}"))], Json(peer)))
}

pub(super) async fn remove(State(app): Shared, Path((upstream, peer)): Path<(String, String)>) -> Answer {
    let found = find_peer(&app.insight, &upstream, &peer)?;
    let take_out = move |insight: &Insight, upstream: &str| take_out(insight, upstream, &found);
    member(&app.insight, &upstream, take_out).await.map_err(|error| refused(&error))?;
    peers(State(app), Path(upstream)).await
}

/// Adds a server to an upstream, and says so in the error log. Returns the peer's number. It may write a file.
pub(crate) fn add_to(
    insight: &Insight,
    upstream: &str,
    server: &UpstreamServer,
) -> Result<u32, MembershipError> {
    let id = insight.add_peer(upstream, server)?;
    let written = &server.written;
    tracing::warn!(target: "propylon_admin", "the API: upstream server \"{written}\" is added to upstream \"{upstream}\"");
    Ok(id)
}

/// Takes a server out that was added, and says so in the error log. It may write a file.
pub(crate) fn take_out(insight: &Insight, upstream: &str, peer: &Peer) -> Result<(), MembershipError> {
    insight.remove_peer(upstream, peer.id)?;
    tracing::warn!(
        target: "propylon_admin",
        "the API: upstream server \"{}\" is removed from upstream \"{upstream}\"", peer.address
    );
    Ok(())
}

/// Changes who belongs to an upstream: that may write a file.
async fn member<T: Send + 'static>(
    insight: &Insight,
    upstream: &str,
    change: impl FnOnce(&Insight, &str) -> Result<T, MembershipError> + Send + 'static,
) -> Result<T, MembershipError> {
    let (insight, upstream) = (insight.clone(), upstream.to_owned());
    let done = tokio::task::spawn_blocking(move || change(&insight, &upstream)).await;
    done.unwrap_or_else(|error| Err(MembershipError::State(error.to_string())))
}

fn refused(error: &MembershipError) -> Refusal {
    let (status, code) = match error {
        MembershipError::NoUpstream | MembershipError::NoPeer => (StatusCode::NOT_FOUND, "not_found"),
        MembershipError::Exists | MembershipError::Configured => (StatusCode::CONFLICT, "conflict"),
        MembershipError::Invalid(_) => (StatusCode::BAD_REQUEST, "bad_request"),
        MembershipError::State(_) => (StatusCode::INTERNAL_SERVER_ERROR, "state"),
    };
    Refusal::new(status, code, error.to_string())
}

/// A server as the configuration reads it: the keys of `[[upstream.NAME.server]]`.
pub(crate) fn server(keys: &Map<String, Value>) -> Result<UpstreamServer, Refusal> {
    let simple = |value: &Value| matches!(value, Value::String(_) | Value::Bool(_) | Value::Number(_));
    if let Some((key, _)) = keys.iter().find(|(_, value)| !simple(value)) {
        return Err(Refusal::bad(format!(
            "`{}` must be a string, a number, true or false",
            key.escape_debug()
        )));
    }
    // JSON's texts, numbers and words are TOML's.
    let keys: Vec<_> =
        keys.iter().map(|(key, value)| format!("{} = {value}", Value::from(key.as_str()))).collect();
    let read = propylon_config::read_servers(&format!("server = [{{ {} }}]", keys.join(", ")), "the request");
    let said = |report: Report| {
        let all = report.diagnostics().iter().map(|one| [&*one.message, &*one.label].join(": "));
        Refusal::bad(all.collect::<Vec<_>>().join("; "))
    };
    read.map_err(said)?.pop().ok_or_else(|| Refusal::bad("`address` is missing"))
}

/// `null`: as the configuration says.
fn state(value: &Value) -> Result<Option<PeerState>, Refusal> {
    let known = [PeerState::Up, PeerState::Drain, PeerState::Down];
    match value {
        Value::Null => Some(None),
        Value::String(text) => known.into_iter().find(|state| state.as_str() == text).map(Some),
        _ => None,
    }
    .ok_or_else(|| {
        Refusal::bad(
            "`state` must be \"up\", \"drain\", \"down\", or null for the value of the configuration",
        )
    })
}

fn weight(value: &Value) -> Result<Option<u32>, Refusal> {
    if value.is_null() {
        return Ok(None);
    }
    let weight = value.as_u64().filter(|weight| (1..=65_535).contains(weight));
    let weight = weight.and_then(|weight| u32::try_from(weight).ok());
    weight.map(Some).ok_or_else(|| {
        Refusal::bad(
            "`weight` must be an integer from 1 to 65535, or null for the value of the configuration",
        )
    })
}

fn find(insight: &Insight, name: &str) -> Result<Upstream, Refusal> {
    let found = insight.upstreams().into_iter().find(|upstream| upstream.name == name);
    found.ok_or_else(|| Refusal::missing("upstream"))
}

/// By its number, or by its address.
fn find_peer(insight: &Insight, upstream: &str, wanted: &str) -> Result<Peer, Refusal> {
    let number = wanted.parse::<u32>().ok();
    let all = find(insight, upstream)?.peers.into_iter();
    let mut found = all.filter(|peer| Some(peer.id) == number || peer.address == wanted);
    found.next().ok_or_else(|| Refusal::missing("peer"))
}

fn one(upstream: &Upstream) -> Value {
    let queue = upstream.queue.map(|(waiting, size)| json!({ "waiting": waiting, "size": size }));
    json!({
        "named": upstream.is_named,
        "queue": queue,
        "peers": upstream.peers.iter().map(of_peer).collect::<Vec<_>>(),
    })
}

fn of_peer(peer: &Peer) -> Value {
    let mut set = json!({ "state": peer.set.state.map(PeerState::as_str), "weight": peer.set.weight });
    if let Some(set) = set.as_object_mut() {
        let millis = |time: Option<Duration>| {
            time.map(|time| Value::from(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
        };
        let more = [
            ("max_conns", peer.set.max_conns.map(Value::from)),
            ("max_fails", peer.set.max_fails.map(Value::from)),
            ("fail_timeout_ms", millis(peer.set.fail_timeout)),
            ("slow_start_ms", millis(peer.set.slow_start)),
        ];
        set.extend(more.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    }
    json!({
        "id": peer.id,
        "address": peer.address,
        "server": peer.server,
        "backup": peer.backup,
        "weight": peer.weight,
        "max_conns": (peer.max_conns > 0).then_some(peer.max_conns),
        "state": peer.standing.as_str(),
        "added": peer.added,
        "set": if peer.set.is_nothing() { Value::Null } else { set },
        "active": peer.active,
        "requests": peer.requests,
        "responses": responses(peer.responses),
        "received": peer.received,
        "sent": peer.sent,
        "failures": peer.failures,
        "unavailable": peer.history.unavailable,
        "cut_responses": peer.history.cut,
        "health_checks": {
            "checks": peer.history.checks,
            "failures": peer.history.failed_checks,
            "unhealthy": peer.history.unhealthy,
            "healthy": peer.healthy,
        },
        "connect_time_ms": average(peer.connects.1, peer.connects.0),
        "header_time_ms": average(peer.headers.1, peer.headers.0),
        "response_time_ms": average(peer.response_nanos, peer.headers.0),
    })
}

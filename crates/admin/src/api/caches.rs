//! Caches, and what is removed from them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use http::StatusCode;
use propylon_gateway::insight::{self as gateway, Cache, Purged};
use serde_json::{Map, Value, json};

use super::{Answer, Shared, order};
use crate::error::Refusal;

pub(super) async fn caches(State(app): Shared) -> Json<Value> {
    let all = app.insight.caches();
    Json(all.iter().map(|cache| (cache.name.to_string(), one(cache))).collect::<Map<_, _>>().into())
}

pub(super) async fn cache(State(app): Shared, Path(zone): Path<String>) -> Answer {
    let all = app.insight.caches();
    let found = all.iter().find(|cache| *cache.name == *zone);
    found.map(|cache| Json(one(cache))).ok_or_else(|| Refusal::missing("cache"))
}

pub(super) async fn purge(
    State(app): Shared,
    Path(zone): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let order = order(&body, &["key", "prefix", "tags", "all", "soft"])?;
    let soft = match order.get("soft") {
        None => false,
        Some(soft) => soft.as_bool().ok_or_else(|| Refusal::bad("`soft` must be true or false"))?,
    };
    let what = what(&order)?;
    let purged = app.insight.purge(&zone, &what, soft).await.ok_or_else(|| Refusal::missing("cache"))?;
    let count = purged.responses;
    tracing::warn!(target: "propylon_admin", "the API: {count} responses of cache \"{zone}\" are purged");
    Ok(match purged.elsewhere {
        None => (StatusCode::OK, Json(json!({ "purged": count }))),
        Some(Ok(())) => (StatusCode::OK, Json(json!({ "purged": count, "everywhere": true }))),
        Some(Err(why)) => {
            tracing::error!(target: "propylon_admin", "the API: the purge took effect on this server only: {why}");
            let text =
                format!("the purge took effect on this server only, until the others can be told: {why}");
            let error = json!({ "status": 503, "code": "not_everywhere", "text": text });
            let body = json!({ "purged": count, "everywhere": false, "error": error });
            (StatusCode::SERVICE_UNAVAILABLE, Json(body))
        }
    })
}

/// What is to be removed: said in one way.
fn what(order: &Map<String, Value>) -> Result<Purged, Refusal> {
    let mut said =
        ["key", "prefix", "tags", "all"].into_iter().filter_map(|name| Some((name, order.get(name)?)));
    let one = || Refusal::bad("expected exactly one of `key`, `prefix`, `tags` and `all`");
    let (Some((name, value)), None) = (said.next(), said.next()) else { return Err(one()) };
    let text = |value: &Value| {
        let text = value.as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned)
            .ok_or_else(|| Refusal::bad(format!("`{name}`: expected a string that is not empty")))
    };
    match (name, value) {
        ("key", value) => Ok(Purged::Key(text(value)?)),
        ("prefix", value) => Ok(Purged::Prefix(text(value)?)),
        ("tags", Value::Array(tags)) if !tags.is_empty() => {
            Ok(Purged::Tags(tags.iter().map(text).collect::<Result<_, _>>()?))
        }
        ("tags", _) => Err(Refusal::bad("`tags` must be a list of strings, and not empty")),
        (_, Value::Bool(true)) => Ok(Purged::All),
        _ => Err(Refusal::bad("`all` can only be true")),
    }
}

fn shared(shared: &gateway::Shared) -> Value {
    let stats = &shared.stats;
    json!({
        "url": shared.url,
        "up": stats.up,
        "lookups": {
            "hit": stats.hits,
            "miss": stats.misses,
            "purged": stats.purged,
            "damaged": stats.damaged,
            "failed": stats.failed,
            "skipped": stats.skipped,
        },
        "stores": {
            "stored": stats.stored,
            "dropped": stats.dropped,
            "failed": stats.store_failures,
            "queued": stats.queued,
        },
        "purges": {
            "ordered": stats.ordered,
            "failed": stats.order_failures,
            "owed": stats.owed,
            "obeyed": stats.obeyed,
        },
    })
}

fn one(cache: &Cache) -> Value {
    let outcomes: Map<String, Value> = cache
        .outcomes
        .iter()
        .map(|outcome| {
            let name = outcome.name.to_ascii_lowercase();
            (name, json!({ "responses": outcome.responses, "bytes": outcome.bytes }))
        })
        .collect();
    let stats = &cache.stats;
    json!({
        "path": cache.path.as_ref().map(|path| path.display().to_string()),
        "size": stats.bytes,
        "max_size": stats.max_size,
        "entries": stats.keys,
        "max_entries": stats.max_keys,
        "loading": stats.loading,
        "stored": stats.stored,
        "evicted": stats.evicted,
        "expired": stats.expired,
        "purged": stats.purged,
        "store_failures": stats.failed,
        "loaded_files": stats.loaded,
        "damaged_files": stats.damaged,
        "foreign_files": stats.foreign,
        "shared": cache.shared.as_ref().map(shared),
        "outcomes": outcomes,
    })
}

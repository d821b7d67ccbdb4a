//! The API, its page and the metrics: what is where.

mod caches;
pub(crate) mod keyvals;
pub(crate) mod peers;
mod state;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::Refusal;
use crate::metrics::{self, MEDIA_TYPE};
use crate::page;

pub(crate) use keyvals::argument;

/// What handlers are given.
type Shared = State<Arc<App>>;

/// What handlers give.
type Answer = Result<Json<Value>, Refusal>;

/// Everything, without the question who may, and what every response [has](furnish).
pub(crate) fn router(app: Arc<App>) -> Router {
    let v1 = Router::new()
        .route("/", get(index))
        .route("/status", get(state::status))
        .route("/connections", get(state::connections))
        .route("/servers", get(state::servers))
        .route("/servers/{name}", get(state::server))
        .route("/streams", get(state::streams))
        .route("/streams/{name}", get(state::stream))
        .route("/upstreams", get(peers::upstreams))
        .route("/upstreams/{upstream}", get(peers::upstream))
        .route("/upstreams/{upstream}/peers", get(peers::peers).post(peers::add))
        .route(
            "/upstreams/{upstream}/peers/{peer}",
            get(peers::peer).patch(peers::change).delete(peers::remove),
        )
        .route("/caches", get(caches::caches))
        .route("/caches/{zone}", get(caches::cache))
        .route("/caches/{zone}/purge", post(caches::purge))
        .route("/keyvals", get(keyvals::keyvals))
        .route(
            "/keyvals/{zone}",
            get(keyvals::keyval).post(keyvals::add).patch(keyvals::change).delete(keyvals::clear),
        )
        .route("/certificates", get(state::certificates))
        .route("/limits", get(state::limits))
        .route("/logs", get(state::logs))
        .route("/reload", post(state::reload));
    Router::new()
        .route("/", get(page::page))
        .route("/metrics", get(scrape))
        .route("/api", get(versions))
        .route("/api/", get(versions))
        .route("/api/v1", get(index))
        .nest("/api/v1/", v1)
        .fallback(missing)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

/// What every response has: it is of this moment, it is what it says, and no page elsewhere shows or reads it.
pub(crate) async fn furnish(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fields = [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

async fn scrape(State(app): Shared) -> impl IntoResponse {
    ([(CONTENT_TYPE, MEDIA_TYPE)], metrics::metrics(&app))
}

async fn versions() -> Json<Value> {
    Json(json!({ "versions": ["v1"] }))
}

async fn index() -> Json<Value> {
    Json(json!({
        "resources": [
            "status", "connections", "servers", "streams", "upstreams", "caches", "keyvals", "certificates", "limits", "logs", "reload"
        ]
    }))
}

async fn missing() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not_found", "unknown path; `/api/v1/` lists the resources")
}

async fn wrong_method(method: http::Method) -> Refusal {
    let text = format!("the method `{method}` is not allowed; see `Allow`");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", text)
}

/// The order in a body, with these keys and no others.
fn order(body: &Bytes, keys: &[&str]) -> Result<Map<String, Value>, Refusal> {
    let order = object(body)?;
    match order.keys().find(|key| !keys.contains(&key.as_str())) {
        Some(key) => {
            Err(Refusal::bad(format!("unknown key `{}`; expected {}", key.escape_debug(), keys.join(", "))))
        }
        None => Ok(order),
    }
}

/// The object in a body.
fn object(body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad(format!("the request body is not valid JSON: {error}")))?;
    let Value::Object(object) = value else {
        return Err(Refusal::bad("the request body is not a JSON object"));
    };
    Ok(object)
}

/// Counts by class of status.
fn responses(counts: [u64; 6]) -> Value {
    let all: Map<String, Value> = metrics::CLASSES
        .iter()
        .zip(counts)
        .map(|(class, count)| ((*class).to_owned(), count.into()))
        .chain([("total".to_owned(), counts.iter().sum::<u64>().into())])
        .collect();
    all.into()
}

//! Keys and values: what `/api/v1/keyvals` does, with nginx's errors.

use bytes::Bytes;
use http::StatusCode;
use propylon_gateway::insight::{Insight, Keyvals};
use serde_json::{Map, Value};

use super::fault::Fault;
use super::{Answer, collection};
use crate::api::keyvals;
use crate::error::Refusal;

pub(super) fn all(insight: &Insight, fields: Option<&str>) -> Value {
    let zones = insight.keyvals().into_iter();
    let names_alone = fields.filter(|fields| fields.is_empty());
    collection(zones.map(|zone| (zone.name().to_owned(), keyvals::pairs(zone.list()))), names_alone)
}

/// A zone, or one key of it.
pub(super) fn one(insight: &Insight, zone: &str, key: Option<&str>) -> Result<Value, Fault> {
    let zone = find(insight, zone)?;
    let Some(key) = key else { return Ok(keyvals::pairs(zone.list())) };
    let found = zone.get(key).ok_or(Fault::missing("KeyvalKeyNotFound", "keyval key not found"))?;
    Ok(keyvals::pairs(vec![found]))
}

pub(super) async fn add(insight: &Insight, zone: &str, body: &Bytes) -> Result<Answer, Fault> {
    keyvals::add_to(&find(insight, zone)?, object(body)?).await.map_err(refused)?;
    Ok(Answer { status: StatusCode::CREATED, body: None })
}

pub(super) async fn change(insight: &Insight, zone: &str, body: &Bytes) -> Result<Answer, Fault> {
    keyvals::change_in(&find(insight, zone)?, object(body)?).await.map_err(refused)?;
    Ok(Answer::done())
}

pub(super) async fn clear(insight: &Insight, zone: &str) -> Result<Answer, Fault> {
    keyvals::empty(&find(insight, zone)?).await.map_err(refused)?;
    Ok(Answer::done())
}

fn find(insight: &Insight, name: &str) -> Result<Keyvals, Fault> {
    let found = insight.keyvals().into_iter().find(|zone| zone.name() == name);
    found.ok_or(Fault::missing("KeyvalNotFound", "keyval not found"))
}

/// What is said in a body.
pub(super) fn object(body: &Bytes) -> Result<Map<String, Value>, Fault> {
    let json_error = |text: String| Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "JsonError", text);
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(json_error("JSON error: expected an object".to_owned())),
        Err(error) => Err(json_error(format!("JSON error: {error}"))),
    }
}

fn refused(refusal: Refusal) -> Fault {
    let code = match refusal.status {
        StatusCode::CONFLICT => "KeyvalKeyExists",
        StatusCode::NOT_FOUND => "KeyvalKeyNotFound",
        StatusCode::BAD_REQUEST => "KeyvalFormatError",
        StatusCode::INSUFFICIENT_STORAGE => "KeyvalOutOfMemory",
        _ => "KeyvalNotSaved",
    };
    Fault::new(refusal.status, code, refusal.text)
}

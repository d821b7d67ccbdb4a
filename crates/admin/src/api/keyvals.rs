//! Keys and values, in the shapes of nginx Plus' `/http/keyvals/`.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use http::StatusCode;
use propylon_gateway::insight::keyval::{Change, Error, Kept, Pair};
use propylon_gateway::insight::{KeyvalError, Keyvals};
use serde_json::{Map, Value};

use super::{Answer, Shared, object};
use crate::app::App;
use crate::error::Refusal;

/// All zones; with an empty `fields` their names alone.
pub(super) async fn keyvals(State(app): Shared, RawQuery(query): RawQuery) -> Json<Value> {
    let zones = app.insight.keyvals();
    if argument(query.as_deref(), "fields").as_deref() == Some("") {
        return Json(zones.iter().map(|zone| Value::from(zone.name())).collect());
    }
    let zones = zones.into_iter().map(|zone| (zone.name().to_owned(), pairs(zone.list())));
    Json(zones.collect::<Map<_, _>>().into())
}

/// A zone, or one key of it.
pub(super) async fn keyval(
    State(app): Shared,
    Path(zone): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let zone = find(&app, &zone)?;
    let Some(key) = argument(query.as_deref(), "key") else { return Ok(Json(pairs(zone.list()))) };
    let found = zone.get(&key).ok_or_else(|| Refusal::missing("key"))?;
    Ok(Json(pairs(vec![found])))
}

pub(super) async fn add(
    State(app): Shared,
    Path(zone): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    add_to(&find(&app, &zone)?, object(&body)?).await?;
    Ok(StatusCode::CREATED)
}

/// Adds what is said of keys, and says so in the error log.
pub(crate) async fn add_to(zone: &Keyvals, said_of: Map<String, Value>) -> Result<(), Refusal> {
    let new = entries(said_of)?.into_iter().map(|(key, value)| match said(&key, value)? {
        Change::Set(new) => Ok((key, new)),
        _ => Err(Refusal::bad(format!("the value of `{}` is missing", key.escape_debug()))),
    });
    let new: Vec<(String, Kept)> = new.collect::<Result<_, _>>()?;
    let count = new.len();
    zone.add(new).await.map_err(refused)?;
    tracing::info!(target: "propylon_admin", "the API: {count} keys are added to keyval zone \"{}\"", zone.name());
    Ok(())
}

pub(super) async fn change(
    State(app): Shared,
    Path(zone): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    change_in(&find(&app, &zone)?, object(&body)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes what is said of keys come true, and says so in the error log.
pub(crate) async fn change_in(zone: &Keyvals, said_of: Map<String, Value>) -> Result<(), Refusal> {
    let changes =
        entries(said_of)?.into_iter().map(|(key, value)| said(&key, value).map(|change| (key, change)));
    let changes: Vec<(String, Change)> = changes.collect::<Result<_, _>>()?;
    let count = changes.len();
    zone.change(changes).await.map_err(refused)?;
    tracing::info!(target: "propylon_admin", "the API: {count} keys of keyval zone \"{}\" are changed", zone.name());
    Ok(())
}

pub(super) async fn clear(State(app): Shared, Path(zone): Path<String>) -> Result<StatusCode, Refusal> {
    empty(&find(&app, &zone)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Removes all keys, and says so in the error log.
pub(crate) async fn empty(zone: &Keyvals) -> Result<(), Refusal> {
    let count = zone.clear().await.map_err(refused)?;
    tracing::warn!(target: "propylon_admin", "the API: all {count} keys of keyval zone \"{}\" are removed", zone.name());
    Ok(())
}

fn find(app: &App, name: &str) -> Result<Keyvals, Refusal> {
    let found = app.insight.keyvals().into_iter().find(|zone| zone.name() == name);
    found.ok_or_else(|| Refusal::missing("keyval zone"))
}

pub(crate) fn pairs(all: Vec<Pair>) -> Value {
    let text = |pair: &Pair| String::from_utf8_lossy(&pair.value).into_owned();
    all.into_iter().map(|pair| (pair.key.clone(), Value::from(text(&pair)))).collect::<Map<_, _>>().into()
}

/// What is said of keys.
fn entries(entries: Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    if entries.is_empty() {
        return Err(Refusal::bad("expected at least one key"));
    }
    Ok(entries)
}

/// What is to become of a key: a value, a value with a time of its own, a time alone, or nothing.
fn said(key: &str, value: Value) -> Result<Change, Refusal> {
    let wrong = |what: &str| Refusal::bad(format!("`{}`: {what}", key.escape_debug()));
    let mut object = match value {
        Value::Null => return Ok(Change::Remove),
        Value::Object(object) => object,
        value => {
            let expected = "expected a string, a number, null, or an object with `value` and `expire`";
            return Ok(Change::Set(Kept::new(text(value).ok_or_else(|| wrong(expected))?)));
        }
    };
    let (value, expire) = (object.remove("value"), object.remove("expire"));
    if let Some(unknown) = object.keys().next() {
        let unknown = unknown.escape_debug();
        return Err(wrong(&format!("unknown key `{unknown}`; expected `value` and `expire`")));
    }
    let value = value
        .map(|value| text(value).ok_or_else(|| wrong("`value` must be a string or a number")))
        .transpose()?;
    let expire = expire.map(|expire| {
        let millis = expire.as_u64().filter(|millis| *millis > 0);
        millis
            .map(Duration::from_millis)
            .ok_or_else(|| wrong("`expire` must be a number of milliseconds, 1 or more"))
    });
    match (value, expire.transpose()?) {
        (Some(value), None) => Ok(Change::Set(Kept::new(value))),
        (Some(value), Some(after)) => Ok(Change::Set(Kept::new(value).expires(after))),
        (None, Some(after)) => Ok(Change::Expire(after)),
        (None, None) => Err(wrong("expected `value`, `expire` or both")),
    }
}

/// A number is kept as it is written.
fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn refused(error: KeyvalError) -> Refusal {
    let text = error.to_string();
    match error {
        KeyvalError::Refused(Error::Exists(_)) => Refusal::new(StatusCode::CONFLICT, "exists", text),
        KeyvalError::Refused(Error::Missing(_)) => Refusal::new(StatusCode::NOT_FOUND, "not_found", text),
        KeyvalError::Refused(Error::Full(_)) => Refusal::new(StatusCode::INSUFFICIENT_STORAGE, "full", text),
        KeyvalError::Refused(_) => Refusal::bad(text),
        other => {
            let why = std::error::Error::source(&other).map(ToString::to_string).unwrap_or_default();
            tracing::error!(target: "propylon_admin", "the API: {text}: {why}");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_saved", format!("{text}: {why}"))
        }
    }
}

/// The first argument of a query with this name, decoded.
pub(crate) fn argument(query: Option<&str>, name: &str) -> Option<String> {
    let pairs = query?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(|(known, _)| *known == name).map(|(_, value)| decoded(value)).next()
}

/// `%XX` stands for a byte; what is no such thing stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, more)) = rest.split_first() {
        let digits = more
            .first_chunk::<2>()
            .filter(|digits| first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { more.get(2..).unwrap_or_default() } else { more };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let check = |query: &str, expected: Option<&str>| {
            assert_eq!(argument(Some(query), "key").as_deref(), expected, "{query}");
        };
        check("", None);
        check("a=b&keys=c", None);
        check("a=b&key=c&key=d", Some("c"));
        check("key", Some(""));
        check("key=10.0.0.0%2F8", Some("10.0.0.0/8"));
        check("key=a+b%20c", Some("a+b c"));
        check("key=%c3%A9%", Some("é%"));
        check("key=%zz%4", Some("%zz%4"));
        check("key=%2526", Some("%26"));
    }

    #[test]
    fn what_is_said_of_a_key() {
        let check = |value: &str, expected: Result<Change, &str>| {
            let said = said("k", serde_json::from_str(value).unwrap()).map_err(|refusal| refusal.text);
            match expected {
                Ok(change) => assert_eq!(said, Ok(change), "{value}"),
                Err(text) => assert!(said.as_ref().is_err_and(|why| why.contains(text)), "{value}: {said:?}"),
            }
        };
        let second = Duration::from_secs(1);
        check("null", Ok(Change::Remove));
        check("\"v\"", Ok(Change::Set(Kept::new("v"))));
        check("1.50", Ok(Change::Set(Kept::new("1.5"))));
        check("{\"value\": 7}", Ok(Change::Set(Kept::new("7"))));
        check("{\"value\": \"v\", \"expire\": 1000}", Ok(Change::Set(Kept::new("v").expires(second))));
        check("{\"expire\": 1000}", Ok(Change::Expire(second)));
        check("true", Err("`k`: expected a string"));
        check("[]", Err("expected a string"));
        check("{}", Err("expected `value`"));
        check("{\"value\": null}", Err("`value` must be a string or a number"));
        check("{\"value\": \"v\", \"expire\": 0}", Err("1 or more"));
        check("{\"value\": \"v\", \"expire\": -1}", Err("1 or more"));
        check("{\"value\": \"v\", \"expires\": 1}", Err("unknown key `expires`"));
    }
}

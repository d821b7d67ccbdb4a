use serde_json::{Map, Value, json};

use crate::key::{Key, Kind, Need, Table};
use crate::{config, location};

/// The JSON Schema (2020-12) of the configuration, made from the tables that it is read by: types, defaults, docs.
///
/// ```
/// let schema = propylon_config::schema();
/// let read = &schema["properties"]["defaults"]["properties"]["timeout"]["properties"]["read"];
/// assert_eq!(read["default"], "60s");
/// ```
#[must_use]
pub fn schema() -> Value {
    let mut schema = table(&config::TABLE);
    if let Value::Object(fields) = &mut schema {
        fields.insert("$defs".into(), json!({ location::TABLE.name: table(&location::TABLE) }));
        fields.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        fields.insert("title".into(), "Propylon".into());
    }
    schema
}

fn table(table: &Table) -> Value {
    let properties: Map<String, Value> =
        table.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> =
        table.keys.iter().filter(|key| matches!(key.need, Need::Required)).map(|key| key.name).collect();
    json!({
        "type": "object",
        "description": table.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(key: &Key) -> Value {
    let mut schema = kind(&key.kind);
    if let Value::Object(fields) = &mut schema {
        let doc = if key.nginx.is_empty() {
            key.doc.to_owned()
        } else {
            format!("{} nginx: {}.", key.doc, key.nginx)
        };
        fields.insert("description".into(), doc.into());
        if let Need::Default(text) = key.need
            && let Some(default) = default(text)
        {
            fields.insert("default".into(), default);
        }
    }
    schema
}

/// Defaults are written as TOML; those that are used are JSON too.
fn default(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

fn kind(of: &Kind) -> Value {
    match of {
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer { min, max: u64::MAX } => json!({ "type": "integer", "minimum": min }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Duration { .. } => {
            json!({ "type": "string", "pattern": "^([0-9]+|([0-9]+(y|M|w|d|h|m|s|ms) ?)+)$" })
        }
        Kind::Size => json!({ "anyOf": [
            { "type": "string", "pattern": "^[0-9]+[kKmMgG]?$" },
            { "type": "integer", "minimum": 0 },
        ] }),
        Kind::Text { .. } | Kind::Template | Kind::Url { .. } => json!({ "type": "string" }),
        Kind::Choice { built, .. } => json!({ "type": "string", "enum": built }),
        Kind::List(item) => json!({ "type": "array", "items": kind(item) }),
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(kind).collect::<Vec<_>>() }),
        Kind::Names(item) => json!({ "type": "object", "additionalProperties": kind(item) }),
        // It may stand inside itself.
        Kind::Table(keys) if keys.name == location::TABLE.name => {
            json!({ "$ref": format!("#/$defs/{}", keys.name) })
        }
        Kind::Table(keys) => table(keys),
    }
}

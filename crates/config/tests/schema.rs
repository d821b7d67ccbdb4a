//! The JSON Schema and the reference page, which are made from the tables that the reader uses.
#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "helpers of tests"
)]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// As much of a JSON Schema validator as the schema has keywords.
fn valid(schema: &Value, value: &Value) -> bool {
    let kind = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("unknown type {other}"),
    };
    schema.as_object().expect("a schema").iter().all(|(keyword, rule)| match keyword.as_str() {
        "type" => kind(rule.as_str().expect("a type")),
        "properties" | "required" | "additionalProperties" => true,
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| valid(rule, item))),
        "anyOf" => rule.as_array().expect("schemas").iter().any(|schema| valid(schema, value)),
        "enum" => rule.as_array().expect("values").contains(value),
        "pattern" => value.as_str().is_none_or(|text| regex_lite(rule.as_str().expect("a regex"), text)),
        "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().expect("a number")),
        "maximum" => value.as_i64().is_none_or(|number| number <= rule.as_i64().expect("a number")),
        "$ref" => {
            let name = rule.as_str().expect("a reference").rsplit('/').next().expect("a name").to_owned();
            valid(&propylon_config::schema()["$defs"][name], value)
        }
        "description" | "default" | "title" | "$schema" | "$defs" => true,
        other => panic!("unknown keyword {other}"),
    }) && value.as_object().is_none_or(|fields| valid_object(schema, fields))
}

fn regex_lite(pattern: &str, text: &str) -> bool {
    regex::Regex::new(pattern).expect("a regex").is_match(text)
}

fn valid_object(schema: &Value, fields: &serde_json::Map<String, Value>) -> bool {
    if schema["type"] != "object" {
        return true;
    }
    let required = schema["required"].as_array().into_iter().flatten();
    required.into_iter().all(|name| fields.contains_key(name.as_str().expect("a name")))
        && fields.iter().all(|(name, value)| {
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(allowed)) => *allowed,
                (Value::Null, rest) => valid(rest, value),
                (property, _) => valid(property, value),
            }
        })
}

fn json(toml: &str) -> Value {
    toml::from_str(toml).expect("it is TOML")
}

fn everything() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good/everything.toml");
    std::fs::read_to_string(path).expect("the file")
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let schema = propylon_config::schema();
    assert!(valid(&schema, &json(&everything())));
    assert!(valid(&schema, &json("")));
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let schema = propylon_config::schema();
    for text in [
        "servr = 1",
        "runtime.workers = \"many\"",
        "runtime.workers = 0",
        "runtime.shutdown_timeout = \"5 s\"",
        "runtime.shutdown_timeout = 5",
        "upstream.a.server = [{}]",
        "[[server]]\nlisten = \"80\"",
        "[[server]]\nheaders.set = { A = 1 }",
        "[[server.location]]\nreturn = [204]",
        "defaults.access_log.buffer = \"4kb\"",
    ] {
        assert!(!valid(&schema, &json(text)), "{text}");
        assert!(propylon_config::parse(text, "x.toml").is_err(), "{text}");
    }
}

/// Every key with its schema.
fn properties(schema: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match schema {
        Value::Object(fields) => {
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                let path = format!("{path}{name}");
                found.push((path.clone(), property.clone()));
                properties(property, &format!("{path}."), found);
            }
            // A table that may stand inside itself is looked at once.
            if let (Some(_), "server.location.") = (fields.get("$ref"), path) {
                properties(&propylon_config::schema()["$defs"]["server.location"], path, found);
            }
            for (keyword, below) in fields {
                if keyword != "properties" {
                    properties(below, path, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, path, found)),
        _ => {}
    }
}

#[test]
fn every_key_has_a_doc_and_defaults_are_valid() {
    let mut found = Vec::new();
    properties(&propylon_config::schema(), "", &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for (path, property) in &found {
        assert!(property["description"].as_str().is_some_and(|doc| doc.len() > 8), "{path}");
        if let Some(default) = property.get("default") {
            assert!(valid(property, default), "{path}");
        }
    }
}

#[test]
fn every_default_of_the_tables_is_in_the_schema() {
    let reference = propylon_config::reference();
    let mut found = Vec::new();
    properties(&propylon_config::schema(), "", &mut found);
    let with_default: BTreeSet<&str> = found
        .iter()
        .filter(|(_, property)| property.get("default").is_some())
        .map(|(path, _)| path.rsplit('.').next().expect("a name"))
        .collect();
    for row in reference.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split(" | ").collect();
        let name = cells[0].trim_start_matches("| `").trim_end_matches('`');
        if cells.iter().skip(2).take(1).any(|cell| cell.starts_with('`')) {
            assert!(with_default.contains(name), "{row}");
        }
    }
}

#[test]
fn every_key_of_the_levels_is_read() {
    let loaded =
        propylon_config::parse(&everything(), "everything.toml").unwrap_or_else(|report| panic!("{report}"));
    let server = &loaded.config.servers[0];
    let levels = server.locations.iter().map(|location| &location.settings).chain([&server.settings]);
    let written: BTreeSet<Box<str>> = levels
        .flat_map(|settings| settings.effective.iter())
        .filter(|setting| matches!(setting.origin, propylon_config::Origin::Set { .. }))
        .map(|setting| setting.key)
        .collect();
    let mut found = Vec::new();
    properties(&propylon_config::schema(), "", &mut found);
    let inner = [
        "resolver.",
        "retry.budget.",
        "tls.certificate_cache.",
        "upstream.tls.",
        "tls.certificates.",
        "error_page.pages.",
        "auth_jwt.require.",
        "access.basic.",
        "access.limit_except.",
        "limit.requests.",
        "limit.connections.",
        "cache.valid.",
        "cache.purge.",
        "purge.",
        "api.",
    ];
    let keys = found.iter().filter_map(|(path, _)| {
        let key = path.strip_prefix("server.")?;
        // What is inside a value is read with the value.
        Some(key.strip_prefix("location.").unwrap_or(key)).filter(|key| {
            !matches!(*key, "location" | "rewrite")
                && !key.starts_with("rewrite.")
                && !inner.iter().any(|inner| key.starts_with(inner))
        })
    });
    let mut keys: BTreeSet<&str> = keys.collect();
    // Tables are read key by key.
    let all = keys.clone();
    keys.remove("location");
    keys.retain(|table| {
        !all.iter().any(|key| key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.')))
    });
    assert!(keys.len() > 40, "{}", keys.len());
    for key in keys {
        assert!(
            written.contains(key),
            "`{key}` is in the table, but nobody reads it or everything.toml lacks it"
        );
    }
}

#[test]
fn every_key_of_streams_is_read() {
    let loaded =
        propylon_config::parse(&everything(), "everything.toml").unwrap_or_else(|report| panic!("{report}"));
    let written: BTreeSet<Box<str>> = (loaded.config.streams.iter())
        .flat_map(|stream| stream.settings.effective.iter())
        .filter(|setting| matches!(setting.origin, propylon_config::Origin::Set { .. }))
        .map(|setting| setting.key)
        .collect();
    let mut found = Vec::new();
    properties(&propylon_config::schema(), "", &mut found);
    let keys: BTreeSet<&str> = found.iter().filter_map(|(path, _)| path.strip_prefix("stream.")).collect();
    let tables = ["timeout", "retry", "limit", "access", "upstream", "access_log", "error_log"];
    let of_tables = |key: &&&str| match key.split_once('.') {
        Some((table, rest)) => tables.contains(&table) && !rest.contains('.'),
        None => !tables.contains(*key) && **key != "tls",
    };
    let keys: Vec<&str> = keys.iter().filter(of_tables).copied().collect();
    assert!(keys.len() > 25, "{keys:?}");
    for key in keys {
        assert!(
            written.contains(key),
            "`{key}` is in the table, but nobody reads it or everything.toml lacks it"
        );
    }
}

#[test]
fn the_reference_has_every_key_and_what_is_not_built() {
    let reference = propylon_config::reference();
    let mut found = Vec::new();
    properties(&propylon_config::schema(), "", &mut found);
    for (path, _) in found {
        let name = path.rsplit('.').next().expect("a name").to_owned();
        assert!(reference.contains(&format!("| `{name}` |")), "{path}");
    }
    assert!(reference.contains("Not built into this version: `stapling`"));
    assert!(reference.contains("`proxy_read_timeout`"));
}

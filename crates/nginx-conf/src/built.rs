//! Whether the configuration has all keys that directives become.

use std::collections::HashSet;

use serde_json::Value;

/// The paths of all keys: those of a level without it, those of the process and of upstreams with their table.
fn keys() -> HashSet<String> {
    let schema = propylon_config::schema();
    let mut keys = HashSet::new();
    for level in ["/properties/defaults", "/properties/server/items", "/$defs/server.location"] {
        collect(schema.pointer(level), "", &mut keys);
    }
    for table in ["upstream", "geoip"] {
        let each = schema.pointer(&format!("/properties/{table}/additionalProperties"));
        collect(each, &format!("{table}.NAME."), &mut keys);
    }
    collect(schema.pointer("/properties/stream/items"), "stream.", &mut keys);
    for name in ["runtime", "error_log", "resolver", "trace_exporter"] {
        collect(schema.pointer(&format!("/properties/{name}")), &format!("{name}."), &mut keys);
    }
    let top = schema.get("properties").and_then(Value::as_object);
    keys.extend(top.into_iter().flatten().map(|(name, _)| name.clone()));
    keys.extend(["server.listen".to_owned(), "server.name".to_owned(), "server.location".to_owned()]);
    keys
}

fn collect(schema: Option<&Value>, path: &str, keys: &mut HashSet<String>) {
    let Some(schema) = schema else { return };
    let alternatives = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    for schema in std::iter::once(schema).chain(alternatives) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, below) in properties.into_iter().flatten() {
            let path = format!("{path}{name}");
            collect(Some(below), &format!("{path}."), keys);
            collect(below.get("items"), &format!("{path}."), keys);
            keys.insert(path);
        }
    }
}

#[test]
fn every_key_of_a_row_exists() {
    let keys = keys();
    assert!(keys.contains("timeout.read") && !keys.contains("timeout.raed"));
    for row in crate::rows::all() {
        let written = row.key();
        let missing = written.split(", ").find(|key| !key.is_empty() && !keys.contains(*key));
        assert_eq!(missing, None, "{}", row.name);
    }
}

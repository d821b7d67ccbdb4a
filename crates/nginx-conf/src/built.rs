//! Which keys the configuration has: a directive whose key it does not have yet is refused, and says so.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde_json::Value;

/// The paths of all keys: those of a level without it, those of the process and of upstreams with their table.
static KEYS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let schema = propylon_config::schema();
    let mut keys = HashSet::new();
    for level in ["/properties/defaults", "/properties/server/items", "/$defs/server.location"] {
        collect(schema.pointer(level), "", &mut keys);
        collect(schema.pointer(level), "level.", &mut keys);
    }
    collect(schema.pointer("/properties/upstream/additionalProperties"), "upstream.NAME.", &mut keys);
    for name in ["runtime", "error_log", "resolver"] {
        collect(schema.pointer(&format!("/properties/{name}")), &format!("{name}."), &mut keys);
    }
    let top = schema.get("properties").and_then(Value::as_object);
    keys.extend(top.into_iter().flatten().map(|(name, _)| name.clone()));
    keys.extend(["server.listen".to_owned(), "server.name".to_owned(), "server.location".to_owned()]);
    keys
});

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

/// Whether the configuration has this key, in the documentation's form: `timeout.read`, `upstream.NAME.queue`.
pub(crate) fn has(key: &str) -> bool {
    key.is_empty() || KEYS.contains(key)
}

#[cfg(test)]
mod tests {
    use super::has;

    #[test]
    fn keys() {
        for key in [
            "timeout.read",
            "merge_slashes",
            "upstream.NAME.queue",
            "upstream.tls.verify",
            "runtime.workers",
            "map",
            "return",
        ] {
            assert!(has(key), "{key}");
        }
        assert!(!has("timeout.raed") && !has("upstream.NAME.nothing"));
    }
}

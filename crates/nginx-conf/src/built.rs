//! Which keys the configuration has: a directive whose key it does not have yet is refused, and says so.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde_json::Value;

/// The paths of all keys: those of a level without it, those of the process and of upstreams with their table.
static KEYS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let schema = propylon_config::schema();
    let mut keys = HashSet::new();
    let top = &schema["properties"];
    for level in [&top["defaults"], &top["server"]["items"], &schema["$defs"]["server.location"]] {
        collect(level, "", &mut keys);
        collect(level, "level.", &mut keys);
    }
    collect(&top["upstream"]["additionalProperties"], "upstream.NAME.", &mut keys);
    for name in ["runtime", "error_log", "resolver"] {
        collect(&top[name], &format!("{name}."), &mut keys);
    }
    keys.extend(top.as_object().into_iter().flatten().map(|(name, _)| name.clone()));
    keys.extend(["server.listen".to_owned(), "server.name".to_owned(), "server.location".to_owned()]);
    keys
});

fn collect(schema: &Value, path: &str, keys: &mut HashSet<String>) {
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    for schema in std::iter::once(schema).chain(alternatives) {
        for (name, below) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}{name}");
            collect(below, &format!("{path}."), keys);
            collect(&below["items"], &format!("{path}."), keys);
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

//! From where on statistics count that were reset. The counters themselves go on: others read them too.

use std::collections::HashMap;

use parking_lot::Mutex;
use serde_json::{Map, Value};

/// What is no counter: it is as it is.
const GAUGES: [&str; 14] = [
    "id",
    "pid",
    "processing",
    "current",
    "active",
    "idle",
    "size",
    "max_size",
    "max_conns",
    "weight",
    "header_time",
    "connect_time",
    "first_byte_time",
    "response_time",
];

/// What each thing had counted when it was reset.
#[derive(Debug, Default)]
pub(super) struct Bases(Mutex<HashMap<String, Value>>);

impl Bases {
    /// It counts from here on.
    pub(super) fn set(&self, what: &str, now: Value) {
        self.0.lock().insert(what.to_owned(), now);
    }

    /// What was known of all that is called so.
    pub(super) fn forget(&self, prefix: &str) {
        self.0.lock().retain(|what, _| !what.starts_with(prefix));
    }

    /// What it has counted since then.
    pub(super) fn since(&self, what: &str, now: Value) -> Value {
        let mut all = self.0.lock();
        let Some(base) = all.get(what) else { return now };
        match difference(&now, base) {
            Some(since) => since,
            // It has begun anew itself: a configuration did not have it for a while.
            None => {
                all.remove(what);
                now
            }
        }
    }
}

/// None: it is less than it was.
fn difference(now: &Value, base: &Value) -> Option<Value> {
    Some(match (now, base) {
        (Value::Number(now), Value::Number(base)) => match (now.as_u64(), base.as_u64()) {
            (Some(now), Some(base)) => now.checked_sub(base)?.into(),
            _ => now.clone().into(),
        },
        (Value::Object(now), Value::Object(base)) => {
            let mut since = Map::new();
            for (key, value) in now {
                let base = base.get(key).filter(|_| !GAUGES.contains(&key.as_str()));
                let value = base.map_or(Some(value.clone()), |base| difference(value, base))?;
                // Statuses that there were none of are not told.
                if key.len() != 3 || !key.bytes().all(|byte| byte.is_ascii_digit()) || value != 0 {
                    since.insert(key.clone(), value);
                }
            }
            since.into()
        }
        (now, _) => now.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_reset_counts_from_there() {
        let zone = |ok: u64, missing: u64| json!({ "processing": 3, "requests": ok + missing, "responses": { "codes": { "200": ok, "404": missing }, "total": ok + missing } });
        let bases = Bases::default();
        assert_eq!(bases.since("a", zone(2, 1)), zone(2, 1));
        bases.set("a", zone(2, 1));
        let since =
            json!({ "processing": 3, "requests": 5, "responses": { "codes": { "200": 5 }, "total": 5 } });
        assert_eq!(bases.since("a", zone(7, 1)), since);
        assert_eq!(bases.since("b", zone(7, 1)), zone(7, 1));
        // It was forgotten, and counts again.
        assert_eq!(bases.since("a", zone(1, 0)), zone(1, 0));
        assert_eq!(bases.since("a", zone(7, 1)), zone(7, 1));
    }
}

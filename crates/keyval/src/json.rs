//! What a state file says: one object of JSON, whose values are texts, or objects of a text and the millisecond at which it ends.
//! Pure.

use serde_json::{Map, Value};

/// A key with its value, as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) value: String,
    /// In milliseconds since 1970.
    pub(crate) expires: Option<u64>,
}

/// One pair a line.
pub(crate) fn write<'p>(pairs: impl Iterator<Item = (&'p str, &'p str, Option<u64>)>) -> String {
    let mut text = String::from("{");
    for (index, (key, value, expires)) in pairs.enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        let (key, value) = (Value::from(key), Value::from(value));
        text.push_str(&match expires {
            None => format!("{key}: {value}"),
            Some(at) => format!("{key}: {{\"value\": {value}, \"expires\": {at}}}"),
        });
    }
    text.push_str("\n}\n");
    text
}

/// The pairs of a text; else what is wrong with it, and where.
pub(crate) fn read(text: &str) -> Result<Vec<Pair>, String> {
    let all: Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    all.into_iter().map(|(key, value)| pair(key, value)).collect()
}

fn pair(key: String, value: Value) -> Result<Pair, String> {
    match value {
        Value::String(value) => return Ok(Pair { key, value, expires: None }),
        Value::Object(mut members) if members.len() == 2 => {
            let expires = members.get("expires").and_then(Value::as_u64);
            if let (Some(Value::String(value)), Some(_)) = (members.remove("value"), expires) {
                return Ok(Pair { key, value, expires });
            }
        }
        _ => {}
    }
    let key = Value::from(key);
    Err(format!(
        "the value of {key} is neither a string nor an object with a string `value` and a number of milliseconds `expires`"
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair(key: &str, value: &str, expires: Option<u64>) -> Pair {
        Pair { key: key.into(), value: value.into(), expires }
    }

    #[test]
    fn what_is_damaged_is_told_with_its_place() {
        let check = |text: &str, what: &str| {
            let wrong = read(text).unwrap_err();
            assert!(wrong.contains(what), "{text}: {wrong}");
        };
        check("", "line 1");
        check("[]", "expected a map");
        check("{\n\n\"a\": \"b\" \"c\"}", "line 3");
        check("{\"a\": \"b\"}\n\0", "line 2");
        for value in [
            "1",
            "{}",
            "{\"value\": \"b\"}",
            "{\"value\": \"b\", \"expires\": -1}",
            "{\"value\": 1, \"expires\": 1}",
        ] {
            check(&format!("{{\"a\": {value}}}"), "the value of \"a\" is neither");
        }
        check("{\"a\": {\"value\": \"b\", \"expires\": 1, \"x\": 1}}", "neither");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(pairs in prop::collection::btree_map(".*", (".*", proptest::option::of(any::<u64>())), 0..5)) {
            let pairs: Vec<Pair> = pairs.iter().map(|(key, (value, expires))| pair(key, value, *expires)).collect();
            let text = write(pairs.iter().map(|pair| (&*pair.key, &*pair.value, pair.expires)));
            prop_assert_eq!(text.lines().count(), pairs.len() + 2);
            prop_assert_eq!(read(&text).unwrap(), pairs);
        }
    }
}

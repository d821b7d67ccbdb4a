//! The names of regex groups: variables everywhere, as in nginx, wherever the regex stands.

use std::ops::Range;

use toml::de::DeTable;

use crate::map;
use crate::reader::{Context, Value};
use crate::rule;

/// Names, each with its place.
pub(crate) type Names = Vec<(String, Range<usize>)>;

/// The groups of every regex in servers, locations and what they inherit. Maps tell their own.
pub(crate) fn find(cx: &Context, root: &DeTable<'_>) -> Names {
    let mut regexes = Vec::new();
    let mut add = |value| regexes.push(value);
    if let Some(defaults) = root.get("defaults").and_then(|value| value.get_ref().as_table()) {
        rules(defaults, &mut add);
    }
    for server in tables(root, "server") {
        let hosts = server.get("name").and_then(|value| value.get_ref().as_array());
        hosts.into_iter().flatten().for_each(&mut add);
        rules(server, &mut add);
        locations(server, &mut add);
    }
    regexes.into_iter().flat_map(|value| groups(cx, value)).collect()
}

fn locations<'t>(table: &'t DeTable<'t>, add: &mut impl FnMut(&'t Value<'t>)) {
    for location in tables(table, "location") {
        location.get("match").into_iter().for_each(&mut *add);
        rules(location, add);
        locations(location, add);
    }
}

/// The rules of the tables of a level.
fn rules<'t>(level: &'t DeTable<'t>, add: &mut impl FnMut(&'t Value<'t>)) {
    for (table, keys) in [("cookie", &["domain", "path", "flags"][..]), ("redirect", &["rules"])] {
        let Some(table) = level.get(table).and_then(|value| value.get_ref().as_table()) else { continue };
        keys.iter().for_each(|key| rule::regexes(table, key, add));
    }
}

/// The groups of a text that is a regex if it begins with `~`.
fn groups(cx: &Context, value: &Value<'_>) -> Names {
    let text = value.get_ref().as_str().filter(|text| text.starts_with('~'));
    text.map(|text| map::group_places(cx, text, &value.span())).unwrap_or_default()
}

fn tables<'t>(table: &'t DeTable<'t>, name: &str) -> impl Iterator<Item = &'t DeTable<'t>> {
    let items = table.get(name).and_then(|value| value.get_ref().as_array());
    items.into_iter().flatten().filter_map(|item| item.get_ref().as_table())
}

//! The names of regex groups: variables everywhere, as in nginx, wherever the regex stands.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use toml::de::DeTable;

use crate::auth_request;
use crate::condition;
use crate::include;
use crate::map;
use crate::pattern;
use crate::reader::{Context, Value};
use crate::rule;
use crate::source::Source;

/// Names, each with its place.
pub(crate) type Names = Vec<(String, Range<usize>)>;

/// The names, in lower case, of the variables that a configuration's text defines beside its tables of variables: groups of every regex,
/// what `set` sets, what `auth_request` says. No table of variables, and nothing that a token says, may have one of them.
#[must_use]
pub fn set_names(text: &str) -> BTreeSet<String> {
    let source = Arc::new(Source::new("", text));
    let mut cx = Context::new(source.clone());
    let (root, _) = include::parse(&mut cx, &source);
    let maps = root.get("map").and_then(|value| value.get_ref().as_table());
    let maps = maps.into_iter().flatten().filter_map(|(_, map)| map.get_ref().as_table());
    let values = maps.filter_map(|map| map.get("values")?.get_ref().as_table()).flatten();
    let patterns = values.map(|(pattern, _)| pattern.get_ref()).filter(|pattern| pattern.starts_with('~'));
    let of_maps = patterns.flat_map(|pattern| pattern::group_names(pattern)).map(|(_, name)| name.to_owned());
    let others = find(&cx, &root).into_iter().map(|(name, _)| name);
    of_maps.chain(others).map(|name| name.to_ascii_lowercase()).collect()
}

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
    let mut names: Names = regexes.into_iter().flat_map(|value| groups(cx, value)).collect();
    if let Some(defaults) = root.get("defaults").and_then(|value| value.get_ref().as_table()) {
        asked(defaults, &mut names);
    }
    for server in tables(root, "server") {
        steps(cx, server, &mut names);
    }
    names
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

/// What the steps of a server and its locations define: groups, and the variables that are set.
fn steps(cx: &Context, level: &DeTable<'_>, names: &mut Names) {
    asked(level, names);
    for (name, _) in level.get("set").and_then(|value| value.get_ref().as_table()).into_iter().flatten() {
        variable(name.get_ref(), name.span(), names);
    }
    let list = level.get("rewrite").and_then(|value| value.get_ref().as_array());
    list.into_iter().flatten().for_each(|value| step(cx, value, names));
    tables(level, "location").for_each(|location| steps(cx, location, names));
}

/// The variables that are set of the answer of `auth_request`.
fn asked(level: &DeTable<'_>, names: &mut Names) {
    for (name, span) in auth_request::names(level) {
        variable(&name, span, names);
    }
}

fn step(cx: &Context, value: &Value<'_>, names: &mut Names) {
    let first = |value: &Value<'_>| {
        let first = value.get_ref().as_array()?.iter().next()?;
        Some((first.get_ref().as_str()?.to_owned(), first.span()))
    };
    if let Some((regex, span)) = first(value) {
        names.extend(map::group_places(cx, &regex, &span));
    }
    let Some(table) = value.get_ref().as_table() else { return };
    if let Some((name, span)) = table.get("set").and_then(first) {
        variable(&name, span, names);
    }
    if let Some(text) = table.get("if")
        && let Some(regex) = text.get_ref().as_str().and_then(condition::regex)
    {
        names.extend(map::group_places(cx, regex, &text.span()));
    }
    let then = table.get("then").and_then(|value| value.get_ref().as_array());
    then.into_iter().flatten().for_each(|value| step(cx, value, names));
}

/// `$args` and `$limit_rate` are there already, and can be set.
fn variable(name: &str, span: Range<usize>, names: &mut Names) {
    if !["args", "limit_rate"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
        names.push((name.to_owned(), span));
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

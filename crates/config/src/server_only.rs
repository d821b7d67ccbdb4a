//! Keys that count before a location is known: they stand in `[defaults]` and servers, and in no location.

use std::ops::Range;

use toml::de::DeTable;

use crate::reader::Context;
use crate::report::Diagnostic;

/// What a request's head is read with, and what is removed from it.
const KEYS: [&[&str]; 7] = [
    &["timeout", "client_header"],
    &["limit", "header_buffers"],
    &["limit", "header_buffer_size"],
    &["limit", "headers"],
    &["headers", "trusted"],
    &["headers", "underscores"],
    &["headers", "ignore_invalid"],
];

/// Refuses them in the table of a location.
pub(crate) fn check(cx: &mut Context, location: &DeTable<'_>) {
    for path in KEYS {
        if let Some((at, _)) = find(location, path) {
            let message = format!("`{}` has no effect in a location", path.join("."));
            let diagnostic = Diagnostic::at(at, message).label("it applies before the location is chosen");
            cx.push(diagnostic.help("set it in `[[server]]` or `[defaults]`"));
        }
    }
}

/// Whether a key is one of them.
pub(crate) fn has(key: &str) -> bool {
    KEYS.iter().any(|path| path.iter().copied().eq(key.split('.')))
}

/// Where a key is written, and whether it is `false`.
pub(crate) fn find(table: &DeTable<'_>, path: &[&str]) -> Option<(Range<usize>, bool)> {
    let (name, below) = path.split_first()?;
    let (key, value) = table.get_key_value(*name)?;
    if below.is_empty() {
        return Some((key.span(), value.get_ref().as_bool() == Some(false)));
    }
    find(value.get_ref().as_table()?, below)
}

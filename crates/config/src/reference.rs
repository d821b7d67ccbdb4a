use std::fmt::Write;

use crate::config;
use crate::key::{Key, Kind, Need, Table};

/// The reference page, in Markdown: every key, its type, default, nginx directive and meaning, and what is not built yet.
///
/// ```
/// assert!(propylon_config::reference().contains("| `read` | duration | `\"60s\"` | `proxy_read_timeout` |"));
/// ```
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(
        "# Configuration reference\n\nSettings are merged key by key over three levels, `[defaults]` < `[[server]]` < \
         `[[server.location]]`: the innermost level that sets a key applies. Durations are `\"300ms\"`, `\"5s\"`, `\"1h30m\"`; sizes \
         are `\"4k\"`, `\"16m\"`, `\"1g\"` or a number of bytes; a template is text that may contain `$variables`.\n",
    );
    let mut tables = Vec::new();
    collect(&config::TABLE, &mut tables);
    for table in tables {
        section(&mut page, table);
    }
    page
}

/// The tables in the order of the page, each once.
fn collect(table: &'static Table, tables: &mut Vec<&'static Table>) {
    if tables.iter().any(|known| known.name == table.name) {
        return;
    }
    tables.push(table);
    table.keys.iter().for_each(|key| below(&key.kind, tables));
}

fn below(kind: &'static Kind, tables: &mut Vec<&'static Table>) {
    match kind {
        Kind::Table(table) => collect(table, tables),
        Kind::List(item) | Kind::Names(item) => below(item, tables),
        Kind::Either(kinds) => kinds.iter().for_each(|kind| below(kind, tables)),
        _ => {}
    }
}

fn section(page: &mut String, table: &Table) {
    let title = if table.name.is_empty() { "The file".into() } else { format!("`{}`", table.name) };
    let mut text = format!("\n## {title}\n\n{}\n\n", table.doc);
    text.push_str("| key | type | default | nginx | meaning |\n|---|---|---|---|---|\n");
    table.keys.iter().for_each(|key| row(&mut text, key));
    if !table.unbuilt.is_empty() {
        let names: Vec<String> = table.unbuilt.iter().map(|name| format!("`{name}`")).collect();
        // Writing to a String cannot fail.
        let _ = write!(text, "\nNot built into this version: {}.\n", names.join(", "));
    }
    page.push_str(&text);
}

fn row(text: &mut String, key: &Key) {
    let default = match key.need {
        Need::Default(default) => format!("`{default}`"),
        Need::Optional => "–".into(),
        Need::Required => "required".into(),
    };
    let nginx = if key.nginx.is_empty() { "–".into() } else { format!("`{}`", key.nginx) };
    let cells = [format!("`{}`", key.name), kind(&key.kind), default, nginx, key.doc.to_owned()];
    let _ = writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
}

fn kind(of: &Kind) -> String {
    match of {
        Kind::Bool => "boolean".into(),
        Kind::Integer { min, max: u64::MAX } => format!("integer ≥ {min}"),
        Kind::Integer { min, max } => format!("integer {min}–{max}"),
        Kind::Duration { .. } => "duration".into(),
        Kind::Size => "size".into(),
        Kind::Text { .. } => "text".into(),
        Kind::Template => "template".into(),
        Kind::Url { .. } => "URL template".into(),
        Kind::Choice { built, .. } => {
            built.iter().map(|name| format!("`\"{name}\"`")).collect::<Vec<_>>().join(" | ")
        }
        Kind::List(item) => format!("list of {}", kind(item)),
        Kind::Either(kinds) => kinds.iter().map(kind).collect::<Vec<_>>().join(", or "),
        Kind::Names(item) => format!("names to {}", kind(item)),
        Kind::Table(table) => format!("table `{}`", table.name),
    }
}

//! One layout for all configurations: what `propylon fmt` writes.

use std::sync::Arc;

use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, RawString, Table, TomlError, Value};

use crate::config::add_syntax;
use crate::include;
use crate::reader::Context;
use crate::report::{Diagnostic, Report};
use crate::source::Source;

/// A list that makes its line longer than this has a line for each item.
const WIDTH: usize = 100;

/// Lays a configuration out anew: one blank line before a table and at most one elsewhere, nothing indented, one space around `=`,
/// lists on one line where they fit, or an item a line where they were written so. Comments, the order and the text of values stay.
///
/// ```
/// let text = "# ports\n\n\n[[server]]\n  listen=[ '80','443 tls' ]   # both\n";
/// let formatted = propylon_config::format(text, "propylon.toml").unwrap();
/// assert_eq!(formatted, "# ports\n\n[[server]]\nlisten = ['80', '443 tls']   # both\n");
/// ```
///
/// # Errors
/// A report of what is no TOML in it. Whether it is a good configuration is not looked at.
pub fn format(text: &str, name: &str) -> Result<String, Report> {
    let mut document: DocumentMut = match text.parse() {
        Ok(document) => document,
        Err(error) => return Err(syntax(text, name, &error)),
    };
    lay_out(document.as_table_mut(), 0);
    let below = lines(&format!("{}\n", document.trailing().as_str().unwrap_or_default()), false);
    document.set_trailing(below);
    let laid_out = document.to_string();
    let laid_out = laid_out.trim();
    Ok(if laid_out.is_empty() { String::new() } else { format!("{laid_out}\n") })
}

/// All errors of syntax: the parser that keeps comments knows the first alone.
fn syntax(text: &str, name: &str, first: &TomlError) -> Report {
    let source = Arc::new(Source::new(name, text));
    let mut report = Report::new(source.clone());
    let (_, errors) = include::parse(&mut Context::new(source.clone()), &source);
    add_syntax(&source, &mut report, &errors);
    report.sort();
    if report.is_empty() { report.with(Diagnostic::whole(first.message())) } else { report }
}

/// `before` stands on the lines of its keys before them: `timeout.`.
fn lay_out(table: &mut Table, before: usize) {
    // Of one that has a head of its own.
    if !table.is_implicit() && !table.is_dotted() {
        let above = lines(prefix(table.decor()), true);
        let beside = beside(suffix(table.decor()));
        *table.decor_mut() = Decor::new(above, beside);
    }
    for (mut key, item) in table.iter_mut() {
        *key.dotted_decor_mut() = Decor::new("", "");
        if !item.is_value() {
            *key.leaf_decor_mut() = Decor::new("", "");
        }
        let width = before + key.get().len();
        match item {
            Item::Table(table) if table.is_dotted() => lay_out(table, width + ".".len()),
            Item::Table(table) => lay_out(table, 0),
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|table| lay_out(table, 0)),
            Item::Value(value) => {
                let decor = key.leaf_decor_mut();
                let above = lines(prefix(decor), false);
                *decor = Decor::new(above, " ");
                let after = beside(suffix(value.decor()));
                lay_out_value(value, width + " = ".len());
                *value.decor_mut() = Decor::new(" ", after);
            }
            Item::None => {}
        }
    }
}

/// A value but for what stands around it.
fn lay_out_value(value: &mut Value, width: usize) {
    if has_comments(value) {
        return;
    }
    let was_long = matches!(value, Value::Array(array) if is_long(array));
    on_one_line(value);
    let is_wide = value.to_string().trim().len() + width > WIDTH;
    if let Value::Array(array) = value
        && !array.is_empty()
        && (was_long || is_wide && array.len() > 1)
    {
        array.iter_mut().for_each(|item| *item.decor_mut() = Decor::new("\n    ", ""));
        array.set_trailing_comma(true);
        array.set_trailing("\n");
    }
}

/// Whether it was written with an item a line.
fn is_long(array: &Array) -> bool {
    array.iter().next().is_some_and(|first| prefix(first.decor()).contains('\n'))
}

fn on_one_line(value: &mut Value) {
    match value {
        Value::Array(array) => {
            array.iter_mut().for_each(on_one_line);
            array.fmt();
        }
        Value::InlineTable(table) => inline(table),
        _ => {}
    }
}

fn inline(table: &mut InlineTable) {
    let count = table.len();
    for (index, (mut key, value)) in table.iter_mut().enumerate() {
        *key.leaf_decor_mut() = Decor::new(" ", " ");
        *key.dotted_decor_mut() = Decor::new("", "");
        if let Value::InlineTable(dotted) = value
            && dotted.is_dotted()
        {
            inline(dotted);
            continue;
        }
        on_one_line(value);
        *value.decor_mut() = Decor::new(" ", if index + 1 == count { " " } else { "" });
    }
    table.set_trailing_comma(false);
    table.set_trailing("");
}

/// The text would have to be moved with what it speaks of: what has comments inside stays as it was written.
fn has_comments(value: &Value) -> bool {
    let around = |decor: &Decor| prefix(decor).contains('#') || suffix(decor).contains('#');
    match value {
        Value::Array(array) => {
            array.trailing().as_str().unwrap_or_default().contains('#')
                || array.iter().any(|item| around(item.decor()) || has_comments(item))
        }
        Value::InlineTable(table) => {
            table.trailing().as_str().unwrap_or_default().contains('#')
                || table.iter().any(|(name, value)| {
                    let key = table.key(name).is_some_and(|key| around(key.leaf_decor()));
                    key || around(value.decor()) || has_comments(value)
                })
        }
        _ => false,
    }
}

fn prefix(decor: &Decor) -> &str {
    decor.prefix().and_then(RawString::as_str).unwrap_or_default()
}

fn suffix(decor: &Decor) -> &str {
    decor.suffix().and_then(RawString::as_str).unwrap_or_default()
}

/// The comments above something, without indentation, and blank lines: one of several, and one before the head of a table.
fn lines(raw: &str, is_head: bool) -> String {
    let mut text = String::new();
    let mut blank = is_head;
    // What follows the last line end stands before the thing itself.
    let above = raw.rsplit_once('\n').map(|(above, _)| above.split('\n'));
    for line in above.into_iter().flatten().map(str::trim) {
        if line.is_empty() {
            blank = true;
            continue;
        }
        if std::mem::take(&mut blank) {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
    }
    if blank {
        text.push('\n');
    }
    text
}

/// The comment behind something, as far from it as it was: people align them.
fn beside(raw: &str) -> String {
    let comment = raw.trim_end();
    match comment.starts_with('#') {
        true => format!(" {comment}"),
        false => comment.to_owned(),
    }
}

//! Other files of the same configuration: each table and each server as if it stood in the file that includes them.
//!
//! All of them are one text with one numbering of its bytes ([`Source::joined`]), so that whoever reports something needs to
//! know nothing of files.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use crate::config::TABLE;
use crate::glob::glob;
use crate::key::{Key, Kind, Need};
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::source::Source;

pub(crate) const KEY: Key = Key {
    name: "include",
    kind: Kind::List(&Kind::Text { hint: "a file, or a pattern such as \"sites/*.toml\"" }),
    need: Need::Optional,
    nginx: "include",
    doc: "Further files to read, as if their contents followed this file. Their servers come after the servers in this file, in the order of \
          the list; files that match the same pattern (`*`, `?`, `[a-z]`) are in the order of their names. Relative paths are relative to \
          the directory of this file. Lists such as `server` and tables of named entries such as `upstream` may be spread over several \
          files, with each name in only one; any other table may be in only one file. A pattern may match no file. Included files cannot \
          include other files.",
};

/// The text of a configuration's files, and what is wrong with those that could not be read.
pub(crate) struct Files {
    pub(crate) source: Source,
    pub(crate) problems: Vec<Diagnostic>,
}

impl Files {
    /// Reads the files that the first one includes, each once, whatever patterns there are for it.
    pub(crate) fn read(path: &Path, name: &str, text: String) -> Self {
        let mut known: HashSet<PathBuf> = path.canonicalize().into_iter().collect();
        let mut problems = Vec::new();
        let mut others = Vec::new();
        for (pattern, place) in asked(&text) {
            for other in paths(path, &pattern) {
                if !known.insert(other.canonicalize().unwrap_or_else(|_| other.clone())) {
                    continue;
                }
                match std::fs::read(&other).map(String::from_utf8) {
                    Ok(Ok(text)) => others.push((other.display().to_string(), text)),
                    Ok(Err(_)) => problems.push(unreadable(&place, &other, &"the file is not UTF-8")),
                    Err(error) => problems.push(unreadable(&place, &other, &error)),
                }
            }
        }
        let source = Source::joined(std::iter::once((name.to_owned(), text)).chain(others));
        Self { source, problems }
    }
}

/// A text that is in no directory includes nothing.
pub(crate) fn refuse(cx: &mut Context, root: &DeTable<'_>) {
    if let Some((name, _)) = root.get_key_value(KEY.name) {
        let diagnostic =
            Diagnostic::at(name.span(), "`include` requires a configuration that is read from a file");
        cx.push(diagnostic.label("there is no directory to include files from"));
    }
}

/// What the text includes, and where it says so. What is no text is told of with all else that is of a wrong type.
fn asked(text: &str) -> Vec<(String, Range<usize>)> {
    if !text.contains(KEY.name) {
        return Vec::new();
    }
    let (root, _) = DeTable::parse_recoverable(text);
    let items = root.get_ref().get(KEY.name).and_then(|value| value.get_ref().as_array());
    let items = items.into_iter().flatten();
    items.filter_map(|item| Some((item.get_ref().as_str()?.to_owned(), item.span()))).collect()
}

fn paths(main: &Path, pattern: &str) -> Vec<PathBuf> {
    let path = main.parent().unwrap_or(Path::new("")).join(pattern);
    if pattern.contains(['*', '?', '[']) { glob(&path) } else { vec![path] }
}

fn unreadable(place: &Range<usize>, path: &Path, why: &dyn std::fmt::Display) -> Diagnostic {
    let message = format!("the included file {} cannot be read: {why}", path.display());
    Diagnostic::at(place.clone(), message).label("included here")
}

/// What all files of a source say, and the errors of their syntax, each with where its file begins.
pub(crate) fn parse<'s>(cx: &mut Context, source: &'s Source) -> (DeTable<'s>, Vec<(usize, Error)>) {
    let mut root = DeTable::new();
    let mut syntax = Vec::new();
    for (index, part) in source.parts().enumerate() {
        let (table, errors) = DeTable::parse_recoverable(source.slice(part.clone()));
        syntax.extend(errors.into_iter().map(|error| (part.start, error)));
        let table = table.into_inner();
        if index == 0 { root = table } else { merge(cx, &mut root, moved_table(table, part.start)) }
    }
    (root, syntax)
}

/// Adds what an included file says.
fn merge<'s>(cx: &mut Context, root: &mut DeTable<'s>, part: DeTable<'s>) {
    for (name, value) in part {
        let written = name.get_ref().as_ref();
        if written == KEY.name {
            let diagnostic = Diagnostic::at(name.span(), "an included file cannot include other files");
            cx.push(diagnostic.label("expected in the main configuration file"));
            continue;
        }
        let kind = TABLE.key(written).map(|key| &key.kind);
        let first = root.get_key_value(written).map(|(name, _)| name.span());
        let Some(first) = first else {
            root.insert(name, value);
            continue;
        };
        let Some(known) = root.get_mut(written) else { continue };
        match (kind, known.get_mut(), value.get_ref()) {
            (Some(Kind::List(_)), DeValue::Array(known), DeValue::Array(_)) => {
                let DeValue::Array(items) = value.into_inner() else { continue };
                items.into_iter().for_each(|item| known.push(item));
            }
            (Some(Kind::Names(_)), DeValue::Table(known), DeValue::Table(_)) => {
                let DeValue::Table(named) = value.into_inner() else { continue };
                for (own, value) in named {
                    match known.get_key_value(own.get_ref().as_ref()) {
                        Some((first, _)) => {
                            let what = format!("`{}.{}`", name.get_ref(), own.get_ref());
                            twice(cx, &what, own.span(), first.span());
                        }
                        None => drop(known.insert(own, value)),
                    }
                }
            }
            _ => twice(cx, &format!("`{written}`"), name.span(), first),
        }
    }
}

fn twice(cx: &mut Context, what: &str, place: Range<usize>, first: Range<usize>) {
    let first = cx.span(first);
    let diagnostic = Diagnostic::at(place, format!("{what} is defined in two files"));
    cx.push(diagnostic.label("expected in only one file").related(first, "first defined here"));
}

/// A table whose places count from the beginning of another text.
fn moved_table(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    let name = |name: Spanned<_>| Spanned::new(moved_place(name.span(), by), name.into_inner());
    table.into_iter().map(|(key, value)| (name(key), moved(value, by))).collect()
}

fn moved(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let place = moved_place(value.span(), by);
    let value = match value.into_inner() {
        DeValue::Array(items) => DeValue::Array(items.into_iter().map(|item| moved(item, by)).collect()),
        DeValue::Table(table) => DeValue::Table(moved_table(table, by)),
        other => other,
    };
    Spanned::new(place, value)
}

/// A value that could not be read has no place, wherever that is.
fn moved_place(place: Range<usize>, by: usize) -> Range<usize> {
    if place == (0..0) { place } else { place.start + by..place.end + by }
}

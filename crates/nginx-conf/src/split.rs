//! The TOML in several files, as the nginx.conf was.

use std::collections::HashSet;
use std::path::Path;

use indexmap::IndexMap;

use crate::document::{Document, Section, Value};

/// The file that includes all others.
const MAIN: &str = "propylon.toml";
/// Where the others are.
const DIRECTORY: &str = "sites";

/// The names of files and their texts, the main one first. Each file of the nginx.conf that has servers, maps or upstreams outside of all
/// blocks but `http` and `stream` becomes one; all else is in the main one. The order of servers stays, for it says which is the default.
pub(crate) fn split(document: &Document, main: &str) -> Vec<(String, String)> {
    let mut document = document.clone();
    let stays = |section: &Section| section.file().is_none_or(|file| file == main);
    // Included servers come after those of the main file: what is behind them there is a file as well.
    let first = document.servers.iter().take_while(|section| stays(section)).count();
    let moved_servers = document.servers.split_off(first);
    let mut moved_named = Vec::new();
    for sections in [&mut document.named, &mut document.streams] {
        let (stay, mut moved): (Vec<_>, Vec<_>) = std::mem::take(sections).into_iter().partition(stays);
        *sections = stay;
        moved_named.append(&mut moved);
    }

    // Servers of a file that is included twice, with others between, are in two.
    let mut files: Vec<(&str, Vec<&Section>)> = Vec::new();
    for section in &moved_servers {
        let file = section.file().unwrap_or(main);
        match files.last_mut().filter(|(last, _)| *last == file) {
            Some((_, sections)) => sections.push(section),
            None => files.push((file, vec![section])),
        }
    }
    let mut beside: IndexMap<&str, Vec<&Section>> = IndexMap::new();
    for section in &moved_named {
        beside.entry(section.file().unwrap_or(main)).or_default().push(section);
    }
    for (file, sections) in &mut files {
        let named = beside.shift_remove(file).unwrap_or_default();
        sections.splice(0..0, named);
    }
    let mut names = HashSet::new();
    let others = files.into_iter().chain(beside);
    let others: Vec<_> =
        others.map(|(file, sections)| (name(file, &mut names), Document::render_alone(&sections))).collect();
    if !others.is_empty() {
        document.top.begin(&["include"], include(&others));
    }
    std::iter::once((MAIN.to_owned(), document.render().0)).chain(others).collect()
}

/// A name that no other has: `sites/example.com.toml`.
fn name(file: &str, known: &mut HashSet<String>) -> String {
    let stem = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
    let stem = stem.strip_suffix(".conf").unwrap_or(&stem).trim_start_matches('.');
    let stem: String =
        stem.chars().map(|c| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    let stem = if stem.is_empty() { "site" } else { &stem };
    let names = std::iter::once(stem.to_owned()).chain((2..).map(|count| format!("{stem}-{count}")));
    let free = names.map(|name| format!("{DIRECTORY}/{name}.toml")).find(|name| known.insert(name.clone()));
    free.unwrap_or_default() // there are more names than files
}

/// Ends with a pattern, so that files can be added; those whose servers come before others in spite of their names are listed first.
fn include(files: &[(String, String)]) -> Value {
    let is_sorted = |files: &[(String, String)]| files.is_sorted_by(|(one, _), (other, _)| one <= other);
    let listed =
        (0..files.len()).find(|count| files.get(*count..).is_some_and(is_sorted)).unwrap_or_default();
    let names = files.iter().take(listed).map(|(name, _)| Value::text(name));
    Value::List(names.chain([Value::text(format!("{DIRECTORY}/*.toml"))]).collect())
}

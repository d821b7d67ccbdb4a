//! The TOML in several files, as the nginx.conf was.

use std::collections::HashSet;
use std::path::Path;

use crate::document::{Document, Section, Value};

/// The file that includes all others.
const MAIN: &str = "propylon.toml";
/// Where the others are.
const DIRECTORY: &str = "sites";

/// The names of files and their texts, the main one first. Each file of the nginx.conf that has servers, maps or upstreams outside of all
/// blocks but `http` becomes one; all else is in the main one. The order of servers stays, for it says which is the default.
pub(crate) fn split(document: &Document, main: &str) -> Vec<(String, String)> {
    let mut document = document.clone();
    let sections = document.named.iter().chain(&document.servers);
    let mut files: Vec<String> = Vec::new();
    for file in sections.filter_map(Section::file) {
        if !files.iter().any(|known| known == file) {
            files.push(file.to_owned());
        }
    }
    // Included servers come after those of the main file.
    let mut servers = document.servers.iter().filter_map(Section::file).skip_while(|file| *file == main);
    let main_keeps_its_servers = servers.all(|file| file != main);
    let stays = |section: &Section, is_server: bool| {
        section.file().is_none_or(|file| file == main && (main_keeps_its_servers || !is_server))
    };
    let (named, moved_named): (Vec<_>, Vec<_>) =
        std::mem::take(&mut document.named).into_iter().partition(|section| stays(section, false));
    let (servers, moved_servers): (Vec<_>, Vec<_>) =
        std::mem::take(&mut document.servers).into_iter().partition(|section| stays(section, true));
    (document.named, document.servers) = (named, servers);
    let mut names = HashSet::new();
    let mut others = Vec::new();
    for file in &files {
        let of_file = |section: &&Section| section.file() == Some(file);
        let sections: Vec<_> =
            moved_named.iter().filter(of_file).chain(moved_servers.iter().filter(of_file)).collect();
        if !sections.is_empty() {
            others.push((name(file, &mut names), Document::render_alone(sections)));
        }
    }
    if !others.is_empty() {
        document.top.begin(&["include"], include(&others));
    }
    let mut all = vec![(MAIN.to_owned(), document.render().0)];
    all.extend(others);
    all
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

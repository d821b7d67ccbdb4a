//! The TOML that is written: sections with keys and comments, and where each piece came from.

use std::ops::Range;

use crate::place::Place;
pub(crate) use crate::quote::key;

mod codings;
mod inherit;
mod speaks;
mod streams;
mod value;
mod writer;

pub(crate) use speaks::{FASTCGI, GRPC, MEMCACHED, PASSES, SCGI, UWSGI, tongue, waits};
pub(crate) use value::Value;
use writer::Writer;

#[derive(Clone, Debug)]
enum Line {
    Comment(String),
    Key { path: Vec<String>, value: Value, place: Option<Place>, beside: Option<String> },
}

/// A table of the file: its header, its keys, the tables inside it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    /// `[runtime]`, `[[server]]`; empty: the top of the file.
    header: String,
    /// Comments above the header.
    above: Vec<String>,
    beside: Option<String>,
    place: Option<Place>,
    lines: Vec<Line>,
    children: Vec<Self>,
    /// The settings of `if` blocks of a location, which become locations of the server.
    conditional: Vec<Self>,
}

impl Section {
    pub(crate) fn new(header: impl Into<String>) -> Self {
        Self { header: header.into(), ..Self::default() }
    }

    /// The section of a block of the nginx.conf.
    pub(crate) fn of(
        header: impl Into<String>,
        place: &Place,
        above: &[String],
        beside: Option<&String>,
    ) -> Self {
        Self {
            header: header.into(),
            above: above.to_vec(),
            beside: beside.cloned(),
            place: Some(place.clone()),
            ..Self::default()
        }
    }

    /// A comment above everything in it.
    pub(crate) fn title(&mut self, text: impl Into<String>) {
        self.above.push(text.into());
    }

    /// Comments above its header, before those that are there.
    pub(crate) fn put_above(&mut self, comments: Vec<String>) {
        self.above.splice(0..0, comments);
    }

    pub(crate) fn comment(&mut self, text: impl Into<String>) {
        self.lines.push(Line::Comment(text.into()));
    }

    /// Whether it is an upstream that follows a name: then the system is asked where nobody else is to be.
    pub(crate) fn follows(&self) -> bool {
        self.lines.iter().any(|line| matches!(line, Line::Key { path, value, .. } if *path == ["server"] && value.names("resolve")))
    }

    /// Where a text with this in it stands, here or in the tables inside.
    fn place_of(&self, part: &str) -> Option<&Place> {
        let own = self.lines.iter().find_map(|line| match line {
            Line::Key { value, .. } => value.place_of(part),
            Line::Comment(_) => None,
        });
        let inside = || self.children.iter().chain(&self.conditional).find_map(|child| child.place_of(part));
        own.or_else(inside)
    }

    /// Takes over the lines of another section.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.lines.append(&mut other.lines);
    }

    pub(crate) fn child(&mut self, section: Self) {
        self.children.push(section);
    }

    /// The settings of an `if` block inside.
    pub(crate) fn conditional(&mut self, section: Self) {
        self.conditional.push(section);
    }

    /// Whether an `if` block inside has settings.
    pub(crate) fn has_conditional(&self) -> bool {
        !self.conditional.is_empty()
    }

    /// Takes the value of a key away.
    pub(crate) fn take(&mut self, path: &[&str]) -> Option<Value> {
        let found = self.value_mut(path).cloned();
        self.remove(path);
        found
    }

    /// Whether any key is there.
    pub(crate) fn has_keys(&self) -> bool {
        self.lines.iter().any(|line| matches!(line, Line::Key { .. }))
    }

    /// Whether all of its keys are in this table.
    pub(crate) fn is_all_in(&self, table: &str) -> bool {
        self.lines.iter().all(|line| match line {
            Line::Key { path, .. } => path.first().is_some_and(|first| first == table),
            Line::Comment(_) => true,
        })
    }

    /// The comments between its keys.
    pub(crate) fn comments(&self) -> impl Iterator<Item = &String> {
        self.lines.iter().flat_map(|line| match line {
            Line::Comment(text) => Some(text),
            Line::Key { beside, .. } => beside.as_ref(),
        })
    }

    /// Its keys under another table's name: `from` becomes `to`; other keys are given back.
    pub(crate) fn moved(self, from: &[&str], to: &[&str]) -> Vec<(Vec<String>, Value, Option<Place>)> {
        let keys = self.lines.into_iter().filter_map(|line| match line {
            Line::Key { path, value, place, .. } => Some((path, value, place)),
            Line::Comment(_) => None,
        });
        keys.map(|(path, value, place)| {
            let rest = path.iter().zip(from).all(|(a, b)| a == b).then(|| path.get(from.len()..)).flatten();
            let path = match rest {
                Some(rest) => to.iter().map(|&part| part.to_owned()).chain(rest.iter().cloned()).collect(),
                None => path,
            };
            (path, value, place)
        })
        .collect()
    }

    /// Where its block stands.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// The file that its block stands in.
    pub(crate) fn file(&self) -> Option<&str> {
        self.place.as_ref().map(Place::file)
    }

    /// Puts the note beside the last key, if it has none yet.
    pub(crate) fn beside(&mut self, note: &str) {
        if let Some(Line::Key { beside: beside @ None, .. }) = self.lines.last_mut() {
            *beside = Some(note.to_owned());
        }
    }

    /// Whether a key is there, or one below it.
    pub(crate) fn has(&self, path: &[&str]) -> bool {
        self.lines.iter().any(|line| match line {
            Line::Key { path: known, .. } => {
                known.len() >= path.len() && known.iter().zip(path).all(|(a, b)| a == b)
            }
            Line::Comment(_) => false,
        })
    }

    /// Writes a key; what stood there before is gone.
    pub(crate) fn set(&mut self, path: &[&str], value: Value, place: Option<&Place>) {
        if let Some(found) = self.value_mut(path) {
            *found = value;
            return;
        }
        let path = path.iter().map(|&part| part.to_owned()).collect();
        self.lines.push(Line::Key { path, value, place: place.cloned(), beside: None });
    }

    /// Writes a key before all others.
    pub(crate) fn begin(&mut self, path: &[&str], value: Value) {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        self.lines.insert(0, Line::Key { path, value, place: self.place.clone(), beside: None });
    }

    /// Adds an item to a list, which begins with it if there is none.
    pub(crate) fn push(&mut self, path: &[&str], item: Value, place: Option<&Place>) {
        match self.value_mut(path) {
            Some(Value::List(items)) => items.push(item),
            _ => self.set(path, Value::List(vec![item]), place),
        }
    }

    /// Takes a text out of all lists of a table; a list that becomes empty goes.
    pub(crate) fn drop_text(&mut self, table: &[&str], text: &str) {
        for key in self.child_keys(table) {
            let path = [table, &[&key]].concat();
            let Some(Value::List(items)) = self.value_mut(&path) else { continue };
            items.retain(|item| item.as_text() != Some(text));
            if items.is_empty() {
                self.remove(&path);
            }
        }
    }

    /// Adds a value to a key: alone it stands for itself, several are a list.
    pub(crate) fn add(&mut self, path: &[&str], item: Value, place: Option<&Place>) {
        match self.value_mut(path) {
            Some(Value::List(items)) => items.push(item),
            Some(alone) => *alone = Value::List(vec![alone.clone(), item]),
            None => self.set(path, item, place),
        }
    }

    /// Takes a key away.
    pub(crate) fn remove(&mut self, path: &[&str]) {
        self.lines.retain(|line| !matches!(line, Line::Key { path: known, .. } if known == path));
    }

    /// Whether this is its header.
    pub(crate) fn is_called(&self, header: &str) -> bool {
        self.header == header
    }

    /// The texts of a list.
    pub(crate) fn texts(&self, path: &[&str]) -> Vec<String> {
        let found = self.lines.iter().find_map(|line| match line {
            Line::Key { path: known, value: Value::List(items), .. } if known == path => Some(items),
            _ => None,
        });
        found.into_iter().flatten().filter_map(|item| Some(item.as_text()?.to_owned())).collect()
    }

    /// Whether a key is there, and true.
    pub(crate) fn is_on(&self, path: &[&str]) -> bool {
        self.lines.iter().any(|line| match line {
            Line::Key { path: known, value, .. } => known == path && value.is_true(),
            Line::Comment(_) => false,
        })
    }

    pub(crate) fn value_mut(&mut self, path: &[&str]) -> Option<&mut Value> {
        self.lines.iter_mut().find_map(|line| match line {
            Line::Key { path: known, value, .. } if known == path => Some(value),
            _ => None,
        })
    }

    /// The keys of a table.
    pub(crate) fn child_keys(&self, table: &[&str]) -> Vec<String> {
        let keys = self.lines.iter().filter_map(|line| match line {
            Line::Key { path, .. }
                if path.len() > table.len() && path.iter().zip(table).all(|(a, b)| a == b) =>
            {
                path.get(table.len()).cloned()
            }
            _ => None,
        });
        keys.collect()
    }

    /// The same keys inside a table of this name.
    pub(crate) fn under(&self, table: &str) -> Self {
        let mut section = self.clone();
        for line in &mut section.lines {
            if let Line::Key { path, .. } = line {
                path.insert(0, table.to_owned());
            }
        }
        section
    }

    /// Takes a table away.
    pub(crate) fn remove_all(&mut self, table: &[&str]) {
        self.lines.retain(|line| !matches!(line, Line::Key { path, .. } if path.len() >= table.len() && path.iter().zip(table).all(|(a, b)| a == b)));
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.children.is_empty() && self.place.is_none()
    }
}

/// The whole file, in the order of the documentation's example.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) top: Section,
    pub(crate) runtime: Section,
    pub(crate) error_log: Section,
    pub(crate) resolver: Section,
    pub(crate) log_format: Section,
    pub(crate) claim_set: Section,
    pub(crate) header_set: Section,
    /// Maps and upstreams, in the order of the nginx.conf.
    pub(crate) named: Vec<Section>,
    pub(crate) defaults: Section,
    pub(crate) servers: Vec<Section>,
    pub(crate) streams: Vec<Section>,
    /// The maps and upstreams of `stream`, until its names are known to be nobody else's.
    pub(crate) stream_named: Vec<Section>,
    /// Its log formats.
    pub(crate) stream_formats: Section,
}

impl Document {
    pub(crate) fn new() -> Self {
        Self {
            top: Section::default(),
            runtime: Section::new("[runtime]"),
            error_log: Section::new("[error_log]"),
            resolver: Section::new("[resolver]"),
            log_format: Section::new("[log_format]"),
            claim_set: Section::new("[jwt_claim_set]"),
            header_set: Section::new("[jwt_header_set]"),
            named: Vec::new(),
            defaults: Section::new("[defaults]"),
            servers: Vec::new(),
            streams: Vec::new(),
            stream_named: Vec::new(),
            stream_formats: Section::default(),
        }
    }

    /// Guides use `$connection_upgrade` and forget the map that nginx's own documentation defines it by: it is added, and
    /// where it is used is returned.
    pub(crate) fn add_connection_upgrade(&mut self) -> Option<Place> {
        const HEADER: &str = "[map.connection_upgrade]";
        if self.named.iter().any(|section| section.header == HEADER) {
            return None;
        }
        let all = [&self.log_format, &self.defaults].into_iter().chain(&self.named).chain(&self.servers);
        let place = all.into_iter().find_map(|section| section.place_of("$connection_upgrade"))?.clone();
        let mut section = Section::new(HEADER);
        section.above.push(" not in the nginx.conf: the usual one".to_owned());
        section.set(&["key"], Value::text("$http_upgrade"), Some(&place));
        section.set(&["default"], Value::text("upgrade"), Some(&place));
        section.set(&["values", ""], Value::text("close"), Some(&place));
        self.named.insert(0, section);
        Some(place)
    }

    /// The text, and which part of it came from where.
    pub(crate) fn render(&self) -> (String, Vec<(Range<usize>, Place)>) {
        let mut writer = Writer::default();
        let process = [&self.top, &self.runtime, &self.error_log, &self.resolver, &self.log_format];
        let tokens = [&self.claim_set, &self.header_set];
        let rest = self.named.iter().chain([&self.defaults]).chain(&self.servers).chain(&self.streams);
        process.into_iter().chain(tokens).chain(rest).for_each(|section| writer.section(section));
        (writer.text, writer.origins)
    }

    /// The text of some of its sections.
    pub(crate) fn render_alone(sections: &[&Section]) -> String {
        let mut writer = Writer::default();
        sections.iter().for_each(|section| writer.section(section));
        writer.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quote::quote;

    #[test]
    fn text_reads_back() {
        for text in ["", "a", "a b", "it's", "say \"hi\"", "\\d+\\.", "both ' and \"", "tab\t\u{7f}\u{0}é"] {
            let line = format!("{} = {}\n", key(text), quote(text));
            let table = propylon_config::parse(&line, "t").unwrap_err();
            let message = &table.diagnostics()[0].message;
            assert!(message.starts_with("unknown key"), "{line}: {message}");
        }
    }

    #[test]
    fn lists_grow() {
        let mut section = Section::new("[x]");
        section.add(&["headers", "add", "A"], Value::text("1"), None);
        section.add(&["headers", "add", "A"], Value::text("2"), None);
        section.push(&["names"], Value::text("a"), None);
        assert!(section.has(&["headers"]) && !section.has(&["header"]));
        let mut writer = Writer::default();
        writer.section(&section);
        assert_eq!(writer.text, "[x]\nheaders.add.A = [\"1\", \"2\"]\nnames = [\"a\"]\n");
    }
}

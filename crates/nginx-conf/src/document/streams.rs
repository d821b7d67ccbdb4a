//! Streams: what they inherit is written out, and the names that they have in common with `http` are told apart.

use std::collections::BTreeSet;

use super::writer::Writer;
use super::{Document, Line, Section, Value};
use crate::place::Place;

impl Document {
    /// The variables that `http` defines beside its maps and their like, in lower case.
    pub(crate) fn set_names(&self) -> BTreeSet<String> {
        let all: Vec<&Section> = self.named.iter().chain([&self.defaults]).chain(&self.servers).collect();
        propylon_config::set_names(&Self::render_alone(&all))
    }
}

impl Section {
    /// The keys of an outer level that are missing here, as nginx inherits them: directive by directive.
    pub(crate) fn inherit_keys(&mut self, outer: &Self, wanted: impl Fn(&Self, &[&str]) -> bool) {
        let own = self.clone();
        for line in &outer.lines {
            let Line::Key { path, value, place, .. } = line else { continue };
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            if !own.has(&path) && wanted(&own, &path) {
                self.set(&path, value.clone(), place.as_ref());
            }
        }
    }

    /// Where the directive stands that a key was made of.
    pub(crate) fn stands_at(&self, path: &[&str]) -> Option<&Place> {
        self.lines.iter().find_map(|line| match line {
            Line::Key { path: known, place, .. } if known == path => place.as_ref(),
            _ => None,
        })
    }

    /// What kind of thing its header names, and the name: `upstream` and `db` of `[upstream.db]`.
    pub(crate) fn kind_and_name(&self) -> Option<(&str, &str)> {
        let (kind, name) = self.header.strip_prefix('[')?.strip_suffix(']')?.split_once('.')?;
        Some((kind, name.trim_matches(['"', '\''])))
    }

    /// Gives it another header.
    pub(crate) fn rename(&mut self, header: String) {
        self.header = header;
    }

    /// Whether another one says the same, in whatever place.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let text = |section: &Self| {
            let keys = section.lines.iter().filter_map(|line| match line {
                Line::Key { path, value, .. } => {
                    Some(Line::Key { path: path.clone(), value: value.clone(), place: None, beside: None })
                }
                Line::Comment(_) => None,
            });
            let mut writer = Writer::default();
            writer.section(&Self {
                header: section.header.clone(),
                lines: keys.collect(),
                ..Self::default()
            });
            writer.text
        };
        text(self) == text(other)
    }

    /// Changes all texts of its values: told are the key of the section, or the innermost of a table in it, and the text.
    pub(crate) fn each_text(&mut self, mut change: impl FnMut(&str, &mut String)) {
        for line in &mut self.lines {
            if let Line::Key { path, value, .. } = line {
                value.each_text(path.last().map_or("", String::as_str), &mut change);
            }
        }
    }

    /// The names of the groups in the patterns of a map.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &str> {
        let patterns = self.lines.iter().filter_map(|line| match line {
            Line::Key { path, .. } => pattern(path),
            Line::Comment(_) => None,
        });
        patterns.flat_map(|pattern| propylon_config::group_names(pattern)).map(|(_, name)| name)
    }

    /// Gives those groups another name that have this one.
    pub(crate) fn rename_group(&mut self, from: &str, to: &str) {
        for line in &mut self.lines {
            let Line::Key { path, .. } = line else { continue };
            let Some(old) = pattern(path) else { continue };
            let mut new = old.to_owned();
            for (at, name) in propylon_config::group_names(old).into_iter().rev() {
                let opened = old.get(at..).and_then(|group| group.find(['<', '\'']));
                if let Some(opened) = opened.filter(|_| name.eq_ignore_ascii_case(from)) {
                    let start = at + opened + 1;
                    new.replace_range(start..start + name.len(), to);
                }
            }
            path.splice(1.., [new]);
        }
    }

    /// The keys at its top, with what stands there and where it came from.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, Option<&Place>)> {
        self.lines.iter().filter_map(|line| match line {
            Line::Key { path, place, .. } => Some((path.first()?.as_str(), place.as_ref())),
            Line::Comment(_) => None,
        })
    }

    /// Gives a key at its top another name.
    pub(crate) fn rename_key(&mut self, from: &str, to: &str) {
        for line in &mut self.lines {
            if let Line::Key { path, .. } = line
                && let [name] = &mut path[..]
                && name == from
            {
                *name = to.to_owned();
            }
        }
    }

    /// This key alone.
    pub(crate) fn only(&self, key: &str) -> Self {
        let lines = self.lines.iter().filter(|line| matches!(line, Line::Key { path, .. } if path == &[key]));
        Self { lines: lines.cloned().collect(), ..Self::default() }
    }
}

/// The pattern that a key of a map's values is.
fn pattern(path: &[String]) -> Option<&str> {
    match path {
        [values, pattern] if values == "values" => {
            Some(pattern.as_str()).filter(|text| text.starts_with('~'))
        }
        _ => None,
    }
}

impl Value {
    fn each_text(&mut self, key: &str, change: &mut dyn FnMut(&str, &mut String)) {
        match self {
            Self::Raw(_) => {}
            Self::Text(text) => change(key, text),
            Self::List(items) => items.iter_mut().for_each(|item| item.each_text(key, change)),
            Self::Table(pairs) => pairs.iter_mut().for_each(|(key, value)| value.each_text(key, change)),
            Self::At(value, _) => value.each_text(key, change),
        }
    }
}

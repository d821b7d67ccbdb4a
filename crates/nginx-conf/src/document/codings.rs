//! Codings: nginx and modules for it have a switch for each, which is inherited by itself; here they are one list.

use super::{Line, Section, Value};
use crate::place::Place;

/// The best first.
const CODINGS: [&str; 3] = ["zstd", "br", "gzip"];

/// Lists of codings.
const LISTS: [[&str; 2]; 2] = [["compression", "codings"], ["files", "precompressed"]];

/// Where a switch is kept until all of them are known: no key has a blank.
fn switch(key: &str, coding: &str) -> String {
    format!("{key} {coding}")
}

impl Section {
    /// Whether a coding is in a list, here and further in.
    pub(crate) fn switch_coding(&mut self, [table, key]: [&str; 2], coding: &str, on: bool, place: &Place) {
        self.set(&[table, &switch(key, coding)], Value::flag(on), Some(place));
    }

    /// Writes the lists of which a switch stands here, as all switches from here outwards have them.
    pub(super) fn list_codings(&mut self, outer: &[&Self]) -> Vec<([&'static str; 2], Value)> {
        let mut lists = Vec::new();
        for list @ [table, key] in LISTS {
            let stands = |section: &Self, coding: &str| section.has(&[table, &switch(key, coding)]);
            if !CODINGS.iter().any(|coding| stands(self, coding)) {
                continue;
            }
            let is_on = |coding: &&str| {
                let nearest = std::iter::once(&*self).chain(outer.iter().rev().copied());
                let mut nearest = nearest.filter(|section| stands(section, coding));
                nearest.next().is_some_and(|section| section.is_on(&[table, &switch(key, coding)]))
            };
            let on = CODINGS.iter().filter(|coding| is_on(coding)).map(|coding| Value::text(*coding));
            lists.push((list, Value::List(on.collect())));
        }
        lists
    }

    /// Puts lists in the place of their switches, which those further in have seen.
    pub(super) fn put_codings(&mut self, lists: Vec<([&'static str; 2], Value)>) {
        for ([table, key], list) in lists {
            let is_switch = |path: &[String]| matches!(path, [one, other] if one == table && CODINGS.iter().any(|coding| *other == switch(key, coding)));
            let mut list = Some(list);
            self.lines.retain_mut(|line| match line {
                Line::Key { path, value, .. } if is_switch(path) => match list.take() {
                    Some(list) => {
                        *path = vec![table.to_owned(), key.to_owned()];
                        *value = list;
                        true
                    }
                    None => false,
                },
                _ => true,
            });
        }
    }

    /// The same for the outermost level.
    pub(crate) fn complete_codings(&mut self) {
        let lists = self.list_codings(&[]);
        self.put_codings(lists);
    }
}

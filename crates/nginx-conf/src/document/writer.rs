//! Sections as text.

use std::fmt::Write;
use std::ops::Range;

use super::{Line, Section, Value, key};
use crate::place::Place;
use crate::quote::{plain, quote};

#[derive(Default)]
pub(super) struct Writer {
    pub(super) text: String,
    /// Which part of the text came from where.
    pub(super) origins: Vec<(Range<usize>, Place)>,
}

impl Writer {
    pub(super) fn section(&mut self, section: &Section) {
        if section.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        section.above.iter().for_each(|text| self.comment(text));
        if !section.header.is_empty() {
            let start = self.text.len();
            self.text.push_str(&section.header);
            self.from(start, section.place.as_ref());
            self.end(section.beside.as_deref());
        }
        for line in &section.lines {
            match line {
                Line::Comment(text) => self.comment(text),
                Line::Key { path, value, place, beside } => {
                    let start = self.text.len();
                    let path: Vec<String> = path.iter().map(|part| key(part)).collect();
                    // Writing to a String cannot fail.
                    let _ = write!(self.text, "{} = ", path.join("."));
                    self.value(value);
                    self.from(start, place.as_ref());
                    self.end(beside.as_deref());
                }
            }
        }
        section.children.iter().for_each(|child| self.section(child));
    }

    fn comment(&mut self, text: &str) {
        let _ = writeln!(self.text, "#{}", plain(text));
    }

    fn end(&mut self, beside: Option<&str>) {
        if let Some(note) = beside {
            let _ = write!(self.text, " #{}", plain(note));
        }
        self.text.push('\n');
    }

    fn from(&mut self, start: usize, place: Option<&Place>) {
        if let Some(place) = place {
            self.origins.push((start..self.text.len(), place.clone()));
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Raw(text) => self.text.push_str(text),
            Value::Text(text) => self.text.push_str(&quote(text)),
            Value::List(items) => {
                self.text.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.text.push_str(if index == 0 { "" } else { ", " });
                    self.value(item);
                }
                self.text.push(']');
            }
            Value::Table(pairs) if pairs.is_empty() => self.text.push_str("{}"),
            Value::Table(pairs) => {
                self.text.push_str("{ ");
                for (index, (name, value)) in pairs.iter().enumerate() {
                    self.text.push_str(if index == 0 { "" } else { ", " });
                    self.text.push_str(&key(name));
                    self.text.push_str(" = ");
                    self.value(value);
                }
                self.text.push_str(" }");
            }
            Value::At(value, place) => {
                let start = self.text.len();
                self.value(value);
                self.from(start, Some(place));
            }
        }
    }
}

//! The tables of keys that everything is generated from: what is read, the JSON Schema and the reference page.

use std::fmt;

use crate::nearest::nearest;

/// One TOML table: its keys, in the order of the reference page.
pub(crate) struct Table {
    /// The path in the reference: `timeout`, `upstream.NAME`.
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) keys: &'static [Key],
    /// Names whose capability is not built: an error of its own, never ignored.
    pub(crate) unbuilt: &'static [&'static str],
}

/// The name alone: locations have locations.
impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Table").field(&self.name).finish()
    }
}

impl Table {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// All keys, for people.
    pub(crate) fn names(&self) -> String {
        self.keys.iter().map(|key| format!("`{}`", key.name)).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn nearest(&self, written: &str) -> Option<&'static str> {
        nearest(written, self.keys.iter().map(|key| key.name))
    }
}

/// One key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) need: Need,
    /// The nginx directive, or "".
    pub(crate) nginx: &'static str,
    pub(crate) doc: &'static str,
}

/// What happens when a key is not written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// This TOML text counts.
    Default(&'static str),
    /// There is no value.
    Optional,
    /// It is an error.
    Required,
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Kind {
    Bool,
    Integer {
        min: u64,
        max: u64,
    },
    Duration {
        zero: bool,
    },
    Size,
    /// Plain text. `hint` says what is expected: "a file", "an address such as ...".
    Text {
        hint: &'static str,
    },
    /// Text with variables.
    Template,
    /// A URL with variables.
    Url {
        hint: &'static str,
    },
    Choice {
        built: &'static [&'static str],
        unbuilt: &'static [&'static str],
    },
    List(&'static Self),
    /// The first one that the TOML type fits.
    Either(&'static [Self]),
    /// A table with names of the user's choice.
    Names(&'static Self),
    Table(&'static Table),
}

impl Kind {
    /// What to say when something else stands there.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Bool => "`true` or `false`".into(),
            Self::Integer { min, max: u64::MAX } => format!("a whole number, {min} or more"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Duration { zero: true } => {
                "a duration such as \"300ms\", \"5s\", \"1h30m\" or \"0\"".into()
            }
            Self::Duration { zero: false } => "a duration such as \"300ms\", \"5s\" or \"1h30m\"".into(),
            Self::Size => "a size such as \"512\", \"4k\", \"16m\" or \"1g\"".into(),
            Self::Text { hint } | Self::Url { hint } => (*hint).into(),
            Self::Template => "a template such as \"$host\"".into(),
            Self::Choice { built, .. } => match built {
                [one] => format!("\"{one}\""),
                many => format!("one of {}", quoted(many)),
            },
            Self::List(Self::Table(table)) => format!("an array of tables, each `[[{}]]`", table.name),
            Self::List(item) => format!("a list, each item {}", item.expected()),
            Self::Either(kinds) => kinds.iter().map(Self::expected).collect::<Vec<_>>().join(", or "),
            Self::Names(item) => format!("a table, each value {}", item.expected()),
            Self::Table(table) => format!("a table of {}", table.names()),
        }
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

pub(crate) const PATH: Kind = Kind::Text { hint: "a file path" };

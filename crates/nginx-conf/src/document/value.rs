//! A value of the TOML that is written.

use crate::place::Place;

/// A value as it will be written.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A number, a boolean: as it is.
    Raw(String),
    Text(String),
    List(Vec<Self>),
    Table(Vec<(String, Self)>),
    /// A value that one word of the nginx.conf stands for.
    At(Box<Self>, Place),
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn flag(on: bool) -> Self {
        Self::Raw(on.to_string())
    }

    pub(crate) fn number(number: u64) -> Self {
        Self::Raw(number.to_string())
    }

    pub(crate) fn table(pairs: impl IntoIterator<Item = (&'static str, Self)>) -> Self {
        Self::Table(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Where a text with this in it stands, if any has.
    pub(super) fn place_of(&self, part: &str) -> Option<&Place> {
        match self {
            Self::Raw(_) | Self::Text(_) => None,
            Self::List(items) => items.iter().find_map(|item| item.place_of(part)),
            Self::Table(pairs) => pairs.iter().find_map(|(_, value)| value.place_of(part)),
            Self::At(value, place) => match &**value {
                Self::Text(text) => text.contains(part).then_some(place),
                inner => inner.place_of(part),
            },
        }
    }

    /// Where it stands, if one word stands for it.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            Self::At(_, place) => Some(place),
            _ => None,
        }
    }

    /// Whether it is `true`.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Raw(text) => text == "true",
            Self::At(value, _) => value.is_true(),
            _ => false,
        }
    }

    /// Whether a key of this name is anywhere inside.
    pub(super) fn names(&self, key: &str) -> bool {
        match self {
            Self::Raw(_) | Self::Text(_) => false,
            Self::List(items) => items.iter().any(|item| item.names(key)),
            Self::Table(pairs) => pairs.iter().any(|(name, value)| name == key || value.names(key)),
            Self::At(value, _) => value.names(key),
        }
    }

    pub(crate) fn at(self, place: &Place) -> Self {
        Self::At(Box::new(self), place.clone())
    }

    /// Appends a word to a text that has it not.
    pub(crate) fn add_word(&mut self, word: &str) {
        match self {
            Self::Text(text) if !text.split(' ').any(|known| known == word) => {
                text.push(' ');
                text.push_str(word);
            }
            Self::At(value, _) => value.add_word(word),
            _ => {}
        }
    }

    /// The text, if it is one.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::At(value, _) => value.as_text(),
            _ => None,
        }
    }
}

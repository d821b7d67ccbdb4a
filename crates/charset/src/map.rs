//! Which character of one charset is which of another. Pure.

use std::sync::Arc;

use crate::recode::{ByteTable, FromUtf8, Recoder, ToUtf8};

/// What two charsets have in common, for both directions.
#[derive(Clone, Debug)]
pub struct Map {
    from: Box<str>,
    to: Box<str>,
    tables: Tables,
}

#[derive(Clone, Debug)]
enum Tables {
    Bytes { forth: Arc<ByteTable>, back: Arc<ByteTable> },
    Utf8 { forth: Arc<ToUtf8>, back: Arc<FromUtf8> },
}

/// A map that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MapError {
    /// Both sides are the same charset.
    #[error("a charset cannot be mapped to itself")]
    Same,
    /// UTF-8 is not a charset of single bytes.
    #[error("UTF-8 can only be the target charset of a map")]
    FromUtf8,
}

const UTF8: &str = "utf-8";

impl Map {
    /// Between two charsets of one byte a character. What is not named is the same below 128, and unknown from there on.
    ///
    /// # Errors
    /// Where the charsets are the same, or one of them is UTF-8.
    pub fn bytes(
        from: impl Into<Box<str>>,
        to: impl Into<Box<str>>,
        pairs: impl IntoIterator<Item = (u8, u8)>,
    ) -> Result<Self, MapError> {
        let (from, to) = (from.into(), to.into());
        if from.eq_ignore_ascii_case(&to) {
            return Err(MapError::Same);
        }
        if from.eq_ignore_ascii_case(UTF8) || to.eq_ignore_ascii_case(UTF8) {
            return Err(MapError::FromUtf8);
        }
        let (mut forth, mut back) = (ByteTable::new(), ByteTable::new());
        for (one, other) in pairs {
            forth.set(one, other);
            back.set(other, one);
        }
        Ok(Self { from, to, tables: Tables::Bytes { forth: Arc::new(forth), back: Arc::new(back) } })
    }

    /// Between a charset of one byte a character and UTF-8. What is not named is the same below 128, and unknown from there on.
    ///
    /// # Errors
    /// Where the charset is UTF-8 itself.
    pub fn to_utf8(
        from: impl Into<Box<str>>,
        pairs: impl IntoIterator<Item = (u8, char)>,
    ) -> Result<Self, MapError> {
        let from = from.into();
        if from.eq_ignore_ascii_case(UTF8) {
            return Err(MapError::Same);
        }
        let (mut forth, mut back) = (ToUtf8::new(), FromUtf8::new());
        for (byte, character) in pairs {
            forth.set(byte, character);
            back.set(character, byte);
        }
        let tables = Tables::Utf8 { forth: Arc::new(forth), back: Arc::new(back) };
        Ok(Self { from, to: UTF8.into(), tables })
    }

    /// Whether one of its charsets has this name.
    pub(crate) fn knows(&self, name: &[u8]) -> bool {
        is(&self.from, name) || is(&self.to, name)
    }

    /// Whether lengths change.
    pub(crate) const fn is_utf8(&self) -> bool {
        matches!(self.tables, Tables::Utf8 { .. })
    }

    /// How to get from the charset `source` to the charset `wanted`, if this is the map for it.
    pub(crate) fn recoder(&self, source: &[u8], wanted: &[u8]) -> Option<Recoder> {
        if is(&self.from, source) && is(&self.to, wanted) {
            return Some(match &self.tables {
                Tables::Bytes { forth, .. } => Recoder::Bytes(forth.clone()),
                Tables::Utf8 { forth, .. } => Recoder::ToUtf8(forth.clone()),
            });
        }
        (is(&self.to, source) && is(&self.from, wanted)).then(|| match &self.tables {
            Tables::Bytes { back, .. } => Recoder::Bytes(back.clone()),
            Tables::Utf8 { back, .. } => Recoder::from_utf8(back.clone()),
        })
    }
}

fn is(name: &str, other: &[u8]) -> bool {
    name.as_bytes().eq_ignore_ascii_case(other)
}

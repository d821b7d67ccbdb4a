//! Bytes of one charset to bytes of another. Pure.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;

/// What stands for a character that is not known.
const UNKNOWN: u8 = b'?';

/// One byte for each byte.
#[derive(Clone, Debug)]
pub(crate) struct ByteTable([u8; 256]);

impl ByteTable {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|byte| u8::try_from(byte).ok().filter(u8::is_ascii).unwrap_or(UNKNOWN)))
    }

    pub(crate) fn set(&mut self, from: u8, to: u8) {
        if let Some(entry) = self.0.get_mut(usize::from(from)) {
            *entry = to;
        }
    }

    fn get(&self, byte: u8) -> u8 {
        self.0.get(usize::from(byte)).copied().unwrap_or(UNKNOWN)
    }
}

/// One character for each byte.
#[derive(Clone, Debug)]
pub(crate) struct ToUtf8([char; 256]);

impl ToUtf8 {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|byte| {
            u8::try_from(byte).ok().filter(u8::is_ascii).map_or(char::from(UNKNOWN), char::from)
        }))
    }

    pub(crate) fn set(&mut self, from: u8, to: char) {
        if let Some(entry) = self.0.get_mut(usize::from(from)) {
            *entry = to;
        }
    }

    fn get(&self, byte: u8) -> char {
        self.0.get(usize::from(byte)).copied().unwrap_or(char::from(UNKNOWN))
    }
}

/// A byte for some characters: pages of 256, as few as there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct FromUtf8(HashMap<u32, Box<[Option<u8>; 256]>>);

impl FromUtf8 {
    pub(crate) fn new() -> Self {
        let mut table = Self::default();
        (0..128).for_each(|byte| table.set(char::from(byte), byte));
        table
    }

    pub(crate) fn set(&mut self, from: char, to: u8) {
        let page = self.0.entry(u32::from(from) >> 8).or_insert_with(|| Box::new([None; 256]));
        if let Some(entry) = page.get_mut((u32::from(from) & 0xFF) as usize) {
            *entry = Some(to);
        }
    }

    fn get(&self, character: char) -> Option<u8> {
        *self.0.get(&(u32::from(character) >> 8))?.get((u32::from(character) & 0xFF) as usize)?
    }
}

/// The work on one body.
#[derive(Clone, Debug)]
pub(crate) enum Recoder {
    Bytes(Arc<ByteTable>),
    ToUtf8(Arc<ToUtf8>),
    FromUtf8 {
        table: Arc<FromUtf8>,
        /// A character that is not complete yet: three bytes at most.
        begun: Vec<u8>,
    },
}

impl Recoder {
    pub(crate) const fn from_utf8(table: Arc<FromUtf8>) -> Self {
        Self::FromUtf8 { table, begun: Vec::new() }
    }

    /// Whether each byte becomes one byte.
    pub(crate) const fn keeps_length(&self) -> bool {
        matches!(self, Self::Bytes(_))
    }

    /// The next piece; it may be empty while a character is not complete.
    pub(crate) fn recode(&mut self, piece: Bytes) -> Bytes {
        match self {
            Self::Bytes(table) if piece.iter().all(|byte| table.get(*byte) == *byte) => piece,
            Self::Bytes(table) => piece.iter().map(|byte| table.get(*byte)).collect(),
            Self::ToUtf8(_) if piece.is_ascii() => piece,
            Self::ToUtf8(table) => {
                piece.iter().map(|byte| table.get(*byte)).collect::<String>().into_bytes().into()
            }
            Self::FromUtf8 { begun, .. } if begun.is_empty() && piece.is_ascii() => piece,
            Self::FromUtf8 { table, begun } => {
                let mut recoded = Vec::with_capacity(piece.len());
                if begun.is_empty() {
                    *begun = from_utf8(table, &piece, &mut recoded);
                } else {
                    begun.extend_from_slice(&piece);
                    let whole = std::mem::take(begun);
                    *begun = from_utf8(table, &whole, &mut recoded);
                }
                recoded.into()
            }
        }
    }

    /// What is left when the body is over.
    pub(crate) fn finish(&mut self) -> Option<Bytes> {
        let Self::FromUtf8 { begun, .. } = self else { return None };
        (!std::mem::take(begun).is_empty()).then_some(Bytes::from_static(&[UNKNOWN]))
    }

    /// Whether a character is not complete.
    pub(crate) fn is_amid(&self) -> bool {
        matches!(self, Self::FromUtf8 { begun, .. } if !begun.is_empty())
    }
}

/// Writes what is complete of `text`; returns the rest.
fn from_utf8(table: &FromUtf8, mut text: &[u8], recoded: &mut Vec<u8>) -> Vec<u8> {
    loop {
        let (valid, broken) = match std::str::from_utf8(text) {
            Ok(valid) => (valid, None),
            Err(error) => {
                let (valid, rest) = text.split_at_checked(error.valid_up_to()).unwrap_or((b"", text));
                (std::str::from_utf8(valid).unwrap_or_default(), Some((rest, error.error_len())))
            }
        };
        for character in valid.chars() {
            match table.get(character) {
                Some(byte) => recoded.push(byte),
                // Writing to memory cannot fail.
                None => drop(write!(recoded, "&#{};", u32::from(character))),
            }
        }
        match broken {
            None => return Vec::new(),
            Some((rest, None)) => return rest.to_vec(),
            Some((rest, Some(length))) => {
                recoded.push(UNKNOWN);
                text = rest.get(length..).unwrap_or_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> Arc<FromUtf8> {
        let mut table = FromUtf8::new();
        table.set('а', 0xC1);
        Arc::new(table)
    }

    #[test]
    fn single_bytes() {
        let mut table = ByteTable::new();
        table.set(b'X', b'Y');
        table.set(0xC1, 0xE0);
        let mut recoder = Recoder::Bytes(Arc::new(table));
        assert_eq!(recoder.recode(Bytes::from_static(b"aX\xC1\xC2")), &b"aY\xE0?"[..]);
        assert!(recoder.finish().is_none());
    }

    #[test]
    fn to_utf8() {
        let mut table = ToUtf8::new();
        table.set(0xC1, 'а');
        let mut recoder = Recoder::ToUtf8(Arc::new(table));
        assert_eq!(recoder.recode(Bytes::from_static(b"a\xC1\xC2")), "aа?");
    }

    #[test]
    fn from_utf8_in_pieces_of_any_size() {
        let text = "aа€😀b".as_bytes();
        for size in 1..=text.len() {
            let mut recoder = Recoder::from_utf8(letters());
            let mut all = Vec::new();
            for piece in text.chunks(size) {
                all.extend_from_slice(&recoder.recode(Bytes::copy_from_slice(piece)));
            }
            assert!(!recoder.is_amid() && recoder.finish().is_none());
            assert_eq!(all, b"a\xC1&#8364;&#128512;b", "{size}");
        }
    }

    #[test]
    fn what_is_no_utf8() {
        let mut recoder = Recoder::from_utf8(letters());
        assert_eq!(recoder.recode(Bytes::from_static(b"a\xFFb\xD0!")), &b"a?b?!"[..]);
        assert_eq!(recoder.recode(Bytes::from_static(b"a\xD0")), "a");
        assert!(recoder.is_amid());
        assert_eq!(recoder.finish().unwrap_or_default(), "?");
        assert!(recoder.finish().is_none());
    }
}

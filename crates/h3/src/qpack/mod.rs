//! QPACK (RFC 9204) without a dynamic table: what a peer may do that was told that there is room for none.

mod huffman;
mod integer;
mod stream;
mod table;

use std::str;

use bytes::{Buf, Bytes};

use huffman::Undecodable;
use table::{FIELDS, Found};

pub(crate) use stream::{DecoderStream, EncoderStream};

/// What each field takes beside its name and its value (RFC 9114 4.2.2).
pub(crate) const OVERHEAD: usize = 32;

/// Why a section of fields cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    Malformed,
    TooLarge,
}

/// A name, or a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Static(&'static str),
    Came(Bytes),
}

impl Text {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Static(text) => text.as_bytes(),
            Self::Came(bytes) => bytes,
        }
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Static(text) => Bytes::from_static(text.as_bytes()),
            Self::Came(bytes) => bytes,
        }
    }
}

/// The fields of a section, one after the other.
pub(crate) struct Section {
    left: Bytes,
    /// How much the fields that are left may take.
    most: usize,
}

impl Section {
    /// Reads a section's beginning (RFC 9204 4.5.1): it refers to no table that changes.
    pub(crate) fn new(mut encoded: Bytes, most: usize) -> Result<Self, Unreadable> {
        let required = integer(&mut encoded, 8)?;
        let negative = encoded.first().is_some_and(|first| first & 0x80 != 0);
        let base = integer(&mut encoded, 7)?;
        if required != 0 || base != 0 || negative {
            return Err(Unreadable::Malformed);
        }
        Ok(Self { left: encoded, most })
    }

    /// The next field.
    pub(crate) fn next(&mut self) -> Result<Option<(Text, Text)>, Unreadable> {
        let Some(first) = self.left.first().copied() else { return Ok(None) };
        let field = if first & 0x80 != 0 {
            let (name, value) = field(self.index(first & 0x40 != 0, 6)?)?;
            (Text::Static(name), Text::Static(value))
        } else if first & 0x40 != 0 {
            let (name, _) = field(self.index(first & 0x10 != 0, 4)?)?;
            (Text::Static(name), self.text(7)?)
        } else if first & 0x20 != 0 {
            (self.text(3)?, self.text(7)?)
        } else {
            return Err(Unreadable::Malformed); // of the dynamic table
        };
        let size = field.0.as_bytes().len() + field.1.as_bytes().len() + OVERHEAD;
        self.most = self.most.checked_sub(size).ok_or(Unreadable::TooLarge)?;
        Ok(Some(field))
    }

    /// An index of the static table.
    fn index(&mut self, of_static: bool, bits: u32) -> Result<usize, Unreadable> {
        let index = integer(&mut self.left, bits)?;
        if of_static {
            usize::try_from(index).map_err(|_| Unreadable::Malformed)
        } else {
            Err(Unreadable::Malformed)
        }
    }

    /// A text whose length is in so many bits, before which there is one that says whether it is coded.
    fn text(&mut self, bits: u32) -> Result<Text, Unreadable> {
        let coded = self.left.first().is_some_and(|first| first >> bits & 1 != 0);
        let length = usize::try_from(integer(&mut self.left, bits)?).map_err(|_| Unreadable::Malformed)?;
        if length > self.left.len() {
            return Err(Unreadable::Malformed);
        }
        let text = self.left.split_to(length);
        if !coded {
            return Ok(Text::Came(text));
        }
        match huffman::decode(&text, self.most) {
            Ok(text) => Ok(Text::Came(text.into())),
            Err(Undecodable::Malformed) => Err(Unreadable::Malformed),
            Err(Undecodable::TooLong) => Err(Unreadable::TooLarge),
        }
    }
}

fn integer(bytes: &mut Bytes, bits: u32) -> Result<u64, Unreadable> {
    let (value, rest) = integer::read(bytes, bits).ok_or(Unreadable::Malformed)?;
    let length = bytes.len() - rest.len();
    bytes.advance(length);
    Ok(value)
}

fn field(index: usize) -> Result<(&'static str, &'static str), Unreadable> {
    FIELDS.get(index).copied().ok_or(Unreadable::Malformed)
}

/// Begins a section.
pub(crate) fn begin(section: &mut Vec<u8>) {
    section.extend_from_slice(&[0, 0]);
}

/// Adds a field to a section, whose name is in lower case.
pub(crate) fn put(name: &str, value: &[u8], never_indexed: bool, section: &mut Vec<u8>) {
    let found = table::find(name, value);
    if let Some(Found::Field(index)) = found
        && !never_indexed
    {
        integer::write(index as u64, 6, 0xc0, section);
        return;
    }
    let never = u8::from(never_indexed);
    match found {
        Some(Found::Field(index) | Found::Name(index)) => {
            integer::write(index as u64, 4, 0x50 | never << 5, section);
        }
        None => put_text(name.as_bytes(), 3, 0x20 | never << 4, section),
    }
    put_text(value, 7, 0, section);
}

/// Writes a text, coded if that is shorter.
fn put_text(text: &[u8], bits: u32, first: u8, section: &mut Vec<u8>) {
    let coded = huffman::length(text);
    if coded < text.len() {
        integer::write(coded as u64, bits, first | 1 << bits, section);
        huffman::encode(text, section);
    } else {
        integer::write(text.len() as u64, bits, first, section);
        section.extend_from_slice(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(section: &[u8], most: usize) -> Result<Vec<(String, String)>, Unreadable> {
        let mut section = Section::new(Bytes::copy_from_slice(section), most)?;
        let text = |text: Text| String::from_utf8_lossy(&text.into_bytes()).into_owned();
        let mut fields = Vec::new();
        while let Some((name, value)) = section.next()? {
            fields.push((text(name), text(value)));
        }
        Ok(fields)
    }

    fn written(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut section = Vec::new();
        begin(&mut section);
        fields.iter().for_each(|(name, value)| put(name, value.as_bytes(), false, &mut section));
        section
    }

    /// RFC 9204 B.1: a name of the static table, and a literal value.
    #[test]
    fn a_section_is_that_of_the_rfc() {
        let example = b"\x00\x00\x51\x0b/index.html";
        assert_eq!(read(example, 99).unwrap(), [(":path".to_owned(), "/index.html".to_owned())]);
        let section = written(&[(":path", "/index.html")]);
        assert_eq!(section[..3], [0, 0, 0x51]);
        assert_eq!(read(&section, 99), read(example, 99));
    }

    #[test]
    fn fields_come_back_whatever_they_are() {
        let long = "y".repeat(300);
        let fields = [
            (":method", "GET"),
            (":status", "299"),
            ("x-own", ""),
            ("x-own", &*long),
            ("cookie", "\u{7}\u{7}\u{7}"),
            ("content-type", "text/plain"),
        ];
        let section = written(&fields);
        let back = read(&section, 4096).unwrap();
        let back: Vec<_> = back.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(back, fields);
        let mut secret = Vec::new();
        begin(&mut secret);
        put("content-type", b"text/plain", true, &mut secret);
        assert_eq!(secret[2] & 0xf0, 0x70, "never indexed");
        assert_eq!(read(&secret, 99).unwrap()[0].1, "text/plain");
        put("x-own", b"1", true, &mut secret);
        assert_eq!(read(&secret, 99).unwrap()[1].0, "x-own");
    }

    #[test]
    fn a_section_has_a_limit() {
        let section = written(&[("a", "b"), ("c", "d")]);
        assert_eq!(read(&section, 2 * 34).unwrap().len(), 2);
        assert_eq!(read(&section, 2 * 34 - 1), Err(Unreadable::TooLarge));
        let bomb = [0, 0, 0x27, 0xf9, 0xff, 0xff, 0xff, 0x07];
        assert_eq!(read(&bomb, 99), Err(Unreadable::Malformed), "longer than what is there");
    }

    #[test]
    fn nothing_of_the_dynamic_table_is_understood() {
        for wrong in [
            &[][..],
            &[0],
            &[1, 0],
            &[0, 1],
            &[0, 0x80],
            &[0, 0, 0x80],
            &[0, 0, 0x10],
            &[0, 0, 0x00, 0x00],
            &[0, 0, 0x40, 0x00],
            &[0, 0, 0xff, 36],
            &[0, 0, 0x51],
            &[0, 0, 0x51, 0x02, b'/'],
            &[0, 0, 0x51, 0x81, 0xff],
        ] {
            assert_eq!(read(wrong, 999), Err(Unreadable::Malformed), "{wrong:x?}");
        }
        assert_eq!(read(&[0, 0, 0xff, 35], 999).unwrap()[0].0, "x-frame-options");
    }
}

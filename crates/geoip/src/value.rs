//! A value of a record as text, as nginx writes it.

use std::fmt;

use bytes::Bytes;
use maxminddb::deserialize_any_with_raw_strings;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Text, or nothing where it is a map or a list.
pub(crate) struct Text(pub(crate) Option<Bytes>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Texts as they are: whoever gets them may have another idea of them than UTF-8.
        deserialize_any_with_raw_strings(deserializer, AsText)
    }
}

struct AsText;

impl<'de> Visitor<'de> for AsText {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a database")
    }

    /// A text, which comes as the bytes that it is.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_bytes(self)
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Text, E> {
        Ok(Text(Some(Bytes::copy_from_slice(value))))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Text, E> {
        self.visit_bytes(value.as_bytes())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Text, E> {
        self.visit_u64(u64::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Text, E> {
        text(format_args!("{value}"))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Text, E> {
        text(format_args!("{value}"))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Text, E> {
        text(format_args!("0x{value:032x}"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Text, E> {
        text(format_args!("{:.5}", value + 0.0)) // no negative nothing
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Text, A::Error> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Text, A::Error> {
        Ok(Text(None))
    }
}

fn text<E>(value: fmt::Arguments<'_>) -> Result<Text, E> {
    Ok(Text(Some(Bytes::from(value.to_string()))))
}

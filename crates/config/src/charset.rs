//! The table `charset`, and `charset_map`: which charset responses name, and how they are recoded.

use propylon_vars::Template;
use toml::de::DeTable;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;

/// Which charset responses name.
#[derive(Clone, Debug, PartialEq)]
pub struct Charset {
    /// The charset; none: responses are left alone.
    pub name: Option<Template>,
    /// What responses that do not name theirs are in.
    pub source: Option<Template>,
    /// Whether responses that name another one are changed too.
    pub overrides: bool,
    /// The media types; "*": any.
    pub types: Vec<Box<str>>,
}

/// How to recode between two charsets.
#[derive(Clone, Debug, PartialEq)]
pub struct CharsetMap {
    /// The one.
    pub from: Box<str>,
    /// The other.
    pub to: Box<str>,
    /// What they have in common.
    pub values: CharsetValues,
}

/// What two charsets have in common.
#[derive(Clone, Debug, PartialEq)]
pub enum CharsetValues {
    /// Both have one byte a character.
    Bytes(Vec<(u8, u8)>),
    /// The other is UTF-8.
    Utf8(Vec<(u8, char)>),
}

const UTF8: &str = "utf-8";

pub(crate) const TABLE: Table = Table {
    name: "charset",
    doc: "The charset that responses declare in `Content-Type`, and conversion to it.",
    keys: &[
        Key {
            name: "name",
            kind: Kind::Template,
            need: Need::Default("\"off\""),
            nginx: "charset",
            doc: "The charset that is declared for responses that declare none; \"off\": none.",
        },
        Key {
            name: "source",
            kind: Kind::Template,
            need: Need::Default("\"off\""),
            nginx: "source_charset",
            doc: "The charset of responses that declare none; they are converted from it with a `charset_map`. \"off\": unknown, nothing is \
                  converted.",
        },
        Key {
            name: "override",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "override_charset",
            doc: "Also converts responses that declare another charset.",
        },
        Key {
            name: "types",
            kind: Kind::List(&Kind::Text { hint: "a media type such as \"text/css\", or \"*\"" }),
            need: Need::Default(
                "[\"text/html\", \"text/xml\", \"text/plain\", \"text/vnd.wap.wml\", \"application/javascript\", \
                 \"application/rss+xml\"]",
            ),
            nginx: "charset_types",
            doc: "The media types that get a charset; \"*\": all.",
        },
    ],
    unbuilt: &[],
};

const MAP: Table = Table {
    name: "charset_map",
    doc: "Maps characters of one charset to another; used in both directions.",
    keys: &[
        Key {
            name: "from",
            kind: Kind::Text { hint: "a charset such as \"koi8-r\"" },
            need: Need::Required,
            nginx: "charset_map",
            doc: "A single-byte charset.",
        },
        Key {
            name: "to",
            kind: Kind::Text { hint: "a charset such as \"utf-8\"" },
            need: Need::Required,
            nginx: "charset_map",
            doc: "Another single-byte charset, or \"utf-8\".",
        },
        Key {
            name: "values",
            kind: Kind::Names(&Kind::Text { hint: "the bytes of a character in hexadecimal" }),
            need: Need::Default("{}"),
            nginx: "charset_map",
            doc: "The bytes of characters in `from` and in `to`, in hexadecimal: C1 = \"E1\", C1 = \"D0B0\".",
        },
    ],
    unbuilt: &[],
};

pub(crate) const MAPS: Kind = Kind::List(&Kind::Table(&MAP));

impl Charset {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let name = scope.read("name", named);
        let source = scope.read("source", named);
        if let (Some((name, _)), Some((source, place))) = (&name, &source) {
            check_map(scope.cx, source, name, place);
        }
        Self {
            name: name.map(|(name, _)| name),
            source: source.map(|(source, _)| source),
            overrides: scope.bool("override"),
            types: scope.list("types", |_, text, _| Some(text.into())).unwrap_or_default(),
        }
    }
}

/// A charset and its place; nothing, if it is off.
fn named(cx: &mut Context, value: &Value<'_>) -> Option<(Template, std::ops::Range<usize>)> {
    let template = cx.template_of(value)?;
    (value.get_ref().as_str()? != "off").then(|| (template, value.span()))
}

/// What is certain to lack its map is an error.
fn check_map(cx: &mut Context, source: &Template, name: &Template, place: &std::ops::Range<usize>) {
    let (Some(from), Some(to)) = (source.as_static(), name.as_static()) else { return };
    let is = |text: &str, bytes: &[u8]| text.as_bytes().eq_ignore_ascii_case(bytes);
    let fits =
        |map: &CharsetMap| is(&map.from, from) && is(&map.to, to) || is(&map.from, to) && is(&map.to, from);
    if from.eq_ignore_ascii_case(to) || cx.charset_maps.iter().any(fits) {
        return;
    }
    let message =
        format!("no `charset_map` between the charsets `{}` and `{}`", source.source(), name.source());
    cx.push(
        Diagnostic::at(place.clone(), message).label("expected a charset for which there is a `charset_map`"),
    );
}

/// Reads all maps.
pub(crate) fn read_maps(cx: &mut Context, root: &DeTable<'_>) {
    let items = root.get("charset_map").and_then(|maps| maps.get_ref().as_array()).into_iter().flatten();
    for item in items {
        if let Some(map) = item.get_ref().as_table().and_then(|table| map(cx, table)) {
            cx.charset_maps.push(map);
        }
    }
}

fn map(cx: &mut Context, table: &DeTable<'_>) -> Option<CharsetMap> {
    let text = |name: &str| {
        let value = table.get(name)?;
        Some((value.get_ref().as_str()?, value.span()))
    };
    let ((from, place), (to, to_place)) = (text("from")?, text("to")?);
    let fail = |cx: &mut Context, place, message: &str, expected: &str| -> Option<CharsetMap> {
        cx.push(Diagnostic::at(place, message.to_owned()).label(expected));
        None
    };
    if from.eq_ignore_ascii_case(UTF8) {
        return fail(cx, place, "`from` cannot be `utf-8`", "expected a single-byte charset");
    }
    if from.eq_ignore_ascii_case(to) {
        return fail(cx, to_place, "`from` and `to` are the same charset", "expected another charset");
    }
    let same = |map: &CharsetMap| {
        let pair = |a: &str, b: &str| map.from.eq_ignore_ascii_case(a) && map.to.eq_ignore_ascii_case(b);
        pair(from, to) || pair(to, from)
    };
    if cx.charset_maps.iter().any(same) {
        return fail(
            cx,
            to_place,
            "duplicate `charset_map` for these charsets",
            "expected one `charset_map` for each pair of charsets",
        );
    }
    let pairs = table.get("values").and_then(|values| values.get_ref().as_table()).into_iter().flatten();
    let utf8 = to.eq_ignore_ascii_case(UTF8);
    let (mut bytes, mut characters) = (Vec::new(), Vec::new());
    for (key, value) in pairs {
        let (Some(written), place) = (value.get_ref().as_str(), value.span()) else { continue };
        let Some(byte) = hex(key.get_ref()).and_then(one) else {
            fail(cx, key.span(), "invalid byte", "expected a hexadecimal number from 00 to FF");
            continue;
        };
        if utf8 {
            match hex(written).and_then(|bytes| character(&bytes)) {
                Some(character) => characters.push((byte, character)),
                None => {
                    fail(
                        cx,
                        place,
                        "invalid UTF-8 character",
                        "expected the bytes of one character in hexadecimal, such as D0B0",
                    );
                }
            }
        } else if let Some(other) = hex(written).and_then(one) {
            bytes.push((byte, other));
        } else {
            fail(cx, place, "invalid byte", "expected a hexadecimal number from 00 to FF");
        }
    }
    let values = if utf8 { CharsetValues::Utf8(characters) } else { CharsetValues::Bytes(bytes) };
    Some(CharsetMap { from: from.into(), to: to.into(), values })
}

/// The bytes of a hexadecimal number; a lone digit is one as well.
fn hex(text: &str) -> Option<Vec<u8>> {
    let even = if text.len() % 2 == 1 { format!("0{text}") } else { text.to_owned() };
    let digits = even.as_bytes().chunks(2).map(|digits| {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        u8::from_str_radix(digits, 16).ok()
    });
    digits.collect::<Option<Vec<u8>>>().filter(|bytes| !bytes.is_empty())
}

fn one(bytes: Vec<u8>) -> Option<u8> {
    <[u8; 1]>::try_from(bytes).ok().map(|[byte]| byte)
}

fn character(bytes: &[u8]) -> Option<char> {
    let mut characters = std::str::from_utf8(bytes).ok()?.chars();
    characters.next().filter(|_| characters.next().is_none())
}

//! The tables `map`, `geo` and `split_clients`: variables made from others; and the variables of `keyval` and `geoip`.

use std::ops::Range;

use ipnet::IpNet;
use propylon_vars::{Definitions, KeyValues, Place};
use toml::de::{DeTable, DeValue};

use crate::auth_jwt;
use crate::geoip;
use crate::headers::{self, Peer};
use crate::key::{Key, Kind, Need, Table};
use crate::keyval;
use crate::pattern;
use crate::reader::{Context, Value};
use crate::report::Diagnostic;
use crate::source::Spanned;

const MAP: Table = Table {
    name: "map.NAME",
    doc: "Defines the variable `$NAME`: its value is that of the pattern which `key` matches.",
    keys: &[
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "map",
            doc: "The text to look up.",
        },
        Key {
            name: "default",
            kind: Kind::Template,
            need: Need::Default("\"\""),
            nginx: "map ... default",
            doc: "The value if no pattern matches.",
        },
        Key {
            name: "values",
            kind: Kind::Names(&Kind::Template),
            need: Need::Default("{}"),
            nginx: "map",
            doc: "Patterns and their values: text (compared case-insensitively), \"~regex\" or \"~*regex\". To match text \
                  that begins with `~`, put a backslash before it.",
        },
        Key {
            name: "hostnames",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "map ... hostnames",
            doc: "Whether patterns may be host names with a wildcard, such as \"*.example.com\", \".example.com\" and \
                  \"www.example.*\".",
        },
        VOLATILE,
    ],
    unbuilt: &[],
};

const GEO: Table = Table {
    name: "geo.NAME",
    doc: "Defines the variable `$NAME`: its value is that of the smallest network that contains an address.",
    keys: &[
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Default("\"$remote_addr\""),
            nginx: "geo",
            doc: "The address to look up. A value that is not an address counts as 255.255.255.255.",
        },
        Key {
            name: "default",
            kind: Kind::Template,
            need: Need::Default("\"\""),
            nginx: "geo ... default",
            doc: "The value for an address that is in none of the networks.",
        },
        Key {
            name: "values",
            kind: Kind::Names(&Kind::Template),
            need: Need::Default("{}"),
            nginx: "geo",
            doc: "Networks and their values: \"10.0.0.0/8\", \"2001:db8::/32\", \"10.0.0.1\", \"10.0.0.1-10.0.0.9\".",
        },
        Key {
            name: "proxies",
            kind: Kind::List(&Kind::Text { hint: "an address or a network such as \"10.0.0.0/8\"" }),
            need: Need::Default("[]"),
            nginx: "geo ... proxy",
            doc: "Trusted proxies. If the address is one of these, the last address in X-Forwarded-For is looked up \
                  instead.",
        },
        Key {
            name: "proxy_recursive",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "geo ... proxy_recursive",
            doc: "Whether to look up the last address in X-Forwarded-For that is not in `proxies`, instead of the last one.",
        },
        VOLATILE,
    ],
    unbuilt: &[],
};

const SPLIT_CLIENTS: Table = Table {
    name: "split_clients.NAME",
    doc: "Defines the variable `$NAME`: assigns each key to one of several shares. The same key always gets the same share.",
    keys: &[
        Key {
            name: "key",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "split_clients",
            doc: "The text whose hash selects the share.",
        },
        Key {
            name: "values",
            kind: Kind::Names(&Kind::Template),
            need: Need::Required,
            nginx: "split_clients",
            doc: "Shares and their values, in order: \"0.5%\", and \"*\" for the remainder.",
        },
    ],
    unbuilt: &[],
};

const VOLATILE: Key = Key {
    name: "volatile",
    kind: Kind::Bool,
    need: Need::Default("false"),
    nginx: "map ... volatile",
    doc: "Whether to evaluate the variable at each use, instead of once per request.",
};

pub(crate) const MAPS: Kind = Kind::Names(&Kind::Table(&MAP));
pub(crate) const GEOS: Kind = Kind::Names(&Kind::Table(&GEO));
pub(crate) const SPLITS: Kind = Kind::Names(&Kind::Table(&SPLIT_CLIENTS));

/// Compiles all maps: those of the tables `map`, `geo`, `split_clients`, `keyval` and `geoip`. Makes the names of regex groups known, which
/// patterns of maps define too.
pub(crate) fn read(
    cx: &mut Context,
    tables: [Option<&DeTable<'_>>; 5],
    tokens: &auth_jwt::Names<'_>,
    mut names: Vec<(String, Range<usize>)>,
) {
    let kinds: [fn(&mut Context, &DeTable<'_>) -> Patterns; 5] = [
        |_, _| Patterns::Texts,
        |_, _| Patterns::Networks,
        |_, _| Patterns::Shares,
        asked,
        |cx, table| Patterns::Located(geoip::asked(cx, table)),
    ];
    let mut maps: Vec<Source<'_>> = Vec::new();
    for (table, kind) in tables.into_iter().zip(kinds) {
        maps.extend(table.into_iter().flatten().filter_map(|entry| Source::new(cx, kind, entry)));
    }
    names.extend(maps.iter().flat_map(|map| map.group_names(cx)));
    let mut builder = tokens.define(Definitions::builder());
    for map in &maps {
        builder = builder.map(map.definition());
    }
    for (name, _) in &names {
        builder = builder.name(name);
    }
    match builder.build() {
        Ok(definitions) => cx.definitions = definitions,
        Err(errors) => {
            for error in &errors {
                let diagnostic = diagnose(cx, &maps, tokens, &names, error);
                cx.push(diagnostic);
            }
            cx.definitions = fallback(&maps, tokens, &names);
        }
    }
}

fn diagnose(
    cx: &Context,
    maps: &[Source<'_>],
    tokens: &auth_jwt::Names<'_>,
    names: &[(String, Range<usize>)],
    error: &propylon_vars::DefinitionError,
) -> Diagnostic {
    let map = maps.iter().find(|map| map.name.eq_ignore_ascii_case(error.definition()));
    let place = match map {
        Some(map) => {
            let (text, span) = map.place(error.place());
            cx.inside(&span, text, error.range())
        }
        None => names
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(error.definition()))
            .map(|(_, span)| span.clone())
            .or_else(|| tokens.place(error.definition()))
            .unwrap_or(0..0),
    };
    let diagnostic = Diagnostic::at(place, error.to_string());
    match error.nearest() {
        Some(name) => diagnostic.label("no variable has this name").help(format!("did you mean `${name}`?")),
        None => diagnostic.label(format!("expected {}", error.expected())),
    }
}

/// The names of maps that could not be compiled are still names: no second error for who uses them.
fn fallback(
    maps: &[Source<'_>],
    tokens: &auth_jwt::Names<'_>,
    names: &[(String, Range<usize>)],
) -> Definitions {
    let maps = maps.iter().map(|map| map.name).chain(tokens.iter());
    let names = maps.chain(names.iter().map(|(name, _)| name.as_str()));
    let valid = names.filter(|name| Definitions::builder().name(*name).build().is_ok());
    valid.fold(Definitions::builder(), propylon_vars::Builder::name).build().unwrap_or_default()
}

/// What the patterns of a map are.
#[derive(PartialEq, Eq)]
enum Patterns {
    Texts,
    Networks,
    Shares,
    /// None: a zone is asked.
    Asked(KeyValues),
    /// None: a database is asked for an address.
    Located(KeyValues),
}

/// A map as it is written.
struct Source<'s> {
    patterns: Patterns,
    proxies: Vec<IpNet>,
    proxy_recursive: bool,
    name: &'s str,
    span: Range<usize>,
    key: Text<'s>,
    default: Option<Text<'s>>,
    values: Vec<(Text<'s>, Text<'s>)>,
    hostnames: bool,
    volatile: bool,
}

type Text<'s> = (&'s str, Range<usize>);

impl<'s> Source<'s> {
    fn new(
        cx: &mut Context,
        kind: fn(&mut Context, &DeTable<'_>) -> Patterns,
        (name, value): (&'s toml::Spanned<toml::de::DeString<'s>>, &'s toml::Spanned<DeValue<'s>>),
    ) -> Option<Self> {
        let table = value.get_ref().as_table()?;
        let patterns = kind(cx, table);
        let text = |key: &str| table.get(key).and_then(text);
        let flag = |key: &str| table.get(key).and_then(|value| value.get_ref().as_bool()).unwrap_or_default();
        let values = table.get("values").and_then(|values| values.get_ref().as_table());
        let values = values.into_iter().flatten();
        let of_address = matches!(patterns, Patterns::Networks | Patterns::Located(_));
        let address = || if of_address { ("$remote_addr", 0..0) } else { ("", 0..0) };
        Some(Self {
            proxies: table.get("proxies").map(|value| networks(cx, value)).unwrap_or_default(),
            proxy_recursive: flag("proxy_recursive"),
            name: name.get_ref(),
            span: name.span(),
            key: text("key").unwrap_or_else(address),
            patterns,
            default: text("default"),
            values: values
                .filter_map(|(key, value)| Some(((key.get_ref().as_ref(), key.span()), self::text(value)?)))
                .collect(),
            hostnames: flag("hostnames"),
            volatile: flag("volatile"),
        })
    }

    fn definition(&self) -> propylon_vars::Map {
        let mut map = match &self.patterns {
            Patterns::Texts => propylon_vars::Map::new(self.name, self.key.0),
            Patterns::Networks => propylon_vars::Map::geo(self.name, self.key.0)
                .proxies(self.proxies.iter().copied(), self.proxy_recursive),
            Patterns::Shares => propylon_vars::Map::split_clients(self.name, self.key.0),
            Patterns::Asked(values) => propylon_vars::Map::keyval(self.name, self.key.0, values),
            Patterns::Located(values) => propylon_vars::Map::keyval(self.name, self.key.0, values)
                .proxies(self.proxies.iter().copied(), self.proxy_recursive),
        };
        if let Some((text, _)) = &self.default {
            map = map.default(*text);
        }
        for ((pattern, _), (value, _)) in &self.values {
            map = map.value(*pattern, *value);
        }
        if self.hostnames {
            map = map.hostnames();
        }
        if self.volatile {
            map = map.volatile();
        }
        map
    }

    fn group_names(&self, cx: &Context) -> Vec<(String, Range<usize>)> {
        let texts = self.patterns == Patterns::Texts;
        let regexes = self.values.iter().filter(|((pattern, _), _)| texts && pattern.starts_with('~'));
        regexes.flat_map(|((text, span), _)| group_places(cx, text, span)).collect()
    }

    fn place(&self, place: Place) -> Text<'s> {
        let value = |index: usize| self.values.get(index);
        let found = match place {
            Place::Name => None,
            Place::Key => Some(&self.key),
            Place::Default => self.default.as_ref(),
            Place::Pattern(index) => value(index).map(|(pattern, _)| pattern),
            Place::Value(index) => value(index).map(|(_, value)| value),
        };
        found.cloned().unwrap_or((self.name, self.span.clone()))
    }
}

/// The zone that a table of `keyval` names; one that is not there was told, and is one without values until all is refused.
fn asked(cx: &mut Context, table: &DeTable<'_>) -> Patterns {
    let name = table.get("zone").and_then(text);
    let name = name.map(|(name, span)| Spanned::new(name.into(), cx.span(span)));
    let zone = name.and_then(|name| keyval::find(cx, &name));
    Patterns::Asked(zone.map_or_else(|| KeyValues::new(""), |zone| zone.values.clone()))
}

fn networks(cx: &mut Context, value: &Value<'_>) -> Vec<IpNet> {
    let items = value.get_ref().as_array().into_iter().flatten();
    let peers = items.filter_map(|item| headers::peer(cx, item.get_ref().as_str()?, item.span()));
    let networks = peers.filter_map(|peer| match peer {
        Peer::Net(network) => Some(network),
        Peer::Unix => None, // has no address that could stand for another
    });
    networks.collect()
}

/// The names of a regex's groups, each with the place of its group.
pub(crate) fn group_places(cx: &Context, text: &str, span: &Range<usize>) -> Vec<(String, Range<usize>)> {
    let names = pattern::group_names(text).into_iter();
    names
        .map(|(at, name)| (name.to_owned(), cx.inside(span, text, at..at + "?<>".len() + name.len())))
        .collect()
}

fn text<'s>(value: &'s toml::Spanned<DeValue<'s>>) -> Option<Text<'s>> {
    Some((value.get_ref().as_str()?, value.span()))
}

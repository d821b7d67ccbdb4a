//! The first pass over a parsed file: every key known, every value of a fitting type and form.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::key::{Key, Kind, Need, Table};
use crate::nearest::nearest;
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::units;

/// Checks a table and everything below it.
pub(crate) fn check(cx: &mut Context, table: &DeTable<'_>, span: Range<usize>, keys: &'static Table) {
    for (name, value) in table {
        let written = name.get_ref().as_ref();
        match keys.key(written) {
            Some(key) => check_value(cx, written, value, &key.kind),
            None => {
                let diagnostic = unknown(cx, keys, name, value);
                cx.push(diagnostic);
            }
        }
    }
    for key in keys.keys.iter().filter(|key| matches!(key.need, Need::Required)) {
        if !table.contains_key(key.name) {
            cx.push(missing(key, span.clone()));
        }
    }
}

pub(crate) fn missing(key: &Key, span: Range<usize>) -> Diagnostic {
    Diagnostic::at(span, format!("`{}` is missing", key.name)).label("in this table").help(format!(
        "`{}` is {}",
        key.name,
        key.kind.expected()
    ))
}

fn unknown(
    cx: &Context,
    table: &Table,
    name: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
) -> Diagnostic {
    let written = name.get_ref().as_ref();
    if table.unbuilt.contains(&written) {
        return not_built(written, name.span());
    }
    let headed = cx.source.slice(value.span()).starts_with('[') && !value.get_ref().is_array();
    let kind = if headed || is_tables(value.get_ref()) { "table" } else { "key" };
    let help = match table.nearest(written) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("expected one of {}", table.names()),
    };
    let label = if table.name.is_empty() {
        "not at the top level".into()
    } else {
        format!("not in `{}`", table.name)
    };
    Diagnostic::at(name.span(), format!("unknown {kind} `{written}`")).label(label).help(help)
}

fn is_tables(value: &DeValue<'_>) -> bool {
    value.as_array().is_some_and(|items| items.iter().next().is_some_and(|item| item.get_ref().is_table()))
}

/// The error for a name of nginx's world that this version does not know yet.
pub(crate) fn not_built(name: &str, span: Range<usize>) -> Diagnostic {
    Diagnostic::at(span, format!("`{name}` is not built into this version of propylon"))
        .label("this would have no effect")
}

fn check_value(cx: &mut Context, name: &str, value: &Spanned<DeValue<'_>>, kind: &'static Kind) {
    let span = value.span();
    match (kind, value.get_ref()) {
        (Kind::Bool, DeValue::Boolean(_))
        | (Kind::Text { .. } | Kind::Template | Kind::Url { .. }, DeValue::String(_)) => {}
        (Kind::Integer { min, max }, DeValue::Integer(_)) => {
            let fits = integer(value.get_ref()).is_some_and(|n| (*min..=*max).contains(&n));
            if !fits {
                cx.push(
                    Diagnostic::at(span, format!("`{name}` is out of range"))
                        .label(format!("expected {}", kind.expected())),
                );
            }
        }
        (Kind::Duration { zero }, DeValue::String(text)) => duration(cx, span, text, kind, *zero),
        (Kind::Duration { .. }, DeValue::Integer(number)) => cx.push(
            Diagnostic::at(span, format!("`{name}` requires a unit and quotes"))
                .label(format!("expected {}", kind.expected()))
                .help(format!("write \"{number}s\" for seconds, \"{number}ms\" for milliseconds")),
        ),
        (Kind::Size, DeValue::String(text)) => size(cx, span, text, kind),
        (Kind::Size, DeValue::Integer(_)) => {
            if integer(value.get_ref()).is_none() {
                cx.push(wrong(name, value, kind));
            }
        }
        (Kind::Choice { built, unbuilt }, DeValue::String(text)) => choice(cx, span, text, built, unbuilt),
        (Kind::Choice { unbuilt, .. }, DeValue::Table(table)) => {
            // `{ hash = "..." }`: a choice with parameters.
            let named = table.keys().find(|key| unbuilt.contains(&key.get_ref().as_ref()));
            let diagnostic = named.map(|key| not_built(key.get_ref(), key.span()));
            cx.push(diagnostic.unwrap_or_else(|| wrong(name, value, kind)));
        }
        (Kind::List(item), DeValue::Array(items)) => {
            items.iter().for_each(|value| check_value(cx, name, value, item))
        }
        (Kind::Either(kinds), found) => match choose(kinds, found) {
            Some(kind) => check_value(cx, name, value, kind),
            None => cx.push(wrong(name, value, kind)),
        },
        (Kind::Names(item), DeValue::Table(table)) => {
            table.iter().for_each(|(name, value)| check_value(cx, name.get_ref(), value, item));
        }
        (Kind::Table(keys), DeValue::Table(table)) => check(cx, table, span, keys),
        _ => cx.push(wrong(name, value, kind)),
    }
}

/// The kind that a value is to be: a word that one of them knows, else what has its TOML type.
fn choose(kinds: &'static [Kind], value: &DeValue<'_>) -> Option<&'static Kind> {
    let known = |kind: &&Kind| match (kind, value) {
        (Kind::Choice { built, .. }, DeValue::String(text)) => built.contains(&text.as_ref()),
        _ => false,
    };
    kinds.iter().find(known).or_else(|| kinds.iter().find(|kind| fits(kind, value)))
}

/// Whether a value has a TOML type that a kind can use.
fn fits(kind: &Kind, value: &DeValue<'_>) -> bool {
    match kind {
        Kind::Bool => value.is_bool(),
        Kind::Integer { .. } => value.is_integer(),
        Kind::Duration { .. } | Kind::Size => value.is_str() || value.is_integer(),
        Kind::Text { .. } | Kind::Template | Kind::Url { .. } | Kind::Choice { .. } => value.is_str(),
        Kind::List(_) => value.is_array(),
        Kind::Either(kinds) => kinds.iter().any(|kind| fits(kind, value)),
        Kind::Names(_) | Kind::Table(_) => value.is_table(),
    }
}

fn wrong(name: &str, value: &Spanned<DeValue<'_>>, kind: &Kind) -> Diagnostic {
    let article = match value.get_ref() {
        DeValue::Integer(_) | DeValue::Array(_) => "an",
        _ => "a",
    };
    Diagnostic::at(value.span(), format!("`{name}` cannot be {article} {}", value.get_ref().type_str()))
        .label(format!("expected {}", kind.expected()))
}

fn duration(cx: &mut Context, span: Range<usize>, text: &str, kind: &Kind, zero: bool) {
    let expected = format!("expected {}", kind.expected());
    match units::duration(text) {
        Ok(duration) if duration.is_zero() && !zero => {
            cx.push(Diagnostic::at(span, "the duration cannot be zero").label(expected));
        }
        Ok(_) => {}
        Err(error) => {
            let place = cx.inside(&span, text, error.range());
            cx.push(Diagnostic::at(place, format!("invalid duration `{text}`: {error}")).label(expected));
        }
    }
}

fn size(cx: &mut Context, span: Range<usize>, text: &str, kind: &Kind) {
    if let Err(error) = units::size(text) {
        let place = cx.inside(&span, text, error.range());
        cx.push(
            Diagnostic::at(place, format!("invalid size `{text}`: {error}"))
                .label(format!("expected {}", kind.expected())),
        );
    }
}

fn choice(
    cx: &mut Context,
    span: Range<usize>,
    text: &str,
    built: &'static [&'static str],
    unbuilt: &[&str],
) {
    if built.contains(&text) {
        return;
    }
    if unbuilt.contains(&text) {
        return cx.push(not_built(text, span));
    }
    let expected = Kind::Choice { built, unbuilt: &[] }.expected();
    let help = nearest(text, built.iter().copied()).map(|name| format!("did you mean \"{name}\"?"));
    cx.push(
        Diagnostic::at(span, format!("unknown value `{text}`"))
            .label(format!("expected {expected}"))
            .maybe_help(help),
    );
}

/// The value of a whole number that is not negative.
pub(crate) fn integer(value: &DeValue<'_>) -> Option<u64> {
    let number = value.as_integer()?;
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

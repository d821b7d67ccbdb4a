//! Pairs of texts that are rules: what is looked for, and what stands in its place.

use std::ops::Range;

use propylon_vars::Template;
use toml::de::{DeTable, DeValue};

use crate::key::Kind;
use crate::pattern;
use crate::reader::{Context, Value};
use crate::report::Diagnostic;
use crate::source::Spanned;

/// What stands in the place of what.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// What it is for.
    pub from: RuleMatch,
    /// What stands in its place; `$1` and named groups are those of a regex.
    pub to: Template,
}

/// What a rule is for.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleMatch {
    /// A text.
    Text(Template),
    /// `~regex`, `~*regex`
    Regex {
        /// The regex without its modifier.
        pattern: Spanned<Box<str>>,
        /// Whether upper and lower case are the same.
        caseless: bool,
    },
}

/// `["from", "to"]`
pub(crate) const PAIR: Kind = Kind::List(&Kind::Text { hint: "\"from\", \"to\"" });

/// Whether `~` tells upper from lower case, as `~*` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Tells,
    Ignored,
}

/// The items of a list of pairs.
pub(crate) fn pairs(cx: &mut Context, value: &Value<'_>, case: Case) -> Option<Vec<Rule>> {
    let items = value.get_ref().as_array()?.iter();
    Some(items.filter_map(|item| pair(cx, item, case)).collect())
}

pub(crate) fn pair(cx: &mut Context, value: &Value<'_>, case: Case) -> Option<Rule> {
    let [from, to] = two(cx, value)?;
    let matcher = matcher(cx, from.0, &from.1, case);
    let to = cx.template(to.0, &to.1);
    Some(Rule { from: matcher?, to: to? })
}

pub(crate) type Text<'v> = (&'v str, Range<usize>);

/// The two texts of a pair.
pub(crate) fn two<'v>(cx: &mut Context, value: &'v Value<'_>) -> Option<[Text<'v>; 2]> {
    let items: Vec<Text<'v>> = value
        .get_ref()
        .as_array()?
        .iter()
        .filter_map(|item| Some((item.get_ref().as_str()?, item.span())))
        .collect();
    let found = items.len();
    let two = <[Text<'v>; 2]>::try_from(items).ok();
    if two.is_none() {
        let message = format!("invalid rule: expected two strings, found {found}");
        cx.push(Diagnostic::at(value.span(), message).label("expected [\"from\", \"to\"]"));
    }
    two
}

pub(crate) fn matcher(cx: &mut Context, text: &str, span: &Range<usize>, case: Case) -> Option<RuleMatch> {
    let Some(regex) = text.strip_prefix('~') else { return cx.template(text, span).map(RuleMatch::Text) };
    let (pattern, caseless) = match regex.strip_prefix('*') {
        Some(pattern) => (pattern, true),
        None => (regex, case == Case::Ignored),
    };
    let pattern = pattern.trim_start();
    let valid = pattern::check(cx, text, span, text.len() - pattern.len(), caseless);
    valid.then(|| RuleMatch::Regex { pattern: Spanned::new(pattern.into(), cx.span(span.clone())), caseless })
}

/// Gives `add` every regex of the lists of pairs under `key`.
pub(crate) fn regexes<'t>(table: &'t DeTable<'t>, key: &str, add: &mut impl FnMut(&'t Value<'t>)) {
    let items = table.get(key).and_then(|value| value.get_ref().as_array()).into_iter().flatten();
    let firsts = items.filter_map(|item| item.get_ref().as_array()?.iter().next());
    firsts
        .filter(|first| matches!(first.get_ref(), DeValue::String(text) if text.starts_with('~')))
        .for_each(add);
}

//! `match`: the paths that a location is for.

use std::fmt;
use std::ops::Range;

use crate::pattern;
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::source::Spanned;

/// The paths that a location is for; `Display` is the form of the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LocationMatch {
    /// `= /path`
    Exact(Box<str>),
    /// `/path`
    Prefix(Box<str>),
    /// `^~ /path`: no regex is tried when it is the longest.
    PrefixFirst(Box<str>),
    /// `~ regex`, `~* regex`
    Regex {
        /// The regex without its modifier.
        pattern: Box<str>,
        /// `~*`: upper and lower case are the same.
        caseless: bool,
    },
    /// `@name`, with its `@`.
    Named(Box<str>),
}

impl LocationMatch {
    pub(crate) const fn takes_uri_part(&self) -> bool {
        !matches!(self, Self::Regex { .. } | Self::Named(_))
    }

    /// The path, name or regex without its modifier.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Prefix(text) | Self::PrefixFirst(text) | Self::Named(text) => text,
            Self::Regex { pattern, .. } => pattern,
        }
    }
}

impl fmt::Display for LocationMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(f, "= {path}"),
            Self::Prefix(text) | Self::Named(text) => f.write_str(text),
            Self::PrefixFirst(path) => write!(f, "^~ {path}"),
            Self::Regex { pattern, caseless: false } => write!(f, "~ {pattern}"),
            Self::Regex { pattern, caseless: true } => write!(f, "~* {pattern}"),
        }
    }
}

const EXPECTED: &str =
    "expected \"/prefix\", \"= /exact\", \"^~ /prefix\", \"~ regex\", \"~* regex\" or \"@name\"";

pub(crate) fn read(cx: &mut Context, text: &str, span: Range<usize>) -> Option<Spanned<LocationMatch>> {
    let (modifier, rest) = split(text);
    let at = text.len() - rest.len();
    let problem = match modifier {
        _ if rest.is_empty() => Some("the path, regular expression or name is missing"),
        "@" if rest.contains(char::is_whitespace) => Some("a name cannot contain whitespace"),
        "~" | "~*" | "@" => None,
        _ if rest.starts_with('/') => None,
        _ => Some("the path does not begin with `/`"),
    };
    if let Some(problem) = problem {
        cx.push(Diagnostic::at(span, problem).label(EXPECTED));
        return None;
    }
    if modifier.starts_with('~') {
        pattern::check(cx, text, &span, at, modifier == "~*");
    }
    let matcher = match modifier {
        "=" => LocationMatch::Exact(rest.into()),
        "^~" => LocationMatch::PrefixFirst(rest.into()),
        "~" => LocationMatch::Regex { pattern: rest.into(), caseless: false },
        "~*" => LocationMatch::Regex { pattern: rest.into(), caseless: true },
        "@" => LocationMatch::Named(text.into()),
        _ => LocationMatch::Prefix(rest.into()),
    };
    Some(Spanned::new(matcher, cx.span(span)))
}

/// The modifier and what follows it.
fn split(text: &str) -> (&str, &str) {
    ["~*", "~", "^~", "="]
        .into_iter()
        .find_map(|modifier| Some((modifier, text.strip_prefix(modifier)?.trim_start())))
        .or_else(|| Some(("@", text.strip_prefix('@')?)))
        .unwrap_or(("", text))
}

/// Finds locations that can never be reached.
pub(crate) fn duplicates<'m>(cx: &mut Context, matchers: impl Iterator<Item = &'m Spanned<LocationMatch>>) {
    let mut seen: Vec<(String, &Spanned<LocationMatch>)> = Vec::new();
    let mut index = std::collections::HashMap::new();
    for matcher in matchers {
        // With and without `^~` it is the same place in nginx's tree.
        let key = match &matcher.value {
            LocationMatch::PrefixFirst(path) => path.to_string(),
            other => other.to_string(),
        };
        let Some(&first) = index.get(&key) else {
            index.insert(key.clone(), seen.len());
            seen.push((key, matcher));
            continue;
        };
        let first = seen.get(first).map_or(matcher.span, |(_, first)| first.span);
        let regex = matches!(matcher.value, LocationMatch::Regex { .. });
        let diagnostic = Diagnostic::error(matcher.span, format!("duplicate location `{key}`"))
            .label(if regex {
                "never reached: the first location matches"
            } else {
                "expected each `match` once"
            })
            .related(first, "first defined here");
        cx.push(if regex { diagnostic.softened() } else { diagnostic });
    }
}

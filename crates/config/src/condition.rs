//! The condition of a step: the text that stands in the parentheses of nginx's `if`.

use std::ops::Range;

use propylon_vars::Template;

use crate::pattern;
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::source::Spanned;

/// What must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What is asked.
    pub test: Test,
    /// Whether it must not be so.
    pub negated: bool,
}

/// What a condition asks.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `$var`: neither empty nor 0.
    True(Template),
    /// `$var = text`
    Equal(Template, Template),
    /// `$var ~ regex`
    Matches {
        /// The text.
        text: Template,
        /// The regex.
        pattern: Spanned<Box<str>>,
        /// `~*`
        caseless: bool,
    },
    /// `-f path`: there is a file.
    File(Template),
    /// `-d path`: there is a directory.
    Directory(Template),
    /// `-e path`: there is anything.
    Exists(Template),
    /// `-x path`: there is something that can be executed.
    Executable(Template),
}

/// Reads a condition.
pub(crate) fn read(cx: &mut Context, text: &str, span: &Range<usize>) -> Option<Condition> {
    let trimmed = text.trim();
    let (first, rest) = trimmed.split_once([' ', '\t']).unwrap_or((trimmed, ""));
    let value = unquoted(rest.trim());
    let file: Option<fn(Template) -> Test> = match first.strip_prefix('!').unwrap_or(first) {
        "-f" => Some(Test::File),
        "-d" => Some(Test::Directory),
        "-e" => Some(Test::Exists),
        "-x" => Some(Test::Executable),
        _ => None,
    };
    if let Some(file) = file.filter(|_| !value.is_empty()) {
        let negated = first.starts_with('!');
        return Some(Condition { test: file(cx.template(value, span)?), negated });
    }
    if !first.starts_with('$') {
        return wrong(cx, text, span);
    }
    let left = cx.template(first, span)?;
    if rest.is_empty() {
        return Some(Condition { test: Test::True(left), negated: false });
    }
    let rest = rest.trim();
    let operator =
        ["!=", "=", "!~*", "~*", "!~", "~"].into_iter().find(|operator| rest.starts_with(operator));
    let Some(operator) = operator else { return wrong(cx, text, span) };
    let value = unquoted(rest.strip_prefix(operator).unwrap_or_default().trim());
    let test = if operator.ends_with('=') {
        Test::Equal(left, cx.template(value, span)?)
    } else {
        let caseless = operator.ends_with('*');
        let at = text.rfind(value).unwrap_or_default();
        if !pattern::check(cx, text.get(..at + value.len()).unwrap_or(text), span, at, caseless) {
            return None;
        }
        Test::Matches { text: left, pattern: Spanned::new(value.into(), cx.span(span.clone())), caseless }
    };
    Some(Condition { test, negated: operator.starts_with('!') })
}

/// The regex of a condition, if it has one.
pub(crate) fn regex(text: &str) -> Option<&str> {
    let (_, rest) = text.trim().split_once([' ', '\t'])?;
    let rest = rest.trim().strip_prefix('!').unwrap_or(rest.trim());
    let regex = rest.strip_prefix('~')?;
    Some(unquoted(regex.strip_prefix('*').unwrap_or(regex).trim()))
}

fn wrong<T>(cx: &mut Context, text: &str, span: &Range<usize>) -> Option<T> {
    let diagnostic = Diagnostic::at(span.clone(), format!("`{}` is no condition", text.escape_debug()));
    cx.push(diagnostic.label("expected \"$var\", \"$var = text\", \"$var ~ regex\" or \"-f path\""));
    None
}

/// Takes off the quotes around a text.
fn unquoted(text: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(text)
}

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
    let Some((first, operator, value)) = parts(text) else { return wrong(cx, text, span) };
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
    if !is_variable(first) {
        return wrong(cx, text, span);
    }
    let left = cx.template(first, span)?;
    let test = if operator.is_empty() {
        Test::True(left)
    } else if operator.ends_with('=') {
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
    let (_, operator, value) = parts(text)?;
    operator.contains('~').then_some(value)
}

/// What is asked of what: a variable, an operator if there is one, and a value; or `-f`, no operator and a path.
fn parts(text: &str) -> Option<(&str, &str, &str)> {
    const OPERATORS: [&str; 6] = ["!=", "=", "!~*", "~*", "!~", "~"];
    let (first, rest) = text.trim().split_once([' ', '\t']).unwrap_or((text.trim(), ""));
    let rest = rest.trim();
    let operator = match first.starts_with('$') && !rest.is_empty() {
        true => OPERATORS.into_iter().find(|operator| rest.starts_with(operator))?,
        false => "",
    };
    Some((first, operator, unquoted(rest.strip_prefix(operator)?.trim())))
}

/// Whether this is one variable, and nothing else: `$a=b` would always be true, for it is never empty.
fn is_variable(text: &str) -> bool {
    let Some(name) = text.strip_prefix('$') else { return false };
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn wrong<T>(cx: &mut Context, text: &str, span: &Range<usize>) -> Option<T> {
    let diagnostic = Diagnostic::at(span.clone(), format!("invalid condition `{}`", text.escape_debug()));
    let first = text.split_whitespace().next().unwrap_or_default();
    let advice = match first.starts_with('$') && first.contains(['=', '~']) {
        true => {
            "expected spaces around the operator: without them, all of this is one string, which is never empty"
        }
        false => "expected \"$var\", \"$var = text\", \"$var ~ regex\" or \"-f path\"",
    };
    cx.push(diagnostic.label(advice));
    None
}

/// Takes off the quotes around a text.
fn unquoted(text: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(text)
}

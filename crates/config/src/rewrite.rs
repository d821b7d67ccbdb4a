//! The keys `rewrite` and `set`: steps that are taken before a location is searched, or before its action.

use std::ops::Range;

use http::StatusCode;
use propylon_vars::{Context as Place, Template};
use toml::de::DeTable;

use crate::condition::{self, Condition};
use crate::key::{Key, Kind, Need, Table};
use crate::pattern;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::respond::{self, Return};
use crate::source::Spanned;

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Another URI.
    Rewrite(Box<Rewrite>),
    /// A variable gets a value; `args` are the arguments of the request, `limit_rate` is how fast the response goes.
    Set {
        /// The variable, without its `$`.
        name: Box<str>,
        /// The value.
        value: Template,
    },
    /// Steps under a condition.
    If(Box<If>),
    /// An answer.
    Return(Return),
    /// No further step.
    Break,
}

/// `rewrite regex replacement [flag]`
#[derive(Clone, Debug, PartialEq)]
pub struct Rewrite {
    /// What is matched against the path.
    pub pattern: Spanned<Box<str>>,
    /// What stands in its place.
    pub replacement: Vec<Piece>,
    /// Whether the request's arguments follow those of the replacement.
    pub keeps_args: bool,
    /// Whether the replacement has a `?`.
    pub asks: bool,
    /// What comes then.
    pub then: Then,
}

/// A piece of a replacement.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text, with variables.
    Template(Template),
    /// `$1` to `$9`: encoded where it needs to be.
    Capture(u8),
    /// The `?` before the arguments.
    QuestionMark,
}

/// What comes after a rewrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next step.
    Next,
    /// A location is searched anew.
    Last,
    /// The location's action.
    Break,
    /// The client is sent there.
    Redirect(StatusCode),
}

/// Steps under a condition.
#[derive(Clone, Debug, PartialEq)]
pub struct If {
    /// The condition.
    pub condition: Condition,
    /// The steps.
    pub then: Vec<Spanned<Step>>,
    /// The named location whose settings, and action if it has one, serve the request if it gets no other URI.
    pub location: Option<Spanned<Box<str>>>,
}

const TEXTS: Kind =
    Kind::List(&Kind::Text { hint: "a regular expression, a replacement and optionally a flag" });
const BREAK: Kind = Kind::Choice { built: &["break"], unbuilt: &[] };

pub(crate) const REWRITE: Key = Key {
    name: "rewrite",
    kind: Kind::List(&Kind::Either(&[TEXTS, BREAK, Kind::Table(&STEP)])),
    need: Need::Default("[]"),
    nginx: "rewrite, if, set, return, break",
    doc: "Steps, in order: [\"regex\", \"replacement\"], optionally with a third text \"last\", \"break\", \"redirect\" or \
          \"permanent\"; \"break\"; { set = [\"name\", \"value\"] }; { return = [code, \"text\"] }; { if = \"$var = text\", \
          then = [steps], use = \"@name\" }.",
};
pub(crate) const SET: Key = Key {
    name: "set",
    kind: Kind::Names(&Kind::Template),
    need: Need::Default("{}"),
    nginx: "set",
    doc: "Variables and their values, set before the steps of `rewrite`.",
};

const STEP: Table = Table {
    name: "rewrite.step",
    doc: "A step other than a plain rewrite.",
    keys: &[IF, THEN, USE, VARIABLE, RETURN],
    unbuilt: &[],
};
const INNER: Table = Table {
    name: "rewrite.step.then",
    doc: "A step inside a condition.",
    keys: &[VARIABLE, RETURN],
    unbuilt: &[],
};
const IF: Key = Key {
    name: "if",
    kind: Kind::Text {
        hint: "a condition such as \"$var\", \"$var = text\", \"$var ~* regex\" or \"-f path\"",
    },
    need: Need::Optional,
    nginx: "if",
    doc: "The condition: \"$var\" (neither empty nor \"0\"); \"$var = text\" or !=; \"$var ~ regex\", or ~*, !~, !~*; or \
          -f, -d, -e, -x and a path, optionally with ! before it. The variable must stand alone, with blanks around the \
          operator. Quotes around the last operand are removed.",
};
const THEN: Key = Key {
    name: "then",
    kind: Kind::List(&Kind::Either(&[TEXTS, BREAK, Kind::Table(&INNER)])),
    need: Need::Default("[]"),
    nginx: "",
    doc: "The steps to run if the condition holds.",
};
const USE: Key = Key {
    name: "use",
    kind: Kind::Text { hint: "a named location such as \"@name\"" },
    need: Need::Optional,
    nginx: "",
    doc: "In a location: the named location that serves the request if the condition holds, with its settings and its \
          action. If it has no action, files are served as configured in this location. If several conditions hold, the \
          last one applies.",
};
const VARIABLE: Key = Key {
    name: "set",
    kind: Kind::List(&Kind::Template),
    need: Need::Optional,
    nginx: "set",
    doc: "[\"name\", \"value\"]: sets the variable $name. `args` sets the request's arguments, `limit_rate` the response's \
          rate.",
};
const RETURN: Key = Key {
    name: "return",
    kind: respond::KIND,
    need: Need::Optional,
    nginx: "return",
    doc: "The response to send, as the key `return`.",
};

/// Reads `set` and `rewrite` of a level.
pub(crate) fn read(scope: &mut Scope<'_>) -> Vec<Spanned<Step>> {
    let mut steps = scope.read("set", sets).unwrap_or_default();
    steps.extend(scope.read("rewrite", steps_of).unwrap_or_default());
    steps
}

/// The locations that the steps use.
pub(crate) fn used(steps: &[Spanned<Step>]) -> impl Iterator<Item = &Spanned<Box<str>>> {
    steps.iter().filter_map(|step| match &step.value {
        Step::If(step) => step.location.as_ref(),
        _ => None,
    })
}

fn sets(cx: &mut Context, value: &Value<'_>) -> Option<Vec<Spanned<Step>>> {
    let table = value.get_ref().as_table()?;
    let set = |(name, value): (&toml::Spanned<toml::de::DeString<'_>>, &Value<'_>)| {
        let step = Step::Set { name: lower(name.get_ref()), value: cx.template_of(value)? };
        Some(Spanned::new(step, cx.span(name.span())))
    };
    Some(table.iter().filter_map(set).collect())
}

fn steps_of(cx: &mut Context, value: &Value<'_>) -> Option<Vec<Spanned<Step>>> {
    let items = value.get_ref().as_array()?.iter();
    Some(items.filter_map(|item| Some(Spanned::new(step(cx, item)?, cx.span(item.span())))).collect())
}

fn step(cx: &mut Context, value: &Value<'_>) -> Option<Step> {
    if value.get_ref().is_str() {
        return Some(Step::Break);
    }
    if value.get_ref().is_array() {
        return rewrite(cx, value).map(|step| Step::Rewrite(Box::new(step)));
    }
    let table = value.get_ref().as_table()?;
    let kinds = ["if", "set", "return"].iter().filter(|key| table.contains_key(**key)).count();
    let loose = !table.contains_key("if") && (table.contains_key("then") || table.contains_key("use"));
    if kinds != 1 || loose {
        let diagnostic = Diagnostic::at(value.span(), "invalid step");
        cx.push(
            diagnostic
                .label("expected exactly one of `if`, `set` and `return`; `then` and `use` require `if`"),
        );
        return None;
    }
    if let Some(answer) = table.get("return") {
        return respond::read(cx, answer).map(|answer| Step::Return(answer.value));
    }
    if let Some(pair) = table.get("set") {
        return set(cx, pair);
    }
    conditional(cx, table)
}

fn conditional(cx: &mut Context, table: &DeTable<'_>) -> Option<Step> {
    let text = table.get("if")?;
    let condition = condition::read(cx, text.get_ref().as_str()?, &text.span());
    let then = table.get("then").map(|then| steps_of(cx, then)).unwrap_or(Some(Vec::new()));
    let location = table.get("use").and_then(|name| {
        Some(Spanned::new(Box::<str>::from(name.get_ref().as_str()?), cx.span(name.span())))
    });
    Some(Step::If(Box::new(If { condition: condition?, then: then?, location })))
}

fn set(cx: &mut Context, value: &Value<'_>) -> Option<Step> {
    let items: Vec<&Value<'_>> = value.get_ref().as_array()?.iter().collect();
    let [name, text] = items.as_slice() else {
        cx.push(Diagnostic::at(value.span(), "invalid `set`").label("expected [\"name\", \"value\"]"));
        return None;
    };
    Some(Step::Set { name: lower(name.get_ref().as_str()?), value: cx.template_of(text)? })
}

/// Names of variables are the same in upper and lower case.
fn lower(name: &str) -> Box<str> {
    name.to_ascii_lowercase().into()
}

fn rewrite(cx: &mut Context, value: &Value<'_>) -> Option<Rewrite> {
    let items: Vec<(&str, Range<usize>)> = value
        .get_ref()
        .as_array()?
        .iter()
        .filter_map(|item| Some((item.get_ref().as_str()?, item.span())))
        .collect();
    let ([regex, to] | [regex, to, _]) = items.as_slice() else {
        let diagnostic = Diagnostic::at(value.span(), "invalid rewrite");
        cx.push(
            diagnostic
                .label("expected [\"regex\", \"replacement\"] or [\"regex\", \"replacement\", \"flag\"]"),
        );
        return None;
    };
    let then = match items.get(2).map(|(flag, _)| *flag) {
        None => Then::Next,
        Some("last") => Then::Last,
        Some("break") => Then::Break,
        Some("redirect") => Then::Redirect(StatusCode::FOUND),
        Some("permanent") => Then::Redirect(StatusCode::MOVED_PERMANENTLY),
        Some(flag) => {
            let place = items.get(2).map(|(_, span)| span.clone()).unwrap_or_default();
            let diagnostic = Diagnostic::at(place, format!("unknown rewrite flag `{flag}`"));
            cx.push(diagnostic.label("expected \"last\", \"break\", \"redirect\" or \"permanent\""));
            return None;
        }
    };
    let elsewhere = ["http://", "https://", "$scheme"].iter().any(|start| to.0.starts_with(start));
    let then = match then {
        Then::Redirect(_) => then,
        _ if elsewhere => Then::Redirect(StatusCode::FOUND),
        _ => then,
    };
    let valid = pattern::check(cx, regex.0, &regex.1, 0, false);
    // What is wrong is told of the text as a whole.
    cx.template(to.0, &to.1)?;
    let text = to.0.strip_suffix('?').unwrap_or(to.0);
    valid.then(|| Rewrite {
        pattern: Spanned::new(regex.0.into(), cx.span(regex.1.clone())),
        replacement: pieces(cx, text, !matches!(then, Then::Redirect(_))),
        keeps_args: text.len() == to.0.len(),
        asks: text.contains('?'),
        then,
    })
}

/// Takes a replacement apart; `splits`: whether a `?` ends the path.
fn pieces(cx: &Context, text: &str, splits: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut push = |part: &str, next: Option<Piece>| {
        if !part.is_empty() {
            pieces.extend(cx.definitions.template(part, Place::Request).ok().map(Piece::Template));
        }
        pieces.extend(next);
    };
    let (mut from, mut at) = (0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(['$', '?'])).map(|offset| at + offset) {
        let after = text.as_bytes().get(found + 1);
        let piece = match (text.as_bytes().get(found), after) {
            (Some(b'$'), Some(digit @ b'1'..=b'9')) => Some((Piece::Capture(digit - b'0'), 2)),
            (Some(b'?'), _) if splits => Some((Piece::QuestionMark, 1)),
            _ => None,
        };
        at = found + 1;
        if let Some((piece, len)) = piece {
            push(text.get(from..found).unwrap_or_default(), Some(piece));
            (from, at) = (found + len, found + len);
        }
    }
    push(text.get(from..).unwrap_or_default(), None);
    pieces
}

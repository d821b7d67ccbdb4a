//! The table `substitute`: texts that are replaced in responses.

use propylon_vars::Template;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;

/// Texts that are replaced in responses.
#[derive(Clone, Debug, PartialEq)]
pub struct Substitute {
    /// What is looked for, and what takes its place.
    pub rules: Vec<(Template, Template)>,
    /// Whether each is replaced the first time only.
    pub once: bool,
    /// The media types; "*": any.
    pub types: Vec<Box<str>>,
    /// Whether `Last-Modified` stays.
    pub last_modified: bool,
}

pub(crate) const TABLE: Table = Table {
    name: "substitute",
    doc: "Replaces text in response bodies.",
    keys: &[
        Key {
            name: "rules",
            kind: Kind::List(&Kind::List(&Kind::Template)),
            need: Need::Default("[]"),
            nginx: "sub_filter",
            doc: "[\"text\", \"replacement\"]; the text is matched case-insensitively.",
        },
        Key {
            name: "once",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "sub_filter_once",
            doc: "Whether to replace only the first occurrence of each text.",
        },
        Key {
            name: "types",
            kind: Kind::List(&Kind::Text { hint: "a media type such as \"text/css\", or \"*\"" }),
            need: Need::Default("[\"text/html\"]"),
            nginx: "sub_filter_types",
            doc: "The media types of the responses to change; \"*\": any.",
        },
        Key {
            name: "last_modified",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "sub_filter_last_modified",
            doc: "Whether to keep Last-Modified, and the ETag as a weak one.",
        },
    ],
    unbuilt: &[],
};

impl Substitute {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let rules = scope.read("rules", |cx, value| {
            Some(value.get_ref().as_array()?.iter().filter_map(|item| rule(cx, item)).collect())
        });
        Self {
            rules: rules.unwrap_or_default(),
            once: scope.bool("once"),
            types: scope.list("types", |_, text, _| Some(text.into())).unwrap_or_default(),
            last_modified: scope.bool("last_modified"),
        }
    }
}

fn rule(cx: &mut Context, value: &Value<'_>) -> Option<(Template, Template)> {
    let items: Vec<&Value<'_>> = value.get_ref().as_array()?.iter().collect();
    let [from, to] = items.as_slice() else {
        let diagnostic = Diagnostic::at(value.span(), "a rule must have exactly two texts");
        cx.push(diagnostic.label("expected [\"text\", \"replacement\"]"));
        return None;
    };
    if from.get_ref().as_str() == Some("") {
        cx.push(
            Diagnostic::at(from.span(), "the text to replace is empty")
                .label("expected at least one character"),
        );
        return None;
    }
    Some((cx.template_of(from)?, cx.template_of(to)?))
}

//! The table `redirect`: where responses of upstreams send the client.

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::rule::{self, Case, Rule};

/// Where responses of upstreams send the client.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirects {
    /// The rules for `Location` and `Refresh`, the first that fits counts.
    pub rules: Vec<RedirectRule>,
}

/// A rule for `Location` and `Refresh`.
#[derive(Clone, Debug, PartialEq)]
pub enum RedirectRule {
    /// `proxy_pass`'s URI rule, backwards: the upstream's URL becomes the location's prefix.
    Default,
    /// One URL, or its beginning, becomes another.
    Rule(Rule),
}

pub(crate) const TABLE: Table = Table {
    name: "redirect",
    doc: "Rewrites the fields Location and Refresh in responses of upstreams.",
    keys: &[Key {
        name: "rules",
        kind: Kind::List(&Kind::Either(&[
            Kind::Choice { built: &["default", "off"], unbuilt: &[] },
            rule::PAIR,
        ])),
        need: Need::Default("[\"default\"]"),
        nginx: "proxy_redirect",
        doc: "Rules; the first that matches applies. [\"from\", \"to\"] replaces the prefix `from` of a URL with `to`; \
              [\"~regex\", \"to\"] and [\"~*regex\", \"to\"] replace a matching URL with `to`, which may use $1. All texts \
              but regexes are templates. \"default\": replaces the URL of proxy_pass with the location's prefix. [\"off\"] \
              or []: no changes. A result that begins with `/` is completed with scheme and host.",
    }],
    unbuilt: &[],
};

impl Redirects {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        Self { rules: scope.read("rules", rules).unwrap_or_default() }
    }
}

fn rules(cx: &mut Context, value: &Value<'_>) -> Option<Vec<RedirectRule>> {
    let mut rules = Vec::new();
    let items = value.get_ref().as_array()?;
    for item in items.iter() {
        if item.get_ref().as_str() == Some("off") {
            if items.len() > 1 {
                cx.push(
                    Diagnostic::at(item.span(), "\"off\" cannot be combined with other rules")
                        .label("expected \"off\" alone"),
                );
            }
        } else if item.get_ref().is_str() {
            if rules.contains(&RedirectRule::Default) {
                cx.push(
                    Diagnostic::at(item.span(), "duplicate rule \"default\"").label("expected at most once"),
                );
            }
            rules.push(RedirectRule::Default);
        } else {
            rules.extend(rule::pair(cx, item, Case::Tells).map(RedirectRule::Rule));
        }
    }
    Some(rules)
}

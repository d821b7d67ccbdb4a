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
    doc: "Where responses of upstreams send the client: the fields Location and Refresh.",
    keys: &[Key {
        name: "rules",
        kind: Kind::List(&Kind::Either(&[
            Kind::Choice { built: &["default", "off"], unbuilt: &[] },
            rule::PAIR,
        ])),
        need: Need::Default("[\"default\"]"),
        nginx: "proxy_redirect",
        doc: "[\"from\", \"to\"]: a URL that begins with `from` begins with `to` instead; [\"~regex\", \"to\"], [\"~*regex\", \
              \"to\"]: one that matches is `to`, with $1. All are templates but the regexes; the first rule that fits \
              counts. \"default\": the URL of proxy_pass becomes the location's prefix. [\"off\"] or []: nothing is changed. A \
              result that begins with `/` is completed with scheme and host.",
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
                    Diagnostic::at(item.span(), "\"off\" is no rule beside others").label("expected alone"),
                );
            }
        } else if item.get_ref().is_str() {
            if rules.contains(&RedirectRule::Default) {
                cx.push(Diagnostic::at(item.span(), "\"default\" stands here twice").label("expected once"));
            }
            rules.push(RedirectRule::Default);
        } else {
            rules.extend(rule::pair(cx, item, Case::Tells).map(RedirectRule::Rule));
        }
    }
    Some(rules)
}

//! A rule of the configuration, ready for use.

use bytes::Bytes;
use propylon_config::{Rule, RuleMatch, Template};
use propylon_exchange::Exchange;

use crate::error::BuildError;
use crate::router::captures;
use crate::routing::Pattern;

/// What stands in the place of what.
pub(super) struct Replace {
    pub(super) from: Matcher,
    to: Template,
}

/// What a rule is for.
pub(super) enum Matcher {
    Text(Template),
    Regex(Pattern),
}

/// The beginning of a text, or all of it, replaced.
type Plain = fn(text: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>>;

impl Replace {
    pub(super) fn new(rule: &Rule) -> Result<Self, BuildError> {
        Ok(Self { from: Matcher::new(&rule.from)?, to: rule.to.clone() })
    }

    /// The two texts, where no regex and no variable takes part.
    pub(super) fn fixed(rule: &Rule) -> Option<(&str, &str)> {
        let RuleMatch::Text(from) = &rule.from else { return None };
        Some((as_str(from)?, as_str(&rule.to)?))
    }

    /// What becomes of `text`, if the rule fits: by `plain` where no regex is asked.
    pub(super) fn apply(&self, exchange: &Exchange, text: &[u8], plain: Plain) -> Option<Vec<u8>> {
        match &self.from {
            Matcher::Text(from) => plain(text, &from.eval(exchange), &self.to.eval(exchange)),
            Matcher::Regex(pattern) => {
                matches(pattern, exchange, text).then(|| self.to.eval(exchange).into())
            }
        }
    }
}

impl Matcher {
    pub(super) fn new(from: &RuleMatch) -> Result<Self, BuildError> {
        Ok(match from {
            RuleMatch::Text(text) => Self::Text(text.clone()),
            RuleMatch::Regex { pattern, caseless } => {
                let compile = if *caseless { Pattern::caseless } else { Pattern::new };
                let regex = compile(&pattern.value);
                Self::Regex(regex.map_err(BuildError::value("invalid regular expression", pattern.span))?)
            }
        })
    }

    /// Whether it is for this name, in any case.
    pub(super) fn is(&self, exchange: &Exchange, name: &[u8]) -> bool {
        match self {
            Self::Text(text) => text.eval(exchange).eq_ignore_ascii_case(name),
            Self::Regex(pattern) => matches(pattern, exchange, name),
        }
    }
}

/// The text of a template without variables.
pub(super) fn as_str(template: &Template) -> Option<&str> {
    template.as_static().and_then(|text| std::str::from_utf8(text).ok())
}

/// Whether a regex matches; what it captures is `$1` from here on.
fn matches(pattern: &Pattern, exchange: &Exchange, text: &[u8]) -> bool {
    let found = pattern.find(&Bytes::copy_from_slice(text));
    if let Some(found) = &found {
        propylon_vars::set_captures(exchange, captures(found));
    }
    found.is_some()
}

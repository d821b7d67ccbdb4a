//! Regexes: what is wrong with them, and which variables they define.

use std::ops::Range;

use propylon_pattern::{Pattern, PatternError};
use regex_syntax::ast::ErrorKind;

use crate::reader::Context;
use crate::report::Diagnostic;

/// Checks `pattern`, which stands at `at` of the text at `span`.
pub(crate) fn check(cx: &mut Context, text: &str, span: &Range<usize>, at: usize, caseless: bool) -> bool {
    let pattern = text.get(at..).unwrap_or_default();
    let compiled = if caseless { Pattern::caseless(pattern) } else { Pattern::new(pattern) };
    let (range, problem) = match compiled {
        Ok(_) => return true,
        Err(PatternError::Syntax { source, .. }) => {
            fault(pattern).unwrap_or((0..pattern.len(), source.to_string()))
        }
        Err(PatternError::Pcre { construct, .. }) => {
            (0..pattern.len(), format!("{construct} is supported only by PCRE"))
        }
        Err(other) => (0..pattern.len(), other.to_string()),
    };
    let place = cx.inside(span, text, at + range.start..at + range.end);
    cx.push(Diagnostic::at(place, "invalid regular expression").label(problem));
    false
}

/// Where in the pattern the fault is, and what it is, as near as the plain syntax tells.
fn fault(pattern: &str) -> Option<(Range<usize>, String)> {
    let parsed = regex_syntax::ParserBuilder::new().utf8(false).unicode(false).build().parse(pattern);
    let (span, problem) = match parsed.err()? {
        regex_syntax::Error::Parse(error) if is_ours(error.kind()) => return None,
        regex_syntax::Error::Parse(error) => (*error.span(), error.kind().to_string()),
        regex_syntax::Error::Translate(error) => (*error.span(), error.kind().to_string()),
        _ => return None,
    };
    Some((span.start.offset..span.end.offset, problem))
}

/// What the plain syntax does not have, but patterns have: it is not the fault.
fn is_ours(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::UnsupportedLookAround | ErrorKind::UnsupportedBackreference)
}

/// The names of the pattern's groups, and where each group's `?<` stands.
#[must_use]
pub fn group_names(pattern: &str) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['\\', '(']) {
        let (escape, from) = (rest.get(at..at + 1) == Some("\\"), at + 1);
        rest = rest.get(from..).unwrap_or_default();
        if escape {
            let mut chars = rest.chars();
            chars.next();
            rest = chars.as_str();
        } else if let Some(name) = group_name(rest) {
            names.push((pattern.len() - rest.len(), name));
        }
    }
    names
}

fn group_name(after_paren: &str) -> Option<&str> {
    let forms = [("?<", '>'), ("?P<", '>'), ("?'", '\'')];
    let (named, end) =
        forms.into_iter().find_map(|(open, end)| Some((after_paren.strip_prefix(open)?, end)))?;
    let (name, _) = named.split_once(end)?;
    let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    valid.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_groups() {
        let check = |pattern, expected: &[&str]| {
            let names: Vec<_> = group_names(pattern).into_iter().map(|(_, name)| name).collect();
            assert_eq!(names, expected, "{pattern}");
        };
        check(r"^/(\d+)$", &[]);
        check(r"^/(?<user>\w+)/(?P<id>\d+)$", &["user", "id"]);
        check(r"\(?<no>(?<yes>a(?<inner>b))", &["yes", "inner"]);
        check(r"(?'quoted'a)", &["quoted"]);
        check(r"(?<=x)(?<!y)(?:z)\", &[]);
    }
}

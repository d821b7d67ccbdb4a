//! Regexes: what is wrong with them, and which variables they define. Compiled where they are used.

use std::ops::Range;

use regex_syntax::ast::ErrorKind;

use crate::reader::Context;
use crate::report::Diagnostic;

/// Checks `pattern`, which stands at `at` of the text at `span`.
pub(crate) fn check(cx: &mut Context, text: &str, span: &Range<usize>, at: usize, caseless: bool) -> bool {
    let pattern = text.get(at..).unwrap_or_default();
    let parsed = regex_syntax::ParserBuilder::new()
        .utf8(false)
        .unicode(false)
        .case_insensitive(caseless)
        .build()
        .parse(pattern);
    let (range, problem) = match &parsed {
        Ok(_) => return true,
        Err(regex_syntax::Error::Parse(error)) if only_pcre_reads(error) => return true,
        Err(regex_syntax::Error::Parse(error)) => (error.span(), error.kind().to_string()),
        Err(regex_syntax::Error::Translate(error)) => (error.span(), error.kind().to_string()),
        Err(_) => return true,
    };
    let place = cx.inside(span, text, at + range.start.offset..at + range.end.offset);
    let mut diagnostic = Diagnostic::at(place, "this is no valid regex").label(problem);
    if let Err(regex_syntax::Error::Parse(error)) = &parsed
        && matches!(error.kind(), ErrorKind::UnsupportedLookAround | ErrorKind::UnsupportedBackreference)
    {
        diagnostic = diagnostic.help("only PCRE has this; several locations or a map often say the same");
    }
    cx.push(diagnostic);
    false
}

/// What PCRE reads in another way: the router, which translates patterns, judges those.
fn only_pcre_reads(error: &regex_syntax::ast::Error) -> bool {
    let span = error.span();
    let at = |range: Range<usize>| error.pattern().get(range).unwrap_or_default();
    match error.kind() {
        // A brace that begins no repetition stands for itself.
        ErrorKind::RepetitionCountDecimalEmpty
        | ErrorKind::RepetitionCountUnclosed
        | ErrorKind::DecimalEmpty
        | ErrorKind::DecimalInvalid => true,
        ErrorKind::RepetitionMissing => at(span.start.offset..error.pattern().len()).starts_with('{'),
        // A bracket inside a class stands for itself.
        ErrorKind::ClassUnclosed => error.pattern().matches('[').count() > 1,
        ErrorKind::EscapeUnrecognized => matches!(at(span.start.offset..span.end.offset), r"\Z" | r"\e"),
        // A group's name in other quotes.
        ErrorKind::FlagUnrecognized => at(span.start.offset..span.end.offset) == "'",
        _ => false,
    }
}

/// The names of the pattern's groups, and where each group's `?<` stands.
pub(crate) fn group_names(pattern: &str) -> Vec<(usize, &str)> {
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

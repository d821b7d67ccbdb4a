//! A template's text, taken apart. Pure: knows no names.

use std::ops::Range;

use crate::{TemplateError, TemplateErrorKind};

/// A part of a template's text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Text(&'t str),
    /// `$1` to `$9`.
    Capture(u8),
    /// `$name` or `${name}`, in the case in which it was written.
    Name(&'t str),
}

/// The parts of a template's text in order, each with its place; after an error it goes on behind the fault.
pub(crate) fn pieces(text: &str) -> Pieces<'_> {
    Pieces { rest: text, at: 0 }
}

pub(crate) struct Pieces<'t> {
    rest: &'t str,
    at: usize,
}

impl<'t> Pieces<'t> {
    fn take(&mut self, len: usize) -> (&'t str, Range<usize>) {
        let (taken, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, ""));
        let from = self.at;
        self.rest = rest;
        self.at += taken.len();
        (taken, from..self.at)
    }

    fn fault(&mut self, len: usize, kind: TemplateErrorKind) -> Option<<Self as Iterator>::Item> {
        let (_, range) = self.take(len);
        Some(Err(TemplateError::new(range, kind)))
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Result<(Piece<'t>, Range<usize>), TemplateError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some(after) = self.rest.strip_prefix('$') else {
            let (text, range) = self.take(self.rest.find('$').unwrap_or(self.rest.len()));
            return Some(Ok((Piece::Text(text), range)));
        };
        if let Some(digit @ b'1'..=b'9') = after.as_bytes().first() {
            let (_, range) = self.take(2);
            return Some(Ok((Piece::Capture(digit - b'0'), range)));
        }
        if let Some(braced) = after.strip_prefix('{') {
            let name = name_at(braced);
            return match braced.as_bytes().get(name.len()) {
                Some(b'}') if name.is_empty() => self.fault(3, TemplateErrorKind::InvalidName),
                Some(b'}') => {
                    let (_, range) = self.take(name.len() + 3);
                    Some(Ok((Piece::Name(name), range)))
                }
                _ => self.fault(name.len() + 2, TemplateErrorKind::Unclosed),
            };
        }
        match name_at(after) {
            "" => self.fault(1, TemplateErrorKind::InvalidName),
            name => {
                let (_, range) = self.take(name.len() + 1);
                Some(Ok((Piece::Name(name), range)))
            }
        }
    }
}

/// Whether a template can name a variable so.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name_at(name) == name && !name.starts_with(|c| matches!(c, '1'..='9'))
}

fn name_at(text: &str) -> &str {
    let end = text.bytes().position(|b| !(b.is_ascii_alphanumeric() || b == b'_')).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_texts_apart_as_nginx() {
        fn check(text: &str, expected: &[Piece<'_>]) {
            let found: Vec<_> = pieces(text).map(|piece| piece.unwrap().0).collect();
            assert_eq!(found, expected, "{text}");
        }
        check("", &[]);
        check("abc", &[Piece::Text("abc")]);
        check("$host", &[Piece::Name("host")]);
        check("a${b}c", &[Piece::Text("a"), Piece::Name("b"), Piece::Text("c")]);
        check("$a$b", &[Piece::Name("a"), Piece::Name("b")]);
        check("$a-$b", &[Piece::Name("a"), Piece::Text("-"), Piece::Name("b")]);
        check("$aé", &[Piece::Name("a"), Piece::Text("é")]);
        check("$10", &[Piece::Capture(1), Piece::Text("0")]);
        check("${1}", &[Piece::Name("1")]);
        check("$0", &[Piece::Name("0")]);
        check("a}{b", &[Piece::Text("a}{b")]);
    }

    #[test]
    fn says_where_a_text_is_wrong() {
        fn check(text: &str, range: Range<usize>, kind: &TemplateErrorKind) {
            let errors: Vec<_> = pieces(text).filter_map(Result::err).collect();
            assert_eq!(errors, [TemplateError::new(range, kind.clone())], "{text}");
        }
        check("$", 0..1, &TemplateErrorKind::InvalidName);
        check("a$", 1..2, &TemplateErrorKind::InvalidName);
        check("$ $host", 0..1, &TemplateErrorKind::InvalidName);
        check("$é", 0..1, &TemplateErrorKind::InvalidName);
        check("$$host", 0..1, &TemplateErrorKind::InvalidName);
        check("x${}y", 1..4, &TemplateErrorKind::InvalidName);
        check("${", 0..2, &TemplateErrorKind::Unclosed);
        check("${host", 0..6, &TemplateErrorKind::Unclosed);
        check("${a-b}", 0..3, &TemplateErrorKind::Unclosed);
    }
}

//! Reading a `Forwarded` field.

use std::borrow::Cow;

use super::element::{Element, is_token};

/// A `Forwarded` field that cannot be read: nothing in it can be relied upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed Forwarded field")]
#[non_exhaustive]
pub struct MalformedForwarded;

impl<'a> Element<'a> {
    /// Reads the elements of one line of a `Forwarded` field.
    ///
    /// More is accepted than RFC 7239 allows where there is no doubt about what is meant: spaces around `;`, and values such
    /// as `192.0.2.1:80` or `[::1]` without quotes.
    ///
    /// # Errors
    ///
    /// [`MalformedForwarded`] if the line does not follow the grammar, or an element names a parameter twice.
    pub fn parse_list(line: &'a [u8]) -> Result<Vec<Self>, MalformedForwarded> {
        let mut cursor = Cursor { rest: str::from_utf8(line).map_err(|_| MalformedForwarded)? };
        let mut elements = Vec::new();
        loop {
            cursor.skip_blanks();
            // Empty elements are nothing (RFC 9110, 5.6.1).
            if cursor.at_end() {
                return Ok(elements);
            }
            if !cursor.eat(',') {
                elements.push(cursor.element()?);
                if !cursor.at_end() && !cursor.eat(',') {
                    return Err(MalformedForwarded);
                }
            }
        }
    }
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn element(&mut self) -> Result<Element<'a>, MalformedForwarded> {
        let mut element = Element::new();
        loop {
            let (name, value) = self.pair()?;
            if element.parameter(name).is_some() {
                return Err(MalformedForwarded);
            }
            element = element.with(name, value);
            self.skip_blanks();
            if !self.eat(';') {
                return Ok(element);
            }
            self.skip_blanks();
        }
    }

    fn pair(&mut self) -> Result<(&'a str, Cow<'a, str>), MalformedForwarded> {
        let name = self.take_while(|char| u8::try_from(char).is_ok_and(is_token));
        if name.is_empty() || !self.eat('=') {
            return Err(MalformedForwarded);
        }
        if self.eat('"') {
            return Ok((name, self.quoted()?));
        }
        let value = self.take_while(|char| !matches!(char, ' ' | '\t' | ',' | ';' | '"' | '\\' | '='));
        if value.is_empty() { Err(MalformedForwarded) } else { Ok((name, value.into())) }
    }

    /// What follows an opening quote, up to and including the closing one.
    fn quoted(&mut self) -> Result<Cow<'a, str>, MalformedForwarded> {
        let plain = self.take_while(|char| !matches!(char, '"' | '\\'));
        if self.eat('"') {
            return Ok(plain.into());
        }
        let mut text = plain.to_owned();
        let mut chars = self.rest.chars();
        loop {
            match chars.next().ok_or(MalformedForwarded)? {
                '"' => break,
                '\\' => text.push(chars.next().ok_or(MalformedForwarded)?),
                char => text.push(char),
            }
        }
        self.rest = chars.as_str();
        Ok(text.into())
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|char| !wanted(char)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn eat(&mut self, char: char) -> bool {
        self.rest.strip_prefix(char).map(|rest| self.rest = rest).is_some()
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn at_end(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `expected`: each element as it prints.
    #[track_caller]
    fn check(line: &str, expected: Option<&[&str]>) {
        let printed = Element::parse_list(line.as_bytes())
            .ok()
            .map(|elements| elements.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            printed,
            expected.map(|lines| lines.iter().map(|&line| line.to_owned()).collect()),
            "{line}"
        );
    }

    #[test]
    fn reads_the_examples_of_the_rfc() {
        check(r#"for="_gazonk""#, Some(&["for=_gazonk"]));
        check(r#"For="[2001:db8:cafe::17]:4711""#, Some(&[r#"For="[2001:db8:cafe::17]:4711""#]));
        check(
            "for=192.0.2.60;proto=http;by=203.0.113.43",
            Some(&["for=192.0.2.60;proto=http;by=203.0.113.43"]),
        );
        check("for=192.0.2.43, for=198.51.100.17", Some(&["for=192.0.2.43", "for=198.51.100.17"]));
        check(
            r#"for=192.0.2.43,for="[2001:db8:cafe::17]",for=unknown"#,
            Some(&["for=192.0.2.43", r#"for="[2001:db8:cafe::17]""#, "for=unknown"]),
        );
        check(
            r#"for=_hidden, for=_SEVKISEK;secret="a b""#,
            Some(&["for=_hidden", r#"for=_SEVKISEK;secret="a b""#]),
        );
    }

    #[test]
    fn is_lenient_where_there_is_no_doubt() {
        check("", Some(&[]));
        check(" ,, for=a ;\tproto=b ,", Some(&["for=a;proto=b"]));
        check("for=192.0.2.1:80, for=[::1]", Some(&[r#"for="192.0.2.1:80""#, r#"for="[::1]""#]));
        check("host=\"\"", Some(&["host=\"\""]));
        check(r#"host="a\"b\\c\d,;""#, Some(&[r#"host="a\"b\\cd,;""#]));
    }

    #[test]
    fn refuses_the_rest() {
        for line in [
            "for",
            "for=",
            "=a",
            ";",
            "for=a;",
            "for=a;;by=b",
            "for=a;FOR=b",
            "for=a b",
            "for =a",
            "for= a",
            r#"for="a"#,
            r#"for="a\"#,
            r#"for="a"b"#,
            r#"for=a"b""#,
            "for=a=b",
            "f\u{e9}=a",
        ] {
            check(line, None);
        }
        assert_eq!(Element::parse_list(b"for=\xff"), Err(MalformedForwarded));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(values in prop::collection::vec(("[a-z]{1,3}", "[ -~]{0,8}"), 1..4)) {
            let element = values.into_iter().fold(Element::new(), |element, (name, value)| element.with(name, value));
            let text = element.to_string();
            prop_assert_eq!(Element::parse_list(text.as_bytes()), Ok(vec![element]));
        }

        #[test]
        fn reading_anything_ends(line in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Element::parse_list(&line);
        }
    }
}

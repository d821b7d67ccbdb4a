//! Field values as lists: RFC 9110 5.6.1.

use http::HeaderValue;
use http::header::GetAll;

/// The members of a list field, whose lines are one list: without blanks around them and without the empty ones. A comma
/// within quotes is part of a member.
#[must_use = "it looks when it is asked"]
pub fn members<'a>(lines: GetAll<'a, HeaderValue>) -> impl Iterator<Item = &'a [u8]> {
    lines.into_iter().flat_map(|line| Members(line.as_bytes()))
}

/// The same of one line.
#[derive(Clone, Debug)]
pub struct Members<'a>(pub &'a [u8]);

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.0.is_empty() {
            let end = end_of_member(self.0);
            let (member, rest) = self.0.split_at(end);
            self.0 = rest.get(1..).unwrap_or_default();
            let member = member.trim_ascii();
            if !member.is_empty() {
                return Some(member);
            }
        }
        None
    }
}

/// Where the next comma is that is not within quotes, or the end.
fn end_of_member(text: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    #[test]
    fn lines_are_one_list() {
        let check = |lines: &[&'static str], expected: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x", HeaderValue::from_static(line));
            }
            let found: Vec<_> = members(headers.get_all("x")).map(|m| str::from_utf8(m).unwrap()).collect();
            assert_eq!(found, expected, "{lines:?}");
        };
        check(&[], &[]);
        check(&["", " , ,"], &[]);
        check(&["a,b ,  c", "d"], &["a", "b", "c", "d"]);
        check(&["a=\"x, y\", b"], &["a=\"x, y\"", "b"]);
        check(&["a=\"x\\\", y\", b"], &["a=\"x\\\", y\"", "b"]);
        check(&["a=\"never closed, b", "c"], &["a=\"never closed, b", "c"]);
    }
}

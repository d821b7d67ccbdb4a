//! Fields, cookies and arguments by name. Pure.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use propylon_exchange::Fields;

use crate::out::Out;

/// A field that a variable names: `-` is written `_` there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    name: HeaderName,
    /// The name in the variable, if it has a `_`: the field's own name may have one too.
    underscored: Option<Box<str>>,
}

impl Field {
    /// The field that `name`, in lower case, stands for; nothing if no field can have such a name.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let dashed = HeaderName::try_from(name.replace('_', "-")).ok()?;
        Some(Self { name: dashed, underscored: name.contains('_').then(|| name.into()) })
    }

    /// The values of all its lines, joined; says whether there is one.
    pub(crate) fn write(&self, headers: &HeaderMap, out: &mut Out<'_>) -> bool {
        let name = if headers.contains_key(&self.name) {
            &self.name
        } else {
            let Some(name) = self.with_underscores(headers) else { return false };
            name
        };
        self.write_all(headers.get_all(name).iter().map(HeaderValue::as_bytes), out)
    }

    /// The same of the client's head, of which no map is made.
    pub(crate) fn write_received(&self, fields: &Fields, out: &mut Out<'_>) -> bool {
        // A name with underscores is as long, and begins alike.
        if !fields.may_have(self.name.as_str()) {
            return false;
        }
        if self.write_all(fields.values(&self.name), out) {
            return true;
        }
        let Some(wanted) = &self.underscored else { return false };
        let name = fields.names().find(|name| is_underscored(name, wanted.as_bytes()));
        let Some(name) = name.and_then(|name| HeaderName::from_bytes(name).ok()) else { return false };
        self.write_all(fields.values(&name), out)
    }

    fn write_all<'h>(&self, values: impl Iterator<Item = &'h [u8]>, out: &mut Out<'_>) -> bool {
        let separator = if self.name == COOKIE { b"; " } else { b", " };
        let mut any = false;
        for value in values {
            if any {
                out.text(separator);
            }
            out.text(value);
            any = true;
        }
        any
    }

    fn with_underscores<'h>(&self, headers: &'h HeaderMap) -> Option<&'h HeaderName> {
        let wanted = self.underscored.as_ref()?.as_bytes();
        headers.keys().find(|name| is_underscored(name.as_str().as_bytes(), wanted))
    }
}

/// Whether `name` is `wanted`, where `-` may stand for `_`.
fn is_underscored(name: &[u8], wanted: &[u8]) -> bool {
    name.len() == wanted.len()
        && name.iter().zip(wanted).all(|(a, b)| a.to_ascii_lowercase() == *b || (*a, *b) == (b'-', b'_'))
}

/// The value of the first argument of that name, in whatever case.
pub(crate) fn argument<'a>(args: &'a [u8], name: &str) -> Option<&'a [u8]> {
    if name.is_empty() {
        return None;
    }
    args.split(|b| *b == b'&').find_map(|argument| {
        let (found, value) = argument.split_at_checked(name.len())?;
        found.eq_ignore_ascii_case(name.as_bytes()).then_some(value)?.strip_prefix(b"=")
    })
}

/// The value of the first cookie of that name, in whatever case, in these lines of `Cookie`.
pub(crate) fn cookie<'h>(lines: impl Iterator<Item = &'h [u8]>, name: &str) -> Option<&'h [u8]> {
    if name.is_empty() {
        return None;
    }
    lines.flat_map(|line| line.split(|b| *b == b';')).find_map(|cookie| pair(trim_start(cookie), name))
}

/// The value of the first cookie of that name that a response sets.
pub(crate) fn set_cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    headers
        .get_all(SET_COOKIE)
        .iter()
        .find_map(|line| pair(line.as_bytes().split(|b| *b == b';').next()?, name))
}

/// The value in `name=value`, blanks around the `=` apart.
fn pair<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (found, rest) = pair.split_at_checked(name.len())?;
    let value = found.eq_ignore_ascii_case(name.as_bytes()).then(|| trim_start(rest))?.strip_prefix(b"=")?;
    Some(trim_start(value))
}

/// Blanks only: a tab is part of the value, as in nginx.
fn trim_start(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|b| **b == b' ').count();
    text.get(blanks..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    fn appended(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(*name, value.parse().unwrap());
        }
        map
    }

    #[test]
    fn fields_by_name() {
        fn check(lines: &[(&'static str, &'static str)], name: &str, expected: Option<&str>) {
            let mut buffer = Vec::new();
            let found = Field::new(name).unwrap().write(&appended(lines), &mut Out::plain(&mut buffer));
            assert_eq!(found.then(|| String::from_utf8(buffer).unwrap()).as_deref(), expected, "{lines:?}");
            let head: String = lines.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let head = Fields::raw(format!("GET / HTTP/1.1\r\n{head}\r\n").into());
            let mut buffer = Vec::new();
            let found = Field::new(name).unwrap().write_received(&head, &mut Out::plain(&mut buffer));
            assert_eq!(found.then(|| String::from_utf8(buffer).unwrap()).as_deref(), expected, "{head:?}");
        }
        check(&[("x-a", "1")], "x_a", Some("1"));
        check(&[("x_a", "1")], "x_a", Some("1"));
        check(&[("x-a_b", "1")], "x_a_b", Some("1"));
        check(&[("x_a-b", "1"), ("x-a-b", "2")], "x_a_b", Some("2"));
        check(&[("xya", "1")], "x_a", None);
        check(&[("x-a", "1"), ("x-a", ""), ("x-a", "3")], "x_a", Some("1, , 3"));
        check(&[("cookie", "a=1"), ("cookie", "b=2")], "cookie", Some("a=1; b=2"));
        check(&[("x-a", "")], "x_a", Some(""));
        check(&[], "host", None);
    }

    #[test]
    fn no_field_has_an_empty_name() {
        assert_eq!(Field::new(""), None);
    }

    #[test]
    fn arguments_by_name() {
        fn check(args: &str, name: &str, expected: Option<&str>) {
            assert_eq!(argument(args.as_bytes(), name), expected.map(str::as_bytes), "{args} {name}");
        }
        check("a=1&b=2", "b", Some("2"));
        check("A=1", "a", Some("1"));
        check("a=1&a=2", "a", Some("1"));
        check("a&a=2", "a", Some("2"));
        check("a", "a", None);
        check("a=", "a", Some(""));
        check("aa=1&xa=2", "a", None);
        check("a=1=2", "a", Some("1=2"));
        check("b=1;a=2", "a", None);
        check("&&a=%20", "a", Some("%20"));
        check("", "a", None);
    }

    #[test]
    fn cookies_by_name() {
        fn check(lines: &[(&'static str, &'static str)], name: &str, expected: Option<&str>) {
            let fields = Fields::from(appended(lines));
            let found = cookie(fields.values(&COOKIE), name);
            assert_eq!(found, expected.map(str::as_bytes), "{lines:?} {name}");
        }
        check(&[("cookie", "a=1; b=2")], "b", Some("2"));
        check(&[("cookie", "a=1;b=2")], "b", Some("2"));
        check(&[("cookie", "A = 1 ;b=2")], "a", Some("1 "));
        check(&[("cookie", "aa=1; a=2")], "a", Some("2"));
        check(&[("cookie", "a; a=2")], "a", Some("2"));
        check(&[("cookie", "b=1"), ("cookie", "a=2")], "a", Some("2"));
        check(&[("cookie", "a=x=y")], "a", Some("x=y"));
        check(&[("cookie", "a=")], "a", Some(""));
        check(&[("cookie", "")], "a", None);
        check(&[], "a", None);
    }

    #[test]
    fn cookies_that_a_response_sets() {
        fn check(lines: &[(&'static str, &'static str)], name: &str, expected: Option<&str>) {
            assert_eq!(set_cookie(&appended(lines), name), expected.map(str::as_bytes), "{lines:?} {name}");
        }
        check(&[("set-cookie", "s=1; Path=/")], "s", Some("1"));
        check(&[("set-cookie", "s=1; path=/x")], "path", None);
        check(&[("set-cookie", "t=1"), ("set-cookie", "S=2;Secure")], "s", Some("2"));
        assert_eq!(set_cookie(&headers(&[("cookie", "s=1")]), "s"), None);
    }
}

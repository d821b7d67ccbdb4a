//! Arguments as `application/x-www-form-urlencoded` writes them.

use std::fmt::Write;

/// Writes a name or a value: what is not unreserved (RFC 3986, 2.3) is percent-encoded.
pub(crate) fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(byte))
            }
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(into, "%{byte:02X}");
            }
        }
    }
}

/// Names and values, with `&` between them.
pub(crate) fn join(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

/// Adds arguments to a URL, which may have some already.
pub(crate) fn with_arguments(url: &str, arguments: &str) -> String {
    let between = match url.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{url}{between}{arguments}")
}

/// Arguments of a query that are asked for by their names.
pub(crate) struct Arguments(Vec<(Vec<u8>, Vec<u8>)>);

/// No query of a provider has more of them.
const MOST: usize = 64;

impl Arguments {
    pub(crate) fn parse(query: &[u8]) -> Self {
        let pairs = query.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()).take(MOST);
        Self(
            pairs
                .map(|pair| {
                    let mut halves = pair.splitn(2, |&byte| byte == b'=');
                    let (name, value) = (halves.next(), halves.next());
                    (decode(name.unwrap_or_default()), decode(value.unwrap_or_default()))
                })
                .collect(),
        )
    }

    /// The value of an argument that is there once; RFC 6749, 3.1: none may be there twice.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(known, _)| known == name.as_bytes());
        match (found.next(), found.next()) {
            (Some((_, value)), None) => std::str::from_utf8(value).ok().filter(|value| !value.is_empty()),
            _ => None,
        }
    }

    /// Whether there is one with this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name.as_bytes())
    }
}

fn decode(text: &[u8]) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'+', _) => decoded.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    decoded.push(high << 4 | low);
                    rest = after;
                }
                _ => decoded.push(b'%'),
            },
            (byte, _) => decoded.push(byte),
        }
    }
    decoded
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = join(&[("a b", "ü&=+%"), ("c", "")]);
        assert_eq!(text, "a%20b=%C3%BC%26%3D%2B%25&c=");
        let read = Arguments::parse(text.as_bytes());
        assert_eq!(read.one("a b"), Some("ü&=+%"));
        assert_eq!((read.one("c"), read.has("c")), (None, true));
        assert_eq!((read.one("d"), read.has("d")), (None, false));
    }

    #[test]
    fn an_argument_is_there_once() {
        let read = Arguments::parse(b"state=a&code=b%2&state=c&x=%zz+%41&e=%ff");
        assert_eq!(read.one("state"), None);
        assert_eq!(read.one("code"), Some("b%2"));
        assert_eq!(read.one("x"), Some("%zz A"));
        assert_eq!((read.one("e"), read.has("e")), (None, true));
    }

    #[test]
    fn urls_may_have_arguments_already() {
        assert_eq!(with_arguments("https://a/b", "c=d"), "https://a/b?c=d");
        assert_eq!(with_arguments("https://a/b?", "c=d"), "https://a/b?c=d");
        assert_eq!(with_arguments("https://a/b?e", "c=d"), "https://a/b?e&c=d");
    }
}

//! The URI that `rewrite` makes. Pure.

/// The URI that nginx's `rewrite` makes of a replacement, written piece by piece.
///
/// ```
/// use propylon_redirect::Replacement;
///
/// // rewrite ^/users/(.*)$ /show?user=$1;
/// let mut replacement = Replacement::default();
/// replacement.text(b"/show");
/// replacement.question_mark();
/// replacement.text(b"user=");
/// replacement.capture(b"a b&c", true);
/// let (path, args) = replacement.uri(Some(b"x=y"));
/// assert_eq!(path, b"/show");
/// assert_eq!(args.unwrap(), b"user=a%20b%26c&x=y");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Replacement {
    text: Vec<u8>,
    /// Where the arguments begin.
    args: Option<usize>,
}

impl Replacement {
    /// Text, as it stands.
    pub fn text(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
    }

    /// Where text is appended, for those who write it in pieces.
    pub const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// The arguments begin here. A later one wins, and neither is written.
    pub const fn question_mark(&mut self) {
        self.args = Some(self.text.len());
    }

    /// What a group of the regular expression matched. `encode`: whether what it was matched in had been decoded; then what
    /// would have another meaning in arguments is encoded there.
    pub fn capture(&mut self, text: &[u8], encode: bool) {
        if encode && self.args.is_some() {
            self.encoded(text);
        } else {
            self.text(text);
        }
    }

    /// As [`capture`](Self::capture), encoded wherever it stands: in a redirect all of the URI is.
    pub fn encoded(&mut self, text: &[u8]) {
        for &byte in text {
            if is_special(byte) {
                self.text.extend([b'%', hex(byte >> 4), hex(byte & 0xF)]);
            } else {
                self.text.push(byte);
            }
        }
    }

    /// The path, and the arguments: its own, behind them those that the request has and is to keep.
    #[must_use]
    pub fn uri(mut self, kept: Option<&[u8]>) -> (Vec<u8>, Option<Vec<u8>>) {
        let Some(at) = self.args else { return (self.text, kept.map(<[u8]>::to_vec)) };
        let mut args = self.text.split_off(at);
        if let Some(kept) = kept.filter(|kept| !kept.is_empty()) {
            args.push(b'&');
            args.extend_from_slice(kept);
        }
        (self.text, Some(args))
    }

    /// The URL of a redirect: what was encoded without need is decoded up to a `?`, and the arguments that the request has
    /// and is to keep follow. `asks`: whether the replacement has a `?` of its own.
    #[must_use]
    pub fn url(self, kept: Option<&[u8]>, asks: bool) -> Vec<u8> {
        let mut url = decoded(&self.text);
        if let Some(kept) = kept.filter(|kept| !kept.is_empty()) {
            url.push(if asks { b'&' } else { b'?' });
            url.extend_from_slice(kept);
        }
        url
    }
}

/// Decodes what needs no encoding, up to the first `?`, encoded or not.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'?' {
            out.push(byte);
            break;
        }
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let pair = after.split_first_chunk::<2>();
        let value = pair.and_then(|([high, low], _)| Some(digit(*high)? << 4 | digit(*low)?));
        let (Some(value), Some((pair, after))) = (value, pair) else {
            // nginx drops it; it can only mean itself.
            out.extend_from_slice(b"%25");
            continue;
        };
        rest = after;
        match value {
            b'?' if pair.last().is_some_and(u8::is_ascii_alphabetic) => {
                out.push(b'?');
                break;
            }
            plain @ b'&'..=b'~' => out.push(plain),
            _ => {
                out.push(b'%');
                out.extend_from_slice(pair);
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

/// What nginx encodes in arguments: controls, blanks, what is not ASCII, and what separates.
const fn is_special(byte: u8) -> bool {
    byte <= b' '
        || byte >= 0x7F
        || matches!(
            byte,
            b'"' | b'#'
                | b'%'
                | b'&'
                | b'+'
                | b';'
                | b'<'
                | b'>'
                | b'?'
                | b'\\'
                | b'^'
                | b'`'
                | b'{'
                | b'|'
                | b'}'
        )
}

const fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'A' + digit - 10 }
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn arguments_are_joined_as_nginx_joins_them() {
        fn check(own: Option<&str>, kept: Option<&str>, expected: Option<&str>) {
            let mut replacement = Replacement::default();
            replacement.text(b"/a");
            if let Some(own) = own {
                replacement.question_mark();
                replacement.text(own.as_bytes());
            }
            let (path, args) = replacement.uri(kept.map(str::as_bytes));
            assert_eq!((text(&path), args.as_deref().map(text)), ("/a", expected));
        }
        check(None, None, None);
        check(None, Some("x"), Some("x"));
        check(Some("b"), None, Some("b"));
        check(Some("b"), Some("x"), Some("b&x"));
        check(Some("b"), Some(""), Some("b"));
        check(Some(""), Some("x"), Some("&x"));
    }

    #[test]
    fn the_last_question_mark_wins() {
        let mut replacement = Replacement::default();
        replacement.text(b"/a");
        replacement.question_mark();
        replacement.text(b"b");
        replacement.question_mark();
        replacement.text(b"c");
        assert_eq!(replacement.uri(None), (b"/ab".to_vec(), Some(b"c".to_vec())));
    }

    #[test]
    fn captures_are_encoded_in_arguments_alone() {
        let mut replacement = Replacement::default();
        replacement.capture(b"/a b", true);
        replacement.question_mark();
        replacement.capture(b"/%&+;~", true);
        replacement.capture(b" ", false);
        assert_eq!(replacement.uri(None), (b"/a b".to_vec(), Some(b"/%25%26%2B%3B~ ".to_vec())));
    }

    #[test]
    fn redirects_decode_what_needs_no_encoding() {
        fn check(from: &str, expected: &str) {
            assert_eq!(text(&decoded(from.as_bytes())), expected, "{from}");
        }
        check("http://a/b", "http://a/b");
        check("/a%2Fb%7Ec", "/a/b~c");
        check("/a%20b%0D%0A%25%7f%ff", "/a%20b%0D%0A%25%7f%ff");
        check("/%2f?%2f", "/%2f?%2f".replacen("%2f", "/", 1).as_str());
        check("/%3f%2F", "/?%2F");
        check("/%3F%2F", "/?%2F");
        check("/%zz%4", "/%25zz%254");
    }

    #[test]
    fn arguments_follow_a_url() {
        let url = |own: &str, kept: Option<&str>| {
            let mut replacement = Replacement::default();
            replacement.text(own.as_bytes());
            let asks = own.contains('?');
            String::from_utf8(replacement.url(kept.map(str::as_bytes), asks)).unwrap()
        };
        assert_eq!(url("http://a/", None), "http://a/");
        assert_eq!(url("http://a/", Some("x=1")), "http://a/?x=1");
        assert_eq!(url("http://a/?b", Some("x=1")), "http://a/?b&x=1");
        assert_eq!(url("http://a/?b", Some("")), "http://a/?b");
    }

    proptest! {
        #[test]
        fn what_is_encoded_holds_no_separator(bytes: Vec<u8>) {
            let mut replacement = Replacement::default();
            replacement.encoded(&bytes);
            let (path, _) = replacement.uri(None);
            prop_assert!(path.iter().all(|&byte| byte == b'%' || !is_special(byte)));
            prop_assert!(!path.iter().any(|byte| b"&?# \r\n".contains(byte)));
        }

        #[test]
        fn decoding_adds_no_byte_that_must_be_encoded(bytes in "[ -~]{0,30}") {
            let out = decoded(bytes.as_bytes());
            prop_assert!(out.len() <= 3 * bytes.len());
            prop_assert!(out.iter().all(|byte| (b' '..=b'~').contains(byte)));
        }
    }
}

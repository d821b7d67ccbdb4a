use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};

/// Which bytes are percent-encoded: the sets of nginx's `ngx_escape_uri`.
///
/// Every set holds the bytes up to 0x20, 0x7F and above; `[ ] ~` and the unreserved bytes stay in `Uri` and `Args`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// `" # % < > ? \ ^ { | }` and the backtick: a normalised path written back into a request line or `Location`.
    Uri,
    /// `Uri`, and `& + ;`: a capture put into the arguments by a rewrite.
    Args,
    /// All but letters, digits and `- . _ ~`.
    UriComponent,
}

impl Escape {
    const fn table(self) -> &'static [bool; 256] {
        const URI: [bool; 256] = table(b"\"#%<>?\\^`{|}");
        const ARGS: [bool; 256] = table(b"\"#%<>?\\^`{|}&+;");
        const COMPONENT: [bool; 256] = table(b"\"#%<>?\\^`{|}&+;!$'()*,/:=@[]");
        match self {
            Self::Uri => &URI,
            Self::Args => &ARGS,
            Self::UriComponent => &COMPONENT,
        }
    }
}

/// Percent-encodes the bytes of the set, in upper-case hex. Borrows when there is nothing to encode.
///
/// ```
/// use propylon_gateway::routing::{Escape, escape};
///
/// assert_eq!(escape(b"/a b/100%", Escape::Uri), &b"/a%20b/100%25"[..]);
/// assert_eq!(escape(b"/a+b", Escape::Args), &b"/a%2Bb"[..]);
/// ```
pub fn escape(text: &[u8], set: Escape) -> Cow<'_, [u8]> {
    let refused = set.table();
    encode(text, |byte| refused.get(usize::from(byte)).copied().unwrap_or(true))
}

/// Percent-encodes what would end a request line or a field early: controls, the space, and DEL.
pub(super) fn escape_controls(text: &[u8]) -> Cow<'_, [u8]> {
    encode(text, is_control_or_space)
}

/// The value of `Location` for nginx's added slash: the escaped name of the location, and the arguments as they came.
///
/// ```
/// use bytes::Bytes;
/// use propylon_gateway::routing::redirect_to;
///
/// let args = Bytes::from_static(b"a=1");
/// assert_eq!(redirect_to(&Bytes::from_static(b"/app/"), Some(&args)), "/app/?a=1");
/// ```
pub fn redirect_to(location: &Bytes, args: Option<&Bytes>) -> Bytes {
    let Some(args) = args else { return location.clone() };
    let mut target = BytesMut::with_capacity(location.len() + 1 + args.len());
    target.put_slice(location);
    target.put_u8(b'?');
    target.put_slice(args);
    target.freeze()
}

pub(super) const fn is_control_or_space(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7F
}

fn encode(text: &[u8], refused: impl Fn(u8) -> bool) -> Cow<'_, [u8]> {
    let count = text.iter().filter(|&&byte| refused(byte)).count();
    if count == 0 {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len() + 2 * count);
    for &byte in text {
        if refused(byte) {
            out.extend([b'%', hex(byte >> 4), hex(byte & 0xF)]);
        } else {
            out.push(byte);
        }
    }
    Cow::Owned(out)
}

const fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'A' + digit - 10 }
}

#[expect(
    clippy::indexing_slicing,
    reason = "both indices are below the lengths: a u8 into 256, and the loop's bound"
)]
const fn table(refused: &[u8]) -> [bool; 256] {
    let mut set = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        set[byte] = byte <= 0x20 || byte >= 0x7F;
        byte += 1;
    }
    let mut at = 0;
    while at < refused.len() {
        set[refused[at] as usize] = true;
        at += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(set: Escape, input: &[u8], expected: &str) {
        assert_eq!(escape(input, set), expected.as_bytes(), "{}", String::from_utf8_lossy(input));
    }

    #[test]
    fn sets_are_nginx_s() {
        let ascii: Vec<u8> = (0x20..0x80).collect();
        check(
            Escape::Uri,
            &ascii,
            "%20!%22%23$%25&'()*+,-./0123456789:;%3C=%3E%3F@ABCDEFGHIJKLMNOPQRSTUVWXYZ[%5C]%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
        );
        check(
            Escape::Args,
            &ascii,
            "%20!%22%23$%25%26'()*%2B,-./0123456789:%3B%3C=%3E%3F@ABCDEFGHIJKLMNOPQRSTUVWXYZ[%5C]%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
        );
        check(
            Escape::UriComponent,
            &ascii,
            "%20%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E%3F%40ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F",
        );
        for set in [Escape::Uri, Escape::Args, Escape::UriComponent] {
            check(set, b"\x00\n\x1F\x80\xFF", "%00%0A%1F%80%FF");
        }
    }

    #[test]
    fn nothing_to_escape_borrows() {
        assert!(matches!(escape(b"/plain/path.html", Escape::Uri), Cow::Borrowed(_)));
    }

    #[test]
    fn controls_alone() {
        assert_eq!(escape_controls(b"/a b\r\n%\"\xC3\x7F"), &b"/a%20b%0D%0A%\"\xC3%7F"[..]);
    }

    #[test]
    fn redirect_keeps_arguments() {
        let name = Bytes::from_static(b"/a/");
        assert_eq!(redirect_to(&name, None), "/a/");
        assert_eq!(redirect_to(&name, Some(&Bytes::from_static(b"x=%2F?"))), "/a/?x=%2F?");
    }
}

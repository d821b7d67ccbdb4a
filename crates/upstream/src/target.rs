//! The request-target, as it goes out.

use bytes::Bytes;
use http::Uri;
use http::uri::PathAndQuery;

use crate::Error;

/// The exact request-target to send: origin-form (`/path?query`), or `*`. A request extension that
/// [`Client`](crate::Client) reads; without it the path and query of the request's own URI are sent.
///
/// The HTTP/1 engine beneath writes an [`http::Uri`], which refuses a few bytes that servers and clients do use (`<`, `>`,
/// controls, bytes that are not UTF-8, `"` in a query, …) and cuts the target at a `#`. These bytes, and no other, are sent
/// percent-encoded; everything else goes out byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(pub Bytes);

impl Target {
    /// As what hyper writes.
    pub(crate) fn into_uri(self) -> Result<Uri, Error> {
        if self.0.first() != Some(&b'/') && &*self.0 != b"*" {
            return Err(Error::InvalidTarget);
        }
        let length = self.0.len();
        match PathAndQuery::from_maybe_shared(self.0.clone()) {
            Ok(path) if path.as_str().len() == length => Ok(path.into()),
            _ => PathAndQuery::from_maybe_shared(encode(&self.0))
                .map(Uri::from)
                .map_err(|_| Error::InvalidTarget),
        }
    }
}

/// The slow path: asks the URI type itself about every byte.
fn encode(target: &[u8]) -> Bytes {
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    let utf8 = std::str::from_utf8(target).is_ok();
    let mut query = false;
    let mut out = Vec::with_capacity(target.len() + 16);
    for &byte in target {
        let refused = match byte {
            b'#' => true,
            0x80.. => !utf8,
            _ if query => PathAndQuery::try_from([b'/', b'?', byte].as_slice()).is_err(),
            _ => PathAndQuery::try_from([b'/', byte].as_slice()).is_err(),
        };
        if refused {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
            out.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        } else {
            query |= byte == b'?';
            out.push(byte);
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &[u8], expected: &str) {
        let uri = Target(Bytes::copy_from_slice(target)).into_uri().unwrap();
        assert_eq!(uri.to_string(), expected, "{}", target.escape_ascii());
    }

    #[test]
    fn kept_byte_for_byte() {
        for target in [
            "/",
            "/a//b/../c",
            "/%2f%zz",
            "/?",
            "/a?b?c=%",
            "*",
            "/{a}|^\"\\",
            "/ä?ö",
            "/a;b=c,d:e@f!$&'()*+",
        ] {
            check(target.as_bytes(), target);
        }
    }

    #[test]
    fn refused_bytes_are_encoded() {
        check(b"/a b", "/a%20b");
        check(b"/<>`?\"<>", "/%3C%3E%60?%22%3C%3E");
        check(b"/a#frag?b", "/a%23frag?b");
        check(b"/?a#b", "/?a%23b");
        check(b"/\xff\xc3\xa4", "/%FF%C3%A4");
        check(b"/a\r\nX: y", "/a%0D%0AX:%20y");
    }

    #[test]
    fn only_origin_form_and_asterisk() {
        for target in ["", "foo", "http://h/", "h:443", "?a", "**"] {
            assert!(matches!(Target(target.into()).into_uri(), Err(Error::InvalidTarget)), "{target}");
        }
    }
}

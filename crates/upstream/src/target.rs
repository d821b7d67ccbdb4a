//! The request-target, as it goes out.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Extensions, Method, Uri};

use crate::Error;
use crate::transport::Protocol;

/// The exact request-target to send: origin-form (`/path?query`), or `*`. A request extension that
/// [`Client`](crate::Client) reads; without it the path and query of the request's own URI are sent.
///
/// It goes out byte for byte, but what would break the request line, blanks and controls, is percent-encoded.
/// HTTP/2 and [`Engine::Hyper`](crate::Engine::Hyper) take an [`http::Uri`], which refuses a few more bytes that servers and clients do use (`<`, `>`, bytes
/// that are not UTF-8, `"` in a query, …) and cuts the target at a `#`: these are percent-encoded too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target(pub Bytes);

impl Target {
    /// The URI of a request that goes to this target, which is cheaper than the extension; the target itself if no [`Uri`] says
    /// exactly that.
    ///
    /// # Errors
    /// The target.
    pub fn into_uri(self) -> Result<Uri, Self> {
        match PathAndQuery::from_maybe_shared(self.0.clone()) {
            Ok(path)
                if path.as_str().len() == self.0.len() && matches!(self.0.first(), Some(b'/' | b'*')) =>
            {
                Ok(path.into())
            }
            _ => Err(self),
        }
    }

    /// The URI that is to be in the request; where that cannot say it, the own engine of HTTP/1 finds it in the extensions.
    pub(crate) fn place(self, protocol: Protocol, extensions: &mut Extensions) -> Result<Uri, Error> {
        if self.0.first() != Some(&b'/') && &*self.0 != b"*" {
            return Err(Error::InvalidTarget);
        }
        let length = self.0.len();
        match PathAndQuery::from_maybe_shared(self.0.clone()) {
            Ok(path) if path.as_str().len() == length => Ok(path.into()),
            _ if protocol == Protocol::H1 => {
                // A method that any of the two forms may have: nobody looks at it.
                let exact = propylon_h1::Target::new(&Method::OPTIONS, one_word(self.0));
                extensions.insert(exact.ok_or(Error::InvalidTarget)?);
                Ok(Uri::default())
            }
            _ => PathAndQuery::from_maybe_shared(encode(&self.0))
                .map(Uri::from)
                .map_err(|_| Error::InvalidTarget),
        }
    }
}

/// Without what ends the target in a request line.
fn one_word(target: Bytes) -> Bytes {
    let breaks = |byte: u8| byte <= b' ' || byte == 0x7F;
    if !target.iter().copied().any(breaks) {
        return target;
    }
    let mut out = Vec::with_capacity(target.len() + 16);
    for &byte in &target {
        if breaks(byte) { push_encoded(byte, &mut out) } else { out.push(byte) }
    }
    out.into()
}

fn push_encoded(byte: u8, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
    out.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
}

/// The slow path of hyper and of HTTP/2: asks the URI type itself about every byte.
fn encode(target: &[u8]) -> Bytes {
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
            push_encoded(byte, &mut out);
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

    /// What the engine writes.
    fn placed(target: &[u8], protocol: Protocol) -> Result<Bytes, Error> {
        let mut extensions = Extensions::new();
        let uri = Target(Bytes::copy_from_slice(target)).place(protocol, &mut extensions)?;
        let exact = extensions.get().map(|exact: &propylon_h1::Target| exact.as_bytes().clone());
        Ok(exact.unwrap_or_else(|| uri.to_string().into()))
    }

    fn check(target: &[u8], expected: &str, exact: &[u8]) {
        for (protocol, expected) in [
            (Protocol::Hyper, expected.as_bytes()),
            (Protocol::Http2, expected.as_bytes()),
            (Protocol::H1, exact),
        ] {
            assert_eq!(placed(target, protocol).unwrap(), expected, "{protocol:?} {}", target.escape_ascii());
        }
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
            check(target.as_bytes(), target, target.as_bytes());
        }
    }

    #[test]
    fn refused_bytes_are_encoded() {
        check(b"/a b", "/a%20b", b"/a%20b");
        check(b"/<>`?\"<>", "/%3C%3E%60?%22%3C%3E", b"/<>`?\"<>");
        check(b"/a#frag?b", "/a%23frag?b", b"/a#frag?b");
        check(b"/?a#b", "/?a%23b", b"/?a#b");
        check(b"/\xff\xc3\xa4", "/%FF%C3%A4", b"/\xff\xc3\xa4");
        check(b"/a\r\nX: y", "/a%0D%0AX:%20y", b"/a%0D%0AX:%20y");
        check(b"/a\x7f<", "/a%7F%3C", b"/a%7F<");
    }

    #[test]
    fn only_origin_form_and_asterisk() {
        for target in ["", "foo", "http://h/", "h:443", "?a", "**"] {
            for protocol in [Protocol::H1, Protocol::Hyper, Protocol::Http2] {
                let placed = placed(target.as_bytes(), protocol);
                assert!(matches!(placed, Err(Error::InvalidTarget)), "{target}");
            }
        }
    }
}

//! What fields of a request ask for.

use http::header::HOST;
use http::{HeaderMap, HeaderName, StatusCode};

use crate::Failure;

const DESTINATION: HeaderName = HeaderName::from_static("destination");
const DEPTH: HeaderName = HeaderName::from_static("depth");
const OVERWRITE: HeaderName = HeaderName::from_static("overwrite");

/// How deep a collection is meant (RFC 4918 10.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    Zero,
    One,
    Infinity,
}

fn bad(what: &'static str) -> Failure {
    Failure::said(StatusCode::BAD_REQUEST, what)
}

/// `Depth`; none, if there is none.
pub(crate) fn depth(headers: &HeaderMap) -> Result<Option<Depth>, Failure> {
    match headers.get(DEPTH).map(http::HeaderValue::as_bytes) {
        None => Ok(None),
        Some(b"0") => Ok(Some(Depth::Zero)),
        Some(b"1") => Ok(Some(Depth::One)),
        Some(b"infinity") => Ok(Some(Depth::Infinity)),
        Some(_) => Err(bad("client sent invalid \"Depth\" header")),
    }
}

/// Whether what is there may be replaced (RFC 4918 10.6).
pub(crate) fn overwrite(headers: &HeaderMap) -> Result<bool, Failure> {
    match headers.get(OVERWRITE).map(http::HeaderValue::as_bytes) {
        None | Some(b"T" | b"t") => Ok(true),
        Some(b"F" | b"f") => Ok(false),
        Some(_) => Err(bad("client sent invalid \"Overwrite\" header")),
    }
}

/// The path that `Destination` names, decoded. It is one of the same server: `scheme` and `host` are those that it was asked by.
pub(crate) fn destination(
    headers: &HeaderMap,
    scheme: &str,
    host: Option<&[u8]>,
) -> Result<Vec<u8>, Failure> {
    const INVALID: &str = "client sent invalid \"Destination\" header";
    let Some(value) = headers.get(DESTINATION).map(http::HeaderValue::as_bytes) else {
        return Err(bad("client sent no \"Destination\" header"));
    };
    let path = if value.starts_with(b"/") {
        value
    } else {
        let host = host.or_else(|| headers.get(HOST).map(http::HeaderValue::as_bytes));
        let Some(host) = host.map(name).filter(|host| !host.is_empty()) else {
            return Err(bad("client sent no \"Host\" header"));
        };
        let rest = caseless(value, scheme.as_bytes()).and_then(|rest| rest.strip_prefix(b"://"));
        let rest = rest.ok_or_else(|| bad(INVALID))?;
        let end = rest.iter().position(|byte| *byte == b'/').ok_or_else(|| bad(INVALID))?;
        let (authority, path) = rest.split_at_checked(end).unwrap_or_default();
        if !name(authority).eq_ignore_ascii_case(host) {
            return Err(bad("\"Destination\" URI is handled by different repository than the source URI"));
        }
        path
    };
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    decode(path).filter(|path| !climbs(path)).ok_or_else(|| bad(INVALID))
}

/// The host of an authority without its port, which says who listens and not who is meant (nginx).
fn name(authority: &[u8]) -> &[u8] {
    let from = authority.iter().rposition(|byte| *byte == b']').unwrap_or_default();
    let colon = authority.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b':'));
    colon.and_then(|colon| authority.get(..from + colon)).unwrap_or(authority)
}

fn caseless<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Whether a path has a `..` or a NUL, which no name has.
pub(crate) fn climbs(path: &[u8]) -> bool {
    path.contains(&0) || path.split(|byte| *byte == b'/').any(|segment| segment == b"..")
}

/// What `%XX` stand for; none, if one stands for nothing.
pub(crate) fn decode(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(*bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(decoded)
}

/// A path as it stands in a URI (nginx's choice of what is escaped).
pub(crate) fn encode(path: &[u8]) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
    let mut encoded = Vec::with_capacity(path.len());
    for &byte in path {
        if byte.is_ascii_graphic() && !b"\"#%<>?\\^`{|}".contains(&byte) {
            encoded.push(byte);
        } else {
            encoded.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn destinations() {
        #[track_caller]
        fn check(host: &str, destination: &str, expected: Option<&str>) {
            let fields = headers(&[("host", host), ("destination", destination)]);
            let found = super::destination(&fields, "http", None);
            let found = found.ok().map(|path| String::from_utf8(path).unwrap());
            assert_eq!(found.as_deref(), expected, "{host} {destination}");
        }
        check("a.test", "/a", Some("/a"));
        check("a.test", "/a%20b?c", Some("/a b"));
        check("a.test", "http://a.test/a", Some("/a"));
        check("a.test:8080", "HTTP://A.test:80/a", Some("/a"));
        check("[::1]:8080", "http://[::1]:80/a", Some("/a"));
        check("a.test", "http://a.test", None);
        check("a.test", "http://a.test.evil/a", None);
        check("a.test", "http://b.test/a", None);
        check("a.test", "https://a.test/a", None);
        check("a.test", "a", None);
        check("a.test", "", None);
        check("a.test", "/../a", None);
        check("a.test", "/a/%2e%2e/b", None);
        check("a.test", "/a%00", None);
        check("a.test", "/a%2", None);
        check("a.test", "/a..b/...", Some("/a..b/..."));
    }

    #[test]
    fn depths_and_overwrites() {
        for (value, expected) in
            [("0", Some(Depth::Zero)), ("1", Some(Depth::One)), ("infinity", Some(Depth::Infinity))]
        {
            assert_eq!(depth(&headers(&[("depth", value)])).unwrap(), expected);
        }
        assert_eq!(depth(&HeaderMap::new()).unwrap(), None);
        assert!(depth(&headers(&[("depth", "Infinity")])).is_err());
        for (value, expected) in [("T", true), ("t", true), ("F", false), ("f", false)] {
            assert_eq!(overwrite(&headers(&[("overwrite", value)])).unwrap(), expected);
        }
        assert!(overwrite(&HeaderMap::new()).unwrap());
        assert!(overwrite(&headers(&[("overwrite", "yes")])).is_err());
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(encode(b"/a b/%\"?\xff~"), b"/a%20b/%25%22%3F%FF~");
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)).unwrap(), all);
        assert_eq!(decode(b"%4g"), None);
    }
}

use std::net::Ipv6Addr;

use bytes::Bytes;
use http::{StatusCode, Version};

/// A valid host of a request: the name that chooses the server, and the port that the client wrote.
///
/// ```
/// use bytes::Bytes;
/// use propylon_gateway::routing::Host;
///
/// let host = Host::parse(Bytes::from_static(b"WWW.Example.com.:8080"))?;
/// assert_eq!(host.name(), "www.example.com");
/// assert_eq!(host.port(), Some(8080));
/// # Ok::<(), propylon_gateway::routing::HostError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    name: Bytes,
    port: Option<u16>,
}

impl Host {
    /// Reads `uri-host [":" port]` (RFC 9110 section 7.2). Copies only a name that has upper-case letters.
    ///
    /// Stricter than nginx, which takes a comma, a percent sign alone, and any letters between brackets.
    ///
    /// # Errors
    ///
    /// See [`HostError`].
    pub fn parse(mut text: Bytes) -> Result<Self, HostError> {
        let (name, port) = split_port(&text)?;
        let (name, upper) = if name.first() == Some(&b'[') {
            check_literal(name)?;
            (name, name.iter().any(u8::is_ascii_uppercase))
        } else {
            let upper = check_reg_name(name)?;
            (name.strip_suffix(b".").unwrap_or(name), upper)
        };
        if name.is_empty() {
            return Err(HostError::Empty);
        }
        let port = port.map(parse_port).transpose()?.flatten();
        let name = if upper {
            Bytes::from(name.to_ascii_lowercase())
        } else {
            text.truncate(name.len());
            text
        };
        Ok(Self { name, port })
    }

    /// Lower case, without the port and without a final dot; an IPv6 literal keeps its brackets. `$host`, and the key
    /// of [`ServerNames`](super::ServerNames).
    pub fn name(&self) -> &Bytes {
        &self.name
    }

    /// [`name`](Self::name), of a host that is not needed any more.
    pub fn into_name(self) -> Bytes {
        self.name
    }

    /// The port, if the client wrote one.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

/// Chooses the host of a request: the authority of an absolute-form request-target (or HTTP/2's `:authority`) wins over
/// `Host`, which must be valid all the same (RFC 9112 section 3.2).
///
/// `None` is an HTTP/1.0 request without either: the server is looked up by the empty name.
///
/// # Errors
///
/// An invalid host, two `Host` fields, none where the version asks for one; in HTTP/2 and later also a `Host` that
/// differs from `:authority` (RFC 9113 section 8.3.1).
pub fn request_host(
    version: Version,
    authority: Option<Bytes>,
    hosts: impl IntoIterator<Item = Bytes>,
) -> Result<Option<Host>, HostError> {
    let mut hosts = hosts.into_iter();
    let field = hosts.next();
    if hosts.next().is_some() {
        return Err(HostError::Duplicate);
    }
    match (authority, field) {
        (None, Some(field)) => Host::parse(field).map(Some),
        (None, None) if version >= Version::HTTP_11 => Err(HostError::Missing),
        (None, None) => Ok(None),
        (Some(authority), field) => with_authority(version, authority, field).map(Some),
    }
}

fn with_authority(version: Version, authority: Bytes, field: Option<Bytes>) -> Result<Host, HostError> {
    let differs = field.as_ref().is_some_and(|field| *field != authority);
    let host = Host::parse(authority)?;
    match field.map(Host::parse).transpose()? {
        None if version == Version::HTTP_11 => Err(HostError::Missing),
        _ if version >= Version::HTTP_2 && differs => Err(HostError::Contradiction),
        _ => Ok(host),
    }
}

/// Why a host is refused. Each is a 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// No `Host` in a version that requires it.
    #[error("no Host")]
    Missing,
    /// More than one `Host`.
    #[error("more than one Host")]
    Duplicate,
    /// `:authority` and `Host` differ.
    #[error("the authority and Host differ")]
    Contradiction,
    /// No name, or a dot alone.
    #[error("an empty host")]
    Empty,
    /// A byte that no host has, two dots in a row, or a percent sign without two hexadecimal digits.
    #[error("an invalid host name")]
    Name,
    /// Not an IPv6 address between brackets, nor RFC 3986's `IPvFuture`.
    #[error("an invalid IP literal")]
    Literal,
    /// Not a decimal number up to 65535.
    #[error("an invalid port")]
    Port,
}

impl HostError {
    /// 400.
    pub fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

fn split_port(text: &[u8]) -> Result<(&[u8], Option<&[u8]>), HostError> {
    let end = if text.first() == Some(&b'[') {
        text.iter().position(|&byte| byte == b']').ok_or(HostError::Literal)? + 1
    } else {
        memchr::memchr(b':', text).unwrap_or(text.len())
    };
    let (name, port) = text.split_at_checked(end).ok_or(HostError::Name)?;
    match port.split_first() {
        None => Ok((name, None)),
        Some((b':', port)) => Ok((name, Some(port))),
        Some(_) => Err(HostError::Literal),
    }
}

/// An empty port is as good as none (RFC 3986 section 3.2.3).
fn parse_port(digits: &[u8]) -> Result<Option<u16>, HostError> {
    if digits.is_empty() {
        return Ok(None);
    }
    let mut port = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(HostError::Port);
        }
        port = (port * 10 + u32::from(digit - b'0')).min(u32::from(u16::MAX) + 1);
    }
    u16::try_from(port).map(Some).map_err(|_| HostError::Port)
}

const UPPER: u8 = 1;
const DOT: u8 = 2;
/// A dot after a dot.
const DOTS: u8 = 4;
const PERCENT: u8 = 8;
const INVALID: u8 = 16;

/// What each byte is in RFC 3986's reg-name, without the comma, which no name has and two joined `Host` fields do: each request
/// has a host, and a look-up costs less than comparisons.
#[expect(clippy::indexing_slicing, reason = "there is a place for every byte")]
const KINDS: [u8; 256] = {
    let mut kinds = [INVALID; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        kinds[byte as usize] = match byte {
            b'A'..=b'Z' => UPPER,
            b'.' => DOT,
            b'%' => PERCENT,
            b',' => INVALID,
            _ if is_unreserved(byte) || is_sub_delim(byte) => 0,
            _ => INVALID,
        };
        byte += 1;
    }
    kinds
};

/// Says whether there are upper-case letters in a valid name.
#[expect(clippy::indexing_slicing, reason = "there is a kind for every byte")]
fn check_reg_name(name: &[u8]) -> Result<bool, HostError> {
    let (mut all, mut before) = (0, 0);
    for &byte in name {
        let kind = KINDS[usize::from(byte)];
        all |= kind | (kind & before & DOT) << 1;
        before = kind;
    }
    if all & (INVALID | DOTS) != 0 || all & PERCENT != 0 && !is_encoded(name) {
        return Err(HostError::Name);
    }
    Ok(all & UPPER != 0)
}

/// Whether two hexadecimal digits stand behind each percent sign.
fn is_encoded(name: &[u8]) -> bool {
    name.split(|&byte| byte == b'%')
        .skip(1)
        .all(|rest| matches!(rest, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

fn check_literal(literal: &[u8]) -> Result<(), HostError> {
    let inner = literal
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"))
        .and_then(|inner| std::str::from_utf8(inner).ok())
        .ok_or(HostError::Literal)?;
    let future = || {
        let (version, address) = inner.strip_prefix(['v', 'V'])?.split_once('.')?;
        let valid = |byte| is_unreserved(byte) || is_sub_delim(byte) || matches!(byte, b'.' | b':');
        let version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
        (version && !address.is_empty() && address.bytes().all(valid)).then_some(())
    };
    if inner.parse::<Ipv6Addr>().is_ok() || future().is_some() { Ok(()) } else { Err(HostError::Literal) }
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~')
}

const fn is_sub_delim(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &'static [u8], expected: Result<(&'static str, Option<u16>), HostError>) {
        let expected = expected.map(|(name, port)| Host { name: name.into(), port });
        assert_eq!(Host::parse(Bytes::from_static(text)), expected, "{}", text.escape_ascii());
    }

    #[test]
    fn valid_hosts() {
        check(b"example.com", Ok(("example.com", None)));
        check(b"EXAMPLE.Com:80", Ok(("example.com", Some(80))));
        check(b"example.com.", Ok(("example.com", None)));
        check(b"example.com.:1", Ok(("example.com", Some(1))));
        check(b"example.com:", Ok(("example.com", None)));
        check(b"h:0", Ok(("h", Some(0))));
        check(b"h:065535", Ok(("h", Some(65535))));
        check(b".a", Ok((".a", None)));
        check(b"a_b~!$&'()*+;=-9", Ok(("a_b~!$&'()*+;=-9", None)));
        check(b"a%C3%a9", Ok(("a%c3%a9", None)));
        check(b"127.0.0.1:8080", Ok(("127.0.0.1", Some(8080))));
        check(b"[::1]", Ok(("[::1]", None)));
        check(b"[2001:DB8::1]:443", Ok(("[2001:db8::1]", Some(443))));
        check(b"[::ffff:1.2.3.4]", Ok(("[::ffff:1.2.3.4]", None)));
        check(b"[v1F.a:b]", Ok(("[v1f.a:b]", None)));
    }

    #[test]
    fn invalid_hosts() {
        for (text, error) in [
            (&b""[..], HostError::Empty),
            (b".", HostError::Empty),
            (b":80", HostError::Empty),
            (b"a..b", HostError::Name),
            (b"a..", HostError::Name),
            (b"a/b", HostError::Name),
            (b"a?b", HostError::Name),
            (b"a#b", HostError::Name),
            (b"a\\b", HostError::Name),
            (b"u@h", HostError::Name),
            (b"a b", HostError::Name),
            (b" a", HostError::Name),
            (b"a,b", HostError::Name),
            (b"a, b", HostError::Name),
            (b"a\0b", HostError::Name),
            (b"a\tb", HostError::Name),
            (b"a%4", HostError::Name),
            (b"a%zz", HostError::Name),
            (b"\xC3\xA9", HostError::Name),
            (b"a[b]", HostError::Name),
            (b"h:8x", HostError::Port),
            (b"h:-1", HostError::Port),
            (b"h:+1", HostError::Port),
            (b"h:65536", HostError::Port),
            (b"h:99999999999999999999", HostError::Port),
            (b"h:80:80", HostError::Port),
            (b"::1", HostError::Empty),
            (b"[::1", HostError::Literal),
            (b"[]", HostError::Literal),
            (b"[::1]x", HostError::Literal),
            (b"[::1].", HostError::Literal),
            (b"[::1%25eth0]", HostError::Literal),
            (b"[1.2.3.4]", HostError::Literal),
            (b"[:::]", HostError::Literal),
            (b"[v.a]", HostError::Literal),
            (b"[v1.]", HostError::Literal),
        ] {
            check(text, Err(error));
        }
    }

    #[track_caller]
    fn check_request(
        version: Version,
        authority: Option<&'static str>,
        hosts: &[&'static str],
        expected: Result<Option<&'static str>, HostError>,
    ) {
        let host = request_host(version, authority.map(Bytes::from), hosts.iter().map(|&host| host.into()));
        assert_eq!(host.map(|host| host.map(|host| host.name)), expected.map(|name| name.map(Bytes::from)));
    }

    #[test]
    fn which_host_counts() {
        let (old, new, h2) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        check_request(new, None, &["a"], Ok(Some("a")));
        check_request(new, Some("b:1"), &["a"], Ok(Some("b")));
        check_request(new, Some("b"), &[], Err(HostError::Missing));
        check_request(new, Some("b"), &["a/"], Err(HostError::Name));
        check_request(new, Some(""), &["a"], Err(HostError::Empty));
        check_request(new, None, &[], Err(HostError::Missing));
        check_request(new, None, &["a", "a"], Err(HostError::Duplicate));
        check_request(new, None, &[""], Err(HostError::Empty));
        check_request(old, None, &[], Ok(None));
        check_request(old, None, &["A."], Ok(Some("a")));
        check_request(old, Some("b"), &[], Ok(Some("b")));
        check_request(old, None, &["a", "b"], Err(HostError::Duplicate));
        check_request(h2, Some("b"), &[], Ok(Some("b")));
        check_request(h2, None, &["a"], Ok(Some("a")));
        check_request(h2, Some("a"), &["a"], Ok(Some("a")));
        check_request(h2, Some("a"), &["b"], Err(HostError::Contradiction));
        check_request(h2, None, &[], Err(HostError::Missing));
    }

    proptest! {
        #[test]
        fn a_parsed_name_is_safe_to_print(text in proptest::collection::vec(any::<u8>(), 0..24)) {
            if let Ok(host) = Host::parse(Bytes::from(text)) {
                prop_assert!(!host.name().is_empty());
                let safe = |byte: &u8| {
                    byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && !b"/?#@,\\\"".contains(byte)
                };
                prop_assert!(host.name().iter().all(safe));
            }
        }
    }
}

use std::net::Ipv6Addr;

use bytes::Bytes;
use memchr::memchr;
use propylon_config::Scheme;

use super::{UriPart, escape::is_control_or_space};

/// The parts of a `proxy_pass` URL, read as nginx reads it at load, or at run time after its variables were expanded.
///
/// ```
/// use bytes::Bytes;
/// use propylon_gateway::routing::{ProxyTarget, Scheme};
///
/// let target = ProxyTarget::parse(&Bytes::from_static(b"https://backend:8443/v1/"))?;
/// assert_eq!(target.scheme(), Scheme::Https);
/// assert_eq!((target.proxy_host(), target.proxy_port()), ("backend:8443", "8443"));
/// assert_eq!(target.uri().map(|uri| &uri[..]), Some(&b"/v1/"[..]));
/// # Ok::<(), propylon_gateway::routing::ProxyTargetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyTarget {
    scheme: Scheme,
    address: Address,
    proxy_host: Box<str>,
    proxy_port: Box<str>,
    uri: Option<Bytes>,
}

impl ProxyTarget {
    /// Reads `http://host[:port][uri]`, or `http://unix:/path[:uri]`; `https` or another [`Scheme`] in its place. A URI begins with the
    /// first `/` or `?` after the host; it is kept as it stands.
    ///
    /// # Errors
    ///
    /// See [`ProxyTargetError`]: a mistake in the configuration at load, a 500 at run time.
    pub fn parse(url: &Bytes) -> Result<Self, ProxyTargetError> {
        Self::read(url, scheme_of(url)?)
    }

    /// The same for `proxy_pass`, whose variables may name the scheme too: the others are the configuration's to name, for what is
    /// spoken is another protocol.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and [`ProxyTargetError::Scheme`] for any but `http://` and `https://`.
    pub fn parse_http(url: &Bytes) -> Result<Self, ProxyTargetError> {
        match scheme_of(url)? {
            http @ (Scheme::Http | Scheme::Https, _) => Self::read(url, http),
            _ => Err(ProxyTargetError::Scheme),
        }
    }

    fn read(url: &Bytes, (scheme, rest): (Scheme, &[u8])) -> Result<Self, ProxyTargetError> {
        if let Some(rest) = strip_prefix_caseless(rest, b"unix:") {
            return unix(url, scheme, rest);
        }
        let (host, port, uri) = if rest.first() == Some(&b'[') { literal(rest)? } else { name(rest)? };
        let host = printable(host)?;
        let port_text = port.map(printable).transpose()?;
        let port = port_text.map(parse_port).transpose()?;
        let default = scheme.port();
        let (proxy_host, proxy_port) = match port_text {
            Some(text) if port != Some(default) => (format!("{host}:{text}"), text.to_owned()),
            _ => (host.to_owned(), default.to_string()),
        };
        Ok(Self {
            scheme,
            address: Address::Host {
                host: host.into(),
                port: port.unwrap_or(default),
                port_written: port.is_some(),
            },
            proxy_host: proxy_host.into(),
            proxy_port: proxy_port.into(),
            uri: kept(url, uri),
        })
    }

    /// How to speak to the upstream.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whom to connect to: an upstream of the configuration, a name to resolve, an address, or a socket.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// `$proxy_host`, the default `Host` of upstream requests: host and port as written, without the scheme's own port;
    /// `localhost` for a Unix socket.
    pub fn proxy_host(&self) -> &str {
        &self.proxy_host
    }

    /// `$proxy_port`: the port as written, else the scheme's own; empty for a Unix socket.
    pub fn proxy_port(&self) -> &str {
        &self.proxy_port
    }

    /// The URI part, if there is one.
    pub fn uri(&self) -> Option<&Bytes> {
        self.uri.as_ref()
    }

    /// The URI part of a URL without variables, for [`request_target`](super::request_target).
    pub fn static_part(&self) -> UriPart<'_> {
        self.uri.as_deref().map_or(UriPart::None, UriPart::Static)
    }

    /// The URI part of a URL whose variables have been expanded, for [`request_target`](super::request_target).
    pub fn expanded_part(&self) -> UriPart<'_> {
        self.uri.as_deref().map_or(UriPart::None, UriPart::Expanded)
    }
}

/// Whom a `proxy_pass` URL names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// `host:port`.
    Host {
        /// As written; an IPv6 address has its brackets.
        host: Box<str>,
        /// As written, else the scheme's own.
        port: u16,
        /// Whether the URL has a port. An upstream of the configuration may be named only without one.
        port_written: bool,
    },
    /// The path of a Unix socket.
    Unix(Box<str>),
}

/// Why a `proxy_pass` URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyTargetError {
    /// No scheme, or one that is not spoken here.
    #[error("invalid URL prefix")]
    Scheme,
    /// Nothing before the port or the URI.
    #[error("no host")]
    NoHost,
    /// A host with controls, blanks or bytes that are no UTF-8, or with something else after `]` than a port.
    #[error("invalid host")]
    Host,
    /// Between brackets, but no IPv6 address.
    #[error("invalid IPv6 address")]
    Ipv6,
    /// Not a number from 1 to 65535.
    #[error("invalid port")]
    Port,
    /// `unix:` without a path.
    #[error("no path in the unix domain socket")]
    NoSocketPath,
    /// A socket path longer than the 107 bytes that the system takes.
    #[error("too long path in the unix domain socket")]
    LongSocketPath,
}

/// The scheme, and what is behind it.
///
/// `grpc_pass` and `uwsgi_pass` may have a variable that names the scheme: the plain one before it is the configuration's then. Nothing
/// behind one with TLS is a scheme: what is asked for is not taken back by what a variable holds.
fn scheme_of(url: &[u8]) -> Result<(Scheme, &[u8]), ProxyTargetError> {
    let (scheme, rest) = Scheme::split(url).ok_or(ProxyTargetError::Scheme)?;
    Ok(match (scheme, Scheme::split(rest)) {
        (Scheme::Grpc, Some(behind @ (Scheme::Grpc | Scheme::Grpcs, _))) => behind,
        (Scheme::Uwsgi, Some(behind @ (Scheme::Uwsgi | Scheme::Suwsgi, _))) => behind,
        _ => (scheme, rest),
    })
}

fn unix(url: &Bytes, scheme: Scheme, rest: &[u8]) -> Result<ProxyTarget, ProxyTargetError> {
    const LONGEST: usize = 107;
    let (path, uri) = match memchr(b':', rest).and_then(|colon| rest.split_at_checked(colon)) {
        Some((path, uri)) => (path, uri.get(1..).unwrap_or_default()),
        None => (rest, &[][..]),
    };
    if path.is_empty() {
        return Err(ProxyTargetError::NoSocketPath);
    }
    if path.len() > LONGEST {
        return Err(ProxyTargetError::LongSocketPath);
    }
    let path =
        std::str::from_utf8(path).ok().filter(|path| !path.contains('\0')).ok_or(ProxyTargetError::Host)?;
    Ok(ProxyTarget {
        scheme,
        address: Address::Unix(path.into()),
        proxy_host: "localhost".into(),
        proxy_port: "".into(),
        uri: kept(url, uri),
    })
}

/// Host, port and URI.
type Parts<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

fn name(rest: &[u8]) -> Result<Parts<'_>, ProxyTargetError> {
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, uri) = rest.split_at_checked(end).ok_or(ProxyTargetError::NoHost)?;
    let mut parts = authority.splitn(2, |&byte| byte == b':');
    let host = parts.next().unwrap_or_default();
    // nginx reads the port first, and says so first.
    let port = parts.next();
    if let Some(port) = port {
        parse_port(printable(port)?)?;
    }
    if host.is_empty() { Err(ProxyTargetError::NoHost) } else { Ok((host, port, uri)) }
}

fn literal(rest: &[u8]) -> Result<Parts<'_>, ProxyTargetError> {
    let close = memchr(b']', rest).ok_or(ProxyTargetError::Host)?;
    let (host, after) = rest.split_at_checked(close + 1).ok_or(ProxyTargetError::Host)?;
    let end = memchr(b'/', after).unwrap_or(after.len());
    let (port, uri) = after.split_at_checked(end).ok_or(ProxyTargetError::Host)?;
    let port = match port.split_first() {
        None => None,
        Some((b':', port)) => Some(port),
        Some(_) => return Err(ProxyTargetError::Host),
    };
    let inner = printable(host)?.trim_start_matches('[').trim_end_matches(']');
    match inner.parse::<Ipv6Addr>() {
        Ok(_) => Ok((host, port, uri)),
        Err(_) if inner.is_empty() => Err(ProxyTargetError::NoHost),
        Err(_) => Err(ProxyTargetError::Ipv6),
    }
}

fn printable(text: &[u8]) -> Result<&str, ProxyTargetError> {
    let text = std::str::from_utf8(text).map_err(|_| ProxyTargetError::Host)?;
    if text.bytes().any(is_control_or_space) { Err(ProxyTargetError::Host) } else { Ok(text) }
}

fn parse_port(text: &str) -> Result<u16, ProxyTargetError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&port| digits && port != 0).ok_or(ProxyTargetError::Port)
}

fn kept(url: &Bytes, uri: &[u8]) -> Option<Bytes> {
    (!uri.is_empty()).then(|| url.slice_ref(uri))
}

fn strip_prefix_caseless<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: address, `$proxy_host`, `$proxy_port`, URI.
    #[track_caller]
    fn check(url: &'static str, expected: Result<(&str, &str, &str, &str), ProxyTargetError>) {
        let found = ProxyTarget::parse(&Bytes::from_static(url.as_bytes()));
        let found = found.as_ref().map_err(|&error| error).map(|target| {
            let address = match target.address() {
                Address::Host { host, port, port_written: true } => format!("{host}:{port}"),
                Address::Host { host, port, port_written: false } => format!("{host}({port})"),
                Address::Unix(path) => format!("unix:{path}"),
            };
            let uri = target.uri().map(|uri| String::from_utf8(uri.to_vec()).unwrap()).unwrap_or_default();
            (address, target.proxy_host().to_owned(), target.proxy_port().to_owned(), uri)
        });
        let expected = expected.map(|(address, host, port, uri)| {
            (address.to_owned(), host.to_owned(), port.to_owned(), uri.to_owned())
        });
        assert_eq!(found, expected, "{url}");
    }

    #[test]
    fn names_and_ports() {
        check("http://h", Ok(("h(80)", "h", "80", "")));
        check("HTTPS://h", Ok(("h(443)", "h", "443", "")));
        check("http://h:80", Ok(("h:80", "h", "80", "")));
        check("http://h:0080", Ok(("h:80", "h", "80", "")));
        check("http://h:443/", Ok(("h:443", "h:443", "443", "/")));
        check("https://h:443", Ok(("h:443", "h", "443", "")));
        check("http://h:08080", Ok(("h:8080", "h:08080", "08080", "")));
        check("http://Back_End:1/a:b?c", Ok(("Back_End:1", "Back_End:1", "1", "/a:b?c")));
        check("http://h/a:1", Ok(("h(80)", "h", "80", "/a:1")));
        check("http://h?a/b", Ok(("h(80)", "h", "80", "?a/b")));
        check("http://h#a", Ok(("h#a(80)", "h#a", "80", "")));
        check("http://[::1]:8080/x", Ok(("[::1]:8080", "[::1]:8080", "8080", "/x")));
        check("https://[::1]/", Ok(("[::1](443)", "[::1]", "443", "/")));
    }

    #[test]
    fn sockets() {
        check("http://unix:/run/a.sock", Ok(("unix:/run/a.sock", "localhost", "", "")));
        check("http://unix:/run/a.sock:/uri/", Ok(("unix:/run/a.sock", "localhost", "", "/uri/")));
        check("http://UNIX:rel:", Ok(("unix:rel", "localhost", "", "")));
        check("http://unix:", Err(ProxyTargetError::NoSocketPath));
        let long = format!("http://unix:/{}", "a".repeat(107));
        assert_eq!(ProxyTarget::parse(&long.clone().into()), Err(ProxyTargetError::LongSocketPath));
        assert!(ProxyTarget::parse(&Bytes::from(long).slice(..119)).is_ok());
    }

    /// TLS that the configuration asks for is not taken away by what a variable holds.
    #[test]
    fn a_scheme_behind_another() {
        for (url, expected) in [
            ("grpc://h:1", Ok(Scheme::Grpc)),
            ("grpcs://h:1", Ok(Scheme::Grpcs)),
            ("grpc://grpc://h:1", Ok(Scheme::Grpc)),
            ("grpc://GRPCS://h:1", Ok(Scheme::Grpcs)),
            ("grpc://http://h:1", Err(ProxyTargetError::Port)),
            ("grpcs://grpc://h:1", Err(ProxyTargetError::Port)),
            ("grpcs://grpcs://h:1", Err(ProxyTargetError::Port)),
            ("grpc://suwsgi://h:1", Err(ProxyTargetError::Port)),
            ("uwsgi://h:1", Ok(Scheme::Uwsgi)),
            ("suwsgi://h:1", Ok(Scheme::Suwsgi)),
            ("uwsgi://uwsgi://h:1", Ok(Scheme::Uwsgi)),
            ("uwsgi://SUWSGI://h:1", Ok(Scheme::Suwsgi)),
            ("uwsgi://http://h:1", Err(ProxyTargetError::Port)),
            ("uwsgi://grpcs://h:1", Err(ProxyTargetError::Port)),
            ("suwsgi://uwsgi://h:1", Err(ProxyTargetError::Port)),
            ("suwsgi://suwsgi://h:1", Err(ProxyTargetError::Port)),
        ] {
            let found = ProxyTarget::parse(&Bytes::from_static(url.as_bytes()));
            assert_eq!(found.map(|target| target.scheme()), expected, "{url}");
        }
    }

    /// Whoever speaks HTTP asks for nothing else, whatever a variable holds.
    #[test]
    fn http_alone() {
        for scheme in ["fastcgi", "uwsgi", "suwsgi", "scgi", "grpc", "GRPCS", "memcached"] {
            let url = Bytes::from(format!("{scheme}://h:1/"));
            assert!(ProxyTarget::parse(&url).is_ok(), "{scheme}");
            assert_eq!(ProxyTarget::parse_http(&url), Err(ProxyTargetError::Scheme), "{scheme}");
        }
        for url in ["http://h:1/a", "HTTPS://unix:/a:/b"] {
            let url = Bytes::from_static(url.as_bytes());
            assert_eq!(ProxyTarget::parse_http(&url), ProxyTarget::parse(&url));
        }
    }

    #[test]
    fn errors() {
        for (url, error) in [
            ("", ProxyTargetError::Scheme),
            ("ftp://h", ProxyTargetError::Scheme),
            ("http:/h", ProxyTargetError::Scheme),
            ("http://", ProxyTargetError::NoHost),
            ("http:///a", ProxyTargetError::NoHost),
            ("http://:80", ProxyTargetError::NoHost),
            ("http://h:", ProxyTargetError::Port),
            ("http://h:0", ProxyTargetError::Port),
            ("http://h:65536", ProxyTargetError::Port),
            ("http://h:+1", ProxyTargetError::Port),
            ("http://h:8x/", ProxyTargetError::Port),
            ("http://h\r\nX: y/", ProxyTargetError::Host),
            ("http://h\r\n/", ProxyTargetError::Host),
            ("http://a b/", ProxyTargetError::Host),
            ("http://[::1", ProxyTargetError::Host),
            ("http://[::1]x", ProxyTargetError::Host),
            ("http://[::1]?x", ProxyTargetError::Host),
            ("http://[]", ProxyTargetError::NoHost),
            ("http://[x]", ProxyTargetError::Ipv6),
        ] {
            check(url, Err(error));
        }
    }
}

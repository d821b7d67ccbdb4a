use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;

/// Where an upstream's server is.
///
/// `Display` is the form of the file with its port: `10.0.0.1:80`, `app.internal:8080`, `unix:/run/app.sock`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An IP address: nothing to resolve.
    Socket(SocketAddr),
    /// A name, resolved at start.
    Name {
        /// The name as written.
        host: Box<str>,
        /// The port; 80 when none was written.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What is wrong with an address or a URL, and in which part of the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) range: Range<usize>,
    pub(crate) message: &'static str,
    pub(crate) expected: &'static str,
}

impl Problem {
    pub(crate) const fn new(range: Range<usize>, message: &'static str, expected: &'static str) -> Self {
        Self { range, message, expected }
    }
}

/// `host`, `host:port`, `[::1]:port` in parts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HostPort<'t> {
    /// With the brackets of an IPv6 address.
    pub(crate) host: &'t str,
    pub(crate) port: Option<u16>,
}

impl HostPort<'_> {
    pub(crate) fn address(&self, default_port: u16) -> Address {
        let port = self.port.unwrap_or(default_port);
        let bare = self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(self.host);
        match bare.parse::<IpAddr>() {
            Ok(ip) => Address::Socket(SocketAddr::new(ip, port)),
            Err(_) => Address::Name { host: self.host.into(), port },
        }
    }
}

/// Splits an authority that begins at `offset` of the text.
pub(crate) fn host_port(text: &str, offset: usize) -> Result<HostPort<'_>, Problem> {
    const HOST: &str = "a host name, an IPv4 address, or an IPv6 address in brackets";
    let whole = || offset..offset + text.len();
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((inner, after)) = rest.split_once(']') else {
                return Err(Problem::new(whole(), "the bracket is not closed", "`]` after the IPv6 address"));
            };
            if inner.parse::<Ipv6Addr>().is_err() {
                return Err(Problem::new(whole(), "invalid IPv6 address", "an IPv6 address such as `[::1]`"));
            }
            let host = text.get(..inner.len() + 2).unwrap_or_default();
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(Problem::new(whole(), "invalid address", "`:port` after the bracket")),
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() {
        return Err(Problem::new(whole(), "the host is missing", HOST));
    }
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !host.starts_with('[') && !host.bytes().all(valid) {
        let end = offset + host.len();
        return Err(Problem::new(offset..end, "invalid host", HOST));
    }
    let port = port.map(|port| parse_port(port, offset + text.len() - port.len())).transpose()?;
    Ok(HostPort { host, port })
}

pub(crate) fn parse_port(text: &str, offset: usize) -> Result<u16, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(Problem::new(offset..offset + text.len(), "invalid port", "a port from 1 to 65535")),
    }
}

/// Reads the address of an upstream's server: `host`, `host:port`, `unix:/path`.
pub(crate) fn parse(text: &str) -> Result<Address, Problem> {
    if let Some(end) = text.find("://") {
        return Err(Problem::new(
            0..end + 3,
            "an address cannot have a scheme",
            "`host`, `host:port` or `unix:/path`",
        ));
    }
    if let Some(path) = text.strip_prefix("unix:") {
        if path.is_empty() {
            return Err(Problem::new(0..text.len(), "the path of the socket is missing", "`unix:/path`"));
        }
        return Ok(Address::Unix(path.into()));
    }
    host_port(text, 0).map(|parts| parts.address(80))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text, expected: &str| {
            assert_eq!(parse(text).map(|address| address.to_string()), Ok(expected.into()), "{text}");
        };
        check("127.0.0.1", "127.0.0.1:80");
        check("127.0.0.1:8001", "127.0.0.1:8001");
        check("[::1]:8001", "[::1]:8001");
        check("[::1]", "[::1]:80");
        check("app.internal", "app.internal:80");
        check("app_1:8080", "app_1:8080");
        check("unix:/run/app.sock", "unix:/run/app.sock");
    }

    #[test]
    fn wrong_addresses() {
        let check = |text, expected: Range<usize>| {
            assert_eq!(parse(text).map_err(|problem| problem.range), Err(expected), "{text}");
        };
        check("", 0..0);
        check(":80", 0..3);
        check("a:", 2..2);
        check("a:0", 2..3);
        check("a:65536", 2..7);
        check("a:+80", 2..5);
        check("a b", 0..3);
        check("[::1", 0..4);
        check("[::g]:80", 0..8);
        check("[::1]80", 0..7);
        check("unix:", 0..5);
        check("http://a", 0..7);
    }
}

//! The address of one end of a connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::HeaderValue;

/// The address of one end of a connection: TCP, or a unix socket.
///
/// Prints as nginx's `$remote_addr` does: the bare IP address, or `unix:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    inet: Option<(IpAddr, Option<u16>)>,
}

impl Address {
    /// A unix socket. The client's end of one has no name worth keeping.
    #[must_use]
    pub fn unix() -> Self {
        Self { inet: None }
    }

    /// An IP address whose port is known, or not (as in an `X-Forwarded-For` element).
    #[must_use]
    pub fn ip(ip: IpAddr, port: Option<u16>) -> Self {
        // An IPv4 client of a dual-stack listener is an IPv4 client.
        Self { inet: Some((ip.to_canonical(), port)) }
    }

    /// The IP address, unless this is a unix socket.
    #[must_use]
    pub fn as_ip(&self) -> Option<IpAddr> {
        self.inet.map(|(ip, _)| ip)
    }

    /// As it prints.
    pub(crate) fn text(self) -> HeaderValue {
        // Digits, letters, dots and colons: always a value.
        HeaderValue::try_from(self.to_string()).unwrap_or(HeaderValue::from_static(""))
    }

    /// The port, where there is one and it is known.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.inet.and_then(|(_, port)| port)
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self::ip(addr.ip(), Some(addr.port()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inet {
            Some((ip, _)) => ip.fmt(f),
            None => f.write_str("unix:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_remote_addr() {
        fn check(address: Address, expected: &str) {
            assert_eq!(address.to_string(), expected);
            assert_eq!(address.text(), expected);
        }
        check(Address::unix(), "unix:");
        check(Address::from(SocketAddr::from(([127, 0, 0, 1], 80))), "127.0.0.1");
        check(Address::ip("::1".parse().unwrap(), None), "::1");
        check(Address::ip("::ffff:10.0.0.1".parse().unwrap(), Some(1)), "10.0.0.1");
    }
}

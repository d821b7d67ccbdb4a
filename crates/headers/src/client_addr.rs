//! Who sent a request.

use std::fmt::{self, Write};
use std::net::{IpAddr, SocketAddr};

use http::HeaderValue;

/// The client's address: a request extension that the server inserts, for [`RealIpLayer`](crate::RealIpLayer) and
/// [`Forwarding`](crate::Forwarding) to read.
///
/// Prints as nginx's `$remote_addr`: the bare IP address, or `unix:`.
///
/// ```
/// use std::net::SocketAddr;
/// use propylon_headers::ClientAddr;
///
/// let peer: SocketAddr = "192.0.2.1:4711".parse().unwrap();
/// assert_eq!(ClientAddr::from(peer).to_string(), "192.0.2.1");
/// assert_eq!(ClientAddr::unix().to_string(), "unix:");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr {
    inet: Option<(IpAddr, Option<u16>)>,
}

impl ClientAddr {
    /// A client on a unix socket.
    #[must_use]
    pub fn unix() -> Self {
        Self { inet: None }
    }

    /// An IP address whose port is known, or not. An IPv4 address in IPv6 form (`::ffff:192.0.2.1`) becomes IPv4.
    #[must_use]
    pub fn ip(ip: IpAddr, port: Option<u16>) -> Self {
        Self { inet: Some((ip.to_canonical(), port)) }
    }

    /// The IP address, unless this is a unix socket.
    #[must_use]
    pub fn as_ip(&self) -> Option<IpAddr> {
        self.inet.map(|(ip, _)| ip)
    }

    /// The port, where there is one and it is known.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.inet.and_then(|(_, port)| port)
    }

    /// The address as a field's value, as it prints.
    ///
    /// ```
    /// # use propylon_headers::ClientAddr;
    /// assert_eq!(ClientAddr::ip("2001:db8::1".parse().unwrap(), Some(80)).to_value(), "2001:db8::1");
    /// ```
    #[must_use]
    pub fn to_value(&self) -> HeaderValue {
        let text = AddressText::of(self);
        HeaderValue::from_bytes(text.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    }
}

impl From<SocketAddr> for ClientAddr {
    fn from(addr: SocketAddr) -> Self {
        Self::ip(addr.ip(), Some(addr.port()))
    }
}

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inet {
            Some((ip, _)) => ip.fmt(f),
            None => f.write_str("unix:"),
        }
    }
}

/// An address's text without an allocation.
pub(crate) struct AddressText {
    text: [u8; Self::MAX],
    length: usize,
}

impl AddressText {
    /// The longest IPv6 address: eight groups, seven colons.
    const MAX: usize = 39;

    pub(crate) fn of(address: &ClientAddr) -> Self {
        let mut text = Self { text: [0; Self::MAX], length: 0 };
        // Cannot fail: MAX is the longest text. If it did, the text would be cut short.
        let _ = write!(text, "{address}");
        text
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

impl Write for AddressText {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let end = self.length + piece.len();
        let free = self.text.get_mut(self.length..end).ok_or(fmt::Error)?;
        free.copy_from_slice(piece.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_remote_addr() {
        fn check(address: ClientAddr, expected: &str) {
            assert_eq!(address.to_string(), expected);
            assert_eq!(address.to_value(), expected);
        }
        let ip = |text: &str| ClientAddr::ip(text.parse().unwrap(), Some(1));
        check(ClientAddr::unix(), "unix:");
        check(ip("255.255.255.255"), "255.255.255.255");
        check(ip("1111:2222:3333:4444:5555:6666:7777:8888"), "1111:2222:3333:4444:5555:6666:7777:8888");
        check(ip("::ffff:10.0.0.1"), "10.0.0.1");
        check(ip("::1"), "::1");
    }
}

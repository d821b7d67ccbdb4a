//! Who took part in forwarding (RFC 7239, section 6).

use std::fmt;
use std::net::IpAddr;

use crate::client_addr::ClientAddr;
use crate::real_ip::parse_port;

/// The value of `for` or `by`: who took part in forwarding (RFC 7239, section 6).
///
/// ```
/// use propylon_headers::{Node, NodeName, NodePort};
///
/// let node = Node::parse("[2001:db8::1]:_front").unwrap();
/// assert_eq!(node.name, NodeName::Ip("2001:db8::1".parse().unwrap()));
/// assert_eq!(node.port, Some(NodePort::Obfuscated("_front")));
/// assert_eq!(node.to_string(), "[2001:db8::1]:_front");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node<'a> {
    /// Who.
    pub name: NodeName<'a>,
    /// The port, if it is told.
    pub port: Option<NodePort<'a>>,
}

/// Who a [`Node`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeName<'a> {
    /// An address.
    Ip(IpAddr),
    /// `unknown`: the proxy does not know, or does not tell.
    Unknown,
    /// A name that means something to one proxy alone, with its leading `_`.
    Obfuscated(&'a str),
}

/// The port of a [`Node`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodePort<'a> {
    /// A port.
    Number(u16),
    /// A name that means something to one proxy alone, with its leading `_`.
    Obfuscated(&'a str),
}

impl<'a> Node<'a> {
    /// `unknown`.
    pub const UNKNOWN: Self = Self { name: NodeName::Unknown, port: None };

    /// Reads a node, without quotes around it. `None`: it is none. A bare IPv6 address is accepted as well.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        if let Ok(ip) = text.parse() {
            return Some(Self { name: NodeName::Ip(ip), port: None });
        }
        if let Some(inside) = text.strip_prefix('[') {
            let (ip, port) = inside.split_once(']')?;
            let name = NodeName::Ip(IpAddr::V6(ip.parse().ok()?));
            let port = if port.is_empty() { None } else { Some(parse_node_port(port.strip_prefix(':')?)?) };
            return Some(Self { name, port });
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(parse_node_port(port)?)),
            None => (text, None),
        };
        Some(Self { name: parse_name(name)?, port })
    }
}

impl From<ClientAddr> for Node<'static> {
    /// The IP address without its port; `unknown` for a unix socket.
    fn from(address: ClientAddr) -> Self {
        let name = address.as_ip().map_or(NodeName::Unknown, NodeName::Ip);
        Self { name, port: None }
    }
}

impl fmt::Display for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            NodeName::Ip(IpAddr::V4(ip)) => write!(f, "{ip}")?,
            NodeName::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]")?,
            NodeName::Unknown => f.write_str("unknown")?,
            NodeName::Obfuscated(name) => f.write_str(name)?,
        }
        match self.port {
            None => Ok(()),
            Some(NodePort::Number(port)) => write!(f, ":{port}"),
            Some(NodePort::Obfuscated(port)) => write!(f, ":{port}"),
        }
    }
}

fn parse_name(text: &str) -> Option<NodeName<'_>> {
    if text.eq_ignore_ascii_case("unknown") {
        Some(NodeName::Unknown)
    } else if is_obfuscated(text) {
        Some(NodeName::Obfuscated(text))
    } else {
        Some(NodeName::Ip(IpAddr::V4(text.parse().ok()?)))
    }
}

fn parse_node_port(text: &str) -> Option<NodePort<'_>> {
    if is_obfuscated(text) {
        Some(NodePort::Obfuscated(text))
    } else {
        parse_port(text).map(NodePort::Number)
    }
}

fn is_obfuscated(text: &str) -> bool {
    text.strip_prefix('_').is_some_and(|rest| {
        !rest.is_empty()
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_nodes() {
        fn check(text: &str, expected: Option<&str>) {
            let printed = Node::parse(text).map(|node| node.to_string());
            assert_eq!(printed.as_deref(), expected, "{text}");
        }
        for text in [
            "192.0.2.1",
            "192.0.2.1:80",
            "[2001:db8::1]",
            "[2001:db8::1]:80",
            "unknown",
            "_a",
            "_a.-_Z9:_b",
            "unknown:_p",
        ] {
            check(text, Some(text));
        }
        check("2001:db8::1", Some("[2001:db8::1]"));
        check("UNKNOWN", Some("unknown"));
        for text in [
            "",
            "_",
            "_a b",
            "example.com",
            "[192.0.2.1]",
            "[2001:db8::1",
            "[2001:db8::1]x",
            "[2001:db8::1]:",
            "192.0.2.1:",
            "192.0.2.1:0",
            "192.0.2.1:_",
            "192.0.2.1:65536",
            "_\u{e9}",
        ] {
            check(text, None);
        }
    }
}

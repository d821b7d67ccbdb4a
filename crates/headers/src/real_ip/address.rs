//! Which of the addresses that a request came through is the client's: no tower, no I/O.

use std::net::IpAddr;

use crate::client_addr::ClientAddr;
use crate::forwarded::{Element, NodeName, NodePort};
use crate::trusted::Trusted;

/// An address that a field's element names. None: the element names none.
type Candidate = Option<(IpAddr, Option<u16>)>;

/// The client's address by nginx's realip module, from the lines of `X-Forwarded-For`, or of another field with a list of
/// addresses. `None`: the connection's own address stands.
///
/// `lines` are the field's values as they came. Elements are read from the last to the first, each only if the address
/// before it (at first `peer`) is trusted: without `recursive` that is the last element alone; with it, the walk ends at
/// the first address that is not trusted, at the first text that is no address, or at the list's beginning. Elements are
/// `IP`, `IPv4:port` or `[IPv6]:port`, separated by commas and spaces.
///
/// As nginx does, hand over all lines of `X-Forwarded-For`, but only the first line of `X-Real-IP` or any other field.
/// One difference: IPv4 octets with leading zeros, and missing ones (`10.0.0.010`, `1..2.3`), are no address here.
///
/// ```
/// use propylon_headers::{ClientAddr, Trusted, real_address};
///
/// let trusted = Trusted::from_iter(["10.0.0.0/8".parse().unwrap()]);
/// let peer = ClientAddr::ip("10.0.0.1".parse().unwrap(), Some(4711));
/// let line: &[u8] = b"198.51.100.7, 192.0.2.1:80, 10.0.0.2";
/// let address = |recursive| real_address(&peer, [line], &trusted, recursive);
/// assert_eq!(address(false), Some(("10.0.0.2".parse().unwrap(), None)));
/// assert_eq!(address(true), Some(("192.0.2.1".parse().unwrap(), Some(80))));
/// ```
pub fn real_address<'a, L>(
    peer: &ClientAddr,
    lines: L,
    trusted: &Trusted,
    recursive: bool,
) -> Option<(IpAddr, Option<u16>)>
where
    L: IntoIterator<Item = &'a [u8], IntoIter: DoubleEndedIterator>,
{
    walk(peer, lines.into_iter().rev().flat_map(Backwards::new), trusted, recursive)
}

/// As [`real_address`], from the lines of `Forwarded` (RFC 7239): all of them. An element without `for`, or whose `for` is
/// `unknown` or obfuscated, names no address, and neither does anything in a malformed line.
///
/// ```
/// use propylon_headers::{ClientAddr, Trusted, real_address_forwarded};
///
/// let trusted = Trusted::from_iter(["10.0.0.0/8".parse().unwrap()]);
/// let peer = ClientAddr::ip("10.0.0.1".parse().unwrap(), Some(4711));
/// let line: &[u8] = br#"for="[2001:db8::1]:80";proto=https, for=10.0.0.2"#;
/// let address = real_address_forwarded(&peer, [line], &trusted, true);
/// assert_eq!(address, Some(("2001:db8::1".parse().unwrap(), Some(80))));
/// ```
pub fn real_address_forwarded<'a, L>(
    peer: &ClientAddr,
    lines: L,
    trusted: &Trusted,
    recursive: bool,
) -> Option<(IpAddr, Option<u16>)>
where
    L: IntoIterator<Item = &'a [u8], IntoIter: DoubleEndedIterator>,
{
    let candidates = lines.into_iter().rev().flat_map(|line| match Element::parse_list(line) {
        Ok(elements) => elements.iter().rev().map(forwarded_for).collect(),
        Err(_) => vec![None],
    });
    walk(peer, candidates, trusted, recursive)
}

fn walk(
    peer: &ClientAddr,
    candidates: impl Iterator<Item = Candidate>,
    trusted: &Trusted,
    recursive: bool,
) -> Candidate {
    let mut sender = *peer;
    let mut found = None;
    for candidate in candidates {
        if !trusted.contains(&sender) {
            break;
        }
        let Some((ip, port)) = candidate else { break };
        found = Some((ip, port));
        sender = ClientAddr::ip(ip, port);
        if !recursive {
            break;
        }
    }
    found
}

fn forwarded_for(element: &Element<'_>) -> Candidate {
    let node = element.for_node()?;
    match (node.name, node.port) {
        (NodeName::Ip(ip), Some(NodePort::Number(port))) => Some((ip, Some(port))),
        (NodeName::Ip(ip), _) => Some((ip, None)),
        (NodeName::Unknown | NodeName::Obfuscated(_), _) => None,
    }
}

/// The elements of one line, from the last to the first.
struct Backwards<'a> {
    /// None at the end. An empty line, and one that begins with a separator, has an element that is no address.
    rest: Option<&'a [u8]>,
}

impl<'a> Backwards<'a> {
    fn new(line: &'a [u8]) -> Self {
        Self { rest: Some(line) }
    }
}

impl Iterator for Backwards<'_> {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        let mut rest = self.rest?;
        while let [before @ .., b' ' | b','] = rest {
            rest = before;
        }
        let element = match rest.iter().rposition(|byte| matches!(byte, b' ' | b',')) {
            Some(separator) => {
                self.rest = rest.get(..separator);
                rest.get(separator + 1..)?
            }
            None => {
                self.rest = None;
                rest
            }
        };
        Some(str::from_utf8(element).ok().and_then(parse_address))
    }
}

/// `IP`, `IPv4:port`, `[IPv6]` or `[IPv6]:port`.
fn parse_address(text: &str) -> Candidate {
    if let Ok(ip) = text.parse() {
        return Some((ip, None));
    }
    let (ip, port) = match text.strip_prefix('[') {
        Some(inside) => match inside.split_once(']')? {
            (ip, "") => return Some((ip.parse().ok()?, None)),
            (ip, port) => (ip, port.strip_prefix(':')?),
        },
        None => text.split_once(':')?,
    };
    Some((ip.parse().ok()?, Some(parse_port(port)?)))
}

/// 1 to 65535, digits alone.
pub(crate) fn parse_port(text: &str) -> Option<u16> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok().filter(|&port| port != 0)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted() -> Trusted {
        ["10.0.0.0/8", "2001:db8::/32"].iter().map(|network| network.parse().unwrap()).collect()
    }

    fn ip(text: &str) -> ClientAddr {
        ClientAddr::ip(text.parse().unwrap(), None)
    }

    fn show(address: Candidate) -> String {
        match address {
            None => "-".to_owned(),
            Some((ip, None)) => ip.to_string(),
            Some((ip, Some(port))) => format!("{ip} {port}"),
        }
    }

    /// `expected`: without and with `recursive`.
    #[track_caller]
    fn check(peer: ClientAddr, lines: &[&str], expected: (&str, &str)) {
        let address = |recursive| {
            show(real_address(&peer, lines.iter().map(|line| line.as_bytes()), &trusted(), recursive))
        };
        assert_eq!((address(false).as_str(), address(true).as_str()), expected, "{peer} {lines:?}");
    }

    #[test]
    fn walks_as_nginx_does() {
        let proxy = ip("10.0.0.1");
        check(proxy, &[], ("-", "-"));
        check(proxy, &["192.0.2.1"], ("192.0.2.1", "192.0.2.1"));
        check(ip("192.0.2.9"), &["192.0.2.1"], ("-", "-"));
        check(proxy, &["192.0.2.2, 192.0.2.1"], ("192.0.2.1", "192.0.2.1"));
        check(proxy, &["192.0.2.2, 192.0.2.1, 10.0.0.2"], ("10.0.0.2", "192.0.2.1"));
        check(proxy, &["10.0.0.3, 10.0.0.2"], ("10.0.0.2", "10.0.0.3"));
        // text that is no address ends the walk where it is
        check(proxy, &["nonsense"], ("-", "-"));
        check(proxy, &["192.0.2.1, nonsense"], ("-", "-"));
        check(proxy, &["192.0.2.1, nonsense, 10.0.0.2"], ("10.0.0.2", "10.0.0.2"));
        check(proxy, &["192.0.2.1, unknown, 10.0.0.2"], ("10.0.0.2", "10.0.0.2"));
        // several lines are one list
        check(proxy, &["192.0.2.1", "10.0.0.2"], ("10.0.0.2", "192.0.2.1"));
        check(proxy, &["192.0.2.1", "192.0.2.2"], ("192.0.2.2", "192.0.2.2"));
        check(proxy, &["192.0.2.1", ""], ("-", "-"));
        check(proxy, &["192.0.2.1", "", "10.0.0.2"], ("10.0.0.2", "10.0.0.2"));
        check(proxy, &["192.0.2.1", ", 10.0.0.2"], ("10.0.0.2", "10.0.0.2"));
        // separators
        check(proxy, &["192.0.2.1 10.0.0.2,,  ,"], ("10.0.0.2", "192.0.2.1"));
        check(proxy, &["192.0.2.1,\t10.0.0.2"], ("-", "-"));
        check(proxy, &[","], ("-", "-"));
    }

    #[test]
    fn the_peer_may_be_anything_that_is_listed() {
        check(ip("::ffff:10.0.0.1"), &["192.0.2.1"], ("192.0.2.1", "192.0.2.1"));
        check(ip("2001:db8::9"), &["192.0.2.1"], ("192.0.2.1", "192.0.2.1"));
        check(ip("2001:db9::9"), &["192.0.2.1"], ("-", "-"));
        check(ip("10.0.0.1"), &["192.0.2.1, ::ffff:10.0.0.2"], ("::ffff:10.0.0.2", "192.0.2.1"));
        check(ClientAddr::unix(), &["192.0.2.1"], ("-", "-"));
        let line: &[u8] = b"192.0.2.1, 10.0.0.2";
        let from_unix = real_address(&ClientAddr::unix(), [line], &trusted().unix(true), true);
        assert_eq!(show(from_unix), "192.0.2.1");
    }

    #[test]
    fn elements_may_have_ports() {
        fn check(text: &str, expected: &str) {
            assert_eq!(show(parse_address(text)), expected, "{text}");
        }
        check("1.2.3.4:80", "1.2.3.4 80");
        check("1.2.3.4:00080", "1.2.3.4 80");
        check("::1", "::1");
        check("[::1]", "::1");
        check("[::1]:65535", "::1 65535");
        for text in [
            "",
            "1.2.3.4:",
            "1.2.3.4:0",
            "1.2.3.4:65536",
            "1.2.3.4:+1",
            "1.2.3.4:8x",
            "[::1",
            "[::1]80",
            "[::1]:",
            "::1]:80",
            "[]",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "010.0.0.1",
            "unix:",
            "fe80::1%eth0",
            "example.com:80",
            ":80",
        ] {
            check(text, "-");
        }
    }

    #[test]
    fn walks_forwarded() {
        #[track_caller]
        fn check(lines: &[&str], expected: (&str, &str)) {
            let address = |recursive| {
                let lines = lines.iter().map(|line| line.as_bytes());
                show(real_address_forwarded(&ip("10.0.0.1"), lines, &trusted(), recursive))
            };
            assert_eq!((address(false).as_str(), address(true).as_str()), expected, "{lines:?}");
        }
        check(&["for=192.0.2.1"], ("192.0.2.1", "192.0.2.1"));
        check(&["For=192.0.2.1;proto=http, FOR=\"10.0.0.2:80\";by=_x"], ("10.0.0.2 80", "192.0.2.1"));
        check(&["for=192.0.2.1", "for=\"[2001:db8::2]:_p\""], ("2001:db8::2", "192.0.2.1"));
        check(&["for=192.0.2.1, for=unknown"], ("-", "-"));
        check(&["for=192.0.2.1, for=_hidden, for=10.0.0.2"], ("10.0.0.2", "10.0.0.2"));
        check(&["for=192.0.2.1, proto=http"], ("-", "-"));
        check(&["for=192.0.2.1;;=", "for=10.0.0.2"], ("10.0.0.2", "10.0.0.2"));
        check(&["for=192.0.2.1", ""], ("192.0.2.1", "192.0.2.1"));
    }
}

//! Networks as keys of a tree: in its order each stands behind all that it is in, so that the smallest one around an address
//! is found in a few steps.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

/// A network, or one address. The order of the fields is the tree's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network {
    v6: bool,
    /// The address, from the left; all behind the prefix is zero.
    bits: u128,
    /// The length of the prefix.
    length: u8,
}

impl Network {
    /// `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`. An IPv4 address that is written as one of IPv6 is one of IPv4.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().ok()?,
        };
        Some(match net {
            IpNet::V4(net) => Self::v4(net),
            IpNet::V6(net) => match (net.addr().to_ipv4_mapped(), net.prefix_len().checked_sub(96)) {
                (Some(address), Some(length)) => Self::v4(Ipv4Net::new(address, length).ok()?),
                _ => Self { v6: true, bits: net.addr().to_bits(), length: 128 }.cut(net.prefix_len()),
            },
        })
    }

    fn v4(net: Ipv4Net) -> Self {
        Self { v6: false, bits: u128::from(net.addr().to_bits()) << 96, length: 32 }.cut(net.prefix_len())
    }

    /// The network around it whose prefix is so long.
    pub(crate) fn cut(self, length: u8) -> Self {
        let length = length.min(self.length);
        let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
        Self { bits: self.bits & mask, length, ..self }
    }

    /// The next larger network; none: there is no larger one.
    pub(crate) fn larger(self) -> Option<Self> {
        Some(self.cut(self.length.checked_sub(1)?))
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.v6 == other.v6 && self.length <= other.length && other.cut(self.length).bits == self.bits
    }

    /// The largest network around `self` that may be found where `before`, which is not around it, stands next to it.
    pub(crate) fn common(self, before: Self) -> Option<Self> {
        let same = (self.bits ^ before.bits).leading_zeros();
        (self.v6 == before.v6).then(|| self.cut(u8::try_from(same).unwrap_or(u8::MAX)))
    }
}

/// As it is written: an address without a prefix.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = if self.v6 {
            IpAddr::V6(Ipv6Addr::from_bits(self.bits))
        } else {
            IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(self.bits >> 96).unwrap_or(u32::MAX)))
        };
        match (self.v6, self.length) {
            (false, 32) | (true, 128) => address.fmt(f),
            (_, length) => write!(f, "{address}/{length}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_written_one_way() {
        let check = |text: &str, expected: Option<&str>| {
            let shown = Network::parse(text).map(|network| network.to_string());
            assert_eq!(shown.as_deref(), expected, "{text}");
        };
        check("10.1.2.3", Some("10.1.2.3"));
        check("10.1.2.3/32", Some("10.1.2.3"));
        check("10.1.2.3/8", Some("10.0.0.0/8"));
        check("0.0.0.0/0", Some("0.0.0.0/0"));
        check("2001:DB8:0::1/32", Some("2001:db8::/32"));
        check("::/0", Some("::/0"));
        check("::1/128", Some("::1"));
        check("::ffff:10.0.0.1", Some("10.0.0.1"));
        check("::ffff:10.0.0.0/104", Some("10.0.0.0/8"));
        check("::ffff:0:0/90", Some("::ffc0:0:0/90"));
        check("10.0.0.0/33", None);
        check("10.0.0", None);
        check("localhost", None);
        check("", None);
    }

    #[test]
    fn what_is_in_what() {
        let check = |outer: &str, inner: &str, expected: bool| {
            let [outer, inner] = [outer, inner].map(|text| Network::parse(text).unwrap());
            assert_eq!(outer.contains(inner), expected, "{outer} {inner}");
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "10.0.0.0/8", true);
        check("10.0.0.0/8", "10.0.0.0/7", false);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("0.0.0.0/0", "::", false);
        check("::/0", "2001:db8::1", true);
        check("::/0", "0.0.0.0", false);
    }
}

//! Networks, each leading to the number of a value: the patterns of `geo`. Pure.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::DefinitionErrorKind;

/// Networks and ranges of addresses. The smallest one that an address is in counts.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    written: Vec<Range>,
    v4: Vec<Step>,
    v6: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    v6: bool,
    first: u128,
    last: u128,
    value: usize,
}

/// From this address on, up to the next step.
#[derive(Clone, Copy, Debug)]
struct Step {
    first: u128,
    value: Option<usize>,
}

impl Networks {
    /// Adds the network of value number `value`: an address, `10.0.0.0/8`, or `10.0.0.1-10.0.0.9`.
    pub(crate) fn add(&mut self, pattern: &str, value: usize) -> Result<(), DefinitionErrorKind> {
        let invalid = || DefinitionErrorKind::Network(pattern.into());
        let (first, last) = match pattern.split_once('-') {
            Some((first, last)) => {
                (first.trim().parse().map_err(|_| invalid())?, last.trim().parse().map_err(|_| invalid())?)
            }
            None => {
                let network = network(pattern).ok_or_else(invalid)?;
                (network.network(), network.broadcast())
            }
        };
        let (v6, first, last) = match (plain(first), plain(last)) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (false, first.to_bits().into(), last.to_bits().into()),
            (IpAddr::V6(first), IpAddr::V6(last)) => (true, first.to_bits(), last.to_bits()),
            _ => return Err(invalid()),
        };
        if first > last {
            return Err(invalid());
        }
        self.written.push(Range { v6, first, last, value });
        Ok(())
    }

    /// Makes it ready for lookups; what overlaps in part, or stands twice, is a fault of the value that it is returned with.
    pub(crate) fn finish(&mut self) -> Result<(), usize> {
        let (v6, v4) = std::mem::take(&mut self.written).into_iter().partition(|range| range.v6);
        self.v4 = steps(v4)?;
        self.v6 = steps(v6)?;
        Ok(())
    }

    /// The value of the smallest network that has the address.
    pub(crate) fn find(&self, address: IpAddr) -> Option<usize> {
        let (steps, at) = match plain(address) {
            IpAddr::V4(address) => (&self.v4, address.to_bits().into()),
            IpAddr::V6(address) => (&self.v6, address.to_bits()),
        };
        let next = steps.partition_point(|step| step.first <= at);
        steps.get(next.checked_sub(1)?)?.value
    }
}

/// The address that a key names; nginx takes what is none for this one.
pub(crate) fn address(key: &[u8]) -> IpAddr {
    parse(key).unwrap_or(IpAddr::V4(Ipv4Addr::BROADCAST))
}

pub(crate) fn parse(key: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(key).ok().and_then(|text| text.trim().parse().ok())
}

/// `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, or one address.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let Some((address, mask)) = text.split_once('/') else {
        return text.parse::<IpAddr>().ok().map(IpNet::from);
    };
    let address: IpAddr = address.parse().ok()?;
    let network = match mask.parse::<IpAddr>() {
        Ok(mask) => IpNet::with_netmask(address, mask),
        Err(_) => IpNet::new(address, mask.parse().ok()?),
    };
    network.ok()
}

/// An IPv4 address in IPv6's clothes is an IPv4 address.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Cuts ranges that lie within each other into pieces that lie side by side.
fn steps(mut ranges: Vec<Range>) -> Result<Vec<Step>, usize> {
    ranges.sort_by(|a, b| a.first.cmp(&b.first).then(b.last.cmp(&a.last)).then(a.value.cmp(&b.value)));
    let mut steps = Vec::with_capacity(ranges.len() * 2);
    let mut around: Vec<Range> = Vec::new();
    for range in ranges {
        leave(&mut around, &mut steps, |inner| inner.last < range.first);
        if let Some(outer) = around.last()
            && (outer.last < range.last || (outer.first, outer.last) == (range.first, range.last))
        {
            return Err(range.value.max(outer.value));
        }
        steps.push(Step { first: range.first, value: Some(range.value) });
        around.push(range);
    }
    leave(&mut around, &mut steps, |_| true);
    Ok(steps)
}

/// Leaves the ranges that are over, innermost first: behind each, the one around it goes on.
fn leave(around: &mut Vec<Range>, steps: &mut Vec<Step>, over: impl Fn(&Range) -> bool) {
    while let Some(range) = around.pop_if(|range| over(range)) {
        if let Some(first) = range.last.checked_add(1) {
            steps.push(Step { first, value: around.last().map(|outer| outer.value) });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(patterns: &[&str]) -> Result<Networks, usize> {
        let mut networks = Networks::default();
        for (n, pattern) in patterns.iter().enumerate() {
            networks.add(pattern, n).unwrap();
        }
        networks.finish().map(|()| networks)
    }

    #[test]
    fn the_smallest_network_counts() {
        let patterns = [
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.3",
            "::/0",
            "2001:db8::/32",
            "0.0.0.0/0",
            "192.0.2.5-192.0.2.9",
        ];
        let networks = networks(&patterns).unwrap();
        let check = |address: &str, expected: Option<usize>| {
            assert_eq!(networks.find(address.parse().unwrap()), expected, "{address}");
        };
        check("10.200.0.1", Some(0));
        check("10.1.255.255", Some(1));
        check("10.1.2.3", Some(2));
        check("10.1.2.4", Some(1));
        check("10.2.0.0", Some(0));
        check("11.0.0.0", Some(5));
        check("192.0.2.4", Some(5));
        check("192.0.2.5", Some(6));
        check("192.0.2.9", Some(6));
        check("255.255.255.255", Some(5));
        check("::ffff:10.1.2.3", Some(2));
        check("2001:db8::1", Some(4));
        check("ffff::", Some(3));
    }

    #[test]
    fn what_is_wrong() {
        for pattern in ["", "10.0.0.0/33", "10.0.0.9-10.0.0.1", "a-b", "10.0.0.1-::1", "10.0.0.0/255.0.255.0"]
        {
            assert!(Networks::default().add(pattern, 0).is_err(), "{pattern}");
        }
        assert_eq!(networks(&["10.0.0.0/8", "10.0.0.1/8"]).unwrap_err(), 1);
        assert_eq!(networks(&["10.0.0.1-10.0.0.5", "10.0.0.3-10.0.0.9"]).unwrap_err(), 1);
        assert!(networks(&["10.0.0.0/255.0.0.0"]).unwrap().find(IpAddr::from([10, 1, 1, 1])).is_some());
    }

    proptest! {
        #[test]
        fn agrees_with_looking_at_each(
            written in proptest::collection::btree_set((any::<u16>(), 12u8..=32), 0..20),
            asked in any::<u16>(),
        ) {
            // Addresses that share their upper half meet often.
            let ip = |low: u16| IpAddr::from(Ipv4Addr::from_bits(0x0A00_0000 | u32::from(low)));
            let nets: Vec<IpNet> = written.iter().map(|(low, len)| IpNet::new(ip(*low), *len).unwrap().trunc()).collect();
            let mut distinct = nets.clone();
            distinct.sort();
            distinct.dedup();
            let texts: Vec<String> = distinct.iter().map(ToString::to_string).collect();
            let networks = networks(&texts.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
            let expected = distinct.iter().enumerate().filter(|(_, net)| net.contains(&ip(asked)));
            let expected = expected.max_by_key(|(_, net)| net.prefix_len()).map(|(n, _)| n);
            prop_assert_eq!(networks.find(ip(asked)), expected);
        }
    }
}

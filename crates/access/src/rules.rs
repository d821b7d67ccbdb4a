//! Who may come in by address. Pure.

use std::net::IpAddr;

use ipnet::IpNet;

/// Where a client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// At an address.
    Ip(IpAddr),
    /// On a unix socket.
    Unix,
    /// Nobody knows, for its address was lost on the way. Rules for all mean it, and no others: where some networks are denied and
    /// the rest may come in, it may as well.
    Unknown,
}

/// Whom a rule means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Everyone.
    All,
    /// The addresses of a network.
    Net(IpNet),
    /// Everyone who comes over a unix socket.
    Unix,
}

/// Rules in their order: the first that means a client counts.
///
/// ```
/// use propylon_access::{Client, Rules, Whom};
///
/// let rules = Rules::new().allow(Whom::Net("10.0.0.0/8".parse()?)).deny(Whom::All);
/// assert_eq!(rules.verdict(Client::Ip("10.1.2.3".parse()?)), Some(true));
/// assert_eq!(rules.verdict(Client::Ip("192.0.2.1".parse()?)), Some(false));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<(bool, Whom)>);

impl Rules {
    /// No rules.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// These may come in.
    #[must_use]
    pub fn allow(mut self, whom: Whom) -> Self {
        self.0.push((true, whom));
        self
    }

    /// These may not.
    #[must_use]
    pub fn deny(mut self, whom: Whom) -> Self {
        self.0.push((false, whom));
        self
    }

    /// Whether a client may come in; nothing if no rule means it.
    #[must_use]
    pub fn verdict(&self, client: Client) -> Option<bool> {
        self.0.iter().find(|(_, whom)| whom.means(client)).map(|(allowed, _)| *allowed)
    }
}

impl Whom {
    fn means(&self, client: Client) -> bool {
        match (self, client) {
            (Self::All, _) | (Self::Unix, Client::Unix) => true,
            // An IPv4 address in IPv6's clothes is an IPv4 address.
            (Self::Net(net), Client::Ip(ip)) => net.contains(&ip.to_canonical()),
            (Self::Net(_), Client::Unix | Client::Unknown)
            | (Self::Unix, Client::Ip(_) | Client::Unknown) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_counts() -> Result<(), Box<dyn std::error::Error>> {
        let rules = Rules::new()
            .deny(Whom::Net("10.0.0.1/32".parse()?))
            .allow(Whom::Net("10.0.0.0/8".parse()?))
            .allow(Whom::Net("2001:db8::/32".parse()?))
            .deny(Whom::Unix);
        let check = |ip: &str, expected| -> Result<(), std::net::AddrParseError> {
            assert_eq!(rules.verdict(Client::Ip(ip.parse()?)), expected, "{ip}");
            Ok(())
        };
        check("10.0.0.1", Some(false))?;
        check("10.0.0.2", Some(true))?;
        check("::ffff:10.0.0.1", Some(false))?;
        check("::ffff:10.9.9.9", Some(true))?;
        check("2001:db8::1", Some(true))?;
        check("192.0.2.1", None)?;
        assert_eq!(rules.verdict(Client::Unix), Some(false));
        assert_eq!(rules.deny(Whom::All).verdict(Client::Ip("192.0.2.1".parse()?)), Some(false));
        Ok(())
    }

    #[test]
    fn rules_for_all_alone_mean_who_is_unknown() -> Result<(), Box<dyn std::error::Error>> {
        let networks = || -> Result<Rules, Box<dyn std::error::Error>> {
            let all: [IpNet; 2] = ["0.0.0.0/0".parse()?, "::/0".parse()?];
            Ok(all.into_iter().fold(Rules::new().allow(Whom::Unix), |rules, net| rules.allow(Whom::Net(net))))
        };
        assert_eq!(networks()?.verdict(Client::Unknown), None);
        assert_eq!(networks()?.deny(Whom::All).verdict(Client::Unknown), Some(false));
        assert_eq!(Rules::new().allow(Whom::All).verdict(Client::Unknown), Some(true));
        Ok(())
    }
}

//! Whose word is taken for where a request came from.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::client_addr::ClientAddr;

/// The peers that are trusted to say whom they forward for (nginx: `set_real_ip_from`). Default: none.
///
/// An IPv4 address in IPv6 form is IPv4. Cost of a look-up: linear in the number of networks, as in nginx.
///
/// ```
/// use ipnet::IpNet;
/// use propylon_headers::{ClientAddr, Trusted};
///
/// let private: IpNet = "10.0.0.0/8".parse().unwrap();
/// let trusted = Trusted::from_iter([private]).unix(true);
/// assert!(trusted.contains(&ClientAddr::unix()));
/// assert!(trusted.contains(&ClientAddr::ip("::ffff:10.1.2.3".parse().unwrap(), None)));
/// assert!(!trusted.contains(&ClientAddr::ip("192.0.2.1".parse().unwrap(), None)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted {
    networks: Vec<IpNet>,
    unix: bool,
}

impl Trusted {
    /// Nobody.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether peers on unix sockets are trusted (nginx: `set_real_ip_from unix:`). Default: false.
    #[must_use]
    pub fn unix(mut self, trusted: bool) -> Self {
        self.unix = trusted;
        self
    }

    /// Whether this peer is trusted.
    #[must_use]
    pub fn contains(&self, peer: &ClientAddr) -> bool {
        match peer.as_ip() {
            Some(ip) => self.contains_ip(ip),
            None => self.unix,
        }
    }

    fn contains_ip(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&ip))
    }
}

impl FromIterator<IpNet> for Trusted {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        Self { networks: networks.into_iter().collect(), unix: false }
    }
}

impl Extend<IpNet> for Trusted {
    fn extend<I: IntoIterator<Item = IpNet>>(&mut self, networks: I) {
        self.networks.extend(networks);
    }
}

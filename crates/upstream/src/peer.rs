//! A peer: what the leaf connects to.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One server of an upstream, with the name that logs print. A request extension that [`Client`](crate::Client) reads.
///
/// Costs: a clone is a refcount bump.
///
/// ```
/// use propylon_upstream::Peer;
///
/// let addr: std::net::SocketAddr = "10.0.0.1:80".parse()?;
/// assert_eq!(&**Peer::from(addr).name(), "10.0.0.1:80");
/// assert_eq!(&**Peer::unix("/run/app.sock").name(), "unix:/run/app.sock");
/// # Ok::<_, std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer(Arc<Named>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Named {
    name: Arc<str>,
    address: PeerAddress,
}

/// Where a peer listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PeerAddress {
    /// TCP.
    Tcp(SocketAddr),
    /// A unix stream socket.
    Unix(Arc<Path>),
}

impl Peer {
    /// A TCP peer; `name` is what nginx's `$upstream_addr` prints for it.
    #[must_use]
    pub fn tcp(name: impl Into<Arc<str>>, addr: SocketAddr) -> Self {
        Self(Arc::new(Named { name: name.into(), address: PeerAddress::Tcp(addr) }))
    }

    /// A unix socket, named `unix:` and its path.
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        let path: PathBuf = path.into();
        let name = format!("unix:{}", path.display()).into();
        Self(Arc::new(Named { name, address: PeerAddress::Unix(path.into()) }))
    }

    /// The same peer under another name, or under another copy of its name.
    #[must_use]
    pub fn called(&self, name: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Named { name: name.into(), address: self.0.address.clone() }))
    }

    /// The name that logs print: `10.0.0.1:80`, `unix:/run/app.sock`.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.0.name
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &PeerAddress {
        &self.0.address
    }
}

impl From<SocketAddr> for Peer {
    fn from(addr: SocketAddr) -> Self {
        Self::tcp(addr.to_string(), addr)
    }
}

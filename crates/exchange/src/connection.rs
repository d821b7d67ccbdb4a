//! What is known of a client connection.

use crate::Address;

/// What is known of a client connection; shared by its exchanges.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connection {
    /// A number that is unique in the process (`$connection`).
    pub id: u64,
    /// The client's end, as the kernel told it (`$realip_remote_addr`).
    pub peer: Address,
    /// Our end (`$server_addr`, `$server_port`).
    pub local: Address,
    /// Whether the client speaks TLS to us (`$scheme`, `$https`).
    pub tls: bool,
}

impl Connection {
    /// A plain connection from `peer` to `local`.
    #[must_use]
    pub fn new(id: u64, peer: Address, local: Address) -> Self {
        Self { id, peer, local, tls: false }
    }
}

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
    /// The TLS that the client speaks with us, if it does (`$scheme`, `$https`).
    pub tls: Option<Tls>,
}

/// What a TLS handshake with a client brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// OpenSSL's name of the protocol (`$ssl_protocol`).
    pub protocol: &'static str,
    /// OpenSSL's name of the cipher (`$ssl_cipher`).
    pub cipher: &'static str,
    /// The name that the client asked for (`$ssl_server_name`).
    pub server_name: Option<Box<str>>,
    /// Whether the session was resumed (`$ssl_session_reused`).
    pub resumed: bool,
}

impl Connection {
    /// A plain connection from `peer` to `local`.
    #[must_use]
    pub fn new(id: u64, peer: Address, local: Address) -> Self {
        Self { id, peer, local, tls: None }
    }
}

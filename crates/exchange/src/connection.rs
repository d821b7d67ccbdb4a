//! What is known of a client connection.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

use crate::{Address, clock};

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
    /// When it was accepted.
    pub since: Instant,
    /// Whether it is no connection, but a client of UDP with whatever it sends (`$protocol` of streams).
    pub udp: bool,
    /// The TLS that the client speaks with us, if it does (`$scheme`, `$https`).
    pub tls: Option<Tls>,
    /// What the client's proxy told of it before anything else (`$proxy_protocol_*`).
    pub proxy_protocol: Option<Box<ProxyProtocol>>,
    peer_text: OnceLock<HeaderValue>,
}

/// What a header of the PROXY protocol told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// The client's end of its own connection (`$proxy_protocol_addr`, `$proxy_protocol_port`).
    pub client: SocketAddr,
    /// The end that it connected to (`$proxy_protocol_server_addr`, `$proxy_protocol_server_port`).
    pub server: SocketAddr,
    /// The TLVs of version 2, as they came (`$proxy_protocol_tlv_NAME`).
    pub tlvs: Box<[u8]>,
}

/// What a TLS handshake with a client brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// OpenSSL's name of the protocol (`$ssl_protocol`).
    pub protocol: &'static str,
    /// OpenSSL's name of the cipher (`$ssl_cipher`).
    pub cipher: &'static str,
    /// OpenSSL's name of the group of the key exchange (`$ssl_curve`).
    pub curve: Cow<'static, str>,
    /// The protocol above TLS that was agreed on (`$ssl_alpn_protocol`).
    pub alpn: Option<Box<[u8]>>,
    /// The name that the client asked for (`$ssl_server_name`).
    pub server_name: Option<Box<str>>,
    /// Whether the session was resumed (`$ssl_session_reused`).
    pub resumed: bool,
    /// A name of the session (`$ssl_session_id`).
    pub session_id: Option<[u8; 32]>,
    /// The ciphers that the client offered (`$ssl_ciphers`).
    pub offered_ciphers: Box<str>,
    /// The groups that the client offered (`$ssl_curves`).
    pub offered_curves: Box<str>,
    /// The certificate that the client showed (`$ssl_client_*`).
    pub client: Option<Box<ClientCertificate>>,
}

/// Why a client's certificate is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// OpenSSL's number.
    pub code: u8,
    /// OpenSSL's words.
    pub reason: &'static str,
    /// Whether only somebody to trust is missing.
    pub for_trust: bool,
}

/// The certificate that a client showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Why it is not to be trusted; `None`: it is (`$ssl_client_verify`).
    pub refused: Option<Refused>,
    /// PEM (`$ssl_client_raw_cert`).
    pub pem: String,
    /// Whose it is, as RFC 2253 has it (`$ssl_client_s_dn`).
    pub subject: String,
    /// Who issued it (`$ssl_client_i_dn`).
    pub issuer: String,
    /// Whose it is, with slashes (`$ssl_client_s_dn_legacy`).
    pub subject_legacy: String,
    /// Who issued it, with slashes (`$ssl_client_i_dn_legacy`).
    pub issuer_legacy: String,
    /// Its number, hexadecimal (`$ssl_client_serial`).
    pub serial: String,
    /// Its SHA-1, hexadecimal (`$ssl_client_fingerprint`).
    pub fingerprint: String,
    /// When it began (`$ssl_client_v_start`).
    pub start: String,
    /// When it ends (`$ssl_client_v_end`).
    pub end: String,
    /// The same in seconds since 1970 (`$ssl_client_v_remain`).
    pub end_seconds: i64,
}

impl Connection {
    /// A plain connection from `peer` to `local`.
    #[must_use]
    pub fn new(id: u64, peer: Address, local: Address) -> Self {
        Self {
            id,
            peer,
            local,
            since: clock::now(),
            udp: false,
            tls: None,
            proxy_protocol: None,
            peer_text: OnceLock::new(),
        }
    }

    /// What datagrams from `peer` to `local` belong to.
    #[must_use]
    pub fn datagrams(id: u64, peer: Address, local: Address) -> Self {
        Self { udp: true, ..Self::new(id, peer, local) }
    }

    /// The client's end as text, which is made when it is asked for first.
    #[must_use]
    pub fn peer_text(&self) -> &HeaderValue {
        self.peer_text.get_or_init(|| self.peer.text())
    }

    /// How long it exists (`$connection_time`).
    #[must_use]
    pub fn age(&self) -> Duration {
        clock::now().saturating_duration_since(self.since)
    }
}

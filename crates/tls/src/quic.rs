//! TLS as QUIC has it (RFC 9001): without records, and without sockets.

use std::fmt;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::quic::{Connection, ServerConnection, Suite, Version};
use rustls::server::Acceptor as Reader;

use crate::acceptor::Acceptor;
use crate::greeting::{Handshake, facts, offered};
use crate::verify::Trust;

/// How long what a client says first may be: more than one with the largest keys and many names, and no more than fits into one record
/// (RFC 8446 5.1), for it is read by whoever reads records alone.
const MOST: usize = 16 * 1024;

/// What a client says first, over QUIC: it waits to hear how it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuicGreeting {
    name: Option<Box<str>>,
    ciphers: Box<str>,
    curves: Box<str>,
}

/// A handshake over QUIC, and what comes of it.
pub struct QuicHandshake {
    /// The connection's TLS.
    pub connection: Connection,
    greeting: QuicGreeting,
    clients: Option<Arc<Trust>>,
}

/// It is not what a client of TLS says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoGreeting(Box<str>);

impl QuicGreeting {
    /// Reads what has come of a handshake; `None`: there is more to come.
    ///
    /// # Errors
    /// If it is not what a client of TLS says.
    pub fn read(handshake: &[u8]) -> Result<Option<Self>, NoGreeting> {
        let wrong = |what: &dyn fmt::Display| NoGreeting(what.to_string().into());
        let Some([_, high, middle, low]) = handshake.first_chunk() else { return Ok(None) };
        let length = 4 + u32::from_be_bytes([0, *high, *middle, *low]) as usize;
        if length > MOST {
            return Err(wrong(&"the ClientHello is too long"));
        }
        let Some(message) = handshake.get(..length) else { return Ok(None) };
        let mut reader = Reader::default();
        let [high, low] = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let record = [&[22, 3, 1, high, low], message].concat();
        let mut unread = &*record;
        while !unread.is_empty() {
            reader.read_tls(&mut unread).map_err(|error| wrong(&error))?; // a few thousand bytes in one go
        }
        let accepted = reader.accept().map_err(|(error, _)| wrong(&error))?;
        let accepted = accepted.ok_or_else(|| wrong(&"the ClientHello is truncated"))?;
        let hello = accepted.client_hello();
        let (ciphers, curves) = offered(&hello);
        Ok(Some(Self { name: hello.server_name().map(Into::into), ciphers, curves }))
    }

    /// The name that it asks for.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Serves it so; `params` is what QUIC has to say.
    ///
    /// # Errors
    /// If the acceptor does not speak TLS 1.3.
    pub fn accept(
        self,
        acceptor: &Acceptor,
        version: Version,
        params: Vec<u8>,
    ) -> Result<QuicHandshake, rustls::Error> {
        let connection = ServerConnection::new(Arc::clone(&acceptor.config), version, params)?;
        let connection = Connection::Server(connection);
        Ok(QuicHandshake { connection, greeting: self, clients: acceptor.clients.clone() })
    }
}

impl QuicHandshake {
    /// What the handshake has brought; the certificate that the client showed is there when it has ended.
    #[must_use]
    pub fn facts(&self) -> Handshake {
        let (ciphers, curves) = (self.greeting.ciphers.clone(), self.greeting.curves.clone());
        let name = match &self.connection {
            Connection::Server(connection) => connection.server_name(),
            Connection::Client(_) => None,
        };
        let export = |label: &[u8]| self.connection.export_keying_material([0; 32], label, None).ok();
        facts(&self.connection, name, export, (ciphers, curves), self.clients.as_ref())
    }
}

impl fmt::Debug for QuicHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuicHandshake").field("greeting", &self.greeting).finish_non_exhaustive()
    }
}

/// The suite of the keys that everybody knows, with which connections begin (RFC 9001 5.2).
#[must_use]
pub fn initial_suite() -> Option<Suite> {
    TLS13_AES_128_GCM_SHA256.tls13().and_then(|suite| suite.quic_suite())
}

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;
    use rustls::crypto::aws_lc_rs::default_provider;
    use rustls::quic::ClientConnection;
    use rustls::version::TLS13;

    use super::*;

    /// What a client says first that knows so many protocols.
    fn hello(protocols: usize) -> Vec<u8> {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_protocol_versions(&[&TLS13]).unwrap();
        let mut config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        config.alpn_protocols = vec![vec![b'x'; 99]; protocols];
        let name = "a.test".try_into().unwrap();
        let mut client = ClientConnection::new(Arc::new(config), Version::V1, name, Vec::new()).unwrap();
        let mut hello = Vec::new();
        client.write_hs(&mut hello);
        hello
    }

    #[test]
    fn what_a_client_says_first_may_be_long() {
        for protocols in [1, 50, 120] {
            let hello = hello(protocols);
            assert!(hello.len() > 100 * protocols);
            let greeting = QuicGreeting::read(&hello).unwrap().unwrap();
            assert_eq!(greeting.server_name(), Some("a.test"), "{} bytes", hello.len());
            assert_eq!(QuicGreeting::read(&hello[..hello.len() - 1]), Ok(None), "there is more to come");
        }
        assert!(QuicGreeting::read(&hello(170)).is_err(), "and not without an end");
        assert!(QuicGreeting::read(b"\x02\x00\x00\x00").is_err(), "no client says that");
    }
}

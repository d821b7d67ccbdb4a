//! TLS towards clients.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{
    ClientHello, ProducesTickets, ResolvesServerCert, ServerSessionMemoryCache, StoresServerSessions,
};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::LazyConfigAcceptor;

use crate::error::BuildError;
use crate::{cipher, pem};

/// A TLS connection from a client.
pub type ServerStream<IO> = tokio_rustls::server::TlsStream<IO>;

/// What makes sessions of clients resumable: to be kept as long as the process, so that a new configuration resumes the
/// sessions of the old one. A clone is the same.
#[derive(Clone)]
pub struct Sessions {
    cache: Arc<dyn StoresServerSessions>,
    tickets: Arc<dyn ProducesTickets>,
}

impl Sessions {
    /// Remembers so many sessions, and has keys for tickets, which change every six hours.
    ///
    /// # Errors
    /// If there is no randomness to be had.
    pub fn new(count: usize) -> Result<Self, BuildError> {
        let tickets = Ticketer::new().map_err(|error| BuildError::Library(error.to_string()))?;
        Ok(Self { cache: ServerSessionMemoryCache::new(count), tickets })
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").finish_non_exhaustive()
    }
}

/// How one server speaks TLS with its clients. A clone is the same.
///
/// An [`accept`] chooses among several by the name that the client asks for.
#[derive(Clone)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
}

/// How one server speaks TLS with its clients: a builder.
#[derive(Clone, Debug)]
pub struct AcceptorBuilder {
    identities: Vec<(PathBuf, PathBuf)>,
    protocols: Vec<String>,
    ciphers: Option<String>,
    prefer_server_ciphers: bool,
    tickets: bool,
    alpn: Vec<Vec<u8>>,
}

impl Acceptor {
    /// An acceptor without certificates, until it is given some.
    #[must_use]
    pub fn builder() -> AcceptorBuilder {
        AcceptorBuilder {
            identities: Vec::new(),
            protocols: Vec::new(),
            ciphers: None,
            prefer_server_ciphers: false,
            tickets: true,
            alpn: Vec::new(),
        }
    }
}

impl AcceptorBuilder {
    /// Adds a certificate with its chain, and its key: files, PEM. Of several (RSA and ECDSA) the client gets the first one
    /// that it can verify (nginx: `ssl_certificate`, `ssl_certificate_key`).
    #[must_use]
    pub fn identity(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identities.push((certificate.into(), key.into()));
        self
    }

    /// `TLSv1.2`, `TLSv1.3`. Default both (nginx: `ssl_protocols`).
    #[must_use]
    pub fn protocols<S: Into<String>>(mut self, protocols: impl IntoIterator<Item = S>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// OpenSSL's list of ciphers. Default: all that there are (nginx: `ssl_ciphers`).
    #[must_use]
    pub fn ciphers(mut self, list: impl Into<String>) -> Self {
        self.ciphers = Some(list.into());
        self
    }

    /// Whether the order of this list decides, not the client's. Default false (nginx: `ssl_prefer_server_ciphers`).
    #[must_use]
    pub fn prefer_server_ciphers(mut self, on: bool) -> Self {
        self.prefer_server_ciphers = on;
        self
    }

    /// Whether clients are given tickets to resume with; without, TLS 1.2 sessions are remembered here. Default true (nginx:
    /// `ssl_session_tickets`).
    #[must_use]
    pub fn session_tickets(mut self, on: bool) -> Self {
        self.tickets = on;
        self
    }

    /// The protocols spoken above TLS (ALPN), the preferred one first. Default none.
    #[must_use]
    pub fn alpn<S: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = S>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// The acceptor. Files are read now.
    ///
    /// # Errors
    /// If a file, a name or the combination is no good.
    pub fn build(self, sessions: &Sessions) -> Result<Acceptor, BuildError> {
        let provider = Arc::new(cipher::provider(self.ciphers.as_deref())?);
        let protocols = cipher::protocols(&self.protocols)?;
        let identities =
            self.identities.iter().map(|(certificate, key)| pem::identity(&provider, certificate, key));
        let identities = identities.collect::<Result<Vec<_>, _>>()?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&protocols)
            .map_err(|_| BuildError::NoCipher { ciphers: self.ciphers.clone().unwrap_or_default() })?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(Identities(identities)));
        config.ignore_client_order = self.prefer_server_ciphers;
        config.alpn_protocols = self.alpn;
        config.session_storage = Arc::clone(&sessions.cache);
        if self.tickets {
            config.ticketer = Arc::clone(&sessions.tickets);
            config.send_tls13_tickets = 2;
        }
        Ok(Acceptor { config: Arc::new(config) })
    }
}

/// The first certificate that the client can verify, or the first of all: it may be able after all.
#[derive(Debug)]
struct Identities(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fits =
            |identity: &&Arc<CertifiedKey>| identity.key.choose_scheme(hello.signature_schemes()).is_some();
        self.0.iter().find(fits).or_else(|| self.0.first()).cloned()
    }
}

/// What a handshake brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// OpenSSL's name of the protocol (nginx: `$ssl_protocol`).
    pub protocol: &'static str,
    /// OpenSSL's name of the cipher (nginx: `$ssl_cipher`).
    pub cipher: &'static str,
    /// The name that the client asked for (nginx: `$ssl_server_name`).
    pub server_name: Option<Box<str>>,
    /// Whether the session was resumed (nginx: `$ssl_session_reused`).
    pub resumed: bool,
}

/// Makes TLS of a client's connection; `choose` gives the acceptor for the name that the client asks for, or none: it is
/// refused.
///
/// # Errors
/// If the client does not speak TLS, or the two cannot agree; an alert has told it why.
pub async fn accept<IO>(
    io: IO,
    choose: impl FnOnce(Option<&str>) -> Option<Acceptor>,
) -> io::Result<(ServerStream<IO>, Handshake)>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), io).await?;
    let chosen = choose(start.client_hello().server_name());
    let Some(acceptor) = chosen else {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "no server for this name"));
    };
    let stream = start.into_stream(acceptor.config).await?;
    let (_, connection) = stream.get_ref();
    let suite = connection.negotiated_cipher_suite();
    let handshake = Handshake {
        protocol: connection.protocol_version().map_or("", cipher::protocol_name),
        cipher: suite.map_or("", |suite| cipher::name(suite.suite())),
        server_name: connection.server_name().map(Into::into),
        resumed: connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
    };
    Ok((stream, handshake))
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

//! TLS towards peers.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::error::{BuildError, Error};
use crate::identity::Identity;
use crate::verify::{Anybody, OtherName, Refusal, Trust, Verifier};
use crate::{cipher, key_log, pem};

/// A TLS connection to a peer.
pub type ClientStream<IO> = tokio_rustls::client::TlsStream<IO>;

/// Makes TLS connections to peers. A clone is the same connector, with the same sessions to resume.
///
/// ```
/// use propylon_tls::Connector;
///
/// let connector = Connector::builder().protocols(["TLSv1.3"]).session_reuse(false).build()?;
/// # let _ = connector;
/// # Ok::<(), propylon_tls::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Connector {
    config: Arc<ClientConfig>,
    session_reuse: bool,
}

/// How TLS connections to peers are made: a builder.
#[derive(Clone, Debug)]
pub struct ConnectorBuilder {
    verify: bool,
    trusted: Option<PathBuf>,
    depth: usize,
    revoked: Option<PathBuf>,
    server_name: bool,
    identity: Option<Identity>,
    protocols: Vec<String>,
    ciphers: Option<String>,
    curves: Vec<String>,
    session_reuse: bool,
    alpn: Vec<Vec<u8>>,
    key_log: Option<PathBuf>,
}

impl ConnectorBuilder {
    /// Whether the peer's certificate must be trusted, valid and for the right name. Default false, as in nginx (nginx:
    /// `proxy_ssl_verify`).
    #[must_use]
    pub fn verify(mut self, on: bool) -> Self {
        self.verify = on;
        self
    }

    /// The file of certificates to trust, PEM. Default: those that the system trusts (nginx:
    /// `proxy_ssl_trusted_certificate`).
    #[must_use]
    pub fn trusted_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.trusted = Some(file.into());
        self
    }

    /// How many certificates may stand between the peer's and a trusted one. Default 1; six at most (nginx:
    /// `proxy_ssl_verify_depth`).
    #[must_use]
    pub fn verify_depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// The file of revocation lists, PEM: there must be one of each issuer in a chain (nginx: `proxy_ssl_crl`).
    #[must_use]
    pub fn crl(mut self, file: impl Into<PathBuf>) -> Self {
        self.revoked = Some(file.into());
        self
    }

    /// Appends the secrets of connections to this file, as Wireshark reads them (nginx: `proxy_ssl_key_log`); it is opened when this is built. **Whoever
    /// reads it reads all that is sent.** Default: they are nobody's.
    #[must_use]
    pub fn key_log(mut self, file: impl Into<PathBuf>) -> Self {
        self.key_log = Some(file.into());
        self
    }

    /// Whether the peer is told the name (SNI). Default false, as in nginx (nginx: `proxy_ssl_server_name`).
    #[must_use]
    pub fn server_name(mut self, on: bool) -> Self {
        self.server_name = on;
        self
    }

    /// The certificate with its chain, and the key, to show to peers that ask: files, PEM (nginx: `proxy_ssl_certificate`,
    /// `proxy_ssl_certificate_key`).
    #[must_use]
    pub fn identity(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some(Identity::new(certificate, key));
        self
    }

    /// The same, with all that an [`Identity`] may have (nginx: `proxy_ssl_password_file`).
    #[must_use]
    pub fn identity_of(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// `TLSv1.2`, `TLSv1.3`. Default both (nginx: `proxy_ssl_protocols`).
    #[must_use]
    pub fn protocols<S: Into<String>>(mut self, protocols: impl IntoIterator<Item = S>) -> Self {
        self.protocols = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// OpenSSL's list of ciphers. Default: all that there are (nginx: `proxy_ssl_ciphers`).
    #[must_use]
    pub fn ciphers(mut self, list: impl Into<String>) -> Self {
        self.ciphers = Some(list.into());
        self
    }

    /// The groups of key exchange, by OpenSSL's names, the preferred one first. Default: all that are usual.
    #[must_use]
    pub fn curves<S: Into<String>>(mut self, curves: impl IntoIterator<Item = S>) -> Self {
        self.curves = curves.into_iter().map(Into::into).collect();
        self
    }

    /// Whether sessions are resumed. Default true (nginx: `proxy_ssl_session_reuse`).
    #[must_use]
    pub fn session_reuse(mut self, on: bool) -> Self {
        self.session_reuse = on;
        self
    }

    /// The protocols offered above TLS (ALPN). Default none.
    #[must_use]
    pub fn alpn<S: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = S>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// The connector. Files are read now.
    ///
    /// # Errors
    /// If a file, a name or the combination is no good.
    pub fn build(self) -> Result<Connector, BuildError> {
        let provider = Arc::new(cipher::provider(self.ciphers.as_deref(), &self.curves)?);
        let protocols = cipher::protocols(&self.protocols)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&protocols)
            .map_err(|_| BuildError::NoCipher { ciphers: self.ciphers.clone().unwrap_or_default() })?
            .dangerous();
        let builder = if self.verify {
            let verifier = Verifier(self.trust(Arc::clone(&provider))?);
            builder.with_custom_certificate_verifier(Arc::new(verifier))
        } else {
            builder.with_custom_certificate_verifier(Arc::new(Anybody(Arc::clone(&provider))))
        };
        let mut config = builder.with_no_client_auth();
        if let Some(identity) = &self.identity {
            config.client_auth_cert_resolver = Arc::new(Shown(identity.load(&provider)?));
        }
        if let Some(file) = &self.key_log {
            config.key_log = key_log::open(file)?;
        }
        config.enable_sni = self.server_name;
        config.alpn_protocols = self.alpn;
        if !self.session_reuse {
            config.resumption = Resumption::disabled();
        }
        Ok(Connector { config: Arc::new(config), session_reuse: self.session_reuse })
    }

    fn trust(&self, provider: Arc<CryptoProvider>) -> Result<Trust, BuildError> {
        let (mut roots, mut certificates) = (RootCertStore::empty(), Vec::new());
        match &self.trusted {
            Some(file) => {
                certificates = pem::certificates(file)?;
                pem::roots(file, &certificates, &mut roots)?;
            }
            None => roots = pem::system_roots()?,
        }
        let revoked = self.revoked.as_deref().map_or_else(|| Ok(Vec::new()), pem::revocation_lists)?;
        Ok(Trust { roots, certificates, depth: self.depth, revoked, provider })
    }
}

impl Connector {
    /// A connector that believes everyone, until it is told otherwise.
    #[must_use]
    pub fn builder() -> ConnectorBuilder {
        ConnectorBuilder {
            verify: false,
            trusted: None,
            depth: 1,
            revoked: None,
            server_name: false,
            identity: None,
            protocols: Vec::new(),
            ciphers: None,
            curves: Vec::new(),
            session_reuse: true,
            alpn: Vec::new(),
            key_log: None,
        }
    }

    /// The same, showing another certificate, or none. It has no sessions in common with this one: they are another's.
    ///
    /// # Errors
    /// If a file is no good.
    pub fn with_identity(&self, identity: Option<&Identity>) -> Result<Self, BuildError> {
        let mut config = ClientConfig::clone(&self.config);
        config.client_auth_cert_resolver = match identity {
            Some(identity) => Arc::new(Shown(identity.load(config.crypto_provider())?)),
            None => Arc::new(Nothing),
        };
        if self.session_reuse {
            config.resumption = Resumption::default();
        }
        Ok(Self { config: Arc::new(config), session_reuse: self.session_reuse })
    }

    /// The same, offering other protocols above TLS (ALPN). It has no sessions in common with this one: they are for another
    /// protocol.
    #[must_use]
    pub fn with_alpn<S: Into<Vec<u8>>>(&self, protocols: impl IntoIterator<Item = S>) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = protocols.into_iter().map(Into::into).collect();
        if self.session_reuse {
            config.resumption = Resumption::default();
        }
        Self { config: Arc::new(config), session_reuse: self.session_reuse }
    }

    /// Makes TLS of a connection to the peer that should be called `name`, a host name or an address.
    ///
    /// # Errors
    /// If the peer is not who it should be, or the two cannot agree.
    pub async fn connect<IO>(&self, io: IO, name: &str) -> Result<ClientStream<IO>, Error>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let server_name = match ServerName::try_from(bare.to_owned()) {
            Ok(name) => name,
            // What is no host name (a unix socket's path) can be neither told nor verified.
            Err(_) => {
                ServerName::try_from("invalid.").map_err(|error| Error::Handshake(error.to_string()))?
            }
        };
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector.connect(server_name, io).await.map_err(|error| failure(error, name))
    }
}

/// The one certificate that peers are shown, whomever they trust: as OpenSSL does.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// No certificate.
#[derive(Debug)]
struct Nothing;

impl ResolvesClientCert for Nothing {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

fn failure(error: io::Error, name: &str) -> Error {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return Error::Io(error);
    };
    if let rustls::Error::InvalidCertificate(rustls::CertificateError::Other(other)) = tls {
        if let Some(&Refusal { code, reason }) = other.0.downcast_ref() {
            return Error::Certificate { code, reason };
        }
        if other.0.is::<OtherName>() {
            return Error::Name { name: name.into() };
        }
    }
    Error::Handshake(tls.to_string())
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

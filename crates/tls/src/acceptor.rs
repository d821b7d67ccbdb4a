//! TLS towards clients: how one server speaks it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use crate::error::BuildError;
use crate::identity::Identity;
use crate::sessions::{Scope, Sessions};
use crate::verify::{Asking, Trust};
use crate::{cipher, key_log, pem};

/// How one server speaks TLS with its clients. A clone is the same.
///
/// An [`accept`](crate::accept) chooses among several by the name that the client asks for.
#[derive(Clone)]
pub struct Acceptor {
    pub(crate) config: Arc<ServerConfig>,
    /// Whom certificates of clients must come from, if clients are asked for one.
    pub(crate) clients: Option<Arc<Trust>>,
}

/// How one server speaks TLS with its clients: a builder.
#[derive(Clone, Debug)]
pub struct AcceptorBuilder {
    identities: Vec<Identity>,
    protocols: Vec<String>,
    ciphers: Option<String>,
    curves: Vec<String>,
    prefer_server_ciphers: bool,
    tickets: bool,
    timeout: Duration,
    alpn: Vec<Vec<u8>>,
    ask: bool,
    authorities: Option<PathBuf>,
    trusted: Option<PathBuf>,
    depth: usize,
    revoked: Option<PathBuf>,
    key_log: Option<PathBuf>,
}

impl Acceptor {
    /// An acceptor without certificates, until it is given some.
    #[must_use]
    pub fn builder() -> AcceptorBuilder {
        AcceptorBuilder {
            identities: Vec::new(),
            protocols: Vec::new(),
            ciphers: None,
            curves: Vec::new(),
            prefer_server_ciphers: false,
            tickets: true,
            timeout: Duration::from_secs(300),
            alpn: Vec::new(),
            ask: false,
            authorities: None,
            trusted: None,
            depth: 1,
            revoked: None,
            key_log: None,
        }
    }

    /// The same with other certificates, of which the client gets the first that it can verify: for those that are known only
    /// when a client is there.
    ///
    /// # Errors
    /// If a file is no good.
    pub fn with_identities<'a>(
        &self,
        identities: impl IntoIterator<Item = &'a Identity>,
    ) -> Result<Self, BuildError> {
        let mut config = ServerConfig::clone(&self.config);
        config.cert_resolver = Identities::load(config.crypto_provider(), identities)?;
        Ok(Self { config: Arc::new(config), clients: self.clients.clone() })
    }

    /// The same with other protocols above TLS (ALPN), the preferred one first. Sessions of one are resumed by the other.
    #[must_use]
    pub fn with_alpn<S: Into<Vec<u8>>>(&self, protocols: impl IntoIterator<Item = S>) -> Self {
        let mut config = ServerConfig::clone(&self.config);
        config.alpn_protocols = protocols.into_iter().map(Into::into).collect();
        Self { config: Arc::new(config), clients: self.clients.clone() }
    }
}

/// A configuration of rustls as it is: clients are asked for what it asks for, and nothing is told of them.
impl From<Arc<ServerConfig>> for Acceptor {
    fn from(config: Arc<ServerConfig>) -> Self {
        Self { config, clients: None }
    }
}

impl AcceptorBuilder {
    /// Adds a certificate with its chain, and its key: files, PEM. Of several (RSA and ECDSA) the client gets the first one
    /// that it can verify (nginx: `ssl_certificate`, `ssl_certificate_key`).
    #[must_use]
    pub fn identity(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity_of(Identity::new(certificate, key))
    }

    /// The same, with all that an [`Identity`] may have.
    #[must_use]
    pub fn identity_of(mut self, identity: Identity) -> Self {
        self.identities.push(identity);
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

    /// The groups of key exchange, by OpenSSL's names, the preferred one first. Default: all that are usual (nginx:
    /// `ssl_ecdh_curve`).
    #[must_use]
    pub fn curves<S: Into<String>>(mut self, curves: impl IntoIterator<Item = S>) -> Self {
        self.curves = curves.into_iter().map(Into::into).collect();
        self
    }

    /// Whether the order of this list decides, not the client's. Default false (nginx: `ssl_prefer_server_ciphers`).
    #[must_use]
    pub fn prefer_server_ciphers(mut self, on: bool) -> Self {
        self.prefer_server_ciphers = on;
        self
    }

    /// Whether clients are given tickets to resume with; without, sessions are remembered here. Default true (nginx:
    /// `ssl_session_tickets`).
    #[must_use]
    pub fn session_tickets(mut self, on: bool) -> Self {
        self.tickets = on;
        self
    }

    /// How long a session may be resumed. Default 5 minutes (nginx: `ssl_session_timeout`).
    #[must_use]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The protocols spoken above TLS (ALPN), the preferred one first. Default none.
    #[must_use]
    pub fn alpn<S: Into<Vec<u8>>>(mut self, protocols: impl IntoIterator<Item = S>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Whether clients are asked for a certificate. One without, or with one that is not to be trusted, is accepted all the
    /// same: [`Handshake::client`](crate::Handshake::client) says what came of it, and who serves the client decides. Default
    /// false (nginx: `ssl_verify_client`).
    #[must_use]
    pub fn ask_clients(mut self, on: bool) -> Self {
        self.ask = on;
        self
    }

    /// The file of authorities that clients' certificates must come from, and that clients are told, PEM (nginx:
    /// `ssl_client_certificate`).
    #[must_use]
    pub fn client_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.authorities = Some(file.into());
        self
    }

    /// The file of more authorities, that clients are not told of, PEM (nginx: `ssl_trusted_certificate`).
    #[must_use]
    pub fn trusted_certificate(mut self, file: impl Into<PathBuf>) -> Self {
        self.trusted = Some(file.into());
        self
    }

    /// How many certificates may stand between a client's and an authority's. Default 1; six at most (nginx:
    /// `ssl_verify_depth`).
    #[must_use]
    pub fn verify_depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// The file of revocation lists, PEM: there must be one of each issuer in a chain (nginx: `ssl_crl`).
    #[must_use]
    pub fn crl(mut self, file: impl Into<PathBuf>) -> Self {
        self.revoked = Some(file.into());
        self
    }

    /// Appends the secrets of connections to this file, as Wireshark reads them (nginx: `ssl_key_log`); it is opened when this is built. **Whoever
    /// reads it reads all that is sent.** Default: they are nobody's.
    #[must_use]
    pub fn key_log(mut self, file: impl Into<PathBuf>) -> Self {
        self.key_log = Some(file.into());
        self
    }

    /// The acceptor. Files are read now.
    ///
    /// # Errors
    /// If a file, a name or the combination is no good.
    pub fn build(self, sessions: &Sessions) -> Result<Acceptor, BuildError> {
        let provider = Arc::new(cipher::provider(self.ciphers.as_deref(), &self.curves)?);
        let protocols = cipher::protocols(&self.protocols)?;
        let identities = Identities::load(&provider, &self.identities)?;
        let clients = if self.ask { Some(self.clients(&provider)?) } else { None };
        let scope = Scope { name: scope(clients.as_ref()), timeout: self.timeout };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&protocols)
            .map_err(|_| BuildError::NoCipher { ciphers: self.ciphers.clone().unwrap_or_default() })?;
        let builder = match &clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(Arc::new(Asking {
                provider,
                authorities: clients.told.subjects(),
            })),
        };
        let mut config = builder.with_cert_resolver(identities);
        if let Some(file) = &self.key_log {
            config.key_log = key_log::open(file)?;
        }
        config.ignore_client_order = self.prefer_server_ciphers;
        config.alpn_protocols = self.alpn;
        config.session_storage = sessions.memory(scope);
        if self.tickets {
            config.ticketer = sessions.tickets(scope)?;
            config.send_tls13_tickets = 2;
        }
        Ok(Acceptor { config: Arc::new(config), clients: clients.map(|clients| Arc::new(clients.trust)) })
    }

    fn clients(&self, provider: &Arc<CryptoProvider>) -> Result<Clients, BuildError> {
        let (mut told, mut roots, mut certificates) =
            (RootCertStore::empty(), RootCertStore::empty(), Vec::new());
        if let Some(file) = &self.authorities {
            certificates = pem::certificates(file)?;
            pem::roots(file, &certificates, &mut told)?;
            pem::roots(file, &certificates, &mut roots)?;
        }
        if let Some(file) = &self.trusted {
            let more = pem::certificates(file)?;
            pem::roots(file, &more, &mut roots)?;
            certificates.extend(more);
        }
        let revoked = self.revoked.as_deref().map_or_else(|| Ok(Vec::new()), pem::revocation_lists)?;
        let trust = Trust { roots, certificates, depth: self.depth, revoked, provider: Arc::clone(provider) };
        Ok(Clients { told, trust })
    }
}

/// Whom certificates of clients must come from, and what clients are told of that.
struct Clients {
    told: RootCertStore,
    trust: Trust,
}

/// What sessions must have in common to be resumed: whether clients are asked who they are, and who is believed.
fn scope(clients: Option<&Clients>) -> [u8; 16] {
    let mut hash = digest::Context::new(&digest::SHA256);
    if let Some(clients) = clients {
        hash.update(b"asked");
        clients.trust.certificates.iter().for_each(|certificate| hash.update(certificate));
    }
    let hash = hash.finish();
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

/// The first certificate that the client can verify, or the first of all: it may be able after all.
#[derive(Debug)]
struct Identities(Vec<Arc<CertifiedKey>>);

impl Identities {
    fn load<'a>(
        provider: &CryptoProvider,
        identities: impl IntoIterator<Item = &'a Identity>,
    ) -> Result<Arc<Self>, BuildError> {
        let loaded = identities.into_iter().map(|identity| identity.load(provider));
        Ok(Arc::new(Self(loaded.collect::<Result<_, _>>()?)))
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fits =
            |identity: &&Arc<CertifiedKey>| identity.key.choose_scheme(hello.signature_schemes()).is_some();
        self.0.iter().find(fits).or_else(|| self.0.first()).cloned()
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

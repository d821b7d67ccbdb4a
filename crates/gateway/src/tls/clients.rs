//! TLS towards clients: how each server speaks it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use propylon_config::{self as config, Template, VerifyClient};
use propylon_exchange::{Connection, Exchange, Place, Tls};
use propylon_tls::{Acceptor, AcceptorBuilder, BuildError, Identity, Sessions};
use tokio::time::Instant;

use super::kept::Kept;
use super::{path, report_no_good};
use crate::client::{http2, http3};

/// The protocols of clients, by their names above TLS (ALPN).
const HTTP1: [&str; 2] = ["http/1.1", "http/1.0"];
const HTTP2: [&str; 3] = [http2::ALPN, "http/1.1", "http/1.0"];
const HTTP3: [&str; 1] = [http3::ALPN];

/// What is spoken above TLS, and so which of the protocols that a client offers (ALPN) are accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Above {
    Http1,
    /// HTTP/2, or what came before it.
    Http2,
    Http3,
    /// Whatever a stream's client and its server speak: an offer is heard, and not answered, whatever it is.
    Unknown,
}

impl Above {
    const fn protocols(self) -> &'static [&'static str] {
        match self {
            Self::Http1 => &HTTP1,
            Self::Http2 => &HTTP2,
            Self::Http3 => &HTTP3,
            Self::Unknown => &[],
        }
    }
}

/// How one server speaks TLS: what its files hold now.
pub(crate) struct Serving {
    /// Whether it refuses everyone.
    pub(crate) rejects: bool,
    /// `None`: its files are no good.
    http1: ArcSwapOption<Acceptor>,
    /// The same where HTTP/2 may be spoken.
    http2: ArcSwapOption<Acceptor>,
    /// The same over QUIC.
    http3: ArcSwapOption<Acceptor>,
    /// The same where nobody knows what is spoken.
    unknown: ArcSwapOption<Acceptor>,
    /// Certificates that are known only when a client is there.
    late: Option<Arc<Late>>,
}

/// Certificates with variables in their names.
struct Late {
    certificates: Vec<config::Certificate>,
    kept: Kept<Vec<(Bytes, Bytes)>, Acceptor>,
}

/// Who may be a client of a server, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientAuth {
    pub(crate) verify: VerifyClient,
    believed: (Option<PathBuf>, Option<PathBuf>, usize, Option<PathBuf>),
}

/// Why somebody may be no client of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotVerified {
    #[error("client sent no required SSL certificate")]
    NoCertificate,
    #[error("client SSL certificate verify error: ({code}:{reason})")]
    Refused { code: u8, reason: &'static str },
}

impl ClientAuth {
    pub(crate) fn new(tls: &config::Tls) -> Self {
        let authorities = (tls.client_certificate.clone(), tls.trusted_certificate.clone());
        Self {
            verify: tls.verify_client,
            believed: (authorities.0, authorities.1, tls.verify_depth, tls.crl.clone()),
        }
    }

    /// Whether a client is one that may be, by what its handshake brought.
    pub(crate) fn judge(&self, tls: &Tls) -> Result<(), NotVerified> {
        let Some(certificate) = &tls.client else {
            return if self.verify == VerifyClient::On { Err(NotVerified::NoCertificate) } else { Ok(()) };
        };
        match certificate.refused {
            Some(refused) if !refused.for_trust || self.verify != VerifyClient::OptionalNoCa => {
                Err(NotVerified::Refused { code: refused.code, reason: refused.reason })
            }
            _ => Ok(()),
        }
    }

    /// Whether what one of them found out of a client holds for the other.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        self.believed == other.believed && other.verify != VerifyClient::Off
    }
}

impl Serving {
    pub(super) fn new(tls: &config::Tls) -> Self {
        let is_late = tls.certificates.iter().any(|one| one.value.has_variables());
        let late = is_late.then(|| {
            let certificates: Vec<_> = tls.certificates.iter().map(|one| one.value.clone()).collect();
            Arc::new(Late {
                kept: Kept::new(tls.certificate_cache, 2 * tls.certificates.len()),
                certificates,
            })
        });
        Self {
            rejects: tls.reject_handshake,
            http1: ArcSwapOption::empty(),
            http2: ArcSwapOption::empty(),
            http3: ArcSwapOption::empty(),
            unknown: ArcSwapOption::empty(),
            late,
        }
    }

    /// Reads its files.
    pub(super) fn read(&self, tls: &config::Tls, sessions: &Sessions) -> Result<(), BuildError> {
        let mut builder = builder(tls);
        if self.late.is_none() {
            for one in tls.certificates.iter().filter_map(|one| plain(&one.value)) {
                builder = builder.identity_of(one);
            }
        }
        let acceptor = builder.build(sessions)?;
        for above in [Above::Http1, Above::Http2, Above::Http3, Above::Unknown] {
            let protocols = above.protocols().iter().copied();
            self.made_for(above).store(Some(Arc::new(acceptor.with_alpn(protocols))));
        }
        if let Some(late) = &self.late {
            late.kept.clear();
        }
        Ok(())
    }

    /// How a client is served that asked for this name.
    pub(crate) async fn acceptor(
        &self,
        connection: &Connection,
        name: Option<&str>,
        above: Above,
    ) -> io::Result<Acceptor> {
        match self.find(above, connection, name)? {
            Found::Known(acceptor) => Ok(acceptor),
            Found::Unread(unread) => {
                tokio::task::spawn_blocking(move || unread.read()).await.map_err(io::Error::other)?
            }
        }
    }

    /// How a client of QUIC is served that asked for this name. Files that are not known yet are read while the worker waits: TLS is a
    /// part of QUIC's own machine, which waits for nobody.
    pub(crate) fn quic_acceptor(&self, connection: &Connection, name: Option<&str>) -> io::Result<Acceptor> {
        match self.find(Above::Http3, connection, name)? {
            Found::Known(acceptor) => Ok(acceptor),
            Found::Unread(unread) => unread.read(),
        }
    }

    const fn made_for(&self, above: Above) -> &ArcSwapOption<Acceptor> {
        match above {
            Above::Http1 => &self.http1,
            Above::Http2 => &self.http2,
            Above::Http3 => &self.http3,
            Above::Unknown => &self.unknown,
        }
    }

    /// The acceptor for a client that asked for this name.
    fn find(&self, above: Above, connection: &Connection, name: Option<&str>) -> io::Result<Found> {
        let Some(acceptor) = self.made_for(above).load_full() else {
            return Err(io::Error::other("the certificate could not be loaded"));
        };
        let Some(late) = &self.late else { return Ok(Found::Known(Acceptor::clone(&acceptor))) };
        let names = late.names(connection, name);
        Ok(match late.kept.get(&names, Instant::now()) {
            Some(known) => Found::Known(known.with_alpn(above.protocols().iter().copied())),
            None => Found::Unread(Unread { late: Arc::clone(late), names, acceptor, above }),
        })
    }
}

/// What serves a client.
enum Found {
    Known(Acceptor),
    /// Its files are still to be read.
    Unread(Unread),
}

/// Files whose names are known now that there is a client.
struct Unread {
    late: Arc<Late>,
    names: Vec<(Bytes, Bytes)>,
    acceptor: Arc<Acceptor>,
    above: Above,
}

impl Unread {
    /// Reads them. What is kept is for whatever is spoken above TLS.
    fn read(self) -> io::Result<Acceptor> {
        let read = self.late.read(&self.names, &self.acceptor);
        read.map(|acceptor| acceptor.with_alpn(self.above.protocols().iter().copied()))
            .map_err(|error| io::Error::other(format!("cannot load certificate: {error}")))
    }
}

impl Late {
    /// The files for a client, each certificate's and its key's.
    fn names(&self, connection: &Connection, name: Option<&str>) -> Vec<(Bytes, Bytes)> {
        let mut connection = connection.clone();
        connection.tls =
            Some(propylon_exchange::Tls { server_name: name.map(Into::into), ..Default::default() });
        // There is no request yet: what variables may tell is of the connection.
        let exchange =
            Exchange::rejected(Place::default(), Arc::new(connection), 0, Instant::now(), Bytes::new(), 0);
        let names =
            self.certificates.iter().map(|one| (one.certificate.eval(&exchange), one.key.eval(&exchange)));
        names.collect()
    }

    fn read(&self, names: &[(Bytes, Bytes)], acceptor: &Acceptor) -> Result<Acceptor, BuildError> {
        let identities = names
            .iter()
            .zip(&self.certificates)
            .map(|((certificate, key), one)| finish(Identity::new(path(certificate), path(key)), one));
        let identities: Vec<Identity> = identities.collect();
        let files = identities.iter().flat_map(Identity::files).map(PathBuf::from).collect();
        let make = || acceptor.with_identities(&identities);
        self.kept.make(&names.to_vec(), files, Instant::now(), make, report_no_good)
    }
}

/// All but the certificates.
fn builder(tls: &config::Tls) -> AcceptorBuilder {
    let mut builder = Acceptor::builder()
        .protocols(tls.protocols.iter().map(|name| &**name))
        .curves(tls.curves.iter().map(|name| &**name))
        .prefer_server_ciphers(tls.prefer_server_ciphers)
        .session_tickets(tls.session_tickets)
        .session_timeout(tls.session_timeout)
        .ask_clients(tls.verify_client != VerifyClient::Off)
        .verify_depth(tls.verify_depth);
    if let Some(ciphers) = &tls.ciphers {
        builder = builder.ciphers(&*ciphers.value);
    }
    if let Some(file) = &tls.client_certificate {
        builder = builder.client_certificate(file);
    }
    if let Some(file) = &tls.trusted_certificate {
        builder = builder.trusted_certificate(file);
    }
    if let Some(file) = &tls.crl {
        builder = builder.crl(file);
    }
    if let Some(file) = &tls.key_log {
        builder = builder.key_log(file);
    }
    builder
}

/// Whether all is well but for certificates, which are not looked at.
pub(super) fn try_without_certificates(tls: &config::Tls, sessions: &Sessions) -> Result<(), BuildError> {
    builder(tls).build(sessions).map(drop)
}

/// Whether it is a certificate, or its key, that is not there or no good.
pub(super) fn is_of_certificate(tls: &config::Tls, error: &BuildError) -> bool {
    match error {
        BuildError::File { path, .. } => {
            identities(tls).iter().flat_map(Identity::files).any(|file| file == path)
        }
        BuildError::Mismatch { .. } => true,
        _ => false,
    }
}

fn plain(certificate: &config::Certificate) -> Option<Identity> {
    let name = |template: &Template| template.as_static().map(|text| path(text));
    Some(finish(Identity::new(name(&certificate.certificate)?, name(&certificate.key)?), certificate))
}

fn finish(mut identity: Identity, certificate: &config::Certificate) -> Identity {
    if let Some(file) = &certificate.password_file {
        identity = identity.password_file(file);
    }
    if let Some(file) = &certificate.staple {
        identity = identity.staple(file);
    }
    identity
}

/// The certificates of a server that are known without a client.
pub(super) fn identities(tls: &config::Tls) -> Vec<Identity> {
    tls.certificates.iter().filter_map(|one| plain(&one.value)).collect()
}

/// The files that a server's TLS is made of, as far as they are known without a client.
pub(super) fn files(tls: &config::Tls) -> Vec<PathBuf> {
    let identities = identities(tls);
    let optional = [&tls.client_certificate, &tls.trusted_certificate, &tls.crl].into_iter().flatten();
    let others = optional.chain(&tls.session_ticket_keys).cloned();
    identities.iter().flat_map(Identity::files).map(PathBuf::from).chain(others).collect()
}

//! TLS towards upstreams.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use propylon_config::{Template, UpstreamTls};
use propylon_exchange::Exchange;
use propylon_tls::{BuildError, Connector, Identity};
use propylon_upstream::{BoxError, Handshake, Party, Secure, Socket, secured};
use tokio::time::Instant;

use super::kept::Kept;
use super::{path, report_no_good};

/// What secures connections to an upstream; the same for all workers.
pub(crate) type Security = Arc<dyn Secure>;

/// TLS as the upstream's connections take it: what its files hold now.
pub(super) struct Tls {
    /// `None`: its files are no good.
    connector: ArcSwapOption<Connector>,
    /// The same, asking for HTTP/2.
    http2: ArcSwapOption<Connector>,
    /// Why they are not.
    problem: Mutex<String>,
    password_file: Option<PathBuf>,
    /// With certificates whose names have variables.
    late: Arc<Kept<(Arc<str>, bool), Connector>>,
}

/// Our own files are no good: no peer is to blame.
#[derive(Debug, thiserror::Error)]
#[error("{0} while SSL handshaking to upstream")]
pub(crate) struct Unusable(String);

/// The name of HTTP/2 (ALPN).
const HTTP2: &str = "h2";

/// Between the names of a certificate and its key.
const BETWEEN: char = '\0';

/// As whom we connect, where that depends on the request.
pub(crate) fn whom(identity: &(Template, Template), exchange: &Exchange) -> Arc<str> {
    let text = |template: &Template| String::from_utf8_lossy(&template.eval(exchange)).into_owned();
    format!("{}{BETWEEN}{}", text(&identity.0), text(&identity.1)).into()
}

impl Tls {
    pub(super) fn new(tls: &UpstreamTls) -> Self {
        Self {
            connector: ArcSwapOption::empty(),
            http2: ArcSwapOption::empty(),
            problem: Mutex::default(),
            password_file: tls.password_file.clone(),
            late: Arc::new(Kept::new(tls.certificate_cache, 2)),
        }
    }

    /// Reads its files.
    pub(super) fn read(&self, tls: &UpstreamTls) -> Result<(), BuildError> {
        match connector(tls) {
            Ok(connector) => {
                self.http2.store(Some(Arc::new(connector.with_alpn([HTTP2]))));
                self.connector.store(Some(Arc::new(connector)));
                self.late.clear();
                Ok(())
            }
            Err(error) => {
                *self.problem.lock() = error.to_string();
                Err(error)
            }
        }
    }

    /// A connector that shows the certificate of these names.
    async fn showing(
        &self,
        names: &Arc<str>,
        http2: bool,
        plain: Arc<Connector>,
    ) -> Result<Connector, BoxError> {
        let (late, names) = (Arc::clone(&self.late), (Arc::clone(names), http2));
        if let Some(known) = late.get(&names, Instant::now()) {
            return Ok(known);
        }
        let identity = identity(&names.0, self.password_file.as_ref());
        let read = tokio::task::spawn_blocking(move || {
            let files = identity.iter().flat_map(Identity::files).map(PathBuf::from).collect();
            let make = || plain.with_identity(identity.as_ref());
            late.make(&names, files, Instant::now(), make, report_no_good)
        });
        read.await?.map_err(|error| Unusable(format!("cannot load certificate: {error}")).into())
    }
}

/// What the names stand for; no certificate's name: none is shown, as in nginx.
fn identity(names: &str, password_file: Option<&PathBuf>) -> Option<Identity> {
    let (certificate, key) = names.split_once(BETWEEN)?;
    if certificate.is_empty() {
        return None;
    }
    Some(with_password(Identity::new(certificate, key), password_file))
}

fn with_password(identity: Identity, file: Option<&PathBuf>) -> Identity {
    match file {
        Some(file) => identity.password_file(file),
        None => identity,
    }
}

fn connector(tls: &UpstreamTls) -> Result<Connector, BuildError> {
    let mut builder = Connector::builder()
        .verify(tls.verify)
        .verify_depth(tls.verify_depth)
        .server_name(tls.server_name)
        .protocols(tls.protocols.iter().map(|name| &**name))
        .curves(tls.curves.iter().map(|name| &**name))
        .session_reuse(tls.session_reuse);
    if let Some(file) = &tls.trusted_certificate {
        builder = builder.trusted_certificate(file);
    }
    if let Some(file) = &tls.crl {
        builder = builder.crl(file);
    }
    if let Some(file) = &tls.key_log {
        builder = builder.key_log(file);
    }
    if let Some(identity) = plain(tls) {
        builder = builder.identity_of(identity);
    }
    if let Some(ciphers) = &tls.ciphers {
        builder = builder.ciphers(&**ciphers);
    }
    builder.build()
}

/// The certificate to show, if its name has no variables.
pub(super) fn plain(tls: &UpstreamTls) -> Option<Identity> {
    let (certificate, key) = tls.identity.as_ref()?;
    let (certificate, key) = (path(certificate.as_static()?), path(key.as_static()?));
    if certificate.as_os_str().is_empty() {
        return None;
    }
    Some(with_password(Identity::new(certificate, key), tls.password_file.as_ref()))
}

/// The files that it is made of, as far as they are known without a request.
pub(super) fn files(tls: &UpstreamTls) -> Vec<PathBuf> {
    let identity = plain(tls);
    let optional = [&tls.trusted_certificate, &tls.crl].into_iter().flatten().cloned();
    identity.iter().flat_map(Identity::files).map(PathBuf::from).chain(optional).collect()
}

impl Secure for Tls {
    fn handshake<'a>(&'a self, socket: Socket, party: Party<'a>) -> Handshake<'a> {
        Box::pin(async move {
            // Nothing is sent without the security that was asked for.
            let http2 = party.protocol == Some(HTTP2);
            let connector = if http2 { self.http2.load_full() } else { self.connector.load_full() };
            let Some(connector) = connector else {
                return Err(Unusable(self.problem.lock().clone()).into());
            };
            let stream = match party.identity {
                Some(names) => {
                    self.showing(names, http2, connector).await?.connect(socket, party.name).await?
                }
                None => connector.connect(socket, party.name).await?,
            };
            Ok(secured(stream, |stream| stream.get_ref().0))
        })
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

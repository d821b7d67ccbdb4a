//! TLS on both sides: what is made of the configuration's files, shared by the workers and kept while the files are no good.

use std::sync::Arc;

use parking_lot::Mutex;
use propylon_config::{self as config, Config, Settings, UpstreamTls};
use propylon_tls::{Acceptor, BuildError as TlsError, Connector, Sessions};
use propylon_upstream::{BoxError, Handshake, Secure, Secured, Socket};

use crate::error::BuildError;

/// How many sessions of TLS 1.2 clients are remembered.
const SESSIONS: usize = 20_000;

/// What secures connections to an upstream; the same for all workers.
pub(crate) type Security = Arc<dyn Secure>;

/// What was made of files.
#[derive(Default)]
pub(crate) struct Store {
    /// Made when it is first needed, and kept: sessions are resumed after a reload too.
    sessions: Mutex<Option<Sessions>>,
    acceptors: Mutex<Vec<(config::Tls, Acceptor)>>,
    securities: Mutex<Vec<(UpstreamTls, Security)>>,
}

impl Store {
    /// Reads all files of a configuration anew. What the world is to blame for is returned: what it belongs to stays as it
    /// was, or does not work.
    pub(crate) fn refresh(&self, config: &Config) -> Result<Vec<String>, BuildError> {
        let mut faults = Vec::new();
        for server in config.servers.iter().filter(|server| !server.tls.certificates.is_empty()) {
            self.refresh_acceptor(&server.tls, &mut faults)?;
        }
        let locations = config.locations();
        for location in locations.filter(|location| is_secured(location)) {
            self.refresh_security(&location.settings, &mut faults)?;
        }
        Ok(faults)
    }

    fn sessions(&self) -> Result<Sessions, TlsError> {
        let mut sessions = self.sessions.lock();
        match &*sessions {
            Some(sessions) => Ok(sessions.clone()),
            None => Ok(sessions.insert(Sessions::new(SESSIONS)?).clone()),
        }
    }

    fn refresh_acceptor(&self, tls: &config::Tls, faults: &mut Vec<String>) -> Result<(), BuildError> {
        let mut builder = Acceptor::builder()
            .protocols(tls.protocols.iter().map(|name| &**name))
            .prefer_server_ciphers(tls.prefer_server_ciphers)
            .session_tickets(tls.session_tickets)
            .alpn(["http/1.1"]);
        if let Some(ciphers) = &tls.ciphers {
            builder = builder.ciphers(&*ciphers.value);
        }
        for identity in &tls.certificates {
            builder = builder.identity(&identity.certificate, &identity.key);
        }
        let sessions = match self.sessions() {
            Ok(sessions) => sessions,
            Err(error) => {
                faults.push(error.to_string());
                return Ok(());
            }
        };
        match builder.build(&sessions) {
            Ok(acceptor) => replace(&mut self.acceptors.lock(), tls, acceptor),
            Err(error) if error.is_fault() => faults.push(format!("cannot load certificate: {error}")),
            Err(error) => {
                let at = tls
                    .ciphers
                    .as_ref()
                    .map(|ciphers| ciphers.span)
                    .or(tls.certificates.first().map(|one| one.span));
                return Err(BuildError::value("this cannot be used for TLS", at.unwrap_or_default())(error));
            }
        }
        Ok(())
    }

    fn refresh_security(&self, settings: &Settings, faults: &mut Vec<String>) -> Result<(), BuildError> {
        let tls = &settings.upstream.tls;
        let mut builder = Connector::builder()
            .verify(tls.verify)
            .verify_depth(tls.verify_depth)
            .server_name(tls.server_name)
            .protocols(tls.protocols.iter().map(|name| &**name))
            .session_reuse(tls.session_reuse);
        if let Some(file) = &tls.trusted_certificate {
            builder = builder.trusted_certificate(file);
        }
        if let Some(file) = &tls.crl {
            builder = builder.crl(file);
        }
        if let Some((certificate, key)) = &tls.identity {
            builder = builder.identity(certificate, key);
        }
        if let Some(ciphers) = &tls.ciphers {
            builder = builder.ciphers(&**ciphers);
        }
        match builder.build() {
            Ok(connector) => replace(&mut self.securities.lock(), tls, Arc::new(Tls(connector)) as Security),
            Err(error) if error.is_fault() => {
                faults.push(format!("TLS towards the upstream: {error}"));
                let mut securities = self.securities.lock();
                if !securities.iter().any(|(known, _)| known == tls) {
                    securities.push((tls.clone(), Arc::new(Broken(error.to_string()))));
                }
            }
            Err(error) => return Err(BuildError::value("this cannot be used for TLS", tls.span)(error)),
        }
        Ok(())
    }

    /// How a server speaks TLS; `None` if it does not, or cannot.
    pub(crate) fn acceptor(&self, tls: &config::Tls) -> Option<Acceptor> {
        find(&self.acceptors.lock(), tls)
    }

    /// What secures connections so.
    pub(crate) fn security(&self, tls: &UpstreamTls) -> Option<Security> {
        find(&self.securities.lock(), tls)
    }
}

/// Whether a location may need TLS towards its upstream.
fn is_secured(location: &config::Location) -> bool {
    match &location.action {
        config::Action::ProxyPass(pass) => match &pass.value {
            config::ProxyPass::Static(target) => target.scheme == config::Scheme::Https,
            config::ProxyPass::Template(url) => !url.source().starts_with("http://"),
        },
        _ => false,
    }
}

fn replace<K: Clone + PartialEq, V>(all: &mut Vec<(K, V)>, key: &K, value: V) {
    match all.iter_mut().find(|(known, _)| known == key) {
        Some((_, old)) => *old = value,
        None => all.push((key.clone(), value)),
    }
}

fn find<K: PartialEq, V: Clone>(all: &[(K, V)], key: &K) -> Option<V> {
    all.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
}

/// TLS as the upstream's connections take it.
#[derive(Debug)]
struct Tls(Connector);

impl Secure for Tls {
    fn handshake<'a>(&'a self, socket: Socket, name: &'a str) -> Handshake<'a> {
        Box::pin(async move {
            let stream = self.0.connect(socket, name).await?;
            Ok(Box::new(stream) as Box<dyn Secured>)
        })
    }
}

/// Our own files are no good: no peer is to blame.
#[derive(Debug, thiserror::Error)]
#[error("{0} while SSL handshaking to upstream")]
pub(crate) struct Unusable(String);

/// Files that could not be used: nothing is sent without the security that was asked for.
#[derive(Debug)]
struct Broken(String);

impl Secure for Broken {
    fn handshake<'a>(&'a self, _: Socket, _: &'a str) -> Handshake<'a> {
        let error: BoxError = Unusable(self.0.clone()).into();
        Box::pin(std::future::ready(Err(error)))
    }
}

//! TLS on both sides: what is made of the configuration's files, shared by the workers and kept while the files are no good.

mod clients;
mod kept;
mod upstreams;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use propylon_config::{self as config, Config, Scheme, UpstreamTls};
use propylon_tls::{BuildError as TlsError, Identity, Sessions};

use crate::error::BuildError;

pub(crate) use clients::{Above, ClientAuth, NotVerified, Serving};
pub(crate) use upstreams::{Security, Unusable, whom};

use kept::Stamps;
use upstreams::Tls;

/// What was made of files.
#[derive(Default)]
pub(crate) struct Store {
    /// Made when they are first needed, and kept: sessions are resumed after a reload too. One for each size.
    sessions: Mutex<Vec<(usize, Sessions)>>,
    serving: Mutex<Vec<Made<config::Tls, Serving>>>,
    securities: Mutex<Vec<Made<UpstreamTls, Tls>>>,
}

/// Something that was made of files, and how the files were before they were read.
struct Made<K, T> {
    key: K,
    thing: Arc<T>,
    stamps: Stamps,
    /// Whether the files were good.
    good: bool,
    /// Whether they ever were: then that is what the thing is.
    works: bool,
}

/// What was found when files were read.
pub(crate) struct Found {
    /// What the world is to blame for.
    pub(crate) faults: Vec<String>,
    /// Certificates that are still to come, by ACME.
    pub(crate) awaited: Vec<String>,
}

/// Files are no good.
struct Problem {
    error: TlsError,
    /// Whether what was made of better ones is in use.
    works: bool,
}

impl Store {
    /// Reads all files of a configuration, but those that are as they were when they were read. What the world is to blame for
    /// is returned: what it belongs to stays as it was, or does not work.
    pub(crate) fn refresh(&self, config: &Config) -> Result<Found, BuildError> {
        let (mut faults, mut awaited) = (Vec::new(), Vec::new());
        // TLS is the address's: whichever server says so, all of them speak it there.
        let secured = config.listeners.iter().filter(|listener| listener.tls);
        let secured: BTreeSet<usize> =
            secured.flat_map(|listener| listener.servers.iter().copied()).collect();
        let servers = secured.into_iter().filter_map(|index| config.servers.get(index));
        let servers = servers.map(|server| (&server.tls, server.span));
        let mut seen: Vec<&config::Tls> = Vec::new(); // many share what they have inherited
        for (tls, span) in servers.chain(streams(config)) {
            // A server without certificates is served with those of the default server, as in nginx.
            if tls.certificates.is_empty() && !tls.reject_handshake || seen.contains(&tls) {
                continue;
            }
            seen.push(tls);
            let sessions = self.sessions(tls);
            let problem = make(
                &self.serving,
                tls,
                clients::files(tls),
                tells_keys(tls.key_log.as_deref()),
                || Serving::new(tls),
                |serving| serving.read(tls, &sessions?),
            );
            match problem.map(|problem| self.awaits(tls, problem)) {
                Some(Ok(problem)) => awaited.push(await_certificate(tls, &problem)),
                Some(Err(problem)) => {
                    let at = tls.ciphers.as_ref().map(|ciphers| ciphers.span);
                    let at = at.or(tls.certificates.first().map(|one| one.span)).unwrap_or(span);
                    let is_key_log = matches!(&problem.error, TlsError::File { path, .. } if Some(&**path) == tls.key_log.as_deref());
                    let what = if is_key_log { "cannot open key log" } else { "cannot load certificate" };
                    faults.push(fault(problem, at, what)?);
                }
                None => {
                    let expired = clients::identities(tls);
                    // One of ACME's will be renewed, by whoever has started.
                    let list = if tls.acme.is_empty() { &mut faults } else { &mut awaited };
                    list.extend(expired.iter().filter_map(out_of_date));
                }
            }
        }
        let mut seen: Vec<&config::UpstreamTls> = Vec::new();
        for (tls, whose) in outward(config) {
            if seen.contains(&tls) {
                continue;
            }
            seen.push(tls);
            let files = upstreams::files(tls);
            let opens = tells_keys(tls.key_log.as_deref());
            let problem = make(&self.securities, tls, files, opens, || Tls::new(tls), |made| made.read(tls));
            if let Some(problem) = problem {
                faults.push(fault(problem, tls.span, whose)?);
            } else {
                faults.extend(upstreams::plain(tls).iter().filter_map(out_of_date));
            }
        }
        // Locations share what they have inherited.
        let mut known = BTreeSet::new();
        faults.retain(|fault| known.insert(fault.clone()));
        Ok(Found { faults, awaited })
    }

    /// The problem, if it is that a certificate is still to come, by ACME, and if that is all; else what else is wrong.
    fn awaits(&self, tls: &config::Tls, problem: Problem) -> Result<Problem, Problem> {
        if tls.acme.is_empty() || !clients::is_of_certificate(tls, &problem.error) {
            return Err(problem);
        }
        let others =
            self.sessions(tls).and_then(|sessions| clients::try_without_certificates(tls, &sessions));
        match others {
            Ok(()) => Ok(problem),
            Err(error) => Err(Problem { error, ..problem }),
        }
    }

    /// Reads files anew that have changed. What is no good leaves what there is in place.
    pub(crate) fn reread(&self) {
        reread(&self.serving, clients::files, |tls, serving| serving.read(tls, &self.sessions(tls)?));
        reread(&self.securities, upstreams::files, |tls, made| made.read(tls));
    }

    /// Forgets what is not of this configuration.
    pub(crate) fn forget(&self, config: &Config) {
        self.serving.lock().retain(|made| {
            let servers = config.servers.iter().map(|server| &server.tls);
            servers.chain(config.streams.iter().map(|stream| &stream.tls)).any(|tls| *tls == made.key)
        });
        self.securities.lock().retain(|made| {
            config
                .locations()
                .map(|location| &location.settings.upstream.tls)
                .chain(config.streams.iter().map(|stream| &stream.settings.upstream.tls))
                .chain(providers(config))
                .any(|tls| *tls == made.key)
        });
    }

    fn sessions(&self, tls: &config::Tls) -> Result<Sessions, TlsError> {
        let mut all = self.sessions.lock();
        let known =
            all.iter().find(|(count, _)| *count == tls.session_cache).map(|(_, sessions)| sessions.clone());
        let sessions = match known {
            Some(sessions) => sessions,
            None => {
                let sessions = Sessions::new(tls.session_cache)?;
                all.push((tls.session_cache, sessions.clone()));
                sessions
            }
        };
        drop(all);
        match tls.session_ticket_keys.as_slice() {
            [] => Ok(sessions),
            files => sessions.ticket_keys(files),
        }
    }

    /// How a server speaks TLS; `None` if it does not.
    pub(crate) fn serving(&self, tls: &config::Tls) -> Option<Arc<Serving>> {
        find(&self.serving.lock(), tls)
    }

    /// What secures connections so.
    pub(crate) fn security(&self, tls: &UpstreamTls) -> Option<Security> {
        find(&self.securities.lock(), tls).map(|made| made as Security)
    }
}

/// Whom the gateway speaks TLS to, and what that is.
fn outward(config: &Config) -> impl Iterator<Item = (&UpstreamTls, &'static str)> {
    let upstreams = config.locations().filter(|location| is_secured(location));
    let upstreams =
        upstreams.map(|location| (&location.settings.upstream.tls, "cannot set up TLS to the upstream"));
    let streams = config.streams.iter().filter(|stream| stream.pass().is_some_and(|pass| pass.is_secure()));
    let streams = streams.map(|stream| (&stream.settings.upstream.tls, "cannot set up TLS to the upstream"));
    upstreams
        .chain(streams)
        .chain(providers(config).map(|tls| (tls, "cannot set up TLS to the OpenID provider")))
}

/// The streams that end the TLS of their clients.
fn streams(config: &Config) -> impl Iterator<Item = (&config::Tls, config::Span)> {
    let secured = |stream: &config::Stream| stream.listens.iter().any(|listen| listen.tls);
    let streams = config.streams.iter().filter(move |stream| secured(stream));
    streams.map(|stream| (&stream.tls, stream.span))
}

fn providers(config: &Config) -> impl Iterator<Item = &UpstreamTls> {
    config.oidc_providers.values().map(|provider| &provider.tls)
}

/// Whether keys are written to a file, which is opened anew then; and that they are is told.
fn tells_keys(file: Option<&std::path::Path>) -> bool {
    if let Some(file) = file {
        tracing::warn!(
            target: "propylon_gateway",
            "keys of TLS connections are written to {}: anyone who can read this file can decrypt the traffic",
            file.display()
        );
    }
    file.is_some()
}

/// Has a thing read its files, if they are not what it has read; it is remembered whether they are good or not. `opens`: it is to do so
/// anyway, for it writes to one.
fn make<K: Clone + PartialEq, T>(
    all: &Mutex<Vec<Made<K, T>>>,
    key: &K,
    files: Vec<PathBuf>,
    opens: bool,
    new: impl FnOnce() -> T,
    read: impl FnOnce(&T) -> Result<(), TlsError>,
) -> Option<Problem> {
    let stamps = Stamps::of(files);
    let mut all = all.lock();
    let made = match all.iter_mut().position(|made| made.key == *key) {
        Some(at) => all.get_mut(at)?,
        None => {
            let thing = Arc::new(new());
            all.push(Made { key: key.clone(), thing, stamps: Stamps::default(), good: false, works: false });
            all.last_mut()?
        }
    };
    if made.good && !opens && stamps.vouches_for(&made.stamps) {
        return None;
    }
    made.stamps = stamps;
    let problem = read(&made.thing).err();
    made.good = problem.is_none();
    made.works |= made.good;
    problem.map(|error| Problem { error, works: made.works })
}

fn reread<K, T>(
    all: &Mutex<Vec<Made<K, T>>>,
    files: impl Fn(&K) -> Vec<PathBuf>,
    read: impl Fn(&K, &T) -> Result<(), TlsError>,
) {
    for made in all.lock().iter_mut() {
        let stamps = Stamps::of(files(&made.key));
        if stamps == made.stamps {
            continue;
        }
        made.stamps = stamps;
        match read(&made.key, &made.thing) {
            Ok(()) => {
                (made.good, made.works) = (true, true);
                tracing::info!(target: "propylon_gateway", "certificates reloaded: {}", made.stamps);
            }
            Err(error) => {
                made.good = false; // whoever reads them next is to be told too
                let so = what_now(made.works);
                tracing::error!(target: "propylon_gateway", "cannot reload a changed certificate: {error}; {so}");
            }
        }
    }
}

/// Says in the error log that files have changed and are no good.
fn report_no_good(error: &TlsError) {
    tracing::error!(target: "propylon_gateway", "cannot reload a changed certificate: {error}; {}", what_now(true));
}

/// What becomes of what needs files that are no good.
const fn what_now(works: bool) -> &'static str {
    if works { "the previous one stays in use" } else { "connections that need it fail" }
}

fn find<K: PartialEq, T>(all: &[Made<K, T>], key: &K) -> Option<Arc<T>> {
    all.iter().find(|made| made.key == *key).map(|made| Arc::clone(&made.thing))
}

/// A certificate that will come by itself.
fn await_certificate(tls: &config::Tls, problem: &Problem) -> String {
    let what = format!("there is no certificate for {} yet: {}", tls.acme.join(", "), problem.error);
    tracing::info!(target: "propylon_gateway", "{what}; {}", what_now(problem.works));
    what
}

/// What an error is to an operator: a fault of the world's, of which the error log knows then, or an error of the configuration.
fn fault(problem: Problem, at: config::Span, what: &str) -> Result<String, BuildError> {
    let Problem { error, works } = problem;
    if error.is_fault() || matches!(error, TlsError::Library(_)) {
        let what = format!("{what}: {error}");
        tracing::warn!(target: "propylon_gateway", "{what}; {}", what_now(works));
        return Ok(what);
    }
    Err(BuildError::value("invalid TLS settings", at)(error))
}

/// A certificate that is shown all the same, as in nginx, but that nobody who verifies it takes today.
fn out_of_date(identity: &Identity) -> Option<String> {
    let what = identity.is_current().err()?.to_string();
    tracing::warn!(target: "propylon_gateway", "{what}; it is used anyway");
    Some(what)
}

/// Whether a location may need TLS towards its upstream.
fn is_secured(location: &config::Location) -> bool {
    match &location.action {
        config::Action::ProxyPass(pass) => match pass.value.scheme() {
            Some(Scheme::Grpc | Scheme::Uwsgi) => matches!(pass.value, config::ProxyPass::Template(_)),
            Some(scheme) => scheme.is_secure(),
            None => true,
        },
        _ => false,
    }
}

/// The path that a template without variables is.
fn path(text: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(text).into_owned())
}

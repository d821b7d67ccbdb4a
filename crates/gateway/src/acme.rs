//! Certificates that come by themselves: the keeper of those that the configuration in force wants.

use std::sync::Arc;

use parking_lot::Mutex;
use propylon_acme::{Challenge, Challenges, Error, Event, Keeper, KeyKind, Settings, Status, Wanted};
use propylon_config::{self as config, AcmeChallenge, AcmeKey, Config};
use tokio::task::JoinHandle;

use crate::rewrite::Steps;
use crate::runtime::Runtime;
use crate::upstreams::Upstreams;

/// What keeps certificates, if anything is to.
#[derive(Default)]
pub(crate) struct Acme {
    /// The same for as long as the process runs: whoever answers looks here.
    challenges: Challenges,
    keeping: Mutex<Option<Keeping>>,
}

/// A keeper at work, until this is dropped.
struct Keeping {
    keeper: Keeper,
    task: JoinHandle<()>,
}

impl Drop for Keeping {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Acme {
    /// Nothing is ordered any more.
    pub(crate) fn end(&self) {
        *self.keeping.lock() = None;
    }

    /// How the certificates are.
    pub(crate) fn status(&self) -> Vec<Status> {
        self.keeping.lock().as_ref().map(|keeping| keeping.keeper.status()).unwrap_or_default()
    }
}

/// This configuration is in force: its certificates are kept, and no others.
pub(crate) fn put_to_use(runtime: &Arc<Runtime>, config: &Config) {
    let mut keeping = runtime.acme.keeping.lock();
    let acme = config.acme.as_ref().filter(|acme| !acme.certificates.is_empty());
    // What is no good was a fault before this.
    let Some((acme, settings)) = acme.and_then(|acme| Some((acme, settings(acme).ok()?))) else {
        *keeping = None;
        return;
    };
    if keeping.as_ref().is_none_or(|keeping| *keeping.keeper.settings() != settings) {
        *keeping = Some(start(runtime, settings));
    }
    if let Some(keeping) = &*keeping {
        keeping.keeper.keep(acme.certificates.iter().filter_map(|names| wanted(names).ok()));
    }
}

fn start(runtime: &Arc<Runtime>, settings: Settings) -> Keeping {
    let keeper = Keeper::builder(settings).challenges(runtime.acme.challenges.clone());
    let tell = {
        let runtime = Arc::downgrade(runtime);
        move |event: &Event<'_>| {
            report(event);
            let is_new = matches!(event, Event::Issued { .. } | Event::Adopted { .. });
            if let Some(runtime) = runtime.upgrade().filter(|_| is_new) {
                // Files may be slow. A panic in there is on record already.
                drop(tokio::task::spawn_blocking(move || runtime.tls.reread()));
            }
        }
    };
    let keeper = keeper.observer(tell).build();
    let task = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.run().await }
    });
    Keeping { keeper, task }
}

fn report(event: &Event<'_>) {
    match event {
        Event::Ordering { .. } | Event::Issued { .. } | Event::Adopted { .. } => {
            tracing::info!(target: "propylon_gateway", "{event}");
        }
        Event::Waiting { .. } => tracing::warn!(target: "propylon_gateway", "{event}"),
        _ => tracing::error!(target: "propylon_gateway", "{event}"),
    }
}

/// The settings of a keeper. Reads no files.
fn settings(acme: &config::Acme) -> Result<Settings, Error> {
    let mut settings = Settings::new(&*acme.directory, &acme.state_path)
        .challenge(match acme.challenge {
            AcmeChallenge::Http01 => Challenge::Http01,
            AcmeChallenge::TlsAlpn01 => Challenge::TlsAlpn01,
        })
        .key(match acme.key {
            AcmeKey::Ecdsa256 => KeyKind::Ecdsa256,
            AcmeKey::Ecdsa384 => KeyKind::Ecdsa384,
            AcmeKey::Rsa2048 => KeyKind::Rsa2048,
            AcmeKey::Rsa3072 => KeyKind::Rsa3072,
            AcmeKey::Rsa4096 => KeyKind::Rsa4096,
        });
    if acme.accept_terms_of_service {
        settings = settings.agree_to_terms();
    }
    for contact in &acme.contacts {
        settings = settings.contact(&**contact);
    }
    if let Some(file) = &acme.trusted_certificate {
        settings = settings.trusted_certificate(file);
    }
    if let Some(profile) = &acme.profile {
        settings = settings.profile(&**profile);
    }
    if let Some(external) = &acme.external_account {
        settings = match external.key.strip_prefix("data:") {
            Some(key) => settings.external_account(&*external.id, key)?,
            None => settings.external_account_file(&*external.id, &*external.key),
        };
    }
    Ok(settings)
}

/// A certificate that is kept.
fn wanted(names: &[Box<str>]) -> Result<Wanted, Error> {
    Wanted::new(names.iter().map(|name| &**name))
}

/// What the world is to blame for: a key that cannot be read, and is needed. Reads files.
pub(crate) fn fault(config: &Config) -> Option<String> {
    let acme = config.acme.as_ref()?;
    let names = || acme.certificates.iter().try_for_each(|names| wanted(names).map(drop));
    let problem = settings(acme).and_then(|settings| settings.check()).and_then(|()| names()).err()?;
    let what = format!("[acme] cannot be used: {problem}");
    tracing::error!(target: "propylon_gateway", "{what}; no certificates are requested");
    Some(what)
}

/// The steps of a server, after a look at challenges where it may be asked for them.
pub(crate) fn answering(
    upstreams: &Upstreams<'_>,
    server: &config::Server,
    steps: Option<Steps>,
) -> Option<Steps> {
    let challenges = pending(upstreams, AcmeChallenge::Http01);
    match challenges.filter(|_| server.listens.iter().any(|listen| !listen.tls)) {
        Some(challenges) => Some(Steps::after_acme(steps, challenges)),
        None => steps,
    }
}

/// The challenges that are looked at when hands are shaken at this address.
pub(crate) fn shaking(upstreams: &Upstreams<'_>, listener: &config::Listener) -> Option<Challenges> {
    pending(upstreams, AcmeChallenge::TlsAlpn01).filter(|_| listener.tls)
}

fn pending(upstreams: &Upstreams<'_>, kind: AcmeChallenge) -> Option<Challenges> {
    let acme = upstreams.config.acme.as_ref()?;
    (acme.challenge == kind && !acme.certificates.is_empty())
        .then(|| upstreams.runtime.acme.challenges.clone())
}

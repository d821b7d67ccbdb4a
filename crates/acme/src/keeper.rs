//! Keeps certificates: reads those that there are, has them made and renewed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use instant_acme::Account;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::certificates::Certificates;
use crate::challenges::Challenges;
use crate::error::Error;
use crate::event::Event;
use crate::http::Client;
use crate::kept::{Kept, Status, Task};
use crate::settings::{Settings, Wanted};
use crate::store::{self, Pause, Store};
use crate::stored::Stored;
use crate::{now, order, provider, schedule};

/// How long one order may take, all waits in it.
const PATIENCE: Duration = Duration::from_secs(600);

/// How soon it is looked again whether another process has done what is to be done.
const BUSY: Duration = Duration::from_secs(5);

/// How soon an authority is asked again when it wants a certificate renewed, after an answer that is none.
const UNKNOWN: Duration = Duration::from_secs(6 * 3600);

type Observer = Box<dyn Fn(&Event<'_>) + Send + Sync>;

/// Keeps certificates of one authority. A clone is the same keeper.
///
/// Nothing happens by itself: [`Keeper::run`] is a future that whoever owns the keeper polls, on a task for one.
#[derive(Clone)]
pub struct Keeper(Arc<Inner>);

struct Inner {
    settings: Settings,
    store: Store,
    challenges: Challenges,
    certificates: Certificates,
    observer: Observer,
    kept: Mutex<Vec<Kept>>,
    changed: Notify,
}

/// A [`Keeper`] to be.
pub struct Builder {
    settings: Settings,
    challenges: Challenges,
    observer: Observer,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Builder {
    /// Shares these challenges: what answers them outlives the keeper. Default: its own.
    #[must_use]
    pub fn challenges(mut self, challenges: Challenges) -> Self {
        self.challenges = challenges;
        self
    }

    /// Tells what it does. Default: nobody is told.
    #[must_use]
    pub fn observer(mut self, observer: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// The keeper. No file is touched yet.
    #[must_use]
    pub fn build(self) -> Keeper {
        let Self { settings, challenges, observer } = self;
        Keeper(Arc::new(Inner {
            store: Store::new(&settings),
            settings,
            certificates: Certificates::new(challenges.clone()),
            challenges,
            observer,
            kept: Mutex::default(),
            changed: Notify::new(),
        }))
    }
}

impl Keeper {
    /// Of the authority that the settings name.
    #[must_use]
    pub fn builder(settings: Settings) -> Builder {
        Builder { settings, challenges: Challenges::new(), observer: Box::new(|_| ()) }
    }

    /// The challenges that are pending: for what answers them.
    #[must_use]
    pub fn challenges(&self) -> Challenges {
        self.0.challenges.clone()
    }

    /// The certificates in force: for a rustls server.
    #[must_use]
    pub fn certificates(&self) -> Certificates {
        self.0.certificates.clone()
    }

    /// The settings that it was made with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Keeps these certificates from now on and no others. Those that are in their files already are in force when this
    /// returns; a file that is no good is set aside. Reads files.
    pub fn keep(&self, wanted: impl IntoIterator<Item = Wanted>) {
        let inner = &*self.0;
        if let Err(error) = inner.store.prepare() {
            (inner.observer)(&Event::State { error: &error });
        }
        let mut all: Vec<Kept> = Vec::new();
        let mut before = std::mem::take(&mut *inner.kept.lock());
        for wanted in wanted {
            if all.iter().any(|kept| kept.wanted == wanted) {
                continue;
            }
            let known = before.iter().position(|kept| kept.wanted == wanted);
            let kept = known.map(|at| before.swap_remove(at)).unwrap_or_else(|| inner.begin(wanted));
            all.push(kept);
        }
        inner.put_to_use(all);
        inner.changed.notify_one();
    }

    /// How the certificates are, in the order in which they were given.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        let kept = self.0.kept.lock();
        kept.iter().map(|kept| kept.status(&self.0.settings.directory, now())).collect()
    }

    /// Has certificates made and renewed when it is time, until it is dropped. It never ends by itself.
    pub async fn run(&self) {
        let inner = &*self.0;
        loop {
            let now = now();
            let next = {
                let mut kept = inner.kept.lock();
                kept.iter_mut().for_each(|kept| kept.bound(now));
                kept.iter().map(|kept| kept.next(&inner.settings.directory)).min_by_key(|(at, _)| *at)
            };
            let Some((at, task)) = next else {
                inner.changed.notified().await;
                continue;
            };
            match at.duration_since(now) {
                Ok(wait) if !wait.is_zero() => {
                    tokio::select! {
                        () = inner.changed.notified() => {}
                        () = sleep(wait.min(schedule::LOOK)) => {}
                    }
                }
                _ => match task {
                    Task::Order(wanted) => inner.renew(&wanted).await,
                    Task::Ask(wanted) => inner.ask(&wanted).await,
                },
            }
        }
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl Inner {
    /// What is known of a certificate from its files.
    fn begin(&self, wanted: Wanted) -> Kept {
        let stored = self.read(&wanted);
        let pause = self.store.pause(&wanted).map(|said| {
            let pause = said.bound(now());
            if pause != said {
                // It begins today and not anew with each start. Whoever orders writes down what cannot be written.
                let _ = self.store.keep_pause(&wanted, Some(pause));
            }
            pause
        });
        let ask = now() + Duration::from_secs(fastrand::u64(1..60)); // not all processes of a machine at once
        let kept = Kept::new(wanted, stored, pause, ask);
        if let (Some(pause), Task::Order(wanted)) = (kept.pause(), kept.next(&self.settings.directory).1)
            && pause.until > now()
        {
            let Pause { failures, until } = pause;
            (self.observer)(&Event::Waiting { names: wanted.names(), failures, next: until });
        }
        kept
    }

    /// The certificate that is in its file; one that is no good is set aside.
    fn read(&self, wanted: &Wanted) -> Option<Stored> {
        let path = self.store.certificate(wanted);
        let text = match store::read(&path) {
            Ok(text) => text?,
            Err(error) => {
                (self.observer)(&Event::State { error: &error });
                return None;
            }
        };
        match Stored::parse(&text, &provider()) {
            Ok(stored) => Some(stored),
            Err(problem) => {
                match store::set_aside(&path) {
                    Ok(to) => {
                        (self.observer)(&Event::SetAside { file: &path, to: &to, problem: &problem });
                    }
                    Err(error) => (self.observer)(&Event::State { error: &error }),
                }
                None
            }
        }
    }

    /// These are kept: those of them that are there are in force.
    fn put_to_use(&self, all: Vec<Kept>) {
        let mut kept = self.kept.lock();
        *kept = all;
        self.publish(&kept);
    }

    fn publish(&self, kept: &[Kept]) {
        let stored = kept.iter().filter_map(|kept| kept.stored.as_ref());
        self.certificates.set(stored.flat_map(|one| one.names.iter().map(|name| (name, &one.key))));
    }

    /// What is known of a certificate, if it is still wanted.
    fn look<T>(&self, wanted: &Wanted, look: impl FnOnce(&Kept) -> T) -> Option<T> {
        self.kept.lock().iter().find(|kept| kept.wanted == *wanted).map(look)
    }

    /// Changes what is known of a certificate, if it is still wanted.
    fn change<T>(&self, wanted: &Wanted, change: impl FnOnce(&mut Kept) -> T) -> Option<T> {
        self.kept.lock().iter_mut().find(|kept| kept.wanted == *wanted).map(change)
    }

    /// The same where that may be another certificate: it is in force at once.
    fn replace<T>(&self, wanted: &Wanted, change: impl FnOnce(&mut Kept) -> T) -> Option<T> {
        let mut all = self.kept.lock();
        let changed = all.iter_mut().find(|kept| kept.wanted == *wanted).map(change);
        self.publish(&all);
        changed
    }

    /// Has a certificate made, unless another process is at it, or has done it.
    async fn renew(&self, wanted: &Wanted) {
        let lock = self.store.prepare().and_then(|()| self.store.lock());
        let lock = match lock {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                let later = now() + BUSY;
                self.change(wanted, |kept| kept.hold(later));
                return;
            }
            Err(error) => return self.failed(wanted, &error, None).await,
        };
        if self.is_done(wanted) {
            return;
        }
        // Before it begins, for whoever is stopped in the middle of it has tried as well; and so it is known that there is a
        // place for what will come.
        let failures = self.look(wanted, Kept::failures).unwrap_or_default() + 1;
        let until = now() + schedule::back_off(failures, None, fastrand::f64());
        if let Err(error) = self.keep_pause(wanted, Some(Pause { failures, until })).await {
            return self.failed(wanted, &error, None).await;
        }
        (self.observer)(&Event::Ordering { names: wanted.names(), directory: &self.settings.directory });
        let client = Client::new(&self.settings);
        let patience = client.as_ref().map(|client| client.patience.clone()).unwrap_or_default();
        let ordered = match client {
            Ok(client) => match timeout(PATIENCE, self.order(wanted, client)).await {
                Ok(ordered) => ordered,
                Err(_) => Err(Error::Timeout),
            },
            Err(error) => Err(error),
        };
        match ordered {
            Ok(stored) => self.issued(wanted, stored).await,
            Err(error) => self.failed(wanted, &error, patience.take()).await,
        }
        drop(lock);
    }

    /// Whether another process has done what was to be done, or has failed at it.
    fn is_done(&self, wanted: &Wanted) -> bool {
        let now = now();
        let (stored, pause) = (self.read(wanted), self.store.pause(wanted).map(|pause| pause.bound(now)));
        let file = self.store.certificate(wanted);
        let done = self.replace(wanted, |kept| {
            let before = kept.stored.as_ref().map(|stored| stored.not_after);
            let until = stored.as_ref().map(|stored| stored.not_after);
            kept.found(stored, pause, &self.settings.directory, now);
            let (at, task) = kept.next(&self.settings.directory);
            (at > now || matches!(task, Task::Ask(_))).then_some((before != until).then_some(until).flatten())
        });
        match done {
            None => true, // nobody wants it any more
            Some(None) => false,
            Some(Some(until)) => {
                if let Some(until) = until {
                    (self.observer)(&Event::Adopted { names: wanted.names(), file: &file, until });
                }
                true
            }
        }
    }

    async fn order(&self, wanted: &Wanted, client: Client) -> Result<Stored, Error> {
        let account = self.account(client).await?;
        let replaces = self.look(wanted, |kept| kept.replaces(&self.settings.directory)).flatten();
        let made = order::certificate(&account, &self.settings, &self.challenges, wanted, replaces).await;
        if made.as_ref().is_err_and(Error::is_for_account) {
            self.forget_account();
        }
        let (key, chain) = made?;
        let text = Stored::text(&self.settings.directory, &key, &chain);
        let stored = Stored::parse(text.as_bytes(), &provider()).map_err(Error::Answer)?;
        if !stored.covers(wanted) {
            return Err(Error::Answer("the certificate does not cover all requested names".into()));
        }
        let path = self.store.certificate(wanted);
        off(move || store::write(&path, text.as_bytes())).await?;
        Ok(stored)
    }

    async fn account(&self, client: Client) -> Result<Account, Error> {
        let account = order::account(&self.settings, &self.store, client, &*self.observer).await;
        if account.as_ref().is_err_and(Error::is_for_account) {
            self.forget_account();
        }
        account
    }

    /// The authority does not know the account any more: the next order makes another one.
    fn forget_account(&self) {
        let path = self.store.account_file(&self.settings.directory);
        let problem = "the CA does not know this account";
        if let Ok(to) = store::set_aside(&path) {
            (self.observer)(&Event::SetAside { file: &path, to: &to, problem });
        }
    }

    async fn issued(&self, wanted: &Wanted, stored: Stored) {
        let (until, file) = (stored.not_after, self.store.certificate(wanted));
        let now = now();
        let ask = now + Duration::from_secs(fastrand::u64(1..60));
        let renewal = self.replace(wanted, |kept| {
            kept.issued(stored, ask, now);
            kept.renewal()
        });
        if let Err(error) = self.keep_pause(wanted, None).await {
            (self.observer)(&Event::State { error: &error });
        }
        let renewal = renewal.unwrap_or(until);
        (self.observer)(&Event::Issued { names: wanted.names(), file: &file, until, renewal });
    }

    async fn failed(&self, wanted: &Wanted, error: &Error, patience: Option<SystemTime>) {
        let now = now();
        let patience = patience.and_then(|until| until.duration_since(now).ok());
        let told = self.change(wanted, |kept| {
            let failures = kept.failures() + 1;
            let next = now + schedule::back_off(failures, patience, fastrand::f64());
            kept.failed(Pause { failures, until: next }, error.to_string());
            (failures, next, kept.stored.as_ref().map(|stored| stored.not_after))
        });
        let Some((failures, next, until)) = told else { return };
        (self.observer)(&Event::Failed { names: wanted.names(), error, failures, next, until });
        if let Err(error) = self.keep_pause(wanted, Some(Pause { failures, until: next })).await {
            (self.observer)(&Event::State { error: &error });
        }
    }

    async fn keep_pause(&self, wanted: &Wanted, pause: Option<Pause>) -> Result<(), Error> {
        let (store, wanted) = (self.store.clone(), wanted.clone());
        off(move || store.keep_pause(&wanted, pause)).await
    }

    /// Asks the authority when it wants a certificate renewed (RFC 9773). Not all of them say.
    async fn ask(&self, wanted: &Wanted) {
        let id = self.look(wanted, |kept| kept.replaces(&self.settings.directory)).flatten();
        let has_account = matches!(self.store.account(&self.settings.directory), Ok(Some(_)));
        let said = match (id, Client::new(&self.settings)) {
            (Some(id), Ok(client)) if has_account => timeout(PATIENCE, async {
                let account = self.account(client).await?;
                account.renewal_info(&id).await.map_err(Error::from)
            })
            .await
            .ok()
            .and_then(Result::ok),
            _ => None,
        };
        let window = said.as_ref().map(|(info, _)| {
            (SystemTime::from(info.suggested_window.start), SystemTime::from(info.suggested_window.end))
        });
        let again = said.map_or(UNKNOWN, |(_, after)| schedule::ask_again(after));
        let at = now() + again;
        self.change(wanted, |kept| kept.suggested(window, at));
    }
}

/// Does what takes its time where nobody waits for it.
pub(crate) async fn off<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::library)?
}

#[cfg(test)]
mod tests;

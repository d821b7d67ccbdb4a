//! The layer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tower_layer::Layer;

use crate::budget::{Account, Budget};
use crate::condition::Conditions;
use crate::service::Retry;

/// Tries again what failed: a [`Retry`] around a service.
///
/// All services of a layer and its clones share its budget.
///
/// ```
/// use std::time::Duration;
/// use propylon_retry::{Budget, Conditions, RetryLayer};
///
/// # fn policy() {}
/// let layer = RetryLayer::new(policy())
///     .on(Conditions::default() | Conditions::HTTP_503)
///     .tries(3)
///     .timeout(Duration::from_secs(30))
///     .budget(Budget { percent: 10, ..Budget::default() });
/// # let _ = layer;
/// ```
pub struct RetryLayer<P> {
    pub(crate) shared: Arc<Shared<P>>,
}

pub(crate) struct Shared<P> {
    pub(crate) policy: P,
    pub(crate) settings: Settings,
    pub(crate) budget: Option<Purse>,
}

/// An account, and since when it is.
pub(crate) struct Purse {
    account: Mutex<Account>,
    began: Instant,
}

impl Purse {
    fn new(budget: Budget) -> Self {
        Self { account: Mutex::new(Account::new(budget)), began: Instant::now() }
    }

    pub(crate) fn deposit(&self) {
        self.account.lock().deposit(self.began.elapsed().as_secs());
    }

    pub(crate) fn withdraw(&self) -> bool {
        self.account.lock().withdraw(self.began.elapsed().as_secs())
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) on: Conditions,
    pub(crate) tries: usize,
    pub(crate) timeout: Option<Duration>,
    budget: Option<Budget>,
}

impl<P> RetryLayer<P> {
    /// nginx's defaults: after an error or a timeout, on every peer once, however long it takes; with a [`Budget`].
    #[must_use]
    pub fn new(policy: P) -> Self {
        let settings =
            Settings { on: Conditions::default(), tries: 0, timeout: None, budget: Some(Budget::default()) };
        Self::with(policy, settings)
    }

    fn with(policy: P, settings: Settings) -> Self {
        let budget = settings.budget.map(Purse::new);
        Self { shared: Arc::new(Shared { policy, settings, budget }) }
    }

    fn change(self, change: impl FnOnce(&mut Settings)) -> Self
    where
        P: Clone,
    {
        let mut settings = self.shared.settings;
        change(&mut settings);
        Self::with(self.shared.policy.clone(), settings)
    }

    /// After what a request is tried again. Default: error, timeout (nginx: `proxy_next_upstream`).
    #[must_use]
    pub fn on(self, conditions: Conditions) -> Self
    where
        P: Clone,
    {
        self.change(|settings| settings.on = conditions)
    }

    /// How often a request is tried, the first time included. Default 0: as often as there are peers (nginx:
    /// `proxy_next_upstream_tries`).
    #[must_use]
    pub fn tries(self, tries: usize) -> Self
    where
        P: Clone,
    {
        self.change(|settings| settings.tries = tries)
    }

    /// How long after the first try the last one may begin. Default: any time (nginx: `proxy_next_upstream_timeout`).
    #[must_use]
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self
    where
        P: Clone,
    {
        let timeout = timeout.into();
        self.change(|settings| settings.timeout = timeout)
    }

    /// How much of the traffic may be repetitions; `None`: all of it. What provably did not reach a peer is not counted.
    /// Default: 20 %, and ten a second.
    #[must_use]
    pub fn budget(self, budget: impl Into<Option<Budget>>) -> Self
    where
        P: Clone,
    {
        let budget = budget.into();
        self.change(|settings| settings.budget = budget)
    }
}

impl<P> Clone for RetryLayer<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<P> fmt::Debug for RetryLayer<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryLayer").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl<S, P> Layer<S> for RetryLayer<P> {
    type Service = Retry<S, P>;

    fn layer(&self, inner: S) -> Retry<S, P> {
        Retry { inner, shared: Arc::clone(&self.shared) }
    }
}

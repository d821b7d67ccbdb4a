//! A server of a group, as it was configured.

use std::sync::Arc;
use std::time::Duration;

use md5::{Digest, Md5};

/// One address of a group: a builder. `T` is what the caller needs to reach it.
///
/// ```
/// use propylon_balance::Server;
///
/// let server = Server::new("10.0.0.1:80", ()).weight(5).max_fails(3);
/// assert_eq!(&**server.name(), "10.0.0.1:80");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server<T> {
    pub(crate) name: Arc<str>,
    pub(crate) written: Arc<str>,
    pub(crate) payload: T,
    pub(crate) weight: u32,
    pub(crate) max_conns: u32,
    pub(crate) max_fails: u32,
    pub(crate) fail_timeout: Duration,
    pub(crate) slow_start: Duration,
    pub(crate) backup: bool,
    pub(crate) down: bool,
    pub(crate) drain: bool,
    pub(crate) route: Option<Arc<str>>,
}

impl<T> Server<T> {
    /// A server called `name`, with nginx's defaults: weight 1, one failure within 10 s makes it unavailable for 10 s.
    ///
    /// The name is what logs print, and together with [`written`](Self::written) what makes it the same server when the
    /// group changes.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, payload: T) -> Self {
        let name = name.into();
        Self {
            written: Arc::clone(&name),
            name,
            payload,
            weight: 1,
            max_conns: 0,
            max_fails: 1,
            fail_timeout: Duration::from_secs(10),
            slow_start: Duration::ZERO,
            backup: false,
            down: false,
            drain: false,
            route: None,
        }
    }

    /// How it is written in the configuration, if that is not its name: `backend.example.com:80`, of which this is one
    /// address. [`Method::Consistent`](crate::Method::Consistent) hashes it; addresses with the same text share its points.
    #[must_use]
    pub fn written(mut self, written: impl Into<Arc<str>>) -> Self {
        self.written = written.into();
        self
    }

    /// Its share of the requests. Default 1; 0 counts as 1 (nginx: `weight=`).
    #[must_use]
    pub fn weight(mut self, weight: u32) -> Self {
        // The sums of weights must fit in 63 bits whatever the number of peers.
        self.weight = weight.clamp(1, 65_535);
        self
    }

    /// How many requests it serves at the same time, those of all workers together. Default 0: any number (nginx:
    /// `max_conns=`).
    #[must_use]
    pub fn max_conns(mut self, connections: u32) -> Self {
        self.max_conns = connections;
        self
    }

    /// How many failures within [`fail_timeout`](Self::fail_timeout) make it unavailable. Default 1; 0: none do (nginx:
    /// `max_fails=`).
    #[must_use]
    pub fn max_fails(mut self, fails: u32) -> Self {
        self.max_fails = fails;
        self
    }

    /// Within what time failures are counted, and how long it is unavailable then. Default 10 s (nginx: `fail_timeout=`).
    #[must_use]
    pub fn fail_timeout(mut self, timeout: Duration) -> Self {
        self.fail_timeout = timeout;
        self
    }

    /// How long its weight takes to grow from nothing after it has become available again. Default 0: no time (nginx:
    /// `slow_start=`).
    #[must_use]
    pub fn slow_start(mut self, time: Duration) -> Self {
        self.slow_start = time;
        self
    }

    /// Whether it serves only when none of the others can. Default no (nginx: `backup`).
    #[must_use]
    pub fn backup(mut self, backup: bool) -> Self {
        self.backup = backup;
        self
    }

    /// Whether it is out of service. Default no (nginx: `down`).
    #[must_use]
    pub fn down(mut self, down: bool) -> Self {
        self.down = down;
        self
    }

    /// Whether it serves only requests that are bound to it already. Default no (nginx: `drain`).
    #[must_use]
    pub fn drain(mut self, drain: bool) -> Self {
        self.drain = drain;
        self
    }

    /// What sticky sessions call it. Default: the MD5 of its name, in hexadecimal, as in nginx (nginx: `route=`).
    #[must_use]
    pub fn route(mut self, route: impl Into<Arc<str>>) -> Self {
        self.route = Some(route.into());
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What the caller needs to reach it.
    #[must_use]
    pub fn payload(&self) -> &T {
        &self.payload
    }

    /// What sticky sessions call it.
    pub(crate) fn session_name(&self) -> Arc<str> {
        match &self.route {
            Some(route) => Arc::clone(route),
            None => Md5::digest(self.name.as_bytes())
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                .into(),
        }
    }

    /// Whether it serves only when none of the others can.
    #[must_use]
    pub fn is_backup(&self) -> bool {
        self.backup
    }
}

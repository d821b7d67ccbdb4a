//! What a gateway starts with, besides its configuration.

use std::io;
use std::sync::Arc;

use propylon_access_log::Sinks;

use crate::api::Api;
use crate::caches::Owner;
use crate::given::Given;

/// What a gateway starts with, besides its configuration.
///
/// ```
/// use propylon_gateway::{Start, log::Sinks};
/// # fn main() -> std::io::Result<()> {
/// let start = Start::new(Sinks::spawn(propylon_gateway::report_trouble)?).strict(true);
/// # let _ = start; Ok(()) }
/// ```
#[must_use]
pub struct Start {
    pub(crate) sinks: Sinks,
    pub(crate) strict: bool,
    pub(crate) sockets: Vec<Given>,
    pub(crate) in_worker: Option<InWorker>,
    pub(crate) owner: Option<Owner>,
    pub(crate) api: Option<Arc<dyn Api>>,
}

/// What each worker's thread does first.
pub(crate) type InWorker = Arc<dyn Fn() -> io::Result<()> + Send + Sync>;

impl std::fmt::Debug for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Start")
            .field("strict", &self.strict)
            .field("sockets", &self.sockets)
            .finish_non_exhaustive()
    }
}

impl Start {
    /// Logs go to `sinks`, which the caller may share with a log of its own.
    pub fn new(sinks: Sinks) -> Self {
        Self { sinks, strict: false, sockets: Vec::new(), in_worker: None, owner: None, api: None }
    }

    /// Makes a name that does not resolve an error, as in nginx; else it disables what needs it. Default: false.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// What each worker's thread does before anything else: to give up rights, for one. If it fails, nothing starts. Default:
    /// nothing.
    pub fn in_each_worker(mut self, first: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Self {
        self.in_worker = Some(Arc::new(first));
        self
    }

    /// Whose the directories of caches are, by the numbers of user and group: workers that have given up rights have to write
    /// there. Default: whoever made them.
    pub fn owner(mut self, user: u32, group: u32) -> Self {
        self.owner = Some(Owner { user, group });
        self
    }

    /// Who answers where the action of a location is `api`. Default: nobody, and the answer is 501.
    pub fn api(mut self, api: impl Api + 'static) -> Self {
        self.api = Some(Arc::new(api));
        self
    }

    /// Sockets that are open already: each `listen` that names the address of some uses these and opens none. Default:
    /// none. What no `listen` names is reported, and closed unless it is lent.
    ///
    /// Every one of several sockets on one address gets connections from the kernel and has to be accepted from, each
    /// by a worker of its own: the gateway runs as many workers as that takes, even where `runtime.workers` says fewer.
    /// Where it says more, they share the sockets.
    pub fn sockets(mut self, sockets: Vec<Given>) -> Self {
        self.sockets = sockets;
        self
    }
}

//! What a gateway starts with, besides its configuration.

use propylon_access_log::Sinks;

use crate::given::Given;

/// What a gateway starts with, besides its configuration.
///
/// ```
/// use propylon_gateway::{Start, log::Sinks};
/// # fn main() -> std::io::Result<()> {
/// let start = Start::new(Sinks::spawn(propylon_gateway::report_trouble)?).strict(true);
/// # let _ = start; Ok(()) }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Start {
    pub(crate) sinks: Sinks,
    pub(crate) strict: bool,
    pub(crate) sockets: Vec<Given>,
}

impl Start {
    /// Logs go to `sinks`, which the caller may share with a log of its own.
    pub fn new(sinks: Sinks) -> Self {
        Self { sinks, strict: false, sockets: Vec::new() }
    }

    /// Makes a name that does not resolve an error, as in nginx; else it disables what needs it. Default: false.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
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

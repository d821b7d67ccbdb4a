//! What can keep a gateway from starting, or a configuration from taking effect.

use std::io;

use propylon_config::ListenAddress;

use crate::routing::{LocationError, MatchError, NameError};

/// Why a configuration could not be built into stacks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A server name that can't be matched by.
    #[error("invalid server name")]
    Name(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A location that can't be matched by.
    #[error("invalid location")]
    Location(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A listener without a server.
    #[error("a listener has no server")]
    NoServer,
    /// A log that can't be opened.
    #[error(transparent)]
    Log(#[from] propylon_access_log::OpenError),
    /// A proxy_pass URL that can't be parsed.
    #[error("invalid proxy_pass")]
    ProxyPass(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl BuildError {
    pub(crate) fn name(error: NameError) -> Self {
        Self::Name(Box::new(error))
    }

    pub(crate) fn location(error: MatchError) -> Self {
        Self::Location(Box::new(error))
    }

    pub(crate) fn locations(error: LocationError) -> Self {
        Self::Location(Box::new(error))
    }
}

/// Why a gateway could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address that can't be listened on.
    #[error("cannot listen on {address}: {source}{}", hint(source))]
    Listen {
        /// The address.
        address: ListenAddress,
        /// What the system said.
        source: io::Error,
    },
    /// The configuration can't be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A thread or a runtime that can't be had.
    #[error("cannot start a worker")]
    Worker(#[source] io::Error),
    /// A name that does not resolve, where that was asked to be an error.
    #[error("host not found in upstream \"{name}\"")]
    Unresolved {
        /// The name.
        name: String,
    },
    /// A worker died.
    #[error("a worker ended before it was told to")]
    WorkerGone,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => " (another process listens there; `ss -ltnp` shows which)",
        io::ErrorKind::PermissionDenied => " (ports below 1024 need root or CAP_NET_BIND_SERVICE)",
        io::ErrorKind::AddrNotAvailable => " (no interface of this machine has that address)",
        _ => "",
    }
}

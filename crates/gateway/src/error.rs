//! What can keep a gateway from starting, or a configuration from taking effect.

use std::error::Error;
use std::io;

use propylon_config::{Config, Diagnostic, ListenAddress, Report, Span};

use crate::routing::LocationError;

/// Why a configuration could not be built into stacks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A value that only building can judge, such as a regex.
    #[error("line {}: {what}", at.line())]
    Value {
        /// What it was meant to be.
        what: &'static str,
        /// Where it stands.
        at: Span,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Locations that can't be in one server.
    #[error("invalid locations")]
    Locations(#[source] LocationError),
    /// A listener without a server.
    #[error("a listener has no server")]
    NoServer,
    /// A log that can't be opened.
    #[error(transparent)]
    Log(#[from] propylon_access_log::OpenError),
}

impl BuildError {
    /// `use` names no location; the configuration has been checked for it.
    pub(crate) fn unusable(at: Span) -> Self {
        Self::value("unknown location", at)(std::io::Error::other("expected a named location"))
    }

    pub(crate) fn value<E>(what: &'static str, at: Span) -> impl FnOnce(E) -> Self
    where
        E: Error + Send + Sync + 'static,
    {
        move |error| Self::Value { what, at, source: Box::new(error) }
    }

    /// The error in the form of the configuration's own: with the line underlined, where it has a place there.
    #[must_use]
    pub fn report(&self, config: &Config) -> Report {
        let diagnostic = match self {
            Self::Value { what, at, source } => Diagnostic::error(*at, *what).label(chain(&**source)),
            other => Diagnostic::whole(chain(other)),
        };
        Report::new(config.source.clone()).with(diagnostic)
    }
}

/// An error, and what it comes from.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.extend([": ", &inner.to_string()]);
        source = inner.source();
    }
    text
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
    /// A fault of the world's, where that was asked to be an error: a name that does not resolve, a file that is no good.
    #[error("{what}")]
    Fault {
        /// What it is.
        what: String,
    },
    /// A worker died.
    #[error("a worker ended unexpectedly")]
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

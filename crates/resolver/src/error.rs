//! Why a name leads nowhere.

use std::sync::Arc;

/// Why a name leads nowhere. A clone is cheap: all who wait for the same answer get the same error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such name, or it has no address of the kinds asked for (nginx: "Host not found").
    #[error("{name} could not be resolved (3: Host not found)")]
    NotFound {
        /// The name asked for.
        name: Box<str>,
    },
    /// No answer in time (nginx: "Operation timed out").
    #[error("{name} could not be resolved (110: Operation timed out)")]
    Timeout {
        /// The name asked for.
        name: Box<str>,
    },
    /// The servers failed.
    #[error("{name} could not be resolved (2: Server failure): {source}")]
    Failed {
        /// The name asked for.
        name: Box<str>,
        /// What they said.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// This can't be a name: empty, too long, or with bytes that no name has.
    #[error("\"{name}\" is not a host name")]
    Invalid {
        /// What was asked for.
        name: Box<str>,
    },
}

impl Error {
    pub(crate) fn failed(name: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed { name: name.into(), source: Arc::from(source.into()) }
    }

    /// Whether the answer is certain: it was "no", not silence.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Invalid { .. })
    }
}

/// Why a resolver cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No kind of address is left to ask for.
    #[error("a resolver needs ipv4, ipv6 or both")]
    NoFamily,
    /// There is no tokio runtime for its queries.
    #[error("a resolver needs a tokio runtime")]
    NoRuntime,
}

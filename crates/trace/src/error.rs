//! What can go wrong.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::StatusCode;

/// Why spans did not get to the collector, or where they are to go cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is none.
    #[error("invalid collector address \"{0}\": {1}")]
    Endpoint(String, &'static str),
    /// A file cannot be used.
    #[error("{file}: {problem}", file = .0.display(), problem = .1)]
    File(PathBuf, String),
    /// There is nobody whose certificates are believed.
    #[error("the system has no trusted certificates")]
    NoTrust,
    /// Nobody is there, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// There was no answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The collector does not take them.
    #[error("the collector responded with status {status}{message}", message = suffix(.message))]
    Status {
        /// The status of HTTP.
        status: StatusCode,
        /// What it says.
        message: String,
        /// How long it wants to be left alone, if it has said so.
        after: Option<Duration>,
    },
    /// The collector does not take them, as gRPC has it.
    #[error("the collector responded with gRPC status {code}{message}", message = suffix(.message))]
    Grpc {
        /// The status of gRPC.
        code: u16,
        /// What it says.
        message: String,
        /// How long it wants to be left alone, if it has said so.
        after: Option<Duration>,
    },
    /// That is no answer.
    #[error("invalid response from the collector: {0}")]
    Answer(String),
}

impl Error {
    /// Whether the same can be sent again, as OTLP has it.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Endpoint(..) | Self::Answer(_) => false,
            Self::File(..) | Self::NoTrust | Self::Unreachable(_) | Self::Timeout(_) => true,
            Self::Status { status, .. } => matches!(status.as_u16(), 429 | 502 | 503 | 504),
            // Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss; exhausted if it says for how long.
            Self::Grpc { code: 8, after, .. } => after.is_some(),
            Self::Grpc { code, .. } => matches!(code, 1 | 4 | 10 | 11 | 14 | 15),
        }
    }

    /// How long the collector wants to be left alone, if it has said so.
    #[must_use]
    pub fn after(&self) -> Option<Duration> {
        match self {
            Self::Status { after, .. } | Self::Grpc { after, .. } => *after,
            _ => None,
        }
    }

    pub(crate) fn file(path: &Path, problem: &dyn ToString) -> Self {
        Self::File(path.into(), problem.to_string())
    }
}

fn suffix(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

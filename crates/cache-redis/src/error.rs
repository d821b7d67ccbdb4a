//! What can go wrong with a server.

use std::fmt;
use std::io;

use propylon_cache::store::tier::TierError;

use crate::resp::Malformed;

/// Why a server cannot be used, or what it refuses: the source of a [`TierError`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no connection to it.
    #[error("no connection to the server")]
    Disconnected,
    /// It has closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The connection cannot be made, or is broken.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It does not speak what Redis servers speak.
    #[error("invalid reply from the Redis server")]
    Malformed,
    /// The file with the password cannot be read.
    #[error("cannot read the password file")]
    Password(#[source] io::Error),
    /// What it says.
    #[error(transparent)]
    Refusal(Refusal),
}

/// What a server says when it refuses something: `WRONGPASS invalid username-password pair`.
#[derive(Debug)]
pub struct Refusal(pub(crate) Box<[u8]>);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl std::error::Error for Refusal {}

impl From<Malformed> for Error {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<Error> for TierError {
    fn from(error: Error) -> Self {
        match error {
            Error::Refusal(_) => Self::Refused(error.into()),
            error => Self::Unusable(error.into()),
        }
    }
}

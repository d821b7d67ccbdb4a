//! What keeps a change from being made, and a file from being read or written.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why nothing of a change was made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// A new key is there already.
    #[error("key \"{0}\" already exists")]
    Exists(String),
    /// A key that is to be changed is not there.
    #[error("key \"{0}\" does not exist")]
    Missing(String),
    /// A key is empty, or, in a zone of [`Kind::Ip`](crate::Kind), no address and no network.
    #[error("\"{0}\" is not a valid key for this zone")]
    Key(String),
    /// A time of its own for an entry of a zone whose entries do not expire.
    #[error("the zone has no `timeout`, so keys cannot expire")]
    NoTimeout,
    /// There is no room left.
    #[error("the zone is full: its size is {0} bytes")]
    Full(usize),
}

/// Why a [`StateFile`](crate::StateFile) was not read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// It cannot be read.
    #[error("{} cannot be read", .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no directory that it could be in.
    #[error("the directory of {} does not exist", .path.display())]
    Directory {
        /// Which file.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("{} cannot be written", .path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not what was written.
    #[error("{} is damaged: {what}", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and where.
        what: String,
    },
    /// A key in it cannot be one of the zone.
    #[error("{}: {source}", .path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// What of it.
        source: Error,
    },
}

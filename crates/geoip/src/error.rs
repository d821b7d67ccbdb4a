use std::io;
use std::path::PathBuf;

/// What is wrong with a database's file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is none of MaxMind's databases (`.mmdb`), or a damaged one.
    #[error("{}: not a MaxMind database (.mmdb), or damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the reader says of it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

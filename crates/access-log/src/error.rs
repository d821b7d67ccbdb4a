//! What can go wrong when a log is opened, or flushed.

use std::io;
use std::path::PathBuf;

/// A sink could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file could not be opened for appending, nor created.
    #[error("cannot open the log file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A standard stream is not there.
    #[error("cannot open the standard stream {name}")]
    Stream {
        /// `stdout` or `stderr`.
        name: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The name of a syslog server has no address.
    #[error("cannot find the address of the syslog server {host}")]
    Resolve {
        /// The name.
        host: Box<str>,
        /// Why; `None`: it exists and has no address.
        source: Option<io::Error>,
    },
}

/// Lines were still not written when the time was over.
#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes of log lines were not written in time")]
#[non_exhaustive]
pub struct Unflushed {
    /// How much was left.
    pub bytes: u64,
}

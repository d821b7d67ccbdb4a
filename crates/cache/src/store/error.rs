//! What a stored body can end with.

use std::io;

/// Why a stored body ends before its end. Its client's message is cut visibly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The response that filled the entry did not arrive whole, or could not be kept.
    #[error("the response was not stored completely")]
    FillAborted,
    /// The file is not what was written.
    #[error("a cached file is damaged")]
    Damaged,
    /// The file cannot be read.
    #[error("a cached file cannot be read")]
    Read(#[source] io::Error),
}

/// Why a zone cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory is not there and cannot be made, or cannot be written.
    #[error("the cache directory cannot be used")]
    Directory(#[source] io::Error),
    /// nginx's rule: at most three levels, each of one or two digits.
    #[error("a cache directory has at most three levels of 1 or 2 digits each")]
    Levels,
}

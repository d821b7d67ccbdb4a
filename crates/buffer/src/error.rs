//! Why a body could not be kept.

use std::io;

/// An error of any type, as it came from a body or a service.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a body could not be kept. The body's own errors and the service's pass as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The body is larger than [`max_size`](crate::RequestBufferLayer::max_size) (413).
    #[error("client intended to send too large body: {size} bytes, {limit} are allowed")]
    TooLarge {
        /// What it is, or what had come when that was seen.
        size: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A temporary file could not be made, written or read (a full disk: 507, else 500).
    #[error("cannot use a temporary file: {0}")]
    TempFile(#[source] io::Error),
    /// A streamed body was asked for a second time.
    #[error("the request body has been sent already")]
    Gone,
}

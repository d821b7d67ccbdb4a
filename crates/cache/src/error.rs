//! What the layer itself can fail with.

use http::StatusCode;

/// An error of the cache. All others are of the service inside, as they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The upstream failed a short while ago, in a way that is kept: see [`Policy::status_of`](crate::Policy::status_of).
    #[error("the upstream failed recently with {0}")]
    Remembered(StatusCode),
}

//! What can go wrong between us and a peer.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use super::Unsent;
use crate::{BodyError, EncodeError, HeadError};

/// Any error of a request's body.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What can go wrong between us and a peer. The connection is closed after any of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request cannot be sent: its target, or a body of unknown length to HTTP/1.0.
    #[error("request cannot be sent: {0}")]
    Request(#[source] EncodeError),
    /// The peer closed the connection before a response head was complete.
    #[error("connection closed before a response head was complete")]
    Closed,
    /// The connection failed before a response head was complete.
    #[error("connection failed before a response head was complete")]
    Io(#[source] io::Error),
    /// What came is no response head, or one that must not be passed on.
    #[error("invalid response head: {0}")]
    Head(#[source] HeadError),
    /// Bytes came that no request had asked for.
    #[error("bytes came before a request was sent")]
    Unasked,
    /// More than eight interim responses.
    #[error("too many interim responses")]
    TooManyInterim,
    /// A 101 that nobody had asked for, or before the request was sent whole.
    #[error("the peer switched protocols unexpectedly")]
    UnexpectedUpgrade,
    /// The request's own body failed, or was not as long as announced. The connection is closed, so that the request cannot look
    /// complete.
    #[error("request body failed")]
    RequestBody(#[source] BoxError),
    /// The response's body was cut short.
    #[error("response body cut short")]
    Truncated,
    /// The response's body is malformed.
    #[error("invalid response body: {0}")]
    InvalidBody(#[source] BodyError),
    /// The connection failed within the response's body.
    #[error("connection failed within the response body")]
    BodyIo(#[source] io::Error),
}

/// How far a request got before it failed: what a retry may do depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    /// The kernel had taken none of it: it may be sent again, whatever its method.
    Nothing,
    /// The peer may have acted on it, and said nothing.
    Written,
    /// Some bytes came back.
    Answered,
}

/// A request that brought no response.
#[non_exhaustive]
pub struct Failure<B, K> {
    /// What went wrong.
    pub error: Error,
    /// How far the request got.
    pub progress: Progress,
    /// The request, if all of it is still here: nothing was written, or it was small. Whether it may be sent again is for
    /// `progress` and its method to say.
    pub unsent: Option<Unsent<B>>,
    /// Who would have got the connection back.
    pub keeper: K,
}

impl<B, K> fmt::Debug for Failure<B, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("error", &self.error)
            .field("progress", &self.progress)
            .field("unsent", &self.unsent.is_some())
            .finish_non_exhaustive()
    }
}

impl<B, K> fmt::Display for Failure<B, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<B, K> StdError for Failure<B, K> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

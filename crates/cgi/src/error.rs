//! What can go wrong between us and an application.

use std::error::Error as StdError;
use std::io;

/// Any error, as bodies pass it on.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What can go wrong between us and an application that speaks uwsgi or SCGI. Texts are nginx's where it has one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request cannot be sent: nothing of it was.
    #[error("{0} while sending request to upstream")]
    Request(RequestFault),
    /// The connection ended before a head was complete.
    #[error("upstream prematurely closed connection while reading response header from upstream")]
    Closed {
        /// Whether the kernel had taken any byte of the request.
        sent: bool,
    },
    /// The connection failed before a head was complete.
    #[error("connection failed while reading response header from upstream")]
    Io {
        /// Whether the kernel had taken any byte of the request.
        sent: bool,
        /// What the kernel said.
        source: io::Error,
    },
    /// The head must not be passed on.
    #[error("{0} while reading response header from upstream")]
    Head(HeadFault),
    /// The request's own body failed. The connection is closed, so that the request cannot look complete.
    #[error("request body failed while sending request to upstream")]
    RequestBody {
        /// The body's error.
        source: BoxError,
    },
    /// The response is shorter than its head says.
    #[error("upstream prematurely closed connection while reading upstream")]
    Truncated,
    /// The connection failed within the response's body.
    #[error("connection failed while reading upstream")]
    BodyIo {
        /// What the kernel said.
        source: io::Error,
    },
}

/// Why a request cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestFault {
    /// The params of uwsgi have a length of 16 bits.
    #[error("uwsgi request is too big: {0} bytes of parameters, at most 65535 are allowed")]
    TooBig(usize),
    /// The params of SCGI end in a NUL: one within them would make others of them.
    #[error("scgi request has a parameter with a NUL byte")]
    Nul,
    /// The protocol tells how long a body is before it.
    #[error("the length of the request body is unknown")]
    Length,
}

/// What is wrong with a response's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadFault {
    /// A line that is no field.
    #[error("upstream sent invalid header")]
    Syntax,
    /// It has more bytes or fields than the configuration allows.
    #[error("upstream sent too big header")]
    TooLarge,
    /// A status that is none of a final response.
    #[error("upstream sent invalid status")]
    Status,
    /// A `Content-Length` that is no number, or several of them.
    #[error("upstream sent invalid \"Content-Length\" header")]
    Length,
}

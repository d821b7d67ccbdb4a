//! What can go wrong between us and an application.

use std::io;

use propylon_cgi::{BoxError, HeadFault};

/// What can go wrong between us and an application. Texts are nginx's where it has one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
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
    /// What came is no FastCGI; before a head was complete.
    #[error("upstream sent {0} while reading response header from upstream")]
    Invalid(Invalid),
    /// The head must not be passed on.
    #[error("{0} while reading response header from upstream")]
    Head(HeadFault),
    /// The request was over before there was a head.
    #[error("upstream prematurely closed FastCGI stdout while reading response header from upstream")]
    NoHead,
    /// Before its head the application said what [`Config::catch_stderr`](crate::Config::catch_stderr) waits for.
    #[error(
        "upstream wrote a text to stderr that `catch_stderr` matches while reading response header from upstream"
    )]
    Caught,
    /// The request's own body failed. The connection is closed, so that the request cannot look complete.
    #[error("request body failed while sending request to upstream")]
    RequestBody {
        /// The body's error.
        source: BoxError,
    },
    /// The response was cut short: the connection ended within it, or it is shorter than its head says.
    #[error("upstream prematurely closed FastCGI stdout while reading upstream")]
    Truncated,
    /// Within the response's body, what came is no FastCGI.
    #[error("upstream sent {0} while reading upstream")]
    InvalidBody(Invalid),
    /// The connection failed within the response's body.
    #[error("connection failed while reading upstream")]
    BodyIo {
        /// What the kernel said.
        source: io::Error,
    },
}

/// What is no record of the protocol, or none of our request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Another version; also what is no FastCGI at all.
    #[error("unsupported FastCGI protocol version: {0}")]
    Version(u8),
    /// A record that an application does not send.
    #[error("unexpected FastCGI record: {0}")]
    Type(u8),
    /// A record of a request that was not made.
    #[error("unexpected FastCGI request id: {0}")]
    Id(u16),
    /// The record that ends a request is too short.
    #[error("invalid FastCGI end of request")]
    End,
    /// The request was not served: too many at once, or an unknown role.
    #[error("FastCGI protocol status {0} instead of a response")]
    Refused(u8),
    /// More of a response that was said to be complete.
    #[error("FastCGI stdout after its end")]
    AfterEnd,
}

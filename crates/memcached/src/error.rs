//! What can go wrong between us and a memcached.

use std::io;

/// What can go wrong between us and a memcached. Texts are nginx's where it has one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request has no [`Key`](crate::Key): nothing of it was sent.
    #[error("request without a key while sending request to upstream")]
    NoKey,
    /// The connection ended before it was known whether there is a value.
    #[error("upstream prematurely closed connection while reading response header from upstream")]
    Closed {
        /// Whether the kernel had taken any byte of the request.
        sent: bool,
    },
    /// The connection failed before that was known.
    #[error("connection failed while reading response header from upstream")]
    Io {
        /// Whether the kernel had taken any byte of the request.
        sent: bool,
        /// What the kernel said.
        source: io::Error,
    },
    /// What came is no answer to the request, or says that there is none.
    #[error("{0} while reading response header from upstream")]
    Invalid(Fault),
    /// The value is shorter than was said.
    #[error("upstream prematurely closed connection while reading upstream")]
    Truncated,
    /// The connection failed within the value.
    #[error("connection failed while reading upstream")]
    BodyIo {
        /// What the kernel said.
        source: io::Error,
    },
    /// What follows the value is not its end: it may be longer than was said, or another one.
    #[error("{0} while reading upstream")]
    InvalidBody(Fault),
}

/// What is wrong with what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A line that is no answer, `ERROR` among them: whoever knows no `get` is no memcached.
    #[error("memcached sent invalid response")]
    Reply,
    /// `SERVER_ERROR`.
    #[error("memcached sent invalid response: \"SERVER_ERROR\"")]
    Server,
    /// `CLIENT_ERROR`: the request is wrong, and not the server. The key is too long, most likely.
    #[error("memcached sent invalid response: \"CLIENT_ERROR\"")]
    Request,
    /// The value of another key.
    #[error("memcached sent invalid key in response")]
    Key,
    /// Flags that are no number.
    #[error("memcached sent invalid flags in response")]
    Flags,
    /// A length that is no number.
    #[error("memcached sent invalid length in response")]
    Length,
    /// The line is longer than the configuration allows.
    #[error("upstream sent too big header")]
    TooLarge,
    /// What follows the value is not its end.
    #[error("memcached sent invalid trailer")]
    Trailer,
}

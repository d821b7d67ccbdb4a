use std::io;
use std::time::Duration;

/// Why it is not known what a client asks for: its connection is of no use then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It begins as TLS does, and has not said what it wants within so many bytes (nginx's words).
    #[error("preread buffer full")]
    Full {
        /// The limit.
        limit: usize,
    },
    /// It has closed its connection before.
    #[error("client closed connection while prereading client data")]
    Closed,
    /// It has not said it in time.
    #[error("client timed out (110: Connection timed out) while prereading client data")]
    TimedOut(Duration),
    /// Its connection has failed.
    #[error("recv() failed ({0}) while prereading client data")]
    Io(#[source] io::Error),
}

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

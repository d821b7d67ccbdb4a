//! What is wrong with what a client sends.

use crate::Code;

/// What is wrong with what has come, and how far it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} ({code})")]
pub struct Fault {
    /// With what the stream is reset, or the connection closed.
    pub code: Code,
    /// Whether the connection cannot go on; else it is the stream alone.
    pub of_connection: bool,
    /// In words.
    pub what: &'static str,
}

impl Fault {
    pub(crate) const fn connection(code: Code, what: &'static str) -> Self {
        Self { code, of_connection: true, what }
    }

    pub(crate) const fn stream(code: Code, what: &'static str) -> Self {
        Self { code, of_connection: false, what }
    }

    pub(crate) const fn malformed(what: &'static str) -> Self {
        Self::stream(Code::MESSAGE_ERROR, what)
    }
}

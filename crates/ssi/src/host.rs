//! What a page asks of whoever serves it.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http_body::Body;

use crate::{Error, Shared};

type BoxError = Box<dyn StdError + Send + Sync>;

/// The body of what is included.
pub type IncludedBody = Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>;

/// What comes of an inclusion. An error ends the page: whoever sends it has to cut the message.
pub type Including = Pin<Box<dyn Future<Output = Result<Included, BoxError>> + Send>>;

/// What is included.
pub enum Included {
    /// The answer to a GET for it.
    Answer {
        /// Its status.
        status: http::StatusCode,
        /// Its body.
        body: IncludedBody,
    },
    /// There is none, and the page says so in its place.
    Nothing,
}

/// Which of the two clocks a date is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// `$date_local`.
    Local,
    /// `$date_gmt`.
    Gmt,
}

/// Whoever serves a page: knows variables and other pages.
pub trait Host: Send + Sync {
    /// What this page has in common with those that are included, and with the one that it is included in.
    fn shared(&self) -> &Shared;

    /// The path of the page, for relative ones.
    fn path(&self) -> Bytes;

    /// The value of a variable, if there is one.
    fn variable(&self, name: &str) -> Option<Bytes>;

    /// Now, in the form of `strftime`; nothing if there is no such form.
    fn date(&self, form: &str, zone: Zone) -> Option<Bytes>;

    /// What a regular expression captures of `text`: all of it, then its groups, then those that have names once more.
    ///
    /// # Errors
    /// It is none.
    fn captures(&self, pattern: &str, text: &Bytes) -> Result<Option<Captured>, String>;

    /// What is at this path of the server, decoded, with these arguments. Nothing is to happen before the future is polled.
    fn include(&self, path: Bytes, args: Option<Bytes>) -> Including;

    /// Tells of a command that is wrong.
    fn report(&self, error: &Error);
}

/// What a regular expression captured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// What matched, then the groups by their numbers.
    pub groups: Vec<Option<Bytes>>,
    /// The groups that have names.
    pub named: Vec<(String, Bytes)>,
}

impl fmt::Debug for Included {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { status, .. } => {
                f.debug_struct("Answer").field("status", status).finish_non_exhaustive()
            }
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

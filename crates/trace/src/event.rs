//! What an exporter does, for whoever keeps a log.

use std::fmt;

use crate::Error;

/// What has happened. Prints as a line of a log. Each is told once, however long it lasts.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Spans do not get to the collector; it is tried again with each batch.
    Failing {
        /// Where they are sent.
        endpoint: &'a str,
        /// Why.
        error: &'a Error,
    },
    /// They get there again.
    Recovered {
        /// Where they are sent.
        endpoint: &'a str,
        /// How many were lost meanwhile.
        lost: u64,
    },
    /// The collector has taken some of them, and others not.
    Rejected {
        /// Where they are sent.
        endpoint: &'a str,
        /// How many of a batch.
        spans: u64,
        /// Why, in its words.
        message: &'a str,
    },
    /// More come than can be sent: the queue was full.
    Overflow {
        /// How many were dropped since this was told last.
        spans: u64,
    },
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failing { endpoint, error } => {
                write!(f, "spans cannot be sent to {endpoint}: {error}; this is logged once")
            }
            Self::Recovered { endpoint, lost } => {
                write!(f, "spans are sent to {endpoint} again; {lost} were lost")
            }
            Self::Rejected { endpoint, spans, message } => {
                write!(f, "{endpoint} rejected {spans} spans of a batch: \"{message}\"; this is logged once")
            }
            Self::Overflow { spans } => {
                write!(f, "{spans} spans were dropped: the queue was full")
            }
        }
    }
}

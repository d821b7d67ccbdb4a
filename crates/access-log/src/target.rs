//! Where lines go, and in what portions.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::Syslog;

/// Where lines go; equal targets share one open [`Sink`](crate::Sink).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// A file, opened for appending and created (0644) if there is none. Pipes and devices work too.
    File(PathBuf),
    /// The standard output of the process.
    Stdout,
    /// The standard error of the process.
    Stderr,
    /// A syslog daemon.
    Syslog(Syslog),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::Syslog(syslog) => syslog.fmt(f),
        }
    }
}

/// In what portions lines are written; nginx's `buffer=` and `flush=` parameters of `access_log`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Buffering {
    /// At once: within a few milliseconds, in which lines that come together are written together.
    #[default]
    Prompt,
    /// When there is enough, or when it has waited long enough.
    Buffered {
        /// How many bytes are enough.
        size: usize,
        /// How long the first line of a portion waits at most; `None` is without limit.
        flush: Option<Duration>,
    },
}

impl Buffering {
    /// How many bytes make a portion.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Prompt => 1,
            Self::Buffered { size, .. } => size.max(1),
        }
    }

    /// How long a portion waits to become one.
    pub(crate) fn flush(self) -> Option<Duration> {
        match self {
            Self::Prompt => None,
            Self::Buffered { flush, .. } => flush,
        }
    }
}

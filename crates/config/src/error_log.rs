//! The table `error_log`.

use std::path::PathBuf;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::Scope;

/// Where the gateway reports trouble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorLog {
    /// Where lines go.
    pub target: ErrorLogTarget,
    /// The least severe level that is written.
    pub level: LogLevel,
}

/// Where lines of the error log go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ErrorLogTarget {
    /// The standard error stream.
    Stderr,
    /// A file.
    File(PathBuf),
}

/// nginx's levels, the most verbose first.
///
/// ```
/// use propylon_config::LogLevel;
/// assert!(LogLevel::Debug < LogLevel::Error);
/// assert_eq!(LogLevel::Crit.as_str(), "crit");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What may interest.
    Info,
    /// What is normal but worth a line.
    Notice,
    /// What may become trouble.
    Warn,
    /// A request failed.
    Error,
    /// A part of the gateway failed.
    Crit,
    /// Something must be done now.
    Alert,
    /// Nothing works.
    Emerg,
}

impl LogLevel {
    const ALL: [Self; 8] = [
        Self::Debug,
        Self::Info,
        Self::Notice,
        Self::Warn,
        Self::Error,
        Self::Crit,
        Self::Alert,
        Self::Emerg,
    ];

    /// The level with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// The name that the file has for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Crit => "crit",
            Self::Alert => "alert",
            Self::Emerg => "emerg",
        }
    }
}

pub(crate) const TABLE: Table = Table {
    name: "error_log",
    doc: "Where the gateway reports trouble.",
    keys: &[
        Key {
            name: "path",
            kind: Kind::Text { hint: "\"stderr\" or a file path" },
            need: Need::Default("\"stderr\""),
            nginx: "error_log",
            doc: "A file, or \"stderr\".",
        },
        Key {
            name: "level",
            kind: Kind::Choice {
                built: &["debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"],
                unbuilt: &[],
            },
            need: Need::Default("\"error\""),
            nginx: "error_log",
            doc: "The least severe level that is written.",
        },
    ],
    unbuilt: &[],
};

impl ErrorLog {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let path = scope.text("path");
        let target = match path.as_deref().map(AsRef::as_ref) {
            None | Some("stderr") => ErrorLogTarget::Stderr,
            Some(path) => ErrorLogTarget::File(path.into()),
        };
        let level = scope.text("level").and_then(|name| LogLevel::named(&name));
        Self { target, level: level.unwrap_or(LogLevel::Error) }
    }
}

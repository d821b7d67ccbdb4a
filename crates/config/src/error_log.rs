//! The table `error_log`: that of the process, and those that servers, locations and streams have of their own.

use std::path::PathBuf;

use toml::de::DeTable;

use crate::effective::{Effective, Level};
use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Levels, Scope};
use crate::report::Diagnostic;
use crate::several;
use crate::source::Spanned;

/// Where the gateway reports trouble, or trouble of one place.
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
    doc: "The process's error log.",
    keys: &[
        Key {
            name: "path",
            kind: Kind::Text { hint: "\"stderr\" or a file path" },
            need: Need::Default("\"stderr\""),
            nginx: "error_log",
            doc: "A file, or \"stderr\".",
        },
        LEVEL,
    ],
    unbuilt: &[],
};

/// The table of a place that has a log of its own.
pub(crate) static OWN: Table = Table {
    name: "server.error_log",
    doc: "An error log for the requests and connections of a server, a location or a stream. Their messages go there instead of the process's log. A single table \
          inherits key by key; an array of tables (several logs) replaces the outer level's, and an empty array selects the process's log. Messages about a connection whose \
          server is not known yet go to the log of the address's default server.",
    keys: &[
        Key {
            name: "path",
            kind: Kind::Text { hint: "\"stderr\" or a file path" },
            need: Need::Optional,
            nginx: "error_log",
            doc: "A file, or \"stderr\". Variables are not allowed.",
        },
        OWN_LEVEL,
    ],
    unbuilt: &[],
};

pub(crate) const KIND: Kind = Kind::Either(&[Kind::Table(&OWN), Kind::List(&Kind::Table(&OWN))]);

/// Of a place: nothing of a request is worse than an error.
const OWN_LEVEL: Key = Key {
    doc: "The least severe level that is written. Messages about requests are never more severe than `error`.",
    ..LEVEL
};

const LEVEL: Key = Key {
    name: "level",
    kind: Kind::Choice {
        built: &["debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"],
        unbuilt: &[],
    },
    need: Need::Default("\"error\""),
    nginx: "error_log",
    doc: "The least severe level that is written.",
};

impl ErrorLog {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let path = scope.text("path");
        let target = path.and_then(|path| target(scope.cx, &path)).unwrap_or(ErrorLogTarget::Stderr);
        let level = scope.text("level").and_then(|name| LogLevel::named(&name));
        Self { target, level: level.unwrap_or(LogLevel::Error) }
    }
}

/// The logs that a level has of its own: one that is as the process's is none.
pub(crate) fn of_level(cx: &mut Context, levels: &Levels<'_>, effective: &mut Effective) -> Vec<ErrorLog> {
    let mut logs = several::read(cx, levels, effective, ("error_log", &OWN), one);
    if logs.as_slice() == cx.error_log.as_slice() {
        logs.clear();
    }
    logs
}

fn one(cx: &mut Context, levels: Vec<(Level, &DeTable<'_>)>, effective: &mut Effective) -> Vec<ErrorLog> {
    let first_key = levels.last().and_then(|(_, table)| table.keys().next()).map(toml::Spanned::span);
    let mut scope = Scope::inherited(cx, &OWN, levels, effective);
    let path = scope.text("path");
    let level = scope.text("level").and_then(|name| LogLevel::named(&name));
    let Some(path) = path else {
        if let Some(key) = first_key {
            let diagnostic = Diagnostic::at(key, "this error log has no `path`");
            cx.push(diagnostic.label("expected `path` in this table, or at an outer level"));
        }
        return Vec::new();
    };
    let Some(target) = target(cx, &path) else { return Vec::new() };
    vec![ErrorLog { target, level: level.unwrap_or(LogLevel::Error) }]
}

fn target(cx: &mut Context, path: &Spanned<Box<str>>) -> Option<ErrorLogTarget> {
    let text: &str = path;
    let (what, expected) = match text {
        "stderr" => return Some(ErrorLogTarget::Stderr),
        "" => ("the path is empty", "expected a file path or \"stderr\""),
        "off" => (
            "an error log cannot be switched off",
            "expected a file path or \"stderr\"; write \"./off\" for a file named `off`, and `error_log = []` for the log of the process",
        ),
        "stdout" => ("an error log cannot go to stdout", "expected a file path or \"stderr\""),
        _ if text.starts_with("syslog:") || text.starts_with("memory:") => {
            ("an error log cannot go to syslog or memory", "expected a file path or \"stderr\"")
        }
        _ if text.contains('$') => {
            ("the path of an error log cannot contain variables", "expected a file path or \"stderr\"")
        }
        _ => return Some(ErrorLogTarget::File(text.into())),
    };
    cx.push(Diagnostic::error(path.span, what).label(expected));
    None
}

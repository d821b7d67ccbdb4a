//! The table `access_log`: a line for each request. One table inherits key by key; an array of tables stands for itself.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use propylon_vars::{Side, Template};
use toml::de::DeTable;

use crate::effective::{Effective, Level};
use crate::key::{Key, Kind, Need, Table};
use crate::log_format::LogFormat;
use crate::nearest::nearest;
use crate::reader::{Context, Levels, Scope};
use crate::report::Diagnostic;
use crate::several;
use crate::source::Spanned;
use crate::syslog::{self, Syslog};

/// One access log.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessLog {
    /// Where lines go.
    pub target: LogTarget,
    /// What a line holds.
    pub format: Arc<LogFormat>,
    /// A request is logged unless this is empty or `0`.
    pub condition: Option<Template>,
    /// Lines are collected; `None`: each is written at once.
    pub buffer: Option<Buffer>,
}

/// How lines are collected before they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Buffer {
    /// Bytes.
    pub size: u64,
    /// How long a line may wait; `None`: until the buffer is full.
    pub flush: Option<Duration>,
}

/// Where lines of an access log go.
#[derive(Clone, Debug, PartialEq)]
pub enum LogTarget {
    /// The standard output stream.
    Stdout,
    /// A file.
    File(PathBuf),
    /// A file whose path depends on the request.
    Template(Template),
    /// A syslog server.
    Syslog(Syslog),
}

pub(crate) static TABLE: Table = Table {
    name: "access_log",
    doc: "Writes a line for each request. A single table inherits key by key; an array of tables (several logs) replaces the logs of the \
          outer level. By default nothing is logged.",
    keys: &[
        Key {
            name: "path",
            kind: Kind::Text { hint: "a file path, \"stdout\", \"off\" or \"syslog:server=...\"" },
            need: Need::Optional,
            nginx: "access_log",
            doc: "Where lines go: a file path, which may contain variables, \"stdout\", \"off\", or \
                  \"syslog:server=ADDRESS[:PORT]|unix:/PATH[,facility=local7][,tag=propylon][,severity=info][,nohostname]\".",
        },
        Key {
            name: "format",
            kind: Kind::Text { hint: "the name of a log format" },
            need: Need::Default("\"combined\""),
            nginx: "access_log",
            doc: "The name of a `log_format`, or \"combined\" or \"json\". A stream must set this key to a `log_format` that uses only \
                  variables available in streams.",
        },
        Key {
            name: "if",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "access_log ... if=",
            doc: "A request is not logged if the value is empty or \"0\".",
        },
        Key {
            name: "buffer",
            kind: Kind::Size,
            need: Need::Optional,
            nginx: "access_log ... buffer=",
            doc: "Collects lines in a buffer of this size. Default: \"64k\" if `flush` is set; without both keys, each line is written \
                  immediately.",
        },
        Key {
            name: "flush",
            kind: Kind::Duration { zero: false },
            need: Need::Optional,
            nginx: "access_log ... flush=",
            doc: "The longest time that a line stays in the buffer.",
        },
    ],
    unbuilt: &["gzip"],
};

pub(crate) const KIND: Kind = Kind::Either(&[Kind::Table(&TABLE), Kind::List(&Kind::Table(&TABLE))]);

const SIZE_WITH_FLUSH: u64 = 64 << 10;

/// The logs of a level.
pub(crate) fn read(cx: &mut Context, levels: &Levels<'_>, effective: &mut Effective) -> Vec<AccessLog> {
    several::read(cx, levels, effective, (TABLE.name, &TABLE), one)
}

fn one(cx: &mut Context, levels: Vec<(Level, &DeTable<'_>)>, effective: &mut Effective) -> Vec<AccessLog> {
    let first_key = levels.last().and_then(|(_, table)| table.keys().next()).map(toml::Spanned::span);
    let mut scope = Scope::inherited(cx, &TABLE, levels, effective);
    let path = scope.text("path");
    let name = scope.text("format");
    let condition = scope.template("if");
    let size = scope.size_if_set("buffer");
    let flush = scope.duration_if_set("flush");
    let Some(path) = path else {
        if let Some(key) = first_key {
            cx.push(
                Diagnostic::at(key, "this access log has no `path`")
                    .label("expected `path` in this table, or at an outer level"),
            );
        }
        return Vec::new();
    };
    if &**path == "off" {
        return Vec::new();
    }
    let buffer = match (size, flush) {
        (None, None) | (Some(0), _) => None,
        (size, flush) => Some(Buffer { size: size.unwrap_or(SIZE_WITH_FLUSH), flush }),
    };
    if cx.side == Some(Side::Stream) && name.as_ref().is_none_or(|name| name.span.line() == 0) {
        let diagnostic =
            Diagnostic::error(path.span, "`format` is missing: streams have no default log format");
        cx.push(diagnostic.label("expected `format` in the same table"));
        return Vec::new();
    }
    let (Some(target), Some(format)) = (target(cx, &path), format(cx, name)) else { return Vec::new() };
    if buffer.is_some() && matches!(target, LogTarget::Syslog(_)) {
        cx.push(
            Diagnostic::error(path.span, "`buffer` and `flush` cannot be used with syslog")
                .label("each line is sent to the syslog server immediately"),
        );
    }
    vec![AccessLog { target, format, condition, buffer }]
}

fn target(cx: &mut Context, path: &Spanned<Box<str>>) -> Option<LogTarget> {
    let text: &str = path;
    let problem = match text {
        "stdout" => return Some(LogTarget::Stdout),
        "" => Diagnostic::error(path.span, "the path is empty")
            .label("expected a file path, \"stdout\", \"off\" or \"syslog:server=...\""),
        "stderr" => Diagnostic::error(path.span, "an access log cannot go to stderr")
            .label("expected a file path, \"stdout\", \"off\" or \"syslog:server=...\""),
        _ if text.starts_with("syslog:") => return syslog::read(cx, path).map(LogTarget::Syslog),
        _ if text.contains('$') => {
            return cx
                .compile(text, &path.span.range(), propylon_vars::Context::Log)
                .map(LogTarget::Template);
        }
        _ => return Some(LogTarget::File(text.into())),
    };
    cx.push(problem);
    None
}

fn format(cx: &mut Context, name: Option<Spanned<Box<str>>>) -> Option<Arc<LogFormat>> {
    let Some(name) = name else { return cx.formats.get("combined").cloned() };
    if let Some(format) = cx.formats.get(&*name.value).cloned() {
        cx.check_referred(&format.template, &format!("the log format `{}`", format.name), name.span);
        return Some(format);
    }
    if !cx.broken.contains(&name.value) {
        let span: Range<usize> = name.span.range();
        let help = nearest(&name, cx.formats.keys().chain(&cx.broken).map(AsRef::as_ref));
        let help = help.map(|known| format!("did you mean \"{known}\"?"));
        cx.push(
            Diagnostic::at(span, format!("unknown log format `{}`", *name))
                .label("no `log_format` has this name")
                .maybe_help(help),
        );
    }
    None
}

//! `access_log`, `log_format`, `error_log`.

use crate::args::{duration, invalid};
use crate::context::Contexts;
use crate::convert::{Convert, Done, Outcome, Stop, Target, different};
use crate::document::Value;
use crate::row::{ONE_OR_TWO, Row, SOME, TWO_OR_MORE, To, UP_TO_FOUR};
use crate::tree::Directive;

const LEVELS: Contexts = Contexts::LEVELS;
const NESTED: Contexts = BOTH.or(Contexts::IF).or(Contexts::LIMIT_EXCEPT);
const BOTH: Contexts = LEVELS.or(Contexts::STREAMS);

pub(crate) const ROWS: &[Row] = &[
    Row::new(
        "log_format",
        Contexts::HTTP.or(Contexts::STREAM),
        TWO_OR_MORE,
        To::By(log_format, "log_format"),
    )
    .repeats(),
    Row::new("access_log", NESTED, SOME, To::By(access_log, "access_log")).repeats(),
    Row::new("error_log", Contexts::MAIN, ONE_OR_TWO, To::By(error_log, "error_log.path, error_log.level"))
        .repeats(),
    Row::new("error_log", BOTH, ONE_OR_TWO, To::By(error_log_here, "error_log"))
        .repeats()
        .note("`off` is the name of a file, as in nginx. A log to syslog or memory is not converted: the outer level's log applies."),
    Row::nothing("open_log_file_cache", BOTH, UP_TO_FOUR, "not needed: log files stay open"),
];

/// nginx's log where none is written.
pub(crate) fn combined() -> Value {
    Value::table([("path", Value::text("logs/access.log")), ("format", Value::text("combined"))])
}

/// A format may be called `json` in nginx; here that is built in.
fn format_name(name: &str) -> &str {
    if name == "json" { "nginx_json" } else { name }
}

fn log_format(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let name = directive.arg(0);
    let target = match convert.frame().context {
        Contexts::STREAM => Target::StreamFormat,
        _ => Target::LogFormat,
    };
    let of_http = matches!(target, Target::LogFormat);
    if name == "combined" && of_http {
        return Err(invalid(directive, 0, "duplicate \"log_format\" name \"combined\""));
    }
    let name = if of_http { format_name(name) } else { name };
    if convert.section(target).has(&[name]) {
        return Err(invalid(directive, 0, format!("duplicate \"log_format\" name \"{name}\"")));
    }
    let escape = directive.arg(1).strip_prefix("escape=");
    let escape = match escape {
        None | Some("default") => None,
        Some(known @ ("json" | "none")) => Some(known),
        Some(other) => return Err(invalid(directive, 1, format!("unknown log format escaping \"{other}\""))),
    };
    let first = if directive.arg(1).starts_with("escape=") { 2 } else { 1 };
    let words = directive.args().get(first..).unwrap_or_default();
    let text: String = words.iter().map(|word| word.text.as_str()).collect();
    let place = directive.place_of(first).to(directive.place_of(directive.args().len().saturating_sub(1)));
    let format = Value::text(text).at(&place);
    let value = match escape {
        None => format,
        Some(escape) => Value::table([("format", format), ("escape", Value::text(escape))]),
    };
    convert.set(target, &[name], value, &directive.place);
    Ok(Done::AsWritten)
}

fn access_log(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let place = &directive.place;
    let path = directive.arg(0);
    if path == "off" {
        if directive.args().len() > 1 {
            return Err(invalid(directive, 1, format!("invalid parameter \"{}\"", directive.arg(1))));
        }
        convert.set(Target::Here, &["access_log"], Value::List(Vec::new()), place);
        return Ok(Done::AsWritten);
    }
    let of_http = !Contexts::STREAMS.has(convert.frame().context);
    if !of_http && (directive.args().len() < 2 || directive.arg(1).contains('=')) {
        return Err(invalid(directive, 0, "log format is not specified"));
    }
    let path = if path == "/dev/stdout" { "stdout" } else { path };
    let mut log = vec![("path", Value::text(path).at(directive.place_of(0)))];
    let mut note = None;
    for (index, word) in directive.args().iter().enumerate().skip(1) {
        let text = word.text.as_str();
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        match name {
            "buffer" => match propylon_config::size(value) {
                Ok(_) => log.push(("buffer", Value::text(value).at(&word.place))),
                Err(_) => return Err(invalid(directive, index, format!("invalid buffer size \"{value}\""))),
            },
            "flush" => match duration(value) {
                Some(time) => log.push(("flush", Value::text(time).at(&word.place))),
                None => return Err(invalid(directive, index, format!("invalid flush time \"{value}\""))),
            },
            "if" => log.push(("if", Value::text(value).at(&word.place))),
            "gzip" => note = Some("`gzip` is ignored: logs are not compressed"),
            _ if index == 1 => {
                let name = if of_http { format_name(text) } else { text };
                log.push(("format", Value::text(name).at(&word.place)));
            }
            _ => return Err(invalid(directive, index, format!("invalid parameter \"{text}\""))),
        }
    }
    convert.push(Target::Here, &["access_log"], Value::table(log), place);
    note.map_or(Ok(Done::AsWritten), different)
}

/// The level that is written, if one is.
fn level(directive: &Directive) -> Result<Option<&str>, Stop> {
    Ok(match directive.arg(1) {
        "" => None,
        known @ ("debug" | "info" | "notice" | "warn" | "error" | "crit" | "alert" | "emerg") => Some(known),
        // The debug levels of parts of nginx.
        debug if debug.starts_with("debug_") => Some("debug"),
        other => return Err(invalid(directive, 1, format!("invalid log level \"{other}\""))),
    })
}

/// What we call a file or stderr; none: it is neither.
fn error_log_path(path: &str) -> Option<String> {
    match path {
        path if path.starts_with("syslog:") || path.starts_with("memory:") => None,
        "/dev/stderr" => Some("stderr".to_owned()),
        // To nginx these are files like any other.
        path @ ("off" | "stdout") => Some(format!("./{path}")),
        path => Some(path.to_owned()),
    }
}

/// That of the process.
fn error_log(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let level = level(directive)?;
    if convert.document.error_log.has(&["path"]) {
        return different("ignored: only one error log is supported at the main level, the first one");
    }
    let Some(path) = error_log_path(directive.arg(0)) else {
        return different("logging to syslog or memory is not supported: the error log goes to stderr");
    };
    convert.set(Target::ErrorLog, &["path"], Value::text(path).at(directive.place_of(0)), &directive.place);
    if let Some(level) = level {
        convert.set(
            Target::ErrorLog,
            &["level"],
            Value::text(level).at(directive.place_of(1)),
            &directive.place,
        );
    }
    Ok(Done::AsWritten)
}

/// That of a level.
fn error_log_here(convert: &mut Convert<'_>, directive: &Directive) -> Outcome {
    let level = level(directive)?.unwrap_or("error");
    let Some(path) = error_log_path(directive.arg(0)) else {
        return different(
            "logging to syslog or memory is not supported: the error log of the outer level is used",
        );
    };
    let path = Value::text(path).at(directive.place_of(0));
    let is_silent = matches!(level, "crit" | "alert" | "emerg");
    let level = Value::text(level).at(directive.place_of(1));
    convert.push(
        Target::Here,
        &["error_log"],
        Value::table([("path", path), ("level", level)]),
        &directive.place,
    );
    if is_silent {
        return different("no message about a request is more severe than `error`: nothing is written");
    }
    Ok(Done::AsWritten)
}

//! The table `log_format`: what a line of the access log holds.

use std::sync::Arc;

use propylon_vars::Template;
use toml::de::{DeTable, DeValue};

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Value};
use crate::report::Diagnostic;

/// What a line of the access log holds.
#[derive(Clone, Debug, PartialEq)]
pub struct LogFormat {
    /// Its name.
    pub name: Box<str>,
    /// The line, without its line break.
    pub template: Template,
    /// How the values of variables are escaped.
    pub escape: Escape,
}

/// How the values of variables are escaped in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Escape {
    /// `\xXX` for quotes, backslashes, control characters and bytes from 127; `-` for a missing value.
    Default,
    /// For a JSON string; nothing for a missing value.
    Json,
    /// Not at all.
    None,
}

const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                        \"$http_referer\" \"$http_user_agent\"";

const JSON: &str = "{\"time\":\"$time_iso8601\",\"remote_addr\":\"$remote_addr\",\"request_id\":\"$request_id\",\
                    \"method\":\"$request_method\",\"host\":\"$host\",\"uri\":\"$request_uri\",\
                    \"protocol\":\"$server_protocol\",\"status\":\"$status\",\"bytes_sent\":\"$bytes_sent\",\
                    \"body_bytes_sent\":\"$body_bytes_sent\",\"request_time\":\"$request_time\",\
                    \"referer\":\"$http_referer\",\"user_agent\":\"$http_user_agent\",\
                    \"upstream_addr\":\"$upstream_addr\",\"upstream_status\":\"$upstream_status\",\
                    \"upstream_response_time\":\"$upstream_response_time\"}";

const FORMAT: Table = Table {
    name: "log_format.NAME",
    doc: "A log format and how its values are escaped.",
    keys: &[
        Key {
            name: "format",
            kind: Kind::Template,
            need: Need::Required,
            nginx: "log_format",
            doc: "The template of a log line.",
        },
        Key {
            name: "escape",
            kind: Kind::Choice { built: &["default", "json", "none"], unbuilt: &[] },
            need: Need::Default("\"default\""),
            nginx: "log_format ... escape=",
            doc: "How the values of variables are escaped.",
        },
    ],
    unbuilt: &[],
};

pub(crate) const KIND: Kind = Kind::Names(&Kind::Either(&[Kind::Template, Kind::Table(&FORMAT)]));

/// Reads all formats, with the built-in `combined` and `json`.
pub(crate) fn read(cx: &mut Context, table: Option<&DeTable<'_>>) {
    for (name, text, escape) in [("combined", COMBINED, Escape::Default), ("json", JSON, Escape::Json)] {
        if let Ok(template) = cx.definitions.template(text, propylon_vars::Context::Log) {
            cx.formats.insert(name.into(), Arc::new(LogFormat { name: name.into(), template, escape }));
        }
    }
    for (name, value) in table.into_iter().flatten() {
        let written = name.get_ref().as_ref();
        if matches!(written, "combined" | "json") {
            let message = format!("the log format `{written}` is built in");
            cx.push(Diagnostic::at(name.span(), message).label("expected another name"));
            continue;
        }
        match format(cx, written, value) {
            Some(format) => drop(cx.formats.insert(written.into(), Arc::new(format))),
            None => cx.broken.push(written.into()),
        }
    }
}

fn format(cx: &mut Context, name: &str, value: &Value<'_>) -> Option<LogFormat> {
    let (text, escape) = match value.get_ref() {
        DeValue::Table(table) => (table.get("format")?, table.get("escape")),
        _ => (value, None),
    };
    let escape = match escape.and_then(|value| value.get_ref().as_str()) {
        Some("json") => Escape::Json,
        Some("none") => Escape::None,
        _ => Escape::Default,
    };
    let template = cx.compile(text.get_ref().as_str()?, &text.span(), propylon_vars::Context::Log)?;
    Some(LogFormat { name: name.into(), template, escape })
}

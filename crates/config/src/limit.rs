//! The table `limit`: how much is allowed.

use std::sync::Arc;

use http::StatusCode;
use propylon_vars::Template;
use toml::de::DeValue;

use crate::error_log::LogLevel;
use crate::key::{Key, Kind, Need, Table};
use crate::limit_zone::{self, LimitZone};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::{shape, units};

/// How much is allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// How large a request body may be; `None`: any size.
    pub body_size: Option<u64>,
    /// What a request's head may take.
    pub head: HeadLimit,
    /// Bytes of a response body each second; none: as fast as it can.
    pub rate: Option<Amount>,
    /// How many bytes of it go as fast as they can.
    pub rate_after: Option<Amount>,
    /// Bytes each second that are read of an upstream's response body.
    pub upstream_rate: Option<Amount>,
    /// How many requests may come.
    pub requests: Vec<RequestLimit>,
    /// What becomes of those that are too many.
    pub requests_over: Over,
    /// How many requests may be served at once.
    pub connections: Vec<ConnectionLimit>,
    /// What becomes of those that are too many.
    pub connections_over: Over,
}

/// What a request's head may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimit {
    /// Bytes of a line.
    pub line: usize,
    /// Bytes of all lines.
    pub size: usize,
    /// How many fields.
    pub fields: usize,
}

/// A number of bytes that may depend on the request.
#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    /// It does not.
    Fixed(u64),
    /// A size.
    Template(Template),
}

/// `limit_req`
#[derive(Clone, Debug, PartialEq)]
pub struct RequestLimit {
    /// What is counted; it has a rate.
    pub zone: Arc<LimitZone>,
    /// How many may be ahead of the rate.
    pub burst: u32,
    /// How many of those do not wait; none: nobody waits.
    pub delay: Option<u32>,
}

/// `limit_conn`
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionLimit {
    /// What is counted; it has no rate.
    pub zone: Arc<LimitZone>,
    /// How many at once.
    pub max: u32,
}

/// What becomes of requests that are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// The answer.
    pub status: StatusCode,
    /// Whether they are only counted.
    pub dry_run: bool,
    /// How the error log tells of those that are refused; of those that are delayed, one level lower.
    pub log_level: LogLevel,
}

pub(crate) const LOG_LEVELS: Kind =
    Kind::Choice { built: &["info", "notice", "warn", "error"], unbuilt: &[] };
const STATUS: Kind = Kind::Integer { min: 400, max: 599 };
const MOST: u64 = u32::MAX as u64 / 1000;

const REQUESTS: Table = Table {
    name: "limit.requests",
    doc: "Limits how many requests each key may send. If several limits apply, a request that one of them refuses is \
          counted in none of them.",
    keys: &[
        Key {
            name: "zone",
            kind: Kind::Text { hint: "the NAME of a `[limit_zone.NAME]` with a `rate`" },
            need: Need::Required,
            nginx: "limit_req zone=",
            doc: "The `[limit_zone.NAME]` to count in. It must have a `rate`.",
        },
        Key {
            name: "burst",
            kind: Kind::Integer { min: 0, max: MOST },
            need: Need::Default("0"),
            nginx: "limit_req burst=",
            doc: "How many requests may exceed the rate; further ones are refused. Requests within the burst are delayed \
                  until they conform to the rate.",
        },
        Key {
            name: "delay",
            kind: Kind::Integer { min: 0, max: MOST },
            need: Need::Default("0"),
            nginx: "limit_req delay=",
            doc: "How many requests of the burst are served without delay.",
        },
        Key {
            name: "nodelay",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "limit_req nodelay",
            doc: "Whether to serve all requests of the burst without delay.",
        },
    ],
    unbuilt: &[],
};

pub(crate) const CONNECTIONS: Table = Table {
    name: "limit.connections",
    doc: "Limits how many requests of a key may be in flight at once, each from its head to the end of its response; in \
          `[[stream]]`, how many connections may be open.",
    keys: &[
        Key {
            name: "zone",
            kind: Kind::Text { hint: "the NAME of a `[limit_zone.NAME]` without a `rate`" },
            need: Need::Required,
            nginx: "limit_conn",
            doc: "The `[limit_zone.NAME]` to count in. It must not have a `rate`.",
        },
        Key {
            name: "max",
            kind: Kind::Integer { min: 1, max: 65_535 },
            need: Need::Required,
            nginx: "limit_conn",
            doc: "The maximum number per key.",
        },
    ],
    unbuilt: &[],
};

pub(crate) const AMOUNT: Kind = Kind::Either(&[Kind::Template, Kind::Size]);

pub(crate) const TABLE: Table = Table {
    name: "limit",
    doc: "Limits on requests and responses.",
    keys: &[
        Key {
            name: "body_size",
            kind: Kind::Either(&[Kind::Size, Kind::Choice { built: &["unlimited"], unbuilt: &[] }]),
            need: Need::Default("\"1m\""),
            nginx: "client_max_body_size",
            doc: "The maximum size of a request body; a larger one gets 413. \"unlimited\" or 0: no limit.",
        },
        Key {
            name: "header_buffers",
            kind: Kind::Integer { min: 1, max: 1024 },
            need: Need::Default("4"),
            nginx: "large_client_header_buffers",
            doc: "The maximum size of a request's head, as a multiple of `header_buffer_size`; a larger one gets 400. \
                  Not in locations, which are chosen after the head was read.",
        },
        Key {
            name: "header_buffer_size",
            kind: Kind::Size,
            need: Need::Default("\"8k\""),
            nginx: "large_client_header_buffers",
            doc: "The maximum length of a line in a request's head; a longer request line gets 414, another line 400. \
                  Not in locations.",
        },
        Key {
            name: "headers",
            kind: Kind::Integer { min: 1, max: 100_000 },
            need: Need::Default("1000"),
            nginx: "max_headers",
            doc: "The maximum number of header fields in a request; a request with more gets 400. Not in locations.",
        },
        Key {
            name: "rate",
            kind: AMOUNT,
            need: Need::Default("\"off\""),
            nginx: "limit_rate",
            doc: "The maximum rate at which a response body is sent to the client, in bytes per second, such as \"100k\". \
                  \"off\" or 0: no limit. A `set` of $limit_rate or an upstream's X-Accel-Limit-Rate overrides it.",
        },
        Key {
            name: "rate_after",
            kind: AMOUNT,
            need: Need::Default("0"),
            nginx: "limit_rate_after",
            doc: "How many bytes of the response body are sent at full speed before `rate` applies.",
        },
        Key {
            name: "upstream_rate",
            kind: AMOUNT,
            need: Need::Default("\"off\""),
            nginx: "proxy_limit_rate",
            doc: "The maximum rate at which a response body is read from the upstream, in bytes per second. Only applies if \
                  responses are buffered (`buffer.response`).",
        },
        Key {
            name: "requests",
            kind: Kind::List(&Kind::Table(&REQUESTS)),
            need: Need::Default("[]"),
            nginx: "limit_req",
            doc: "Request rate limits: [{ zone = \"NAME\", burst = 20, delay = 8 }].",
        },
        Key {
            name: "requests_status",
            kind: STATUS,
            need: Need::Default("503"),
            nginx: "limit_req_status",
            doc: "The status for requests that exceed the rate limits.",
        },
        Key {
            name: "requests_dry_run",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "limit_req_dry_run",
            doc: "Whether requests over a limit are only counted and logged, instead of being delayed or refused.",
        },
        Key {
            name: "requests_log_level",
            kind: LOG_LEVELS,
            need: Need::Default("\"error\""),
            nginx: "limit_req_log_level",
            doc: "The error log level for refused requests; delayed requests are logged one level lower.",
        },
        Key {
            name: "connections",
            kind: Kind::List(&Kind::Table(&CONNECTIONS)),
            need: Need::Default("[]"),
            nginx: "limit_conn",
            doc: "Limits on requests in flight: [{ zone = \"NAME\", max = 10 }].",
        },
        Key {
            name: "connections_status",
            kind: STATUS,
            need: Need::Default("503"),
            nginx: "limit_conn_status",
            doc: "The status for requests that exceed these limits.",
        },
        Key {
            name: "connections_dry_run",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "limit_conn_dry_run",
            doc: "Whether requests over a limit are only counted and logged, instead of being refused.",
        },
        Key {
            name: "connections_log_level",
            kind: LOG_LEVELS,
            need: Need::Default("\"error\""),
            nginx: "limit_conn_log_level",
            doc: "The error log level for refused requests.",
        },
    ],
    unbuilt: &[],
};

impl Limit {
    /// Whether this zone is one of those that count.
    pub(crate) fn counts_in(&self, zone: &str) -> bool {
        self.requests.iter().any(|limit| *limit.zone.name == *zone)
            || self.connections.iter().any(|limit| *limit.zone.name == *zone)
    }

    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        let size = scope.read("body_size", |_, value| match value.get_ref().as_str() {
            Some(text) => units::size(text).ok(),
            None => shape::integer(value.get_ref()),
        });
        let number = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok());
        let line = number(scope.size_if_set("header_buffer_size")).unwrap_or(8 << 10).clamp(64, 16 << 20);
        let buffers = number(scope.integer("header_buffers")).unwrap_or(4);
        let head = HeadLimit {
            line,
            size: line.saturating_mul(buffers),
            fields: number(scope.integer("headers")).unwrap_or(1000),
        };
        Self {
            body_size: size.filter(|&bytes| bytes > 0),
            head,
            rate: scope.read("rate", amount),
            rate_after: scope.read("rate_after", amount),
            upstream_rate: scope.read("upstream_rate", amount),
            requests: scope.read("requests", |cx, value| items(cx, value, requests)).unwrap_or_default(),
            requests_over: Over {
                status: status(scope.integer("requests_status")),
                dry_run: scope.bool("requests_dry_run"),
                log_level: scope.read("requests_log_level", log_level).unwrap_or(LogLevel::Error),
            },
            connections: scope
                .read("connections", |cx, value| items(cx, value, connections))
                .unwrap_or_default(),
            connections_over: Over {
                status: status(scope.integer("connections_status")),
                dry_run: scope.bool("connections_dry_run"),
                log_level: scope.read("connections_log_level", log_level).unwrap_or(LogLevel::Error),
            },
        }
    }
}

/// A size, a template of one, or nothing.
pub(crate) fn amount(cx: &mut Context, value: &Value<'_>) -> Option<Amount> {
    let fixed = |bytes: u64| (bytes > 0).then_some(Amount::Fixed(bytes));
    let text = match value.get_ref() {
        DeValue::String(text) if text == "off" => return None,
        DeValue::String(text) => text,
        number => return fixed(shape::integer(number)?),
    };
    if text.contains('$') {
        return cx.template_of(value).map(Amount::Template);
    }
    match units::size(text) {
        Ok(bytes) => fixed(bytes),
        Err(error) => {
            let place = cx.inside(&value.span(), text, error.range());
            let diagnostic =
                Diagnostic::at(place, format!("invalid size `{}`: {error}", text.escape_debug()));
            cx.push(
                diagnostic
                    .label("expected \"off\", a size such as \"100k\", or variables whose value is a size"),
            );
            None
        }
    }
}

fn status(code: Option<u64>) -> StatusCode {
    let code = code.and_then(|code| u16::try_from(code).ok());
    code.and_then(|code| StatusCode::from_u16(code).ok()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

fn log_level(_: &mut Context, value: &Value<'_>) -> Option<LogLevel> {
    LogLevel::named(value.get_ref().as_str()?)
}

fn items<T>(
    cx: &mut Context,
    value: &Value<'_>,
    mut item: impl FnMut(&mut Context, &Value<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    Some(value.get_ref().as_array()?.iter().filter_map(|value| item(cx, value)).collect())
}

fn requests(cx: &mut Context, value: &Value<'_>) -> Option<RequestLimit> {
    let table = value.get_ref().as_table()?;
    let mut scope = Scope::alone(cx, &REQUESTS, Some(table));
    let mut count =
        |name| scope.integer(name).and_then(|count| u32::try_from(count).ok()).unwrap_or_default();
    let (burst, delay) = (count("burst"), count("delay"));
    let nodelay = scope.bool("nodelay");
    if nodelay && let Some((key, _)) = table.get_key_value("delay") {
        let diagnostic = Diagnostic::at(key.span(), "`delay` has no effect with `nodelay`");
        scope.cx.push(diagnostic.label("expected one or the other"));
    }
    let name = scope.text("zone")?;
    let zone = limit_zone::find(scope.cx, &name, true)?;
    Some(RequestLimit { zone, burst, delay: (!nodelay).then_some(delay) })
}

fn connections(cx: &mut Context, value: &Value<'_>) -> Option<ConnectionLimit> {
    let mut scope = Scope::alone(cx, &CONNECTIONS, value.get_ref().as_table());
    let max = scope.integer("max").and_then(|max| u32::try_from(max).ok());
    let name = scope.text("zone")?;
    let zone = limit_zone::find(scope.cx, &name, false)?;
    Some(ConnectionLimit { zone, max: max? })
}

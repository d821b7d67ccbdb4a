//! `upstream.NAME.health_check`: how servers are asked whether they are well.

use std::time::Duration;

use http::HeaderName;
use toml::de::DeTable;

use super::tables::flag;
use crate::key::{Key, Kind, Need, Table};
use crate::pattern;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::source::{Span, Spanned};

/// How servers are asked whether they are well.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheck {
    /// From the end of a probe of a server to the next one.
    pub interval: Duration,
    /// How late a question may be, by chance.
    pub jitter: Duration,
    /// Failures one after the other that make a server unhealthy.
    pub fails: u32,
    /// Good answers one after the other that make it healthy again.
    pub passes: u32,
    /// What is asked for.
    pub uri: Box<str>,
    /// The port, if it is not the server's own.
    pub port: Option<u16>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Whether a server that has not been asked yet counts as unhealthy.
    pub mandatory: bool,
    /// Whether, after a reload, a server that was well before counts as healthy all the same.
    pub persistent: bool,
    /// The statuses of a good answer: ranges, both ends in them; none: all but `not_status`.
    pub status: Vec<(u16, u16)>,
    /// The statuses that no good answer has.
    pub not_status: Vec<(u16, u16)>,
    /// What its fields must be.
    pub headers: Vec<HeaderMatch>,
    /// What its body must hold, or must not: a regular expression, which compiles as a pattern.
    pub body: Option<BodyMatch>,
    /// What a server of a stream is told: of TCP nothing, if this is empty.
    pub send: Box<[u8]>,
    /// What such a server must say; none: nothing.
    pub expect: Option<ExpectedAnswer>,
    /// The keys that are for HTTP alone, where they are written.
    pub(crate) of_http: Vec<(&'static str, Span)>,
    /// Those that are for streams alone.
    pub(crate) of_streams: Vec<(&'static str, Span)>,
}

/// What a field of a good answer must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderMatch {
    /// The field.
    pub name: HeaderName,
    /// Its value; none: any.
    pub value: Option<ValueMatch>,
    /// Whether it must be so; false: must not.
    pub is: bool,
}

/// What the value of a field is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueMatch {
    /// This.
    Equals(Box<str>),
    /// What this regular expression, which compiles as a pattern, is found in.
    Matches(Box<str>),
}

/// What a body must hold, or must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyMatch {
    /// The regular expression.
    pub pattern: Box<str>,
    /// Whether it must be found; false: must not.
    pub found: bool,
}

/// What a server of a stream must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedAnswer {
    /// Something that begins with these bytes.
    Begins(Box<[u8]>),
    /// What this regular expression, which compiles as a pattern, is found in.
    Matches(Box<str>),
}

pub(super) const HEALTH_CHECK: Table = Table {
    name: "upstream.NAME.health_check",
    doc: "Probes the servers with a GET; a server that fails gets no requests. Probes use the transport of the first location that passes \
          requests to the group (TLS if it uses that). FastCGI, uwsgi and SCGI servers get the params of such a request, except that \
          `params` is ignored: HTTP_HOST and SERVER_NAME are the group's name, SERVER_PORT is 80, the path is in PATH_INFO (for FastCGI in \
          SCRIPT_NAME), and SCRIPT_FILENAME is the root followed by the path. memcached is asked for the key `uri`; a missing key is as good \
          as a value, whatever `match.status` says. For a group that only streams use, a probe opens a \
          connection; if those streams are all UDP, it sends a datagram, and a server fails only if it refuses that within `timeout`. With `match.send` and `match.expect` it is asked \
          something, and must answer.",
    keys: &[
        Key {
            name: "interval",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"5s\""),
            nginx: "health_check interval=",
            doc: "The time from the end of one probe of a server to the next. Each server is probed independently.",
        },
        Key {
            name: "jitter",
            kind: Kind::Duration { zero: true },
            need: Need::Default("\"0\""),
            nginx: "health_check jitter=",
            doc: "Each probe is delayed by a random time up to this.",
        },
        Key {
            name: "fails",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Default("1"),
            nginx: "health_check fails=",
            doc: "The number of consecutive failed probes after which a server is unhealthy.",
        },
        Key {
            name: "passes",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            need: Need::Default("1"),
            nginx: "health_check passes=",
            doc: "The number of consecutive successful probes after which a server is healthy again.",
        },
        Key {
            name: "uri",
            kind: Kind::Text { hint: "a path such as \"/health\"" },
            need: Need::Default("\"/\""),
            nginx: "health_check uri=",
            doc: "The path to request.",
        },
        Key {
            name: "port",
            kind: Kind::Integer { min: 1, max: 65_535 },
            need: Need::Optional,
            nginx: "health_check port=",
            doc: "The port to probe. Default: the server's own.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"5s\""),
            nginx: "",
            doc: "The time limit for a probe, from connecting to the end of the response body.",
        },
        flag(
            "mandatory",
            "health_check mandatory",
            "Treats a server that has not been probed yet as unhealthy, both at the start and when its name resolves to it later.",
        ),
        flag(
            "persistent",
            "health_check persistent",
            "With `mandatory`, still treats a server as healthy if it was healthy before a reload.",
        ),
        Key {
            name: "match",
            kind: Kind::Table(&MATCH),
            need: Need::Default("{}"),
            nginx: "health_check match=",
            doc: "What a successful response is.",
        },
    ],
    unbuilt: &["keepalive_time", "type", "grpc_service"],
};

const MATCH: Table = Table {
    name: "upstream.NAME.health_check.match",
    doc: "What a successful response is; all conditions must hold.",
    keys: &[
        Key {
            name: "status",
            kind: Kind::List(&Kind::Text {
                hint: "a status or a range, such as \"200\", \"200-399\" or \"!500-599\"",
            }),
            need: Need::Default("[\"200-399\"]"),
            nginx: "match { status }",
            doc: "Statuses and ranges. If any are written without `!`, the response must have one of these; it must have none of those with a leading `!`.",
        },
        Key {
            name: "headers",
            kind: Kind::List(&Kind::Text { hint: "a condition such as \"Content-Type = text/html\"" }),
            need: Need::Default("[]"),
            nginx: "match { header }",
            doc: "Conditions on header fields, in nginx's syntax: \"Content-Type = text/html\", \"Server != apache\", \"X-Role ~ ^main\", \
                  \"X-Role !~ ^old\", \"Via\" (must be present), \"! Refresh\" (must be absent).",
        },
        Key {
            name: "send",
            kind: Kind::Text { hint: "what to send" },
            need: Need::Optional,
            nginx: "match { send }",
            doc: "For upstreams that only streams use: what to send to the server after connecting, or as the datagram. `\\xHH` stands for a byte (in \
                  TOML, write it in single quotes). Default: nothing; over UDP, \"propylon health check\".",
        },
        Key {
            name: "expect",
            kind: Kind::Text { hint: "how an answer begins, or `~` and a regular expression" },
            need: Need::Optional,
            nginx: "match { expect }",
            doc: "For upstreams that only streams use: what the server's answer must begin with, `\\xHH` as in `send`; or, with a leading `~` (`~*` ignores \
                  case), a regular expression that must match its first 16 KiB. Over UDP it is the first datagram that counts. Default: no answer is needed.",
        },
        Key {
            name: "body",
            kind: Kind::Text { hint: "a regular expression" },
            need: Need::Optional,
            nginx: "match { body }",
            doc: "A regular expression that must match the first 256 KiB of the body; with a leading `!`, it must not match.",
        },
    ],
    unbuilt: &["require"],
};

pub(super) fn read(cx: &mut Context, value: &Value<'_>) -> Option<HealthCheck> {
    let table = value.get_ref().as_table()?;
    let mut scope = Scope::alone(cx, &HEALTH_CHECK, Some(table));
    let mut count = |name| scope.integer(name).and_then(|count| u32::try_from(count).ok()).unwrap_or(1);
    let (fails, passes) = (count("fails"), count("passes"));
    let uri = scope.text("uri")?;
    if !uri.starts_with('/') || uri.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        let diagnostic = Diagnostic::error(uri.span, format!("invalid path `{}`", uri.escape_debug()));
        scope.cx.push(diagnostic.label("expected a path such as \"/health\""));
    }
    let mut check = HealthCheck {
        interval: scope.duration("interval"),
        jitter: scope.duration("jitter"),
        fails,
        passes,
        uri: uri.value,
        port: scope.integer("port").and_then(|port| u16::try_from(port).ok()),
        timeout: scope.duration("timeout"),
        mandatory: scope.bool("mandatory"),
        persistent: scope.bool("persistent"),
        status: Vec::new(),
        not_status: Vec::new(),
        headers: Vec::new(),
        body: None,
        send: Box::default(),
        expect: None,
        of_http: Vec::new(),
        of_streams: Vec::new(),
    };
    let found = table.get("match").and_then(|value| value.get_ref().as_table());
    let written = |cx: &Context, table: Option<&DeTable<'_>>, keys: &[&'static str]| -> Vec<_> {
        let place = |key: &str| Some(cx.span(table?.get_key_value(key)?.0.span()));
        keys.iter().filter_map(|key| Some((*key, place(key)?))).collect()
    };
    check.of_http = written(cx, Some(table), &["uri"]);
    check.of_http.extend(written(cx, found, &["status", "headers", "body"]));
    check.of_streams = written(cx, found, &["send", "expect"]);
    let mut scope = Scope::alone(cx, &MATCH, found);
    let status = scope.list("status", status).unwrap_or_default();
    let ranges = |is: bool| status.iter().filter(|(good, _)| *good == is).map(|(_, range)| *range).collect();
    (check.status, check.not_status) = (ranges(true), ranges(false));
    check.headers = scope.list("headers", header).unwrap_or_default();
    check.body = scope.text("body").and_then(|text| {
        let (pattern, found) = text.strip_prefix('!').map_or((&**text, true), |rest| (rest, false));
        let pattern = regex(scope.cx, &text, pattern, &text.span.range())?;
        Some(BodyMatch { pattern, found })
    });
    check.send = scope.text("send").map(|text| bytes(&text)).unwrap_or_default();
    check.expect = scope.text("expect").and_then(|text| expected(scope.cx, &text));
    if let (true, false, Some((key, _))) =
        (check.persistent, check.mandatory, table.get_key_value("persistent"))
    {
        let diagnostic = Diagnostic::at(key.span(), "`persistent` requires `mandatory`");
        cx.push(diagnostic.label("expected `mandatory = true` in the same table"));
    }
    Some(check)
}

type Range = (u16, u16);

/// A text in which `\xHH` is a byte.
fn bytes(text: &str) -> Box<[u8]> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = match rest {
            [b'\\', b'x', high, low, after @ ..] => hex(*high).zip(hex(*low)).zip(Some(after)),
            _ => None,
        };
        let ((high, low), after) = escaped.unwrap_or(((first >> 4, first & 0xF), after));
        bytes.push(high << 4 | low);
        rest = after;
    }
    bytes.into()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// What an answer begins with, or with `~` or `~*` what it matches.
fn expected(cx: &mut Context, text: &Spanned<Box<str>>) -> Option<ExpectedAnswer> {
    let Some(pattern) = text.strip_prefix('~') else { return Some(ExpectedAnswer::Begins(bytes(text))) };
    let (pattern, flags) = pattern.strip_prefix('*').map_or((pattern, ""), |pattern| (pattern, "(?i)"));
    let pattern = regex(cx, text, pattern.trim_start(), &text.span.range())?;
    Some(ExpectedAnswer::Matches([flags, &pattern].concat().into()))
}

/// Statuses that are good (true), or are not.
fn status(cx: &mut Context, text: &str, span: std::ops::Range<usize>) -> Option<(bool, Range)> {
    let (range, is) = text.strip_prefix('!').map_or((text, true), |rest| (rest.trim_start(), false));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let range = first
        .parse()
        .ok()
        .zip(last.parse().ok())
        .filter(|(first, last): &Range| (100..=999).contains(first) && first <= last && *last <= 999);
    if range.is_none() {
        let diagnostic = Diagnostic::at(span, format!("invalid status or range `{text}`"));
        cx.push(diagnostic.label("expected a status such as \"200\" or a range such as \"200-399\""));
    }
    Some((is, range?))
}

fn header(cx: &mut Context, text: &str, span: std::ops::Range<usize>) -> Option<HeaderMatch> {
    if let Some(name) = text.strip_prefix('!') {
        let name = cx.header_name(name.trim(), span)?;
        return Some(HeaderMatch { name, value: None, is: false });
    }
    let Some((name, rest)) = text.trim().split_once(' ') else {
        return Some(HeaderMatch { name: cx.header_name(text.trim(), span)?, value: None, is: true });
    };
    let (operator, value) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
    let name = cx.header_name(name, span.clone())?;
    let value = value.trim_start();
    let value = match operator {
        "=" | "!=" => ValueMatch::Equals(value.into()),
        "~" | "!~" => ValueMatch::Matches(regex(cx, text.trim_end(), value, &span)?),
        _ => {
            let message = format!("unknown operator `{}`", operator.escape_debug());
            cx.push(
                Diagnostic::at(span, message).label("expected `=`, `!=`, `~` or `!~` after the header name"),
            );
            return None;
        }
    };
    Some(HeaderMatch { name, value: Some(value), is: !operator.starts_with('!') })
}

/// The regular expression that the text at `span` ends with.
fn regex(cx: &mut Context, text: &str, pattern: &str, span: &std::ops::Range<usize>) -> Option<Box<str>> {
    pattern::check(cx, text, span, text.len() - pattern.len(), false).then(|| pattern.into())
}

//! The table `upstream.NAME`: a group of servers and its pool of connections.

use std::sync::Arc;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use crate::address::{self, Address};
use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope};
use crate::report::Diagnostic;
use crate::source::{Span, Spanned};

/// A group of servers and its pool of connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Its name, which is what `proxy_pass` says.
    pub name: Box<str>,
    /// How a server is chosen.
    pub method: Method,
    /// The servers, at least one.
    pub servers: Vec<Spanned<Address>>,
    /// Idle connections kept by each worker; 0: none.
    pub keepalive: usize,
    /// Requests on one connection before it is closed.
    pub keepalive_requests: u64,
    /// How old a connection may grow.
    pub keepalive_time: Duration,
    /// How long a connection may be idle.
    pub keepalive_timeout: Duration,
    /// Where it is written.
    pub span: Span,
}

/// How a server of a group is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// In turn.
    RoundRobin,
}

const SERVER: Table = Table {
    name: "upstream.NAME.server",
    doc: "One server of the group.",
    keys: &[Key {
        name: "address",
        kind: Kind::Text { hint: "\"host\", \"host:port\" or \"unix:/path\"" },
        need: Need::Required,
        nginx: "server",
        doc: "\"host\", \"host:port\" or \"unix:/path\"; the port is 80 unless written.",
    }],
    unbuilt: &[
        "weight",
        "max_fails",
        "fail_timeout",
        "max_conns",
        "backup",
        "down",
        "drain",
        "resolve",
        "service",
        "slow_start",
        "route",
    ],
};

const UPSTREAM: Table = Table {
    name: "upstream.NAME",
    doc: "A group of servers, called NAME in `proxy_pass`.",
    keys: &[
        Key {
            name: "server",
            kind: Kind::List(&Kind::Table(&SERVER)),
            need: Need::Required,
            nginx: "server",
            doc: "The servers, at least one.",
        },
        Key {
            name: "method",
            kind: Kind::Choice {
                built: &["round_robin"],
                unbuilt: &["least_conn", "ip_hash", "hash", "random", "least_time", "peak_ewma"],
            },
            need: Need::Default("\"round_robin\""),
            nginx: "",
            doc: "How a server is chosen.",
        },
        Key {
            name: "keepalive",
            kind: Kind::Integer { min: 0, max: 1_000_000 },
            need: Need::Default("32"),
            nginx: "keepalive",
            doc: "Idle connections that each worker keeps; 0: none.",
        },
        Key {
            name: "keepalive_requests",
            kind: Kind::Integer { min: 1, max: u64::MAX },
            need: Need::Default("1000"),
            nginx: "keepalive_requests",
            doc: "Requests on one connection before it is closed.",
        },
        Key {
            name: "keepalive_time",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"1h\""),
            nginx: "keepalive_time",
            doc: "How old a connection may grow.",
        },
        Key {
            name: "keepalive_timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"60s\""),
            nginx: "keepalive_timeout",
            doc: "How long a connection may be idle.",
        },
    ],
    unbuilt: &["health_check", "zone", "queue", "sticky", "state", "ntlm", "resolver"],
};

pub(crate) const KIND: Kind = Kind::Names(&Kind::Table(&UPSTREAM));

/// Reads all groups.
pub(crate) fn read(cx: &mut Context, table: Option<&DeTable<'_>>) {
    for (name, value) in table.into_iter().flatten() {
        let written = name.get_ref().as_ref();
        check_name(cx, written, name.span());
        let upstream = value.get_ref().as_table().and_then(|table| group(cx, written, name.span(), table));
        match upstream {
            Some(upstream) => drop(cx.upstreams.insert(written.into(), Arc::new(upstream))),
            None => cx.broken.push(written.into()),
        }
    }
}

fn check_name(cx: &mut Context, name: &str, span: std::ops::Range<usize>) {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if name.is_empty() || !name.bytes().all(valid) {
        let message = format!("`{}` cannot be the name of an upstream", name.escape_debug());
        cx.push(Diagnostic::at(span, message).label("expected letters, digits, `-`, `.`, `_` and `~`"));
        return;
    }
    let same = cx.upstreams.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    if let Some((_, first)) = same {
        let diagnostic = Diagnostic::at(span, format!("the upstream `{name}` stands here twice"))
            .label("names are the same in any case")
            .related(first.span, "first here");
        cx.push(diagnostic);
    }
}

fn group(
    cx: &mut Context,
    name: &str,
    span: std::ops::Range<usize>,
    table: &DeTable<'_>,
) -> Option<Upstream> {
    let servers = servers(cx, &span, table);
    let span = cx.span(span);
    let mut scope = Scope::alone(cx, &UPSTREAM, Some(table));
    let _only_one = scope.text("method");
    Some(Upstream {
        name: name.into(),
        method: Method::RoundRobin,
        keepalive: scope
            .integer("keepalive")
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or_default(),
        keepalive_requests: scope.integer("keepalive_requests").unwrap_or_default(),
        keepalive_time: scope.duration("keepalive_time"),
        keepalive_timeout: scope.duration("keepalive_timeout"),
        servers: servers?,
        span,
    })
}

fn servers(
    cx: &mut Context,
    name: &std::ops::Range<usize>,
    table: &DeTable<'_>,
) -> Option<Vec<Spanned<Address>>> {
    let value = table.get("server")?;
    let items = value.get_ref().as_array()?;
    if items.is_empty() {
        cx.push(
            Diagnostic::at(value.span(), "this upstream has no server")
                .label("expected at least one `{ address = \"host:port\" }`")
                .related(cx.span(name.clone()), "the upstream"),
        );
        return None;
    }
    let addresses: Vec<_> = items.iter().filter_map(|item| server(cx, item.get_ref())).collect();
    Some(addresses).filter(|addresses| !addresses.is_empty())
}

fn server(cx: &mut Context, value: &DeValue<'_>) -> Option<Spanned<Address>> {
    let value = value.as_table()?.get("address")?;
    let text = value.get_ref().as_str()?;
    match address::parse(text) {
        Ok(address) => Some(Spanned::new(address, cx.span(value.span()))),
        Err(problem) => {
            let place = cx.inside(&value.span(), text, problem.range);
            cx.push(Diagnostic::at(place, problem.message).label(format!("expected {}", problem.expected)));
            None
        }
    }
}

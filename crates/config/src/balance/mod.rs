//! The table `upstream.NAME`: a group of servers and its pool of connections.

mod health;
mod server;
mod settings;
mod state;
mod sticky;
mod tables;

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use propylon_vars::{Side, Template};
use toml::de::{DeTable, DeValue};

use crate::address::Address;
use crate::key::Kind;
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::resolver::Resolver;
use crate::shape;
use crate::source::{Span, Spanned};
use server::server;
use settings::Written;
use tables::{METHOD, QUEUE, UPSTREAM};

pub use health::{BodyMatch, ExpectedAnswer, HeaderMatch, HealthCheck, ValueMatch};
pub use state::{read_servers, write_servers};
pub use sticky::{Sticky, StickyCookie, StickyExpires, StickyLearn};

/// A group of servers and its pool of connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// Its name, which is what `proxy_pass` says.
    pub name: Box<str>,
    /// How a server is chosen.
    pub method: Method,
    /// The servers; none only where `state` keeps them.
    pub servers: Vec<UpstreamServer>,
    state: Option<Arc<Path>>,
    /// Where requests wait while all servers have as many as they may; none: they fail.
    pub queue: Option<Queue>,
    /// How clients come back to the server that they had; none: they don't.
    pub sticky: Option<Sticky>,
    /// Who is asked for the names of servers that are followed; none: as the file says.
    pub resolver: Option<Resolver>,
    /// How servers are asked whether they are well; none: only requests tell.
    pub health_check: Option<HealthCheck>,
    /// The zone, which every group has anyway.
    pub zone: Option<Box<str>>,
    /// Idle connections kept by each worker; 0: none.
    pub keepalive: usize,
    /// Requests on one connection before it is closed.
    pub keepalive_requests: u64,
    /// How old a connection may grow.
    pub keepalive_time: Duration,
    /// How long a connection may be idle.
    pub keepalive_timeout: Duration,
    /// Requests under way on one connection at once, with HTTP/2.
    pub max_streams: NonZeroU32,
    written: Written,
    /// Where it is written.
    pub span: Span,
}

/// One server of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamServer {
    /// Where it listens.
    pub address: Spanned<Address>,
    /// The address as it is written.
    pub written: Box<str>,
    /// Its share of the requests.
    pub weight: u32,
    /// Requests at the same time; 0: any number.
    pub max_conns: u32,
    /// Failures within `fail_timeout` that make it unavailable; 0: none do.
    pub max_fails: u32,
    /// Within what time failures count, and how long it is unavailable then.
    pub fail_timeout: Duration,
    /// How long its share takes to grow after it has come back.
    pub slow_start: Duration,
    /// Whether it serves only when none of the others can.
    pub backup: bool,
    /// Whether it is out of service.
    pub down: bool,
    /// Whether it gets no new requests.
    pub drain: bool,
    /// What sticky sessions call it; none: the MD5 of its address.
    pub route: Option<Box<str>>,
    /// Whether its name is followed: the addresses change when DNS does.
    pub resolve: bool,
    /// The service whose SRV records name the servers.
    pub service: Option<Box<str>>,
}

/// Where requests wait for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// How many may wait.
    pub size: usize,
    /// For how long.
    pub timeout: Duration,
}

/// How a server of a group is chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// In turn, by weight.
    RoundRobin,
    /// The one with the fewest requests under way.
    LeastConn,
    /// By the client's address.
    IpHash,
    /// By a key; `consistent`: on a ring.
    Hash {
        /// What is hashed.
        key: Template,
        /// Whether most keys keep their server when servers come and go.
        consistent: bool,
    },
    /// By chance.
    Random,
    /// The better of two by chance.
    RandomTwo(Better),
    /// The one with the lowest average time.
    LeastTime(Better),
    /// The better of two by chance, by time and requests under way.
    PeakEwma,
}

/// Which of two servers is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// That with fewer requests under way.
    LeastConn,
    /// That whose response heads come sooner.
    Header,
    /// That whose responses end sooner.
    LastByte,
    /// As `Header`, and the requests under way count.
    HeaderInflight,
    /// As `LastByte`, and the requests under way count.
    LastByteInflight,
}

pub(crate) const KIND: Kind = Kind::Names(&Kind::Table(&UPSTREAM));

/// Reads all groups.
pub(crate) fn read(cx: &mut Context, table: Option<&DeTable<'_>>) {
    for (name, value) in table.into_iter().flatten() {
        let written = name.get_ref().as_ref();
        check_name(cx, written, name.span());
        let upstream = value.get_ref().as_table().and_then(|table| {
            if let Some(key) = UPSTREAM.key("server").filter(|_| !has_servers(table)) {
                cx.push(shape::missing(key, value.span()));
            }
            group(cx, written, name.span(), table)
        });
        match upstream {
            Some(upstream) => {
                check_state(cx, &upstream);
                cx.upstreams.insert(written.into(), Arc::new(upstream));
            }
            None => cx.broken.push(written.into()),
        }
    }
}

/// One file is one upstream's: each would write its own servers over the other's.
fn check_state(cx: &mut Context, upstream: &Upstream) {
    let same = cx.upstreams.values().find(|known| known.state.is_some() && known.state == upstream.state);
    if let Some(first) = same {
        let message =
            format!("the upstreams `{}` and `{}` have the same `state` file", first.name, upstream.name);
        let diagnostic = Diagnostic::error(upstream.span, message).label("expected another `state`");
        let diagnostic = diagnostic.related(first.span, "the other upstream");
        cx.push(diagnostic);
    }
}

/// What a group has must be there for whoever uses it.
pub(crate) fn check_use(cx: &mut Context, name: &str, place: std::ops::Range<usize>) {
    let Some(upstream) = cx.upstreams.get(name).cloned() else { return };
    let span = cx.source.span(place);
    if let Method::Hash { key, .. } = &upstream.method {
        cx.check_referred(key, &format!("the hash key of `upstream.{name}`"), span);
    }
    if cx.side == Some(Side::Stream) && upstream.sticky.is_some() {
        let diagnostic = Diagnostic::error(
            span,
            format!("the upstream `{name}` uses `sticky`, which streams do not support"),
        );
        cx.push(
            diagnostic.label("expected an upstream without `sticky`").related(upstream.span, "the upstream"),
        );
    }
}

fn has_servers(table: &DeTable<'_>) -> bool {
    table.contains_key("server") || table.contains_key("state")
}

/// Who follows a name asks a resolver.
pub(crate) fn check_resolver(cx: &mut Context, resolver: &Resolver) {
    let servers: Vec<Span> = cx
        .upstreams
        .values()
        .filter(|upstream| *upstream.resolver.as_ref().unwrap_or(resolver) == Resolver::Off)
        .flat_map(|upstream| &upstream.servers)
        .filter(|server| server.resolve)
        .map(|server| server.address.span)
        .collect();
    for span in servers {
        let diagnostic = Diagnostic::error(span, "no resolver is configured for this name");
        cx.push(diagnostic.label("expected a `resolver` table, or `resolve = false`"));
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
        let diagnostic = Diagnostic::at(span, format!("duplicate upstream `{name}`"))
            .label("upstream names are not case-sensitive")
            .related(first.span, "first defined here");
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
    let method = scope.read("method", method).unwrap_or(Method::RoundRobin);
    let queue = scope.read("queue", |cx, value| {
        let mut scope = Scope::alone(cx, &QUEUE, Some(value.get_ref().as_table()?));
        let size = usize::try_from(scope.integer("size")?).ok()?;
        Some(Queue { size, timeout: scope.duration("timeout") })
    });
    let health_check = scope.read("health_check", health::read);
    let sticky = scope.read("sticky", sticky::read);
    let resolver = scope.read("resolver", crate::resolver::read);
    let state = scope.read("state", |_, value| Some(Arc::from(Path::new(value.get_ref().as_str()?))));
    let zone = scope.text("zone");
    if let Some(zone) = &zone
        && zone.split_ascii_whitespace().next().is_none()
    {
        scope.cx.push(
            Diagnostic::error(zone.span, "the zone name is missing")
                .label("expected a name such as \"backend 64k\""),
        );
    }
    let upstream = Upstream {
        name: name.into(),
        method,
        queue,
        sticky,
        resolver,
        health_check,
        zone: zone.map(|zone| zone.value),
        keepalive: scope
            .integer("keepalive")
            .and_then(|count| usize::try_from(count).ok())
            .unwrap_or_default(),
        keepalive_requests: scope.integer("keepalive_requests").unwrap_or_default(),
        keepalive_time: scope.duration("keepalive_time"),
        keepalive_timeout: scope.duration("keepalive_timeout"),
        max_streams: scope
            .integer("max_streams")
            .and_then(|streams| u32::try_from(streams).ok())
            .and_then(NonZeroU32::new)
            .unwrap_or(NonZeroU32::MIN),
        servers: servers?,
        state,
        written: Written::of(cx, table),
        span,
    };
    check_backups(cx, &upstream, table);
    Some(upstream)
}

fn method(cx: &mut Context, value: &Value<'_>) -> Option<Method> {
    let table = match value.get_ref() {
        DeValue::String(name) => {
            return Some(match name.as_ref() {
                "least_conn" => Method::LeastConn,
                "ip_hash" => Method::IpHash,
                "random" => Method::Random,
                "peak_ewma" => Method::PeakEwma,
                _ => Method::RoundRobin,
            });
        }
        other => other.as_table()?,
    };
    let named = table.keys().filter(|key| ["hash", "random", "least_time"].contains(&key.get_ref().as_ref()));
    if named.count() != 1 {
        let diagnostic = Diagnostic::at(value.span(), "`method` requires exactly one method");
        cx.push(diagnostic.label("expected exactly one of `hash`, `random` and `least_time`"));
        return None;
    }
    for (parameter, of) in [("consistent", "hash"), ("by", "random"), ("inflight", "least_time")] {
        if let Some((key, _)) = table.get_key_value(parameter).filter(|_| !table.contains_key(of)) {
            let diagnostic = Diagnostic::at(key.span(), format!("`{parameter}` requires `{of}`"));
            cx.push(diagnostic.label(format!("expected `{of}` in the same table")));
        }
    }
    let mut scope = Scope::alone(cx, &METHOD, Some(table));
    if table.contains_key("hash") {
        let consistent = scope.bool("consistent");
        return Some(Method::Hash { key: scope.template("hash")?, consistent });
    }
    if table.contains_key("random") {
        let by = scope.text("by")?;
        return Some(Method::RandomTwo(match &**by {
            "least_time=header" => Better::Header,
            "least_time=last_byte" => Better::LastByte,
            _ => Better::LeastConn,
        }));
    }
    let (header, inflight) = (&**scope.text("least_time")? == "header", scope.bool("inflight"));
    Some(Method::LeastTime(match (header, inflight) {
        (true, false) => Better::Header,
        (true, true) => Better::HeaderInflight,
        (false, false) => Better::LastByte,
        (false, true) => Better::LastByteInflight,
    }))
}

fn check_backups(cx: &mut Context, upstream: &Upstream, table: &DeTable<'_>) {
    let Some(name) = upstream.method.without_backups() else { return check_primary(cx, upstream) };
    let method = table.get("method").map(|value| cx.span(value.span()));
    for server in upstream.servers.iter().filter(|server| server.backup) {
        let message = format!("`{name}` does not support backup servers");
        let mut diagnostic = Diagnostic::at(server.address.span.range(), message)
            .label("expected a server without `backup`, or another method");
        if let Some(method) = method {
            diagnostic = diagnostic.related(method, "the method");
        }
        cx.push(diagnostic);
    }
}

fn check_primary(cx: &mut Context, upstream: &Upstream) {
    if !upstream.servers.is_empty() && upstream.servers.iter().all(|server| server.backup) {
        let diagnostic = Diagnostic::at(upstream.span.range(), "this upstream has only backup servers");
        cx.push(diagnostic.label("expected at least one server without `backup`"));
    }
}

fn servers(
    cx: &mut Context,
    name: &std::ops::Range<usize>,
    table: &DeTable<'_>,
) -> Option<Vec<UpstreamServer>> {
    let Some(value) = table.get("server") else {
        // They come later.
        return table.contains_key("state").then(Vec::new);
    };
    let items = value.get_ref().as_array()?;
    if items.is_empty() {
        cx.push(
            Diagnostic::at(value.span(), "this upstream has no server")
                .label("expected at least one `{ address = \"host:port\" }`")
                .related(cx.span(name.clone()), "the upstream"),
        );
        return None;
    }
    let servers: Vec<_> = items.iter().filter_map(|item| server(cx, item.get_ref())).collect();
    Some(servers).filter(|servers| !servers.is_empty())
}

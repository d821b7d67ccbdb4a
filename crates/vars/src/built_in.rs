//! The variables that have one fixed name, each with its value as nginx has it.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, StatusCode};
use propylon_exchange::{End, Exchange};

use crate::out::Out;
use crate::tries::Column;
use crate::{clock, credentials, state};

/// The version of nginx whose behaviour is the reference: the value of `$nginx_version`.
pub const NGINX_VERSION: &str = "1.31.5";

/// The variables that have one fixed name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuiltIn {
    Args,
    BinaryRemoteAddr,
    BodyBytesSent,
    BytesSent,
    Connection,
    ConnectionRequests,
    ContentLength,
    ContentType,
    Host,
    Hostname,
    Https,
    IsArgs,
    Msec,
    NginxVersion,
    Pid,
    Pipe,
    PropylonVersion,
    ProxyAddXForwardedFor,
    ProxyHost,
    ProxyPort,
    RealipRemoteAddr,
    RealipRemotePort,
    RemoteAddr,
    RemotePort,
    RemoteUser,
    Request,
    RequestCompletion,
    RequestId,
    RequestLength,
    RequestMethod,
    RequestTime,
    RequestUri,
    Scheme,
    ServerAddr,
    ServerName,
    ServerPort,
    ServerProtocol,
    Status,
    TimeIso8601,
    TimeLocal,
    UpstreamCacheStatus,
    UpstreamLastAddr,
    Uri,
    /// A list over the tries at upstream peers.
    Upstream(Column),
}

impl BuiltIn {
    /// The value, if it cannot change while the process runs.
    pub(crate) fn constant(self) -> Option<Bytes> {
        Some(match self {
            Self::Hostname => rustix::system::uname().nodename().to_bytes().to_ascii_lowercase().into(),
            Self::NginxVersion => Bytes::from_static(NGINX_VERSION.as_bytes()),
            Self::Pid => std::process::id().to_string().into(),
            Self::PropylonVersion => Bytes::from_static(env!("CARGO_PKG_VERSION").as_bytes()),
            Self::Pipe => Bytes::from_static(b"."),
            _ => return None,
        })
    }
}

/// The value, if it is kept as shareable bytes: `Some(None)` says that there is none.
pub(crate) fn shared(variable: BuiltIn, exchange: &Exchange) -> Option<Option<Bytes>> {
    Some(match variable {
        BuiltIn::Args => state::args(exchange),
        BuiltIn::Uri => state::uri(exchange),
        BuiltIn::Host => match exchange.host() {
            Some(host) => Some(host.clone()),
            None => return None,
        },
        BuiltIn::RequestUri => request_uri(exchange).map(|(target, path)| target.slice_ref(path)),
        BuiltIn::RequestId => state::write(exchange, |facts| facts.request_id().clone()),
        BuiltIn::RemoteUser => match exchange.user() {
            Some(user) => Some(user.clone()),
            None => return None,
        },
        BuiltIn::Https => Some(Bytes::from_static(if exchange.connection().tls { b"on" } else { b"" })),
        BuiltIn::Scheme => Some(Bytes::from_static(scheme(exchange))),
        _ => return None,
    })
}

/// Writes the value; says whether there is one.
pub(crate) fn write(variable: BuiltIn, exchange: &Exchange, out: &mut Out<'_>) -> bool {
    match variable {
        BuiltIn::Args => return write_fact(exchange, out, |facts| facts.args.as_ref()),
        BuiltIn::Uri => return write_fact(exchange, out, |facts| facts.uri.as_ref()),
        BuiltIn::IsArgs => {
            if state::read(exchange, |facts| Some(!facts.args.as_ref()?.is_empty())) == Some(true) {
                out.text(b"?");
            }
        }
        BuiltIn::RequestId => {
            let wrote = state::write(exchange, |facts| out.text(facts.request_id()));
            return wrote.is_some();
        }
        BuiltIn::Host => out.text(host(exchange)),
        BuiltIn::ServerName => out.text(exchange.server_name().map_or(b"", |name| name.as_bytes())),
        BuiltIn::Https => out.text(if exchange.connection().tls { b"on" } else { b"" }),
        BuiltIn::Scheme => out.text(scheme(exchange)),
        BuiltIn::RemoteUser => return remote_user(exchange, out),
        BuiltIn::RemoteAddr => out.address(exchange.client()),
        BuiltIn::RemotePort => out.port(exchange.client().port()),
        BuiltIn::BinaryRemoteAddr => match exchange.client().as_ip() {
            Some(IpAddr::V4(ip)) => out.text(&ip.octets()),
            Some(IpAddr::V6(ip)) => out.text(&ip.octets()),
            None => out.text(b"unix:"),
        },
        BuiltIn::RealipRemoteAddr => out.address(exchange.connection().peer),
        BuiltIn::RealipRemotePort => out.port(exchange.connection().peer.port()),
        BuiltIn::ServerAddr => out.address(exchange.connection().local),
        BuiltIn::ServerPort => out.port(exchange.connection().local.port()),
        BuiltIn::Connection => out.number(exchange.connection().id),
        BuiltIn::ConnectionRequests => out.number(exchange.number()),
        BuiltIn::Status => match status(exchange) {
            Some(status) => out.number(status.as_u16().into()),
            None => out.raw(b"000"),
        },
        BuiltIn::BodyBytesSent => out.number(exchange.body_bytes_sent()),
        BuiltIn::BytesSent => out.number(exchange.bytes_sent()),
        BuiltIn::RequestLength => out.number(exchange.request_length()),
        BuiltIn::RequestTime => out.seconds(exchange.elapsed()),
        BuiltIn::RequestCompletion => {
            if exchange.end() == Some(End::Complete) {
                out.text(b"OK");
            }
        }
        BuiltIn::Msec => out.seconds(clock::now()),
        BuiltIn::TimeLocal => clock::with_stamp(|stamp| out.text(stamp.common.as_bytes())),
        BuiltIn::TimeIso8601 => clock::with_stamp(|stamp| out.text(stamp.iso8601.as_bytes())),
        BuiltIn::ContentLength => return field(exchange, &CONTENT_LENGTH, out),
        BuiltIn::ContentType => return field(exchange, &CONTENT_TYPE, out),
        BuiltIn::Request => return request_line(exchange, out),
        BuiltIn::RequestMethod => {
            return out.option(exchange.head().map(|head| head.method.as_str().as_bytes()));
        }
        BuiltIn::RequestUri => return out.option(request_uri(exchange).map(|(_, path)| path)),
        BuiltIn::ServerProtocol => {
            return out.option(exchange.head().map(|head| head.protocol().as_bytes()));
        }
        BuiltIn::ProxyAddXForwardedFor => forwarded_for(exchange, out),
        BuiltIn::ProxyHost => {
            return out.option(exchange.proxy().as_ref().map(|proxy| proxy.host.as_bytes()));
        }
        BuiltIn::ProxyPort => match exchange.proxy() {
            Some(proxy) => out.port(Some(proxy.port)),
            None => return false,
        },
        BuiltIn::UpstreamLastAddr => {
            return exchange.with_tries(|tries| out.option(tries.last().map(|last| last.peer.as_bytes())));
        }
        // No cache yet: no answer ever came through one.
        BuiltIn::UpstreamCacheStatus => return false,
        BuiltIn::Upstream(column) => return exchange.with_tries(|tries| column.write(tries, out)),
        BuiltIn::Hostname
        | BuiltIn::NginxVersion
        | BuiltIn::Pid
        | BuiltIn::Pipe
        | BuiltIn::PropylonVersion => return out.option(variable.constant().as_deref()),
    }
    true
}

fn write_fact(
    exchange: &Exchange,
    out: &mut Out<'_>,
    fact: impl FnOnce(&state::Facts) -> Option<&Bytes>,
) -> bool {
    state::read(exchange, |facts| fact(facts).map(|value| out.text(value))).is_some()
}

fn scheme(exchange: &Exchange) -> &'static [u8] {
    if exchange.connection().tls { b"https" } else { b"http" }
}

fn host(exchange: &Exchange) -> &[u8] {
    let server = || exchange.server_name().map_or(&b""[..], |name| name.as_bytes());
    exchange.host().map_or_else(server, |host| host)
}

/// nginx logs a client that left before a response began as 499, and as 000 what has no status.
fn status(exchange: &Exchange) -> Option<StatusCode> {
    let left = || (exchange.end() == Some(End::ClientClosed)).then(|| StatusCode::from_u16(499).ok());
    exchange.status().or_else(|| left().flatten())
}

/// The user that authenticated, else the name that the client supplied, whether or not anyone checked it.
fn remote_user(exchange: &Exchange, out: &mut Out<'_>) -> bool {
    if let Some(user) = exchange.user() {
        out.text(user);
        return true;
    }
    let credentials = exchange.head().and_then(|head| head.headers.get(AUTHORIZATION));
    out.option(credentials.and_then(|credentials| credentials::user(credentials.as_bytes())).as_deref())
}

fn field(exchange: &Exchange, name: &HeaderName, out: &mut Out<'_>) -> bool {
    out.option(exchange.head().and_then(|head| head.headers.get(name)).map(|value| value.as_bytes()))
}

fn request_line(exchange: &Exchange, out: &mut Out<'_>) -> bool {
    let Some(head) = exchange.head() else {
        let line = exchange.request_line();
        return out.option(Some(&*line).filter(|line| !line.is_empty()));
    };
    out.text(head.method.as_str().as_bytes());
    out.text(b" ");
    out.text(&head.target);
    out.text(b" ");
    out.text(head.protocol().as_bytes());
    true
}

/// The request's target, and the path and arguments in it: an absolute-form (RFC 9112 3.2.2) is cut to them.
fn request_uri(exchange: &Exchange) -> Option<(&Bytes, &[u8])> {
    let target = &exchange.head()?.target;
    let absolute = || {
        let scheme = target.windows(3).position(|window| window == b"://")?;
        let (_, after) = target.split_at_checked(scheme + 3)?;
        let end = after.iter().position(|b| matches!(b, b'/' | b'?'));
        // A URL without a path asks for `/`: the last of the two in `://`, so that it is a part of the target.
        match end {
            Some(end) => after.get(end..),
            None => target.get(scheme + 2..scheme + 3),
        }
    };
    let path = if target.starts_with(b"/") { None } else { absolute() };
    Some((target, path.unwrap_or(target)))
}

/// The lines of the request's `X-Forwarded-For`, and behind them the client's address.
fn forwarded_for(exchange: &Exchange, out: &mut Out<'_>) {
    let lines = exchange.head().map(|head| head.headers.get_all("x-forwarded-for"));
    for line in lines.iter().flatten() {
        out.text(line.as_bytes());
        out.text(b", ");
    }
    out.address(exchange.client());
}

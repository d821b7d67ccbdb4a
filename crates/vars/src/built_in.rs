//! The variables that have one fixed name, each with its value as nginx has it.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, REFERER, USER_AGENT};
use http::{HeaderName, HeaderValue, StatusCode};
use propylon_exchange::{End, Exchange};

use crate::browser::{Browsers, is_msie};
use crate::clock::{self, Zone};
use crate::limited::Limited;
use crate::login::{self, LoginPart};
use crate::out::Out;
use crate::preread::Preread;
use crate::proxied::Proxied;
use crate::request_uri::{authority, request_uri};
use crate::tls::Tls;
use crate::trace::Trace;
use crate::tries::Column;
use crate::{credentials, document, script, secure_link, state, token, user_ids};

/// The version of nginx whose behaviour is the reference: the value of `$nginx_version`.
pub const NGINX_VERSION: &str = "1.31.5";

/// The variables that have one fixed name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuiltIn {
    Constant(Constant),
    Count(Count),
    Text(Text),
    /// What was read of a stream's first bytes.
    Preread(Preread),
    Wire(Wire),
    Proxied(Proxied),
    Tls(Tls),
    /// A list over the tries at upstream peers.
    Upstream(Column),
    UpstreamLastAddr,
    /// What the stream passes on.
    Protocol,
    UpstreamCacheStatus,
    UpstreamCacheLastModified,
    UpstreamCacheEtag,
    ConnectionTime,
    ContentType,
    Args,
    IsArgs,
    LimitRate,
    LimitReqStatus,
    GzipRatio,
    LimitConnStatus,
    InvalidReferer,
    Uri,
    Request,
    RequestBody,
    RequestId,
    RequestTime,
    RequestPort,
    IsRequestPort,
    RemoteUser,
    Status,
    Msec,
    TimeIso8601,
    TimeLocal,
    DateGmt,
    DateLocal,
    ProxyAddXForwardedFor,
    ProxyHost,
    ProxyPort,
    DocumentRoot,
    RealpathRoot,
    RequestFilename,
    FastcgiScriptName,
    FastcgiPathInfo,
    SliceRange,
    SecureLink,
    SecureLinkExpires,
    JwtPayload,
    Login(LoginPart),
    UidGot,
    UidSet,
    ModernBrowser,
    AncientBrowser,
    Msie,
    Trace(Trace),
}

/// What cannot change while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Constant {
    Hostname,
    NginxVersion,
    Pid,
    Pipe,
    PropylonVersion,
}

/// Whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    BodyBytesSent,
    BytesSent,
    Connection,
    ConnectionRequests,
    RequestLength,
}

/// Text that the exchange holds in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    ContentLength,
    Host,
    Http2,
    Http3,
    Https,
    RequestCompletion,
    RequestMethod,
    RequestUri,
    Scheme,
    ServerName,
    ServerProtocol,
}

/// The two ends of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    BinaryRemoteAddr,
    RealipRemoteAddr,
    RealipRemotePort,
    RemoteAddr,
    RemotePort,
    ServerAddr,
    ServerPort,
}

impl BuiltIn {
    /// Writes the value; says whether there is one.
    pub(crate) fn write(self, exchange: &Exchange, out: &mut Out<'_>) -> bool {
        match self {
            Self::Constant(constant) => out.text(&constant.value()),
            Self::Count(count) => out.number(count.value(exchange)),
            Self::Text(text) => return out.option(text.value(exchange)),
            Self::Wire(wire) => wire.write(exchange, out),
            Self::Preread(preread) => return preread.write(exchange, out),
            Self::Proxied(proxied) => return proxied.write(exchange, out),
            Self::Tls(tls) => return tls.write(exchange, out),
            Self::Trace(trace) => return trace.write(exchange, out),
            Self::Upstream(column) => return exchange.with_tries(|tries| column.write(tries, out)),
            Self::UpstreamLastAddr => {
                return exchange
                    .with_tries(|tries| out.option(tries.last().map(|last| last.peer.as_bytes())));
            }
            Self::Protocol => out.text(if exchange.connection().udp { b"UDP" } else { b"TCP" }),
            Self::UpstreamCacheStatus => return out.option(exchange.cache_status().map(str::as_bytes)),
            Self::UpstreamCacheLastModified => return out.option(exchange.cached_last_modified().as_deref()),
            Self::UpstreamCacheEtag => return out.option(exchange.cached_etag().as_deref()),
            Self::ConnectionTime => out.seconds(exchange.connection().age()),
            Self::ContentType => return content_type(exchange, out),
            Self::Args => return out.option(exchange.args().as_deref()),
            Self::Uri => return out.option(exchange.uri().as_deref()),
            Self::IsArgs => {
                if exchange.args().is_some_and(|args| !args.is_empty()) {
                    out.text(b"?");
                }
            }
            Self::LimitRate => out.number(state::limit_rate(exchange).unwrap_or_default()),
            Self::GzipRatio => return out.option(state::compression_ratio(exchange).as_deref()),
            Self::LimitReqStatus => return limited(exchange, out, |facts| facts.requests_limited),
            Self::LimitConnStatus => return limited(exchange, out, |facts| facts.connections_limited),
            Self::InvalidReferer => {
                let check = state::read(exchange, |facts| facts.referers.clone());
                let referer = exchange.head().and_then(|head| head.headers.value(&REFERER));
                if check.is_some_and(|check| !check(referer)) {
                    out.text(b"1");
                }
            }
            Self::Request => return request_line(exchange, out),
            Self::RequestId => {
                return state::write(exchange, |facts| out.text(facts.request_id())).is_some();
            }
            Self::RequestBody => return out.option(exchange.request_body().as_deref()),
            Self::RequestTime => out.seconds(exchange.elapsed()),
            Self::RequestPort => return out.option(request_port(exchange)),
            Self::IsRequestPort => {
                if request_port(exchange).is_some() {
                    out.text(b":");
                }
            }
            Self::RemoteUser => return remote_user(exchange, out),
            Self::Status => match status(exchange) {
                Some(status) => out.raw(status.as_str().as_bytes()),
                None => out.raw(b"000"),
            },
            Self::Msec => out.seconds(clock::now()),
            Self::TimeIso8601 => clock::with_stamp(|stamp| out.raw(stamp.iso8601.as_bytes())),
            Self::TimeLocal => clock::with_stamp(|stamp| out.raw(stamp.common.as_bytes())),
            Self::DateGmt => return date(Zone::Gmt, out),
            Self::DateLocal => return date(Zone::Local, out),
            Self::ProxyAddXForwardedFor => forwarded_for(exchange, out),
            Self::ProxyHost => {
                return out.option(exchange.proxy().as_ref().map(|proxy| proxy.host.as_bytes()));
            }
            Self::ProxyPort => return exchange.proxy().map(|proxy| out.port(Some(proxy.port))).is_some(),
            Self::DocumentRoot => return out.option(document::document_root(exchange).as_deref()),
            Self::RealpathRoot => return out.option(document::realpath_root(exchange).as_deref()),
            Self::RequestFilename => return out.option(document::request_filename(exchange).as_deref()),
            Self::FastcgiScriptName => {
                return out.option(script::script(exchange).as_ref().map(|(name, _)| &**name));
            }
            Self::SecureLink => return out.option(secure_link::secure_link(exchange).as_deref()),
            Self::SecureLinkExpires => return out.option(secure_link::expires(exchange).as_deref()),
            Self::Login(part) => return out.option(login::part(exchange, part).as_deref()),
            Self::JwtPayload => return out.option(token::payload(exchange).as_deref()),
            Self::UidGot => return out.option(user_ids::got(exchange).as_deref()),
            Self::ModernBrowser => out.text(&browser(exchange, Browsers::modern_value)),
            Self::AncientBrowser => out.text(&browser(exchange, Browsers::ancient_value)),
            Self::Msie => {
                if user_agent(exchange).is_some_and(is_msie) {
                    out.text(b"1");
                }
            }
            Self::UidSet => return out.option(user_ids::set(exchange).as_deref()),
            Self::SliceRange => return out.option(state::slice_range(exchange).as_deref()),
            Self::FastcgiPathInfo => {
                return out.option(script::script(exchange).as_ref().map(|(_, rest)| &**rest));
            }
        }
        true
    }

    /// The value, if it can be had without a copy: `Some(None)` says that there is none.
    pub(crate) fn shared(self, exchange: &Exchange) -> Option<Option<Bytes>> {
        match self {
            Self::Constant(constant) => Some(Some(constant.value())),
            Self::Args => Some(state::args(exchange)),
            Self::Uri => Some(state::uri(exchange)),
            Self::RequestId => Some(state::write(exchange, |facts| facts.request_id().clone())),
            Self::RequestBody => Some(exchange.request_body()),
            Self::Login(part) => Some(login::part(exchange, part)),
            Self::JwtPayload => Some(token::payload(exchange)),
            Self::SliceRange => Some(state::slice_range(exchange)),
            Self::RemoteUser => exchange.user().cloned().map(Some),
            Self::Text(Text::Host) => exchange.host().cloned().map(Some),
            Self::Text(Text::RequestUri) => {
                Some(exchange.head().map(|head| head.target.slice_ref(request_uri(&head.target))))
            }
            Self::Text(Text::Scheme) => Some(Some(Bytes::from_static(scheme(exchange)))),
            _ => None,
        }
    }

    /// The value as that of a field, where it is one already.
    pub(crate) fn field(self, exchange: &Exchange) -> Option<HeaderValue> {
        match self {
            Self::Text(Text::Scheme) => Some(if exchange.connection().tls.is_some() { HTTPS } else { HTTP }),
            Self::Wire(Wire::RemoteAddr) => Some(exchange.client_text().clone()),
            Self::Wire(Wire::RealipRemoteAddr) => Some(exchange.connection().peer_text().clone()),
            Self::ProxyAddXForwardedFor => {
                let came = exchange.head().is_some_and(|head| head.headers.value(&X_FORWARDED_FOR).is_some());
                (!came).then(|| exchange.client_text().clone())
            }
            _ => None,
        }
    }
}

fn user_agent(exchange: &Exchange) -> Option<&[u8]> {
    exchange.head()?.headers.value(&USER_AGENT)
}

/// What is said of the request's browser.
#[inline(never)] // few logs have it
fn browser(exchange: &Exchange, value: impl FnOnce(&Browsers, Option<&[u8]>) -> Bytes) -> Bytes {
    let browsers = state::few(exchange, |few| few.browsers.clone()).unwrap_or_default();
    value(&browsers, user_agent(exchange))
}

/// A date in the form that nginx has for pages.
fn date(zone: Zone, out: &mut Out<'_>) -> bool {
    out.option(clock::date(clock::DATE, zone).as_deref().map(str::as_bytes))
}

impl Constant {
    pub(crate) fn value(self) -> Bytes {
        match self {
            Self::Hostname => rustix::system::uname().nodename().to_bytes().to_ascii_lowercase().into(),
            Self::NginxVersion => Bytes::from_static(NGINX_VERSION.as_bytes()),
            Self::Pid => std::process::id().to_string().into(),
            // Whether a request was pipelined is known to the server's parser alone.
            Self::Pipe => Bytes::from_static(b"."),
            Self::PropylonVersion => Bytes::from_static(env!("CARGO_PKG_VERSION").as_bytes()),
        }
    }
}

impl Count {
    fn value(self, exchange: &Exchange) -> u64 {
        match self {
            Self::BodyBytesSent => exchange.body_bytes_sent(),
            Self::BytesSent => exchange.bytes_sent(),
            Self::Connection => exchange.connection().id,
            Self::ConnectionRequests => exchange.number(),
            Self::RequestLength => exchange.request_length(),
        }
    }
}

impl Text {
    fn value(self, exchange: &Exchange) -> Option<&[u8]> {
        let head = exchange.head();
        let field = |name| head.and_then(|head| head.headers.value(name));
        let server_name = || exchange.server_name().map_or(&b""[..], |name| name.as_bytes());
        match self {
            Self::ContentLength => field(&CONTENT_LENGTH),
            Self::Host => Some(exchange.host().map_or_else(server_name, |host| &host[..])),
            Self::Http2 => Some(http2(exchange)),
            Self::Http3 => Some(http3(exchange)),
            Self::Https => Some(if exchange.connection().tls.is_some() { b"on" } else { b"" }),
            Self::RequestCompletion => Some(if exchange.end() == Some(End::Complete) { b"OK" } else { b"" }),
            Self::RequestMethod if state::is_get(exchange) => Some(b"GET"),
            Self::RequestMethod => head.map(|head| head.method.as_str().as_bytes()),
            Self::RequestUri => head.map(|head| request_uri(&head.target)),
            Self::Scheme => Some(scheme(exchange)),
            Self::ServerName => Some(server_name()),
            Self::ServerProtocol => head.map(|head| head.protocol().as_bytes()),
        }
    }
}

impl Wire {
    fn write(self, exchange: &Exchange, out: &mut Out<'_>) {
        match self {
            Self::BinaryRemoteAddr => match exchange.client().as_ip() {
                Some(IpAddr::V4(ip)) => out.text(&ip.octets()),
                Some(IpAddr::V6(ip)) => out.text(&ip.octets()),
                None => out.text(b"unix:"),
            },
            Self::RealipRemoteAddr => out.raw(exchange.connection().peer_text().as_bytes()),
            Self::RealipRemotePort => out.port(exchange.connection().peer.port()),
            Self::RemoteAddr => out.raw(exchange.client_text().as_bytes()),
            Self::RemotePort => out.port(exchange.client().port()),
            Self::ServerAddr => out.address(exchange.connection().local),
            Self::ServerPort => out.port(exchange.connection().local.port()),
        }
    }
}

/// Several lines are joined, as those of any field.
fn content_type(exchange: &Exchange, out: &mut Out<'_>) -> bool {
    let Some(head) = exchange.head() else { return false };
    let mut any = false;
    for value in head.headers.values(&CONTENT_TYPE) {
        if any {
            out.text(b", ");
        }
        out.text(value);
        any = true;
    }
    any
}

fn limited(
    exchange: &Exchange,
    out: &mut Out<'_>,
    found: impl FnOnce(&state::Facts) -> Option<Limited>,
) -> bool {
    out.option(state::read(exchange, found).map(|limited| limited.as_str().as_bytes()))
}

/// The port that the client wrote (`$request_port`): in the target, else in `Host`.
#[must_use]
pub fn request_port(exchange: &Exchange) -> Option<&[u8]> {
    let head = exchange.head()?;
    let authority = authority(&head.target).or_else(|| head.headers.value(&HOST))?;
    let at = authority.iter().rposition(|byte| *byte == b':')?;
    let port = authority.get(at + 1..)?;
    (!port.is_empty() && port.iter().all(u8::is_ascii_digit)).then_some(port)
}

const HTTP: HeaderValue = HeaderValue::from_static("http");
const HTTPS: HeaderValue = HeaderValue::from_static("https");

fn http2(exchange: &Exchange) -> &'static [u8] {
    match exchange.head() {
        Some(head) if head.version == http::Version::HTTP_2 => {
            if exchange.connection().tls.is_some() {
                b"h2"
            } else {
                b"h2c"
            }
        }
        _ => b"",
    }
}

fn http3(exchange: &Exchange) -> &'static [u8] {
    let is_http3 = exchange.head().is_some_and(|head| head.version == http::Version::HTTP_3);
    if is_http3 { b"h3" } else { b"" }
}

fn scheme(exchange: &Exchange) -> &'static [u8] {
    if exchange.connection().tls.is_some() { b"https" } else { b"http" }
}

/// nginx logs a client that left before a response began as 499, and as 000 what has no status.
fn status(exchange: &Exchange) -> Option<StatusCode> {
    let left = || (exchange.end() == Some(End::ClientClosed)).then(|| StatusCode::from_u16(499).ok());
    exchange.status().or_else(|| left().flatten()).or_else(|| exchange.answering_with())
}

/// The user that authenticated, else the name that the client supplied, whether or not anyone checked it.
fn remote_user(exchange: &Exchange, out: &mut Out<'_>) -> bool {
    if let Some(user) = exchange.user() {
        out.text(user);
        return true;
    }
    let credentials = exchange.head().and_then(|head| head.headers.value(&AUTHORIZATION));
    out.option(credentials.and_then(credentials::user).as_deref())
}

fn request_line(exchange: &Exchange, out: &mut Out<'_>) -> bool {
    let Some(head) = exchange.head() else {
        let line = exchange.request_line();
        return out.option(Some(&*line).filter(|line| !line.is_empty()));
    };
    if let Some(line) = head.headers.first_line() {
        out.text(line);
        return true;
    }
    out.text(head.method.as_str().as_bytes());
    out.text(b" ");
    out.text(&head.target);
    out.text(b" ");
    out.text(head.protocol().as_bytes());
    true
}

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The lines of the request's `X-Forwarded-For`, and behind them the client's address.
fn forwarded_for(exchange: &Exchange, out: &mut Out<'_>) {
    if let Some(head) = exchange.head() {
        for line in head.headers.values(&X_FORWARDED_FOR) {
            out.text(line);
            out.text(b", ");
        }
    }
    out.raw(exchange.client_text().as_bytes());
}

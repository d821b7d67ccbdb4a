//! The table `upstream` of a level: how to speak to the upstream. Its servers stand in `[upstream.NAME]` (balance).

use std::net::{IpAddr, SocketAddr};

use http::Method;
use propylon_vars::Template;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;
use crate::shape;
use crate::source::Span;
use crate::upstream_tls::{TLS, UpstreamTls};

/// How requests are sent to the upstream.
#[derive(Clone, Debug, PartialEq)]
pub struct Transport {
    /// The version of the requests.
    pub http_version: UpstreamVersion,
    /// The method sent instead of the client's.
    pub method: Option<Template>,
    /// The body sent instead of the client's.
    pub body: Option<Template>,
    /// Whether the client's fields are passed.
    pub pass_headers: bool,
    /// Whether the client's body is passed.
    pub pass_body: bool,
    /// Whether `SO_KEEPALIVE` is set on connections to the upstream.
    pub socket_keepalive: bool,
    /// Where connections come from; `None`: as the kernel chooses.
    pub bind: Option<Bind>,
    /// The version of the PROXY protocol that connections begin with; `None`: they do not.
    pub proxy_protocol: Option<u8>,
    /// Whether a client's `Upgrade` is passed.
    pub websocket: bool,
    /// Whether requests go on to their end whose clients have left.
    pub ignore_client_abort: bool,
    /// Whether clients get ranges of responses whose upstream knows none.
    pub force_ranges: bool,
    /// Whether clients get interim responses.
    pub early_hints: EarlyHints,
    /// TLS towards the upstream, where `proxy_pass` says `https`.
    pub tls: UpstreamTls,
}

/// Whether clients get the interim responses of an upstream.
#[derive(Clone, Debug, PartialEq)]
pub enum EarlyHints {
    /// All of them.
    Passed,
    /// None.
    Dropped,
    /// Those that come when one of these is neither empty nor "0".
    If(Vec<Template>),
}

/// Where connections to an upstream come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Bind {
    /// An address, with a port or without; empty: as the kernel chooses.
    pub address: Template,
    /// Whether it may be one that this machine does not have.
    pub transparent: bool,
    /// Where it is written.
    pub span: Span,
}

/// The HTTP version of requests to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamVersion {
    /// HTTP/1.0: one request a connection, unless `Connection: keep-alive` is set.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2: requests share connections.
    Http2,
}

pub(crate) const SOCKET_KEEPALIVE: Key = Key {
    name: "socket_keepalive",
    kind: Kind::Bool,
    need: Need::Default("false"),
    nginx: "proxy_socket_keepalive",
    doc: "Whether to send TCP keepalive probes on connections to the upstream.",
};
pub(crate) const BIND: Key = Key {
    name: "bind",
    kind: Kind::Template,
    need: Need::Default("\"off\""),
    nginx: "proxy_bind",
    doc: "The local address of connections to the upstream, with or without a port. With ` transparent` after it, also an \
          address that this machine does not have, such as the client's (requires CAP_NET_ADMIN). Empty or \"off\": the \
          kernel chooses.",
};
pub(crate) const PROXY_PROTOCOL: Key = Key {
    name: "proxy_protocol",
    kind: Kind::Either(&[Kind::Bool, Kind::Integer { min: 1, max: 2 }]),
    need: Need::Default("false"),
    nginx: "",
    doc: "Whether connections begin with a PROXY protocol header, of version 1 (true or 1) or 2. A connection then serves \
          only one client.",
};

pub(crate) const TABLE: Table = Table {
    name: "upstream",
    doc: "How requests are sent to the upstream.",
    keys: &[
        Key {
            name: "http_version",
            kind: Kind::Choice { built: &["1.1", "1.0", "2"], unbuilt: &[] },
            need: Need::Default("\"1.1\""),
            nginx: "proxy_http_version",
            doc: "The HTTP version of requests to the upstream. \"2\": the servers are expected to speak HTTP/2, over TLS \
                  negotiated by ALPN; requests share connections, and trailers are passed both ways.",
        },
        Key {
            name: "method",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "proxy_method",
            doc: "The method to send instead of the client's.",
        },
        Key {
            name: "body",
            kind: Kind::Template,
            need: Need::Optional,
            nginx: "proxy_set_body",
            doc: "The body to send instead of the client's.",
        },
        Key {
            name: "pass_headers",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_pass_request_headers",
            doc: "Whether to pass the client's header fields.",
        },
        Key {
            name: "pass_body",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "proxy_pass_request_body",
            doc: "Whether to pass the client's body.",
        },
        SOCKET_KEEPALIVE,
        BIND,
        PROXY_PROTOCOL,
        Key {
            name: "ignore_client_abort",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_ignore_client_abort, fastcgi_ignore_client_abort",
            doc: "Whether to continue a request until the upstream has answered if its client disconnects before; at most \
                  1000 such requests per worker and location. The access log line is written when the client disconnects.",
        },
        Key {
            name: "force_ranges",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "proxy_force_ranges, fastcgi_force_ranges",
            doc: "Whether to serve ranges of responses with status 200 and a known length, even if the upstream does not \
                  support ranges: the whole response is read and cut. A request for several ranges gets the whole response.",
        },
        Key {
            name: "early_hints",
            kind: Kind::Either(&[Kind::Bool, Kind::List(&Kind::Template)]),
            need: Need::Default("true"),
            nginx: "early_hints",
            doc: "Whether to pass interim responses of the upstream, such as 103 (Early Hints), to clients of HTTP/1.1 and \
                  later. A list of templates: only if one of them is neither empty nor \"0\". At most eight per request, \
                  without connection-specific fields, `Date`, `Server`, `X-Accel-…` and those that `headers.hide` lists.",
        },
        Key {
            name: "websocket",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "",
            doc: "Whether to pass the client's `Upgrade`, so that WebSocket works, and any other protocol except h2c. \
                  `headers.set` then cannot change `Upgrade`, and `Connection` only in other requests. If false, an upgrade \
                  is possible only if `headers.set` has an `Upgrade`.",
        },
        Key {
            name: "tls",
            kind: Kind::Table(&TLS),
            need: Need::Default("{}"),
            nginx: "",
            doc: "TLS to the upstream, where `proxy_pass` has `https`.",
        },
    ],
    unbuilt: &[],
};

impl Transport {
    pub(crate) fn read(scope: &mut Scope<'_>) -> Self {
        Self {
            http_version: match scope.text("http_version").as_deref().map(AsRef::as_ref) {
                Some("1.0") => UpstreamVersion::Http10,
                Some("2") => UpstreamVersion::Http2,
                _ => UpstreamVersion::Http11,
            },
            method: method(scope),
            body: scope.template("body"),
            pass_headers: scope.bool("pass_headers"),
            pass_body: scope.bool("pass_body"),
            socket_keepalive: scope.bool("socket_keepalive"),
            bind: scope.read("bind", bind).flatten(),
            proxy_protocol: scope.read("proxy_protocol", |_, value| match value.get_ref().as_bool() {
                Some(on) => on.then_some(1),
                None => shape::integer(value.get_ref()).and_then(|version| version.try_into().ok()),
            }),
            websocket: websocket(scope),
            ignore_client_abort: scope.bool("ignore_client_abort"),
            force_ranges: scope.bool("force_ranges"),
            early_hints: scope.read("early_hints", early_hints).unwrap_or(EarlyHints::Passed),
            tls: scope
                .read("tls", |cx, value| Some(UpstreamTls::read(cx, Some(value))))
                .unwrap_or_else(|| UpstreamTls::read(scope.cx, None)),
        }
    }
}

fn bind(cx: &mut Context, value: &Value<'_>) -> Option<Option<Bind>> {
    let text = value.get_ref().as_str()?;
    let (address, transparent) = match text.strip_suffix(" transparent") {
        Some(address) => (address, true),
        None => (text, false),
    };
    if matches!(address, "off" | "") {
        return Some(None);
    }
    let plain = !address.contains('$');
    if plain && address.parse::<IpAddr>().is_err() && address.parse::<SocketAddr>().is_err() {
        let diagnostic =
            Diagnostic::at(value.span(), format!("invalid address `{}`", address.escape_debug()));
        cx.push(diagnostic.label("expected an IP address with an optional port, variables, or \"off\""));
        return None;
    }
    let address = cx.template(address, &value.span())?;
    Some(Some(Bind { address, transparent, span: cx.span(value.span()) }))
}

fn early_hints(cx: &mut Context, value: &Value<'_>) -> Option<EarlyHints> {
    if let Some(on) = value.get_ref().as_bool() {
        return Some(if on { EarlyHints::Passed } else { EarlyHints::Dropped });
    }
    let items = value.get_ref().as_array()?.iter();
    let conditions: Vec<_> = items.filter_map(|item| cx.template_of(item)).collect();
    Some(if conditions.is_empty() { EarlyHints::Dropped } else { EarlyHints::If(conditions) })
}

/// Only HTTP/1.1 has an `Upgrade`.
fn websocket(scope: &mut Scope<'_>) -> bool {
    let on = scope.bool("websocket");
    let label = match scope.text("http_version") {
        Some(version) if &**version == "1.0" => "expected \"1.1\": HTTP/1.0 cannot switch protocols",
        Some(version) if &**version == "2" => {
            "expected \"1.1\": WebSocket over HTTP/2 (RFC 8441) is not built into this version of propylon"
        }
        _ => return on,
    };
    if on && let Some(version) = scope.text("http_version") {
        scope.cx.push(Diagnostic::error(version.span, "`websocket` requires HTTP/1.1").label(label));
    }
    on
}

fn method(scope: &mut Scope<'_>) -> Option<Template> {
    scope.read("method", |cx, value| {
        let text = value.get_ref().as_str()?;
        let method = Method::from_bytes(text.as_bytes()).ok().filter(|method| *method != Method::CONNECT);
        if method.is_none() && !text.contains('$') {
            let message = format!("invalid method `{}`", text.escape_debug());
            cx.push(Diagnostic::at(value.span(), message).label("expected a method such as \"GET\""));
        }
        cx.template(text, &value.span())
    })
}

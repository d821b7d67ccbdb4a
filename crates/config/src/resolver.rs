//! The table `resolver`: who is asked for the addresses of names.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use toml::de::DeTable;

use crate::key::{Key, Kind, Need, Table};
use crate::reader::{Context, Scope, Value};
use crate::report::Diagnostic;

/// Who is asked for the addresses of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolver {
    /// Nobody, while requests are served: a `proxy_pass` with variables needs an address or an upstream's name.
    Off,
    /// These servers, or the operating system.
    On {
        /// The DNS servers; none: the operating system.
        servers: Vec<SocketAddr>,
        /// How long an answer is used, if not for its time to live.
        valid: Option<Duration>,
        /// How long to wait for an answer.
        timeout: Duration,
        /// Whether IPv4 addresses are wanted.
        ipv4: bool,
        /// Whether IPv6 addresses are wanted.
        ipv6: bool,
    },
}

const DNS_PORT: u16 = 53;

const TABLE: Table = Table {
    name: "resolver",
    doc: "How host names are resolved.",
    keys: &[
        Key {
            name: "servers",
            kind: Kind::List(&Kind::Text { hint: "an IP address, with a port if it is not 53" }),
            need: Need::Default("[]"),
            nginx: "resolver",
            doc: "The DNS servers: \"10.0.0.1\", \"10.0.0.1:5353\", \"[::1]\". Empty list: the operating system's resolver \
                  is used.",
        },
        Key {
            name: "valid",
            kind: Kind::Duration { zero: false },
            need: Need::Optional,
            nginx: "resolver ... valid=",
            doc: "How long an answer is cached. Default: its TTL, or 30 s for answers of the operating system.",
        },
        Key {
            name: "timeout",
            kind: Kind::Duration { zero: false },
            need: Need::Default("\"30s\""),
            nginx: "resolver_timeout",
            doc: "How long to wait for an answer.",
        },
        Key {
            name: "ipv4",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "resolver ... ipv4=",
            doc: "Whether to look up IPv4 addresses.",
        },
        Key {
            name: "ipv6",
            kind: Kind::Bool,
            need: Need::Default("true"),
            nginx: "resolver ... ipv6=",
            doc: "Whether to look up IPv6 addresses.",
        },
    ],
    unbuilt: &["status_zone"],
};

pub(crate) const KIND: Kind = Kind::Either(&[Kind::Table(&TABLE), Kind::Bool]);

/// Reads the table of the file, or `false`.
pub(crate) fn of_file(cx: &mut Context, table: &DeTable<'_>) -> Resolver {
    match table.get("resolver") {
        Some(value) => read(cx, value).unwrap_or(Resolver::Off),
        None => on(cx, None),
    }
}

/// Reads a table, or `false`.
pub(crate) fn read(cx: &mut Context, value: &Value<'_>) -> Option<Resolver> {
    if value.get_ref().as_bool() == Some(false) {
        return Some(Resolver::Off);
    }
    Some(on(cx, Some(value)))
}

fn on(cx: &mut Context, value: Option<&Value<'_>>) -> Resolver {
    let found = value.and_then(|value| value.get_ref().as_table());
    let mut scope = Scope::alone(cx, &TABLE, found);
    let servers = scope.list("servers", |cx, text, span| {
        let server = server(text);
        if server.is_none() {
            let message = format!("invalid DNS server address `{text}`");
            cx.push(
                Diagnostic::at(span, message)
                    .label("expected an IP address such as \"10.0.0.1\" or \"[::1]:53\""),
            );
        }
        server
    });
    let (ipv4, ipv6) = (scope.bool("ipv4"), scope.bool("ipv6"));
    let resolver = Resolver::On {
        servers: servers.unwrap_or_default(),
        valid: scope.duration_if_set("valid"),
        timeout: scope.duration("timeout"),
        ipv4,
        ipv6,
    };
    if let (false, false, Some(value)) = (ipv4, ipv6, value) {
        let diagnostic = Diagnostic::at(value.span(), "`ipv4` and `ipv6` are both false");
        cx.push(diagnostic.label("expected `ipv4` or `ipv6` to be true"));
    }
    resolver
}

fn server(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, DNS_PORT));
    ip.or_else(|| text.parse().ok())
}

//! The tables `server` and `defaults`.

use std::collections::HashMap;
use std::sync::Arc;

use toml::de::DeTable;

use crate::acme;
use crate::api;
use crate::auth_jwt;
use crate::config;
use crate::effective::{Effective, Level};
use crate::error_log::ErrorLog;
use crate::expires;
use crate::files;
use crate::http2::{self, Http2};
use crate::http3::{self, Http3};
use crate::inner_uri;
use crate::key::{Key, Kind, Need, Table};
use crate::listen::{self, Listen, ListenAddress};
use crate::listener::Listener;
use crate::location::{self, Location};
use crate::oidc_provider;
use crate::reader::{Context, Levels, Scope, Value, below};
use crate::referers;
use crate::report::Diagnostic;
use crate::respond::{self, Return};
use crate::rewrite::{self, Step};
use crate::server_name::{self, ServerName};
use crate::settings::{self, Settings};
use crate::slice;
use crate::source::{Span, Spanned};
use crate::tls::{self, Tls};
use crate::try_files::{self, TryFiles};

/// A virtual host.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Where it listens, at least one address.
    pub listens: Vec<Spanned<Listen>>,
    /// The hosts that it answers for, at least one.
    pub names: Vec<Spanned<ServerName>>,
    /// Whether slashes in a row count as one.
    pub merge_slashes: bool,
    /// Requests on one client connection before it is closed.
    pub keepalive_requests: u64,
    /// What its requests are counted as.
    pub status_zone: Option<Box<str>>,
    /// The steps before a location is searched.
    pub rewrite: Vec<Spanned<Step>>,
    /// An answer to every request, whatever its path.
    pub respond: Option<Spanned<Return>>,
    /// Which file answers where no location matches.
    pub try_files: Option<TryFiles>,
    /// TLS towards clients.
    pub tls: Tls,
    /// It has no certificates, does not ask for one, and rejects nobody: it has those of its address's default server.
    pub(crate) lacks_certificate: bool,
    /// HTTP/2 with clients.
    pub http2: Http2,
    /// HTTP/3 with clients.
    pub http3: Http3,
    /// What applies where no location matches.
    pub settings: Arc<Settings>,
    /// The locations, in the order of the file.
    pub locations: Vec<Location>,
    /// Where it is written.
    pub span: Span,
}

impl Server {
    /// The error logs that it and its locations have of their own, those that are inherited once more.
    pub fn error_logs(&self) -> impl Iterator<Item = &ErrorLog> {
        let inner = config::locations(&self.locations).map(|location| &location.settings);
        std::iter::once(&self.settings).chain(inner).flat_map(|settings| &settings.error_logs)
    }

    /// Whether requests may have spans anywhere in it, or upstreams are told of their traces.
    #[must_use]
    pub fn traces(&self) -> bool {
        fn any(locations: &[Location]) -> bool {
            locations.iter().any(|location| location.settings.trace.is_active() || any(&location.locations))
        }
        self.settings.trace.is_active() || any(&self.locations)
    }
}

macro_rules! both_levels {
    ($($own:expr,)*) => {
        &[
            $($own,)*
            Key {
                name: "merge_slashes",
                kind: Kind::Bool,
                need: Need::Default("true"),
                nginx: "merge_slashes",
                doc: "Whether to merge consecutive slashes in paths.",
            },
            settings::SERVER_TOKENS,
            expires::EXPIRES,
            slice::SLICE,
            oidc_provider::KEY,
            files::ROOT,
            files::INDEX,
            referers::KEY,
            settings::RESOLVER,
            Key {
                name: "keepalive_requests",
                kind: Kind::Integer { min: 1, max: u64::MAX },
                need: Need::Default("1000"),
                nginx: "keepalive_requests",
                doc: "The maximum number of requests on one client connection before it is closed.",
            },
            settings::ABSOLUTE_REDIRECT,
            settings::PORT_IN_REDIRECT,
            settings::SERVER_NAME_IN_REDIRECT,
            settings::LOG_SUBREQUEST,
            settings::LAYERS,
            Key {
                name: "tls",
                kind: Kind::Table(&tls::TABLE),
                need: Need::Optional,
                nginx: "",
                doc: "TLS for client connections.",
            },
            Key {
                name: "http2",
                kind: Kind::Table(&http2::TABLE),
                need: Need::Optional,
                nginx: "",
                doc: "HTTP/2 for client connections.",
            },
            Key {
                name: "http3",
                kind: Kind::Table(&http3::TABLE),
                need: Need::Optional,
                nginx: "",
                doc: "HTTP/3 for client connections.",
            },
            files::FILES,
            settings::ACCESS,
            settings::AUTH_JWT,
            settings::AUTH_REQUEST,
            settings::MIRROR,
            settings::ADDITION,
        settings::TRACE,
        settings::ERROR_PAGE,
            settings::HEADERS,
            settings::TIMEOUT,
            settings::LIMIT,
            settings::BUFFER,
            settings::CACHE,
            settings::STORE,
            settings::DAV,
            settings::SECURE_LINK,
            settings::SUBSTITUTE,
            settings::SSI,
            settings::CHARSET,
            settings::COMPRESSION,
            settings::COOKIE,
            settings::USERID,
            settings::BROWSER,
            settings::REDIRECT,
            settings::RETRY,
            settings::FASTCGI,
            settings::UWSGI,
            settings::SCGI,
            settings::MEMCACHED,
            settings::UPSTREAM,
            settings::ACCESS_LOG,
            settings::ERROR_LOG,
        ]
    };
}

pub(crate) const DEFAULTS: Table = Table {
    name: "defaults",
    doc: "The settings that all servers inherit.",
    keys: both_levels![],
    unbuilt: &[],
};

pub(crate) static TABLE: Table = Table {
    name: "server",
    doc: "A virtual server.",
    keys: both_levels![
        Key {
            name: "listen",
            kind: Kind::List(&Kind::Text {
                hint: "an address such as \"80\", \"127.0.0.1:8080\", \"[::]:80\" or \"unix:/path\""
            }),
            need: Need::Default("[\"80\"]"),
            nginx: "listen",
            doc: "Addresses: \"80\", \"address:80\", \"[::]:80\", \"unix:/path\", each with options: default_server, tls, \
                  http2 (in addition to HTTP/1.1; by ALPN over TLS, otherwise by prior knowledge), http3 (UDP; needs a \
                  `listen` of its own besides that for TCP), proxy_protocol (connections begin with a PROXY protocol \
                  header, version 1 or 2), reuseport, backlog=N, ipv6only=on|off.",
        },
        Key {
            name: "name",
            kind: Kind::List(&Kind::Text { hint: "a server name" }),
            need: Need::Default("[\"\"]"),
            nginx: "server_name",
            doc: "Host names: \"example.com\", \"*.example.com\", \".example.com\", \"www.example.*\", \"~regex\"; \"\" \
                  matches requests without a host.",
        },
        Key {
            name: "return",
            kind: respond::KIND,
            need: Need::Optional,
            nginx: "return",
            doc: "The response to every request, as in a location.",
        },
        api::SERVER_ZONE,
        try_files::KEY,
        rewrite::SET,
        rewrite::REWRITE,
        Key {
            name: "location",
            kind: Kind::List(&Kind::Table(&location::TABLE)),
            need: Need::Default("[]"),
            nginx: "location",
            doc: "How requests for some paths are handled.",
        },
    ],
    unbuilt: &[],
};

/// Reads a server; `outer` is `[defaults]`.
pub(crate) fn read<'t>(cx: &mut Context, outer: &Levels<'t>, value: &'t Value<'t>) -> Option<Server> {
    let table: &DeTable<'_> = value.get_ref().as_table()?;
    let mut levels = outer.clone();
    levels.push((Level::Server, table));
    let mut effective = Effective::server(&TABLE);
    let mut scope = Scope::inherited(cx, &TABLE, levels.clone(), &mut effective);
    let listens = scope.list("listen", listen::read).unwrap_or_default();
    let names = scope.list("name", server_name::read).unwrap_or_default();
    check_empty(scope.cx, table);
    let merge_slashes = scope.bool("merge_slashes");
    let keepalive_requests = scope.integer("keepalive_requests").unwrap_or_default();
    let rewrite = rewrite::read(&mut scope);
    let respond = scope.read("return", respond::read);
    let try_files = scope.read("try_files", try_files::read);
    let status_zone = api::name(&mut scope);
    let mut scope = Scope::inherited(cx, &tls::TABLE, below(&levels, "tls"), &mut effective);
    let mut tls = Tls::read(&mut scope);
    let asked = scope.read(acme::SERVER.name, acme::asked);
    let lacks_certificate = asked.is_none() && tls.certificates.is_empty() && !tls.reject_handshake;
    if let Some(asked) = asked {
        acme::of_server(cx, asked, &mut tls, (&listens, &names));
    }
    let http2 = Http2::read(cx, &levels, &mut effective);
    check_quic(cx, &listens, &tls);
    let http3 = Http3::read(cx, &levels, &mut effective);
    let settings = Arc::new(Settings::read(cx, &levels, effective));
    let locations = location::read_all(cx, &levels, None, table);
    check_used(cx, &rewrite, &locations);
    if let (Some(answer), Some(first)) = (&respond, locations.first()) {
        cx.push(
            Diagnostic::warning(answer.span, "no location of this server can be reached")
                .label("`return` answers every request")
                .related(first.span, "the first location"),
        );
    }
    let server = Server {
        listens,
        names,
        merge_slashes,
        keepalive_requests,
        status_zone,
        rewrite,
        respond,
        try_files,
        tls,
        lacks_certificate,
        http2,
        http3,
        settings,
        locations,
        span: cx.span(value.span()),
    };
    inner_uri::check(cx, &server);
    auth_jwt::check(cx, &server);
    api::check_open(cx, &server);
    Some(server)
}

/// Steps can use the named locations of their server; those of a server none at all.
fn check_used(cx: &mut Context, steps: &[Spanned<Step>], locations: &[Location]) {
    for name in rewrite::used(steps) {
        cx.push(
            Diagnostic::error(name.span, "`use` can be used only in a location").label("expected `then`"),
        );
    }
    let names: Vec<String> = locations.iter().map(|location| location.matcher.value.to_string()).collect();
    let mut left: Vec<&Location> = locations.iter().collect();
    while let Some(location) = left.pop() {
        for name in
            rewrite::used(&location.rewrite).filter(|name| !names.iter().any(|known| *known == *name.value))
        {
            let message = format!("unknown location `{}`", name.value);
            cx.push(
                Diagnostic::error(name.span, message)
                    .label("expected the `match` of a location in this server"),
            );
        }
        left.extend(&location.locations);
    }
}

/// A server without certificates is served with those of its address's default server, as in nginx: that one needs some, and if it
/// refuses whoever it does not know, all the others do.
pub(crate) fn certificates(cx: &mut Context, listeners: &[Listener], servers: &[Arc<Server>]) {
    for listener in listeners.iter().filter(|listener| listener.tls) {
        let Some(default) = servers.get(listener.default_server) else { continue };
        let refuses = default.tls.reject_handshake && default.tls.certificates.is_empty();
        let lacking = listener
            .servers
            .iter()
            .filter_map(|index| servers.get(*index))
            .filter(|server| server.lacks_certificate && (refuses || Arc::ptr_eq(server, default)));
        for server in lacking {
            let listen = server.listens.iter().find(|listen| listen.address == listener.address);
            let mut diagnostic = Diagnostic::error(
                listen.map_or(server.span, |listen| listen.span),
                "this server has no certificate for TLS",
            )
            .label("expected `tls.certificates` or `tls.acme` in this server or in `[defaults]`");
            if refuses {
                diagnostic = diagnostic.related(
                    default.span,
                    "the default server has no certificate either: it rejects handshakes",
                );
            }
            cx.push(diagnostic);
        }
    }
}

/// QUIC has no older TLS (RFC 9001 4.2).
fn check_quic(cx: &mut Context, listens: &[Spanned<Listen>], tls: &Tls) {
    if tls.protocols.is_empty() || tls.protocols.iter().any(|name| **name == *"TLSv1.3") {
        return;
    }
    for listen in listens.iter().filter(|listen| listen.http3) {
        cx.push(
            Diagnostic::error(
                listen.span,
                "`http3` requires TLS 1.3, which `tls.protocols` does not include",
            )
            .label("expected `TLSv1.3` in `tls.protocols`"),
        );
    }
}

fn check_empty(cx: &mut Context, table: &DeTable<'_>) {
    for (key, what) in [
        ("listen", "an address such as \"80\""),
        ("name", "a server name, or \"\" for requests without a host"),
    ] {
        let Some(value) = table.get(key) else { continue };
        if value.get_ref().as_array().is_some_and(|items| items.is_empty()) {
            let diagnostic = Diagnostic::at(value.span(), format!("`{key}` is empty"));
            cx.push(diagnostic.label(format!("expected {what}")));
        }
    }
}

/// Warns of names that two servers of one address claim; the first has it.
pub(crate) fn conflicts(cx: &mut Context, servers: &[Arc<Server>]) {
    let mut claims: HashMap<(&ListenAddress, &str), (usize, Span)> = HashMap::new();
    for (index, server) in servers.iter().enumerate() {
        for listen in &server.listens {
            for name in &server.names {
                // A default stands nowhere.
                let span = if name.span.line() > 0 { name.span } else { server.span };
                let first = *claims.entry((&listen.address, name.as_str())).or_insert((index, span));
                if first.0 == index || matches!(name.value, ServerName::Regex(_)) {
                    continue;
                }
                let message = format!(
                    "the server name \"{}\" on {} is already used by another server",
                    name.as_str(),
                    listen.address
                );
                let diagnostic = Diagnostic::warning(span, message).label("ignored here");
                cx.push(diagnostic.related(first.1, "first used here"));
            }
        }
    }
}

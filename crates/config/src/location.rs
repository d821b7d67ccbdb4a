//! The table `server.location`: what happens to requests for some paths.

use std::sync::Arc;

use toml::de::DeTable;

use crate::api::{self, Api};
use crate::cache::{self, Purge};
use crate::effective::{Effective, Level};
use crate::expires;
use crate::files::{self, Rest, Root};
use crate::grpc;
use crate::key::{Key, Kind, Need, Table};
use crate::location_match::{self, LocationMatch};
use crate::memcached;
use crate::oidc_provider;
use crate::proxy_pass::{self, ProxyPass};
use crate::reader::{Context, Levels, Scope, Value};
use crate::referers;
use crate::report::Diagnostic;
use crate::respond::{self, Return};
use crate::rewrite::{self, Step};
use crate::server_only;
use crate::settings::{self, Settings};
use crate::slice;
use crate::source::{Span, Spanned};
use crate::try_files::{self, TryFiles};

/// What happens to requests for some paths.
#[derive(Clone, Debug, PartialEq)]
pub struct Location {
    /// The paths.
    pub matcher: Spanned<LocationMatch>,
    /// Whether only the gateway itself can send a request here.
    pub internal: bool,
    /// Which file answers.
    pub try_files: Option<TryFiles>,
    /// The steps before its action.
    pub rewrite: Vec<Spanned<Step>>,
    /// What is done.
    pub action: Action,
    /// What its requests are counted as.
    pub status_zone: Option<Box<str>>,
    /// What applies here.
    pub settings: Arc<Settings>,
    /// The locations inside it: searched within the paths that this one matches.
    pub locations: Vec<Self>,
    /// Where it is written.
    pub span: Span,
}

/// What a location does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Requests are passed on, over HTTP, FastCGI, uwsgi, SCGI, gRPC or memcached's protocol: the scheme tells.
    ProxyPass(Spanned<ProxyPass>),
    /// An answer is given.
    Return(Spanned<Return>),
    /// What is kept is removed.
    Purge(Box<Purge>),
    /// How many connections there are is told.
    StubStatus,
    /// An image of one transparent point.
    EmptyGif,
    /// nginx Plus' REST API.
    Api(Api),
    /// Files are sent.
    Files,
    /// Nothing is written: 404.
    NotFound,
}

pub(crate) static TABLE: Table = Table {
    name: "server.location",
    doc: "How requests for some paths are handled. A location has one action: `proxy_pass`, `fastcgi_pass`, `uwsgi_pass`, \
          `scgi_pass`, `grpc_pass`, `memcached_pass`, `return`, `purge`, `stub_status`, `empty_gif` or `api`. A location \
          without an action serves files if it has, or inherits, an `alias` or a `root`; otherwise it answers 404.",
    keys: &[
        Key {
            name: "match",
            kind: Kind::Text {
                hint: "the paths: \"/prefix\", \"= /exact\", \"^~ /prefix\", \"~ regex\", \"~* regex\" or \"@name\"",
            },
            need: Need::Required,
            nginx: "location",
            doc: "\"/prefix\", \"= /exact\", \"^~ /prefix\", \"~ regex\", \"~* regex\" or \"@name\".",
        },
        Key {
            name: "proxy_pass",
            kind: Kind::Url { hint: proxy_pass::URL },
            need: Need::Optional,
            nginx: "proxy_pass",
            doc: "The URL that requests are proxied to: `http://` or `https://` and an upstream's name, `host:port` or \
                  `unix:/path.sock:`. A URI in the URL replaces the part of the path that the location matched.",
        },
        Key {
            name: "fastcgi_pass",
            kind: Kind::Url { hint: proxy_pass::FASTCGI },
            need: Need::Optional,
            nginx: "fastcgi_pass",
            doc: "The FastCGI server that requests are passed to: an upstream's name, `host:port` or `unix:/path.sock`. The \
                  table `fastcgi` has the parameters.",
        },
        Key {
            name: "uwsgi_pass",
            kind: Kind::Url { hint: proxy_pass::UWSGI },
            need: Need::Optional,
            nginx: "uwsgi_pass",
            doc: "The uwsgi server that requests are passed to: an upstream's name, `host:port` or `unix:/path.sock`. The \
                  prefix `suwsgi://` selects TLS, configured by `upstream.tls`; because uWSGI sends no `close_notify`, a \
                  response without a length then ends when the connection does. The table `uwsgi` has the parameters.",
        },
        Key {
            name: "scgi_pass",
            kind: Kind::Url { hint: proxy_pass::SCGI },
            need: Need::Optional,
            nginx: "scgi_pass",
            doc: "The SCGI server that requests are passed to: an upstream's name, `host:port` or `unix:/path.sock`. The \
                  table `scgi` has the parameters.",
        },
        Key {
            name: "grpc_pass",
            kind: Kind::Url { hint: proxy_pass::GRPC },
            need: Need::Optional,
            nginx: "grpc_pass",
            doc: "The gRPC server that requests are passed to: `grpc://` or `grpcs://` and an upstream's name, `host:port` \
                  or `unix:/path.sock`. Implies `upstream.http_version = \"2\"`, `buffer.request = false`, `buffer.response \
                  = false`, `redirect.rules = []` and `cache.zone = \"off\"`, whatever is inherited; the client's method \
                  and body are sent unchanged. If a request's Content-Type is application/grpc, the gateway's own errors \
                  are sent as 200 with `grpc-status` and `grpc-message`, unless `error_page` provides another answer.",
        },
        Key {
            name: "memcached_pass",
            kind: Kind::Url { hint: proxy_pass::MEMCACHED },
            need: Need::Optional,
            nginx: "memcached_pass",
            doc: "The memcached server to query: an upstream's name, `host:port` or `unix:/path.sock`. The table \
                  `memcached` has the key. A key that is not found gives 404; use `error_page` to hand such requests to \
                  another location. Only GET and HEAD are allowed; other methods get 405. Implies `cache.zone = \"off\"` \
                  and `upstream.force_ranges = true`.",
        },
        Key {
            name: "return",
            kind: respond::KIND,
            need: Need::Optional,
            nginx: "return",
            doc: "The response to send: [code], [code, \"text\"], [code, \"URL\"] for 301, 302, 303, 307 and 308, or \
                  [\"URL\"] for 302. 444 closes the connection without a response.",
        },
        cache::ACTION_KEY,
        Key {
            name: "stub_status",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "stub_status",
            doc: "Whether to answer with counts of connections and requests, in the format of nginx's `stub_status`. \
                  `[admin]` has more metrics.",
        },
        Key {
            name: "empty_gif",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "empty_gif",
            doc: "Whether to answer with a 1x1 transparent GIF.",
        },
        api::ACTION,
        Key {
            name: "internal",
            kind: Kind::Bool,
            need: Need::Default("false"),
            nginx: "internal",
            doc: "Whether only internal requests can reach this location; clients get 404.",
        },
        api::LOCATION_ZONE,
        files::ALIAS,
        try_files::KEY,
        expires::EXPIRES,
        slice::SLICE,
        oidc_provider::KEY,
        files::ROOT,
        files::INDEX,
        Key {
            name: "location",
            kind: Kind::List(&Kind::Table(&TABLE)),
            need: Need::Default("[]"),
            nginx: "location",
            doc: "Nested locations. They inherit from this location and are searched only for paths that it matches.",
        },
        rewrite::SET,
        rewrite::REWRITE,
        settings::SERVER_TOKENS,
        settings::ABSOLUTE_REDIRECT,
        settings::PORT_IN_REDIRECT,
        settings::SERVER_NAME_IN_REDIRECT,
        settings::LOG_SUBREQUEST,
        settings::LAYERS,
        files::FILES,
        settings::ACCESS,
        settings::AUTH_JWT,
        settings::AUTH_REQUEST,
        settings::MIRROR,
        settings::ADDITION,
        settings::TRACE,
        referers::KEY,
        settings::RESOLVER,
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
    ],
    unbuilt: &[],
};

const ACTIONS: [&str; 11] = [
    "proxy_pass",
    "fastcgi_pass",
    "uwsgi_pass",
    "scgi_pass",
    "grpc_pass",
    "memcached_pass",
    "return",
    "purge",
    "stub_status",
    "empty_gif",
    "api",
];

/// Reads a location; `outer` are the levels around it.
/// `alias`: that of the location around it, or of one further out.
fn read<'t>(
    cx: &mut Context,
    outer: &Levels<'t>,
    alias: Option<&Root>,
    value: &'t Value<'t>,
) -> Option<Location> {
    let table = value.get_ref().as_table()?;
    let mut effective = Effective::level(&TABLE);
    let own = vec![(Level::Location, table)];
    let mut scope = Scope::inherited(cx, &TABLE, own, &mut effective);
    let matcher =
        scope.read("match", |cx, value| location_match::read(cx, value.get_ref().as_str()?, value.span()));
    let internal = scope.bool("internal");
    let rewrite = rewrite::read(&mut scope);
    let pass = scope.read("proxy_pass", |cx, value| proxy_pass::read(cx, value, matcher.as_deref()));
    let pass = pass.or(scope.read("fastcgi_pass", proxy_pass::read_fastcgi));
    let pass = pass.or(scope.read("uwsgi_pass", proxy_pass::read_uwsgi));
    let pass = pass.or(scope.read("scgi_pass", proxy_pass::read_scgi));
    let pass = pass.or(scope.read("grpc_pass", proxy_pass::read_grpc));
    let pass = pass.or(scope.read("memcached_pass", proxy_pass::read_memcached));
    let answer = scope.read("return", respond::read);
    let purge = scope.read("purge", cache::read_action);
    let (stub_status, empty_gif) = (scope.bool("stub_status"), scope.bool("empty_gif"));
    let api = scope.read("api", api::read);
    let own = files::alias(&mut scope, matcher.as_deref());
    let try_files = scope.read("try_files", try_files::read);
    if let Some(matcher) = &matcher {
        check_alias(cx, table, matcher);
        api::check_place(cx, api.as_ref(), matcher);
    }
    server_only::check(cx, table);
    let mut levels = outer.clone();
    levels.push((Level::Location, table));
    let status_zone = api::zone(cx, &TABLE, &levels, &mut effective);
    let mut settings = Settings::read(cx, &levels, effective);
    // As in nginx, it is one setting with `root`: the innermost of both counts.
    if let Some(alias) = own.or_else(|| alias.filter(|_| !table.contains_key("root")).cloned()) {
        settings.files.root = Some(alias);
        settings.effective.forget("root");
    }
    if let Some(pass) = pass.as_ref().filter(|pass| pass.value.is_grpc()) {
        grpc::imply(cx, &mut settings, table, pass.span);
    }
    if let Some(pass) = pass.as_ref().filter(|pass| pass.value.is_memcached()) {
        memcached::imply(cx, &mut settings, table, pass.span);
    }
    check_actions(cx, table, value, settings.files.root.is_some());
    if let Some(pass) = pass.as_ref().filter(|pass| pass.value.is_grpc()) {
        warn_of_copies(cx, pass, &settings);
    }
    let settings = Arc::new(settings);
    let alias = settings.files.root.as_ref().filter(|root| root.rest != Rest::All);
    let locations = read_all(cx, &levels, alias, table);
    if let (Some(matcher), true) = (&matcher, table.contains_key("location")) {
        check_inner(cx, matcher, &locations);
    }
    if let Some(pass) = &pass {
        warn_unverified(cx, pass, &settings);
    }
    let action = match (pass, answer, purge) {
        (Some(pass), ..) => Action::ProxyPass(pass),
        (None, Some(answer), _) => Action::Return(answer),
        (None, None, Some(purge)) => Action::Purge(Box::new(purge)),
        (None, None, None) if stub_status => Action::StubStatus,
        (None, None, None) if empty_gif => Action::EmptyGif,
        (None, None, None) => match api {
            Some(api) => Action::Api(api),
            None if settings.files.root.is_some() => Action::Files,
            None => Action::NotFound,
        },
    };
    Some(Location {
        matcher: matcher?,
        internal,
        rewrite,
        action,
        try_files,
        status_zone,
        settings,
        locations,
        span: cx.span(value.span()),
    })
}

/// The locations of a server or of a location; `levels` are the levels around them.
pub(crate) fn read_all<'t>(
    cx: &mut Context,
    levels: &Levels<'t>,
    alias: Option<&Root>,
    table: &'t DeTable<'t>,
) -> Vec<Location> {
    let items = table.get("location").and_then(|value| value.get_ref().as_array());
    let locations: Vec<Location> =
        items.into_iter().flatten().filter_map(|value| read(cx, levels, alias, value)).collect();
    location_match::duplicates(cx, locations.iter().map(|location| &location.matcher));
    locations
}

/// nginx's rules about what may stand inside what.
fn check_inner(cx: &mut Context, outer: &Spanned<LocationMatch>, inner: &[Location]) {
    for location in inner {
        let problem = match (&outer.value, &location.matcher.value) {
            (LocationMatch::Exact(_) | LocationMatch::Named(_), _) => {
                "an exact or named location cannot contain locations"
            }
            (_, LocationMatch::Named(_)) => "a named location can be defined only at the server level",
            (LocationMatch::Regex { .. }, matcher) if matcher.takes_uri_part() => {
                "a regex location can contain only regex locations"
            }
            (outer, matcher) if matcher.takes_uri_part() && !matcher.path().starts_with(outer.path()) => {
                "this location is outside the enclosing location"
            }
            _ => continue,
        };
        let diagnostic =
            Diagnostic::error(location.matcher.span, problem).label("this location could never be reached");
        cx.push(diagnostic.related(outer.span, "the enclosing location"));
    }
}

/// Warns of TLS to an upstream that may be anybody.
fn warn_unverified(cx: &mut Context, pass: &Spanned<ProxyPass>, settings: &Settings) {
    if pass.value.is_secure() && !settings.upstream.tls.verify {
        cx.push(
            Diagnostic::warning(pass.span, "the upstream's certificate is not verified")
                .label("any server that answers at this address is trusted")
                .help("add `upstream.tls = { verify = true }`; `server_name = true` sends the server name (SNI)"),
        );
    }
}

/// Warns of copies with bodies of what may be streams.
fn warn_of_copies(cx: &mut Context, pass: &Spanned<ProxyPass>, settings: &Settings) {
    let mirror = &settings.mirror;
    if let Some(first) = mirror.to.first().filter(|_| mirror.body) {
        cx.push(
            Diagnostic::warning(first.span, "`mirror` reads the whole request body before it is passed on")
                .label("calls that stream in both directions would hang")
                .help("add `mirror.body = false`")
                .related(pass.span, "the `grpc_pass`"),
        );
    }
}

/// nginx's rules for `alias`.
fn check_alias(cx: &mut Context, table: &DeTable<'_>, matcher: &LocationMatch) {
    let Some((key, _)) = table.iter().find(|(key, _)| key.get_ref() == "alias") else { return };
    if matches!(matcher, LocationMatch::Named(_)) {
        let message = "`alias` cannot be used in a named location";
        cx.push(Diagnostic::at(key.span(), message).label("expected `root`"));
    }
    if let Some((root, _)) = table.iter().find(|(key, _)| key.get_ref() == "root") {
        let diagnostic = Diagnostic::at(key.span(), "this location has both `root` and `alias`")
            .label("expected one or the other")
            .related(cx.span(root.span()), "the `root`");
        cx.push(diagnostic);
    }
}

/// The actions, for people.
fn actions() -> String {
    ACTIONS.map(|name| format!("`{name}`")).join(", ")
}

fn check_actions(cx: &mut Context, table: &DeTable<'_>, value: &Value<'_>, files: bool) {
    let off = |value: &Value<'_>| value.get_ref().as_bool() == Some(false);
    let is_action = |key: &str, value: &Value<'_>| {
        ACTIONS.contains(&key) && !(matches!(key, "stub_status" | "empty_gif") && off(value))
    };
    let written: Vec<_> =
        table.iter().filter(|(key, value)| is_action(key.get_ref().as_ref(), value)).collect();
    match written.as_slice() {
        [] => {
            let steps = table.contains_key("rewrite") || table.contains_key("location");
            // A named one may be there for its settings.
            let named = table.get("match").and_then(|text| text.get_ref().as_str());
            if !files && !steps && !named.is_some_and(|name| name.starts_with('@')) {
                let message = "this location has no action: every request gets 404";
                let label = format!("expected one of {}, `root` and `alias`", actions());
                cx.push(Diagnostic::at(value.span(), message).label(label).softened());
            }
        }
        [(first, _), rest @ ..] => {
            for (key, _) in rest {
                let diagnostic = Diagnostic::at(key.span(), "this location has more than one action")
                    .label(format!("expected only one of {}", actions()))
                    .related(cx.span(first.span()), "the first action");
                cx.push(diagnostic);
            }
        }
    }
}

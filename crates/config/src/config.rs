use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use propylon_vars::{Definitions, Keep, Side};
use toml::de::DeTable;

use crate::acme::{self, Acme};
use crate::admin::{self, Admin};
use crate::auth_jwt;
use crate::balance::{self, Upstream};
use crate::cache_zone::{self, CacheZone};
use crate::charset::{self, CharsetMap};
use crate::effective::{Effective, Level};
use crate::error_log::{self, ErrorLog};
use crate::geoip::{self, GeoipDatabase, GeoipVariable};
use crate::group_names;
use crate::include::{self, Files};
use crate::key::{Key, Kind, Need, Table};
use crate::keyval::{self, KeyvalZone};
use crate::limit_zone::{self, LimitZone};
use crate::listener::{self, Listener};
use crate::location::Location;
use crate::log_format::{self, LogFormat};
use crate::map;
use crate::oidc_provider::{self, OidcProvider};
use crate::reader::{Context, Levels, Scope};
use crate::report::{Diagnostic, Report};
use crate::resolver::{self, Resolver};
use crate::runtime::{self, Runtime};
use crate::server::{self, Server};
use crate::settings::Settings;
use crate::shape;
use crate::source::Source;
use crate::stream::{self, Stream};
use crate::trace_exporter::{self, TraceExporter};

/// A checked configuration: inheritance applied, every value in its final type, every reference resolved.
///
/// Two configurations are equal when they mean the same, however they are laid out.
///
/// ```
/// let one = propylon_config::parse("[[server]]\nreturn = [204]\n", "a.toml").unwrap();
/// let other = propylon_config::parse("# a note\n\n[[server]]\n  return = [ 204 ]\n", "b.toml").unwrap();
/// assert_eq!(one.config, other.config);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The text it was made from, for later reports.
    pub source: Arc<Source>,
    /// The process.
    pub runtime: Runtime,
    /// Where the gateway reports trouble.
    pub error_log: ErrorLog,
    /// Both as text, with where each value comes from.
    pub process: Effective,
    /// Where operators look at the process, and act on it.
    pub admin: Option<Admin>,
    /// Certificates that come by themselves.
    pub acme: Option<Acme>,
    /// Where spans go.
    pub trace_exporter: Option<TraceExporter>,
    /// The compiled maps, and the names of regex groups.
    pub definitions: Definitions,
    /// What templates show that was known earlier, in whatever location that was: the head of an upstream's response
    /// (`$upstream_http_NAME`), the body of the request (`$request_body`) and the ids of its trace (`$otel_trace_id`).
    pub later: Keep,
    /// The log formats by name, `combined` and `json` among them.
    pub formats: IndexMap<Box<str>, Arc<LogFormat>>,
    /// Who is asked for the addresses of names.
    pub resolver: Resolver,
    /// How to recode between charsets.
    pub charset_maps: Vec<CharsetMap>,
    /// The groups of servers by name.
    pub upstreams: IndexMap<Box<str>, Arc<Upstream>>,
    /// What is counted for each key, by name.
    pub limit_zones: IndexMap<Box<str>, Arc<LimitZone>>,
    /// Where responses are kept, by name.
    pub cache_zones: IndexMap<Box<str>, Arc<CacheZone>>,
    /// Keys and values that are changed while the gateway runs, by name.
    pub keyval_zones: IndexMap<Box<str>, Arc<KeyvalZone>>,
    /// Where users log in, by name.
    pub oidc_providers: IndexMap<Box<str>, Arc<OidcProvider>>,
    /// Files that know addresses, by name.
    pub geoip_databases: IndexMap<Box<str>, Arc<GeoipDatabase>>,
    /// The variables from them.
    pub geoip: Vec<GeoipVariable>,
    /// Each distinct address that any server or stream listens at, in the order of the file, servers first.
    pub listeners: Vec<Listener>,
    /// The virtual hosts, in the order of the file.
    pub servers: Vec<Arc<Server>>,
    /// TCP and UDP that are passed on, in the order of the file.
    pub streams: Vec<Arc<Stream>>,
}

impl Config {
    /// The error logs that places have of their own: servers, locations and streams. Those that are inherited come once more.
    pub fn error_logs(&self) -> impl Iterator<Item = &ErrorLog> {
        let of_streams = self.streams.iter().flat_map(|stream| &stream.settings.error_logs);
        self.servers.iter().flat_map(|server| server.error_logs()).chain(of_streams)
    }

    /// All locations of all servers in the order of the file, those inside others too.
    pub fn locations(&self) -> impl Iterator<Item = &Location> {
        self.servers.iter().flat_map(|server| locations(&server.locations))
    }
}

/// These locations in the order of the file, with those inside others.
pub fn locations(all: &[Location]) -> impl Iterator<Item = &Location> {
    let mut inside: Vec<&Location> = all.iter().rev().collect();
    std::iter::from_fn(move || {
        let location = inside.pop()?;
        inside.extend(location.locations.iter().rev());
        Some(location)
    })
}

/// A configuration that can be used, and what is odd about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings alone.
    pub warnings: Report,
}

pub(crate) static TABLE: Table = Table {
    name: "",
    doc: "The top level of the file.",
    keys: &[
        include::KEY,
        top("runtime", Kind::Table(&runtime::TABLE), "Process-wide settings."),
        top("error_log", Kind::Table(&error_log::TABLE), "The process's error log."),
        top("admin", Kind::Table(&admin::TABLE), "Metrics, API and status page for operators."),
        Key {
            nginx: "acme_issuer",
            ..top("acme", Kind::Table(&acme::TABLE), "Automatic certificates (ACME).")
        },
        Key {
            nginx: "otel_exporter",
            ..top("trace_exporter", Kind::Table(&trace_exporter::TABLE), "Where trace spans are sent.")
        },
        Key {
            nginx: "log_format",
            ..top(
                "log_format",
                log_format::KIND,
                "Formats of access log lines, by name: a template, or a table.",
            )
        },
        Key { nginx: "map", ..top("map", map::MAPS, "Variables derived from others, by name.") },
        Key { nginx: "geo", ..top("geo", map::GEOS, "Variables derived from addresses, by name.") },
        Key {
            nginx: "split_clients",
            ..top("split_clients", map::SPLITS, "Variables that divide clients into shares, by name.")
        },
        Key {
            nginx: "keyval",
            ..top("keyval", keyval::VARIABLES, "Variables looked up in a `keyval_zone`, by name.")
        },
        Key {
            nginx: "keyval_zone",
            ..top(
                "keyval_zone",
                keyval::ZONES,
                "Keys and values that can be changed while the gateway runs, by name.",
            )
        },
        Key {
            nginx: "geoip2",
            ..top("geoip", geoip::VARIABLES, "Variables looked up in a `geoip_database`, by name.")
        },
        Key { nginx: "geoip2", ..top("geoip_database", geoip::DATABASES, "Geolocation databases, by name.") },
        Key {
            nginx: "auth_jwt_claim_set",
            ..top(
                "jwt_claim_set",
                auth_jwt::NAMES,
                "Variables from claims of JSON Web Tokens: for each variable, the path to the claim, outermost name first.",
            )
        },
        Key {
            nginx: "auth_jwt_header_set",
            ..top("jwt_header_set", auth_jwt::NAMES, "The same from the headers of tokens.")
        },
        Key {
            nginx: "oidc_provider",
            ..top("oidc_provider", oidc_provider::KIND, "OpenID providers at which users log in, by name.")
        },
        Key { nginx: "charset_map", ..top("charset_map", charset::MAPS, "Conversions between charsets.") },
        Key {
            nginx: "resolver",
            ..top("resolver", resolver::KIND, "The DNS servers that resolve names; false: none.")
        },
        Key {
            nginx: "limit_req_zone, limit_conn_zone",
            ..top(
                "limit_zone",
                limit_zone::KIND,
                "Zones that count requests or connections per client or any other key, by name.",
            )
        },
        Key {
            nginx: "proxy_cache_path, fastcgi_cache_path",
            ..top("cache_zone", cache_zone::KIND, "Stores for cached responses, by name.")
        },
        Key { nginx: "upstream", ..top("upstream", balance::KIND, "Groups of servers, by name.") },
        Key {
            nginx: "http",
            ..top("defaults", Kind::Table(&server::DEFAULTS), "Settings that every server inherits.")
        },
        Key {
            nginx: "server",
            ..top("server", Kind::List(&Kind::Table(&server::TABLE)), "The virtual servers.")
        },
        Key {
            nginx: "stream, server",
            ..top("stream", Kind::List(&Kind::Table(&stream::TABLE)), "TCP and UDP proxying.")
        },
    ],
    unbuilt: &[],
};

const fn top(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, need: Need::Optional, nginx: "", doc }
}

/// Reads a configuration file.
///
/// # Errors
/// A report of everything that is wrong, also when the file cannot be read or is not UTF-8.
pub fn load(path: &Path) -> Result<Loaded, Report> {
    let name = path.display().to_string();
    let fail = |message: String, text: &str| {
        let source = Arc::new(Source::new(&name, text));
        Report::new(source).with(Diagnostic::whole(message))
    };
    let bytes = std::fs::read(path)
        .map_err(|error| fail(format!("the configuration cannot be read: {error}"), ""))?;
    match String::from_utf8(bytes) {
        Ok(text) => read_files(Files::read(path, &name, text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let mut report = Report::new(Arc::new(Source::new(&name, &text)));
            let place = valid..valid + char::REPLACEMENT_CHARACTER.len_utf8();
            report.push(Diagnostic::at(place, "the file is not UTF-8").label("the first invalid byte"));
            Err(report)
        }
    }
}

/// Reads a configuration from text; `name` is what reports call it. It cannot include files: it is in no directory.
///
/// ```
/// let text = r#"
///     [upstream.backend]
///     server = [{ address = "127.0.0.1:8001" }]
///
///     [[server]]
///     listen = ["8080"]
///     [[server.location]]
///     match = "/"
///     proxy_pass = "http://backend"
/// "#;
/// let loaded = propylon_config::parse(text, "propylon.toml").unwrap();
/// assert_eq!(loaded.config.listeners[0].address.to_string(), "0.0.0.0:8080");
/// assert!(loaded.warnings.is_empty());
/// ```
///
/// # Errors
/// A report of everything that is wrong.
pub fn parse(source: &str, name: &str) -> Result<Loaded, Report> {
    read(Source::new(name, source))
}

/// Reads a configuration from a source, which may have been made from another file.
///
/// # Errors
/// A report of everything that is wrong.
pub fn read(source: Source) -> Result<Loaded, Report> {
    let source = Arc::new(source);
    let mut cx = Context::new(source.clone());
    let (root, syntax) = include::parse(&mut cx, &source);
    include::refuse(&mut cx, &root);
    finish(cx, &root, &syntax)
}

fn read_files(files: Files) -> Result<Loaded, Report> {
    let source = Arc::new(files.source);
    let mut cx = Context::new(source.clone());
    files.problems.into_iter().for_each(|problem| cx.push(problem));
    let (root, syntax) = include::parse(&mut cx, &source);
    finish(cx, &root, &syntax)
}

fn finish(
    mut cx: Context,
    root: &DeTable<'_>,
    syntax: &[(usize, toml::de::Error)],
) -> Result<Loaded, Report> {
    shape::check(&mut cx, root, 0..0, &TABLE);
    let config = resolve(&mut cx, root);
    let mut report = cx.report;
    add_syntax(&cx.source, &mut report, syntax);
    report.sort();
    if report.has_errors() {
        return Err(report);
    }
    Ok(Loaded { config, warnings: report })
}

/// The parser goes on after an error with what it can make of the text: what else is said of such a line is noise.
///
/// Each error is one of a file that begins at that byte.
pub(crate) fn add_syntax(source: &Source, report: &mut Report, errors: &[(usize, toml::de::Error)]) {
    let place = |(start, error): &(usize, toml::de::Error)| {
        let place = error.span().unwrap_or(0..0);
        place.start + start..place.end + start
    };
    let places: Vec<Range<usize>> = errors.iter().map(place).collect();
    let lines: Vec<Range<usize>> = places.iter().map(|place| source.lines_around(place).0).collect();
    report.retain(|diagnostic| {
        // A value that could not be read has no place.
        let Some(span) = diagnostic.span.clone().filter(|span| *span != (0..0)) else {
            return lines.is_empty();
        };
        !lines.iter().any(|line| line.contains(&span.start))
    });
    let mut told = Vec::new();
    for ((_, error), place) in errors.iter().zip(places) {
        let line = source.lines_around(&place).0.start;
        if told.contains(&line) {
            continue;
        }
        told.push(line);
        let (message, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
        let expected = if expected == "nothing" { "nothing here" } else { expected };
        let diagnostic = Diagnostic::at(place, format!("invalid TOML: {message}"));
        let label = if expected.is_empty() { String::new() } else { format!("expected {expected}") };
        report.push(diagnostic.label(label));
    }
}

fn resolve(cx: &mut Context, root: &DeTable<'_>) -> Config {
    let table = |name: &str| root.get(name).and_then(|value| value.get_ref().as_table());
    let names = group_names::find(cx, root);
    keyval::read(cx, table("keyval_zone"));
    oidc_provider::read(cx, table("oidc_provider"));
    geoip::read(cx, table("geoip_database"));
    let tokens = auth_jwt::Names::find(cx, root);
    let maps = [table("map"), table("geo"), table("split_clients"), table("keyval"), table("geoip")];
    map::read(cx, maps, &tokens, names);
    log_format::read(cx, table("log_format"));
    charset::read_maps(cx, root);
    let resolver = resolver::of_file(cx, root);
    balance::read(cx, table("upstream"));
    balance::check_resolver(cx, &resolver);
    keyval::check_upstreams(cx);
    limit_zone::read(cx, table("limit_zone"));
    cache_zone::read(cx, table("cache_zone"));
    let acme = acme::read(cx, table("acme"), root.get("acme"));
    if root.contains_key("acme") {
        cx.acme = Some(acme.as_ref().map(|acme| acme.state_path.clone()));
    }
    cx.has_trace_exporter = root.contains_key("trace_exporter");
    let trace_exporter = trace_exporter::read(cx, table("trace_exporter"));
    let mut process = Effective::process();
    let runtime = Runtime::read(&mut Scope::process(cx, &runtime::TABLE, table("runtime"), &mut process));
    let error_log =
        ErrorLog::read(&mut Scope::process(cx, &error_log::TABLE, table("error_log"), &mut process));
    cx.error_log = Some(error_log.clone());
    cx.side = Some(Side::Http);
    let levels: Levels<'_> = table("defaults").into_iter().map(|table| (Level::Defaults, table)).collect();
    if !levels.is_empty() {
        // Checked even when no server inherits them.
        Settings::read(cx, &levels, Effective::level(&server::DEFAULTS));
    }
    let servers = root.get("server").and_then(|value| value.get_ref().as_array()).into_iter().flatten();
    let servers: Vec<Arc<Server>> =
        servers.filter_map(|value| server::read(cx, &levels, value)).map(Arc::new).collect();
    cx.side = Some(Side::Stream);
    let streams = root.get("stream").and_then(|value| value.get_ref().as_array()).into_iter().flatten();
    let streams: Vec<Arc<Stream>> =
        streams.filter_map(|value| stream::read(cx, value)).map(Arc::new).collect();
    cx.side = None;
    stream::check_upstreams(cx, &servers, &streams);
    let listeners = listener::merge(
        cx,
        servers.iter().map(|server| server.listens.as_slice()),
        streams.iter().map(|stream| stream.listens.as_slice()),
    );
    server::certificates(cx, &listeners, &servers);
    server::conflicts(cx, &servers);
    let acme = acme::finish(cx, acme, &servers);
    trace_exporter::finish(cx, trace_exporter.as_ref(), &servers);
    let admin = admin::read(cx, table("admin"), &listeners);
    if servers.is_empty() && streams.is_empty() && !cx.report.has_errors() {
        cx.push(
            Diagnostic::whole("there is no [[server]] and no [[stream]]: nothing would be served").softened(),
        );
    }
    Config {
        source: cx.source.clone(),
        runtime,
        error_log,
        process,
        admin,
        acme,
        trace_exporter,
        resolver,
        definitions: cx.definitions.clone(),
        charset_maps: std::mem::take(&mut cx.charset_maps),
        later: cx.later,
        formats: std::mem::take(&mut cx.formats),
        upstreams: std::mem::take(&mut cx.upstreams),
        limit_zones: std::mem::take(&mut cx.limit_zones),
        cache_zones: std::mem::take(&mut cx.cache_zones),
        keyval_zones: std::mem::take(&mut cx.keyval_zones),
        oidc_providers: std::mem::take(&mut cx.oidc_providers),
        geoip_databases: std::mem::take(&mut cx.geoip_databases),
        geoip: std::mem::take(&mut cx.geoip),
        listeners,
        servers,
        streams,
    }
}

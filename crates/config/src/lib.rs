//! Reads TOML into a checked configuration: inheritance, units, references, errors with spans.
//!
//! ## Example
//! ```
//! let text = r#"
//!     [defaults.timeout]
//!     read = "30s"
//!
//!     [upstream.backend]
//!     server = [{ address = "127.0.0.1:8001" }]
//!
//!     [[server]]
//!     listen = ["127.0.0.1:8080"]
//!     name = ["example.com"]
//!     [[server.location]]
//!     match = "/"
//!     proxy_pass = "http://backend"
//!     headers.set = { Host = "$host" }
//! "#;
//! let config = propylon_config::parse(text, "propylon.toml").unwrap().config;
//! let location = &config.servers[0].locations[0];
//! assert_eq!(location.settings.timeout.read.as_secs(), 30);
//! assert_eq!(location.settings.headers.set[0].values[0].source(), "$host");
//!
//! // Everything that is wrong comes at once, each with its place.
//! let report = propylon_config::parse("[runtime]\nworker = 2\nreuseport = 1\n", "bad.toml").unwrap_err();
//! assert_eq!(report.diagnostics().len(), 2);
//! println!("{report}");
//! ```
//!
//! ## What it does
//! - [`load`] and [`parse`] turn a file into a [`Config`], or into a [`Report`] of all its errors, including syntax errors: file, line,
//!   column, the offending text, what was expected, and the nearest valid name.
//! - A file may include others (`include`): together they form one configuration, and each finding names its own file.
//! - [`format()`] formats a file in the standard layout.
//! - The three levels, `[defaults]` < `[[server]]` < `[[server.location]]`, are merged key by key.
//! - Templates are compiled, references resolved, and the listeners of all servers merged.
//! - Each level records where its values come from: [`Effective`].
//! - The parser, the JSON [`schema`] and the [`reference`](fn@reference) page are generated from one table of keys.
//!
//! ## What it does not
//! The crate opens no socket, resolves no name, and reads no files other than the configuration and its includes. Errors that depend on
//! the environment (a name that does not resolve, a port that is in use) are found when the gateway is built; [`Report::with`] adds
//! them to the same report. Regexes are checked here but compiled by the router. Paths are kept as written: a relative path is relative
//! to the working directory of the process.
//!
//! ## nginx
//! A key is the nginx directive without its module's prefix, in a table named after the module's purpose: `proxy_read_timeout` is
//! `timeout.read`. The [`reference`](fn@reference) page names the directive for each key. Durations and sizes have nginx's syntax:
//! [`duration`], [`size`].
//!
//! ## Errors
//! A [`Report`]; its [`Diagnostic`]s can be read one by one or rendered.
//!
//! ## Cost
//! Runs once for each load, in time linear in the size of the file, except for the search for the name nearest to a misspelt one.
//! Templates with the same text are compiled once and shared.

mod access;
mod access_log;
mod acme;
mod addition;
mod address;
mod admin;
mod api;
mod auth_jwt;
mod auth_request;
mod autoindex;
mod balance;
mod browser;
mod buffer;
mod cache;
mod cache_zone;
mod cgi;
mod charset;
mod compression;
mod condition;
mod config;
mod cookie;
mod dav;
mod dump;
mod effective;
mod error_log;
mod error_page;
mod expires;
mod fastcgi;
mod files;
mod format;
mod geoip;
mod glob;
mod group_names;
mod grpc;
mod headers;
mod http2;
mod http3;
mod include;
mod inner_uri;
mod json_schema;
mod key;
mod keyval;
mod limit;
mod limit_zone;
mod listen;
mod listener;
mod location;
mod location_match;
mod log_format;
mod map;
mod may_name;
mod memcached;
mod mirror;
mod nearest;
mod oidc_provider;
mod pattern;
mod proxy_pass;
mod quoted;
mod reader;
mod redirect;
mod reference;
mod referers;
mod report;
mod resolver;
mod respond;
mod retry;
mod rewrite;
mod rule;
mod runtime;
mod scgi;
mod secure_link;
mod server;
mod server_name;
mod server_only;
mod settings;
mod several;
mod shape;
mod slice;
mod source;
mod ssi;
mod store;
mod stream;
mod substitute;
mod syslog;
mod timeout;
mod tls;
mod trace;
mod trace_exporter;
mod try_files;
mod units;
mod upstream;
mod upstream_tls;
mod userid;
mod uwsgi;

pub use propylon_vars::{Template, is_reserved};

pub use crate::access::{Access, AccessRule, BasicAuth, LimitExcept};
pub use crate::access_log::{AccessLog, Buffer, LogTarget};
pub use crate::acme::{Acme, AcmeChallenge, AcmeKey, ExternalAccount};
pub use crate::addition::Addition;
pub use crate::address::Address;
pub use crate::admin::Admin;
pub use crate::api::Api;
pub use crate::auth_jwt::{AuthJwt, Require};
pub use crate::auth_request::AuthRequest;
pub use crate::autoindex::{Autoindex, AutoindexFormat};
pub use crate::balance::{
    Better, BodyMatch, ExpectedAnswer, HeaderMatch, HealthCheck, Method, Queue, Sticky, StickyCookie,
    StickyExpires, StickyLearn, Upstream, UpstreamServer, ValueMatch, read_servers, write_servers,
};
pub use crate::browser::is_browser;
pub use crate::buffer::Buffers;
pub use crate::cache::{
    CACHE_STALE, Cache, Habits, Purge, PurgeAllow, PurgeRequests, Purged, Valid, ZoneName,
};
pub use crate::cache_zone::{CacheZone, Pace, Redis};
pub use crate::cgi::Param;
pub use crate::charset::{Charset, CharsetMap, CharsetValues};
pub use crate::compression::{Coding, Compression};
pub use crate::condition::{Condition, Test};
pub use crate::config::{Config, Loaded, load, locations, parse, read};
pub use crate::cookie::{CookieFlag, CookieFlags, CookieRule, Cookies, cookie_flags};
pub use crate::effective::{Effective, Level, Origin, Setting};
pub use crate::error_log::{ErrorLog, ErrorLogTarget, LogLevel};
pub use crate::error_page::{ErrorPage, ErrorPages, PageStatus, PageStyle};
pub use crate::expires::{Expires, ExpiresRule};
pub use crate::fastcgi::FastCgi;
pub use crate::files::{Files, IfModifiedSince, Precompressed, Rest, Root, Symlinks};
pub use crate::format::format;
pub use crate::geoip::{GeoipData, GeoipDatabase, GeoipVariable};
pub use crate::glob::glob;
pub use crate::group_names::set_names;
pub use crate::headers::{Forwarded, Headers, Peer, RealIpHeader, SetHeader};
pub use crate::http2::Http2;
pub use crate::http3::Http3;
pub use crate::inner_uri::InnerUri;
pub use crate::json_schema::schema;
pub use crate::keyval::{KeyvalKind, KeyvalZone};
pub use crate::limit::{Amount, ConnectionLimit, HeadLimit, Limit, Over, RequestLimit};
pub use crate::limit_zone::{LimitZone, RequestRate};
pub use crate::listen::{Listen, ListenAddress};
pub use crate::listener::Listener;
pub use crate::location::{Action, Location};
pub use crate::location_match::LocationMatch;
pub use crate::log_format::{Escape, LogFormat};
pub use crate::mirror::Mirror;
pub use crate::nearest::nearest;
pub use crate::oidc_provider::{OidcProvider, Secret};
pub use crate::pattern::group_names;
pub use crate::proxy_pass::{Destination, ProxyPass, Scheme, Target};
pub use crate::redirect::{RedirectRule, Redirects};
pub use crate::reference::reference;
pub use crate::referers::Referers;
pub use crate::report::{Diagnostic, Related, Report, Severity};
pub use crate::resolver::Resolver;
pub use crate::respond::Return;
pub use crate::retry::{Retry, RetryBudget};
pub use crate::rewrite::{If, Piece, Rewrite, Step, Then};
pub use crate::rule::{Rule, RuleMatch};
pub use crate::runtime::{Http1, Runtime, Workers};
pub use crate::secure_link::SecureLink;
pub use crate::server::Server;
pub use crate::server_name::ServerName;
pub use crate::settings::Settings;
pub use crate::source::{MadeFrom, Source, Span, Spanned};
pub use crate::ssi::Ssi;
pub use crate::store::{Store, StoreTo};
pub use crate::stream::{
    STREAM_KEYS_OF_TCP, STREAM_KEYS_OF_UDP, Stream, StreamAction, StreamDatagrams, StreamPass, StreamRetry,
    StreamTimeout,
};
pub use crate::substitute::Substitute;
pub use crate::syslog::{Syslog, SyslogServer};
pub use crate::timeout::Timeout;
pub use crate::tls::{Certificate, CertificateCache, Tls, VerifyClient};
pub use crate::trace::{Trace, TraceOn};
pub use crate::trace_exporter::{TraceExporter, TraceProtocol};
pub use crate::try_files::{TryFile, TryFiles, TryLast};
pub use crate::units::{UnitError, duration, size};
pub use crate::upstream::{Bind, EarlyHints, Transport, UpstreamVersion};
pub use crate::upstream_tls::UpstreamTls;
pub use crate::userid::{UserId, UserIdExpires, UserIdFlag, UserIdMode};

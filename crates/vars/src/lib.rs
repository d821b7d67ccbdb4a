//! nginx's `$variables`: templates compiled once and evaluated from an [`Exchange`](propylon_exchange::Exchange), and `map`.
//!
//! A configuration is full of strings such as `"$host$request_uri"`. They are compiled when it is loaded, against the
//! [`Definitions`] of that configuration. A [`Template`] then gives its value for any exchange, at any time: before the
//! request is forwarded, while the response is processed, or when the log line is written.
//!
//! ## Example
//! ```
//! use std::sync::Arc;
//! use http::{HeaderMap, Method, Version};
//! use propylon_exchange::{Address, Connection, Exchange, Head, Place};
//! use propylon_vars::{Context, Definitions, Map};
//! use tokio::time::Instant;
//!
//! let definitions = Definitions::builder()
//!     .map(Map::new("pool", "$host").hostnames().value("*.example.com", "examples").default("main"))
//!     .build()
//!     .unwrap();
//! let template = definitions.template("$pool: $request_method $uri$is_args$args", Context::Request)?;
//!
//! let head = Head {
//!     method: Method::GET,
//!     target: "/a%20b?c=d".into(),
//!     version: Version::HTTP_11,
//!     headers: HeaderMap::new().into(),
//!     bytes: 50,
//! };
//! let connection = Arc::new(Connection::new(1, Address::unix(), Address::unix()));
//! let place = Place { host: Some("www.example.com".into()), ..Place::default() };
//! let exchange = Exchange::placed(place, connection, 1, Instant::now(), head);
//! propylon_vars::set_uri(&exchange, "/a b".into(), Some("c=d".into()));
//!
//! assert_eq!(template.eval(&exchange), "examples: GET /a b?c=d");
//! # Ok::<(), propylon_vars::TemplateError>(())
//! ```
//!
//! ## What it does
//! - Compiles `$name`, `${name}` and `$1` to `$9`, in the same places and with the same errors as nginx's own parser. An error says
//!   which bytes are wrong, what was expected, and the nearest name.
//! - Evaluates the variables that [`describe`] lists, each with nginx's value, including its joins, its digits, and the difference
//!   between "empty" and "not found", which a log shows as `-`.
//! - Evaluates a [`Map`] when its value is first needed, and at most once in an exchange unless it is volatile.
//! - Tells what an exchange must [record](Template::needs) for a template, including what its maps need.
//!
//! ## What it does not
//! The crate knows no configuration format, reads no files (a map's `include` is up to the code that reads the configuration; for
//! `$realpath_root` alone it asks the file system where a directory really is), and normalises nothing: the code that routes the request
//! passes in the current path and arguments with [`set_uri`], captures with [`set_captures`], and the location of files with
//! [`set_place`]. A few variables belong to features that are not implemented yet; naming one is a separate error.
//!
//! ## nginx
//! | nginx | here |
//! |---|---|
//! | `$variable` in a directive's value | [`Definitions::template`] with [`Context::Request`] |
//! | `log_format` | [`Definitions::template`] with [`Context::Log`], [`Template::write_with`] |
//! | `map`, `hostnames`, `volatile`, `default` | [`Map`] |
//! | `geo`, `ranges`, `proxy`, `proxy_recursive` | [`Map::geo`], [`Map::proxies`] |
//! | `split_clients` | [`Map::split_clients`] |
//! | `keyval`, variables of `geoip2` | [`Map::keyval`], [`Map::proxies`] |
//! | named captures | [`Builder::name`], [`set_captures`] |
//! | `auth_oidc` | [`set_login`] |
//! | `ssl_preread` | [`set_hello`] |
//! | variables of `http`, of `stream` | [`Template::misplaced`] |
//! | `modern_browser`, `ancient_browser` | [`Browsers`], [`set_browsers`] |
//! | `$uid_got`, `$uid_set` | [`UserIds`], [`set_user_ids`] |
//! | `auth_jwt_claim_set`, `auth_jwt_header_set` | [`Builder::token_value`], [`set_token`] |
//!
//! Differences, all intentional: a cycle of maps and an unknown variable are detected when the configuration is loaded;
//! `$sent_http_NAME` shows the fields that were recorded as sent, where nginx makes up `connection` and a few others;
//! a template is evaluated from left to right, so that a capture before a map has its value from before the map's evaluation;
//! `$pipe` is always `.`; several lines of a field are joined as in nginx since 1.23.
//!
//! ## Errors
//! [`TemplateError`], and [`DefinitionErrors`], which lists every [`DefinitionError`], when a configuration is loaded. Evaluation cannot fail.
//!
//! ## Cost
//! A template is a list of segments; a variable is an arm of a `match`, with its field name parsed when the template is compiled.
//! Writing into a buffer does not allocate for the variables of usual logs. The values that an exchange remembers (captures,
//! maps, request id) are one allocation when the first of them is set or needed, behind an uncontended lock that is never
//! held while a variable is evaluated. Timestamps are formatted at most once a second on each thread.

mod browser;
mod builder;
mod built_in;
mod clock;
mod code;
mod credentials;
mod definitions;
mod document;
mod error;
mod fields;
mod key_values;
mod limited;
mod login;
mod lookup;
mod map;
mod names;
mod networks;
mod out;
mod parse;
mod preread;
mod proxied;
mod request_uri;
mod scope;
mod scratch;
mod script;
mod secure_link;
mod shares;
mod side;
mod state;
mod table;
mod template;
mod tls;
mod token;
mod trace;
mod tries;
mod user_ids;
mod variable;

pub use browser::Browsers;
pub use builder::Builder;
pub use built_in::{NGINX_VERSION, request_port};
pub use clock::{Zone, date};
pub use definitions::Definitions;
pub use document::{Document, FileName};
pub use error::{
    DefinitionError, DefinitionErrorKind, DefinitionErrors, Place, TemplateError, TemplateErrorKind,
};
pub use key_values::KeyValues;
pub use limited::Limited;
pub use login::{Login, LoginPart, set_login};
pub use map::Map;
pub use names::{Description, describe, is_reserved};
pub use preread::{Hello, set_hello};
pub use propylon_exchange::Keep;
pub use request_uri::request_uri;
pub use script::Script;
pub use secure_link::SecureLink;
pub use side::Side;
pub use state::{
    Captures, Compressed, RefererCheck, args, document, give_back, group, lend, limit_rate, request_id,
    set_browsers, set_captures, set_compressed, set_connections_limited, set_document, set_get,
    set_limit_rate, set_named, set_place, set_requests_limited, set_secure_link, set_slice_range, set_uri,
    share, slice_range, uri,
};
pub use template::{Context, Template};
pub use token::{Token, TokenPart, set_token, with_token};
pub use user_ids::{UserIds, set_user_ids, user_ids};

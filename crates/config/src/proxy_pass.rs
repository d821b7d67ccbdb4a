//! `proxy_pass`: where a location's requests go.

use std::ops::Range;

use propylon_vars::Template;

use crate::address::{self, Address, HostPort, Problem};
use crate::balance;
use crate::location_match::LocationMatch;
use crate::nearest::within;
use crate::reader::{Context, Value};
use crate::report::Diagnostic;
use crate::source::Spanned;

/// Where requests go.
#[derive(Clone, Debug, PartialEq)]
pub enum ProxyPass {
    /// A URL without variables.
    Static(Box<Target>),
    /// A URL with variables, which names an upstream or an address anew for each request.
    Template(Template),
}

/// A URL of `proxy_pass` in its parts.
///
/// ```
/// use propylon_config::{Action, Destination, ProxyPass};
///
/// let text = r#"
///     [upstream.backend]
///     server = [{ address = "127.0.0.1:8001" }]
///     [[server]]
///     [[server.location]]
///     match = "/api/"
///     proxy_pass = "http://backend/v1/"
/// "#;
/// let config = propylon_config::parse(text, "example.toml").unwrap().config;
/// let Action::ProxyPass(to) = &config.servers[0].locations[0].action else { unreachable!() };
/// let ProxyPass::Static(target) = &to.value else { unreachable!() };
/// assert_eq!(target.uri.as_deref(), Some("/v1/"));
/// assert_eq!(target.to, Destination::Upstream("backend".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// How the upstream is spoken to.
    pub scheme: Scheme,
    /// The whole URL as written.
    pub text: Box<str>,
    /// The host as written, `[::1]` with its brackets; `unix:/path` for a socket.
    pub host: Box<str>,
    /// The port, or the scheme's.
    pub port: u16,
    /// Whether a port was written.
    pub port_written: bool,
    /// What follows the host: it takes the place of what the location matched.
    pub uri: Option<Box<str>>,
    /// What the host is.
    pub to: Destination,
}

/// The scheme of an upstream's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// HTTP in clear text.
    Http,
    /// HTTP over TLS.
    Https,
    /// FastCGI (`fastcgi_pass`), which nobody writes: the URL's text begins with it all the same.
    FastCgi,
    /// uwsgi in clear text (`uwsgi_pass`).
    Uwsgi,
    /// uwsgi over TLS.
    Suwsgi,
    /// SCGI (`scgi_pass`), which nobody writes either.
    Scgi,
    /// gRPC in clear text (`grpc_pass`).
    Grpc,
    /// gRPC over TLS.
    Grpcs,
    /// memcached's protocol (`memcached_pass`), which nobody writes either.
    Memcached,
}

impl Scheme {
    const ALL: [Self; 9] = [
        Self::Http,
        Self::Https,
        Self::FastCgi,
        Self::Uwsgi,
        Self::Suwsgi,
        Self::Scgi,
        Self::Grpc,
        Self::Grpcs,
        Self::Memcached,
    ];

    /// As it stands in a URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::FastCgi => "fastcgi",
            Self::Uwsgi => "uwsgi",
            Self::Suwsgi => "suwsgi",
            Self::Scgi => "scgi",
            Self::Grpc => "grpc",
            Self::Grpcs => "grpcs",
            Self::Memcached => "memcached",
        }
    }

    /// The scheme of a URL, in capitals or not, and what is behind `://`; none, if it begins with no known one.
    #[must_use]
    pub fn split(url: &[u8]) -> Option<(Self, &[u8])> {
        Self::ALL.into_iter().find_map(|scheme| {
            let (name, rest) = url.split_at_checked(scheme.as_str().len())?;
            let rest = rest.strip_prefix(b"://")?;
            name.eq_ignore_ascii_case(scheme.as_str().as_bytes()).then_some((scheme, rest))
        })
    }

    /// The port of a URL that names none.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Http | Self::Grpc => 80,
            Self::Https | Self::Grpcs => 443,
            // Of these nobody leaves it out.
            Self::FastCgi => 9000,
            Self::Uwsgi | Self::Suwsgi => 3031,
            Self::Scgi => 4000,
            Self::Memcached => 11211,
        }
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Https | Self::Suwsgi | Self::Grpcs)
    }

    /// Whether requests are params: FastCGI, uwsgi, SCGI.
    #[must_use]
    pub fn is_cgi(self) -> bool {
        matches!(self, Self::FastCgi | Self::Uwsgi | Self::Suwsgi | Self::Scgi)
    }

    /// What is expected after `grpc_pass` and the like.
    const fn expected(self, otherwise: &'static str) -> &'static str {
        match self {
            Self::FastCgi => FASTCGI,
            Self::Uwsgi | Self::Suwsgi => UWSGI,
            Self::Scgi => SCGI,
            Self::Grpc | Self::Grpcs => GRPC,
            Self::Memcached => MEMCACHED,
            Self::Http | Self::Https => otherwise,
        }
    }
}

/// What the host of a URL means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The upstream of that name.
    Upstream(Box<str>),
    /// An address, or a name to resolve at start.
    Address(Address),
}

pub(crate) const URL: &str =
    "a URL such as \"http://backend\", \"https://host:8443/path/\" or \"http://unix:/path.sock:/uri\"";

pub(crate) const FASTCGI: &str =
    "an upstream's name, an address with a port such as \"127.0.0.1:9000\", or \"unix:/path.sock\"";

pub(crate) const UWSGI: &str = "an upstream's name, an address with a port such as \"127.0.0.1:3031\", or \"unix:/path.sock\", \
     optionally after `uwsgi://` or `suwsgi://`";

pub(crate) const SCGI: &str =
    "an upstream's name, an address with a port such as \"127.0.0.1:4000\", or \"unix:/path.sock\"";

pub(crate) const GRPC: &str = "an upstream's name, an address with a port such as \"127.0.0.1:50051\", or \"unix:/path.sock\", \
     optionally after `grpc://` or `grpcs://`";

pub(crate) const MEMCACHED: &str =
    "an upstream's name, an address with a port such as \"127.0.0.1:11211\", or \"unix:/path.sock\"";

impl ProxyPass {
    /// The scheme as it is written; none where a variable gives it, which is one of HTTP's two. Behind [`Scheme::Grpc`] and
    /// [`Scheme::Uwsgi`] a variable may still ask for TLS.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        match self {
            Self::Static(target) => Some(target.scheme),
            Self::Template(url) => Scheme::split(url.source().as_bytes()).map(|(scheme, _)| scheme),
        }
    }

    /// Whether an application is meant that is asked in terms of CGI, not of HTTP: over FastCGI, uwsgi or SCGI.
    #[must_use]
    pub fn is_cgi(&self) -> bool {
        self.scheme().is_some_and(Scheme::is_cgi)
    }

    /// Whether a memcached is meant.
    #[must_use]
    pub fn is_memcached(&self) -> bool {
        self.scheme() == Some(Scheme::Memcached)
    }

    /// Whether a gRPC server is meant.
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        matches!(self.scheme(), Some(Scheme::Grpc | Scheme::Grpcs))
    }

    /// Whether TLS is spoken for certain.
    pub(crate) fn is_secure(&self) -> bool {
        self.scheme().is_some_and(Scheme::is_secure)
    }
}

/// Reads the value of `grpc_pass` of a location. As in nginx, `grpc://` may be left out.
pub(crate) fn read_grpc(cx: &mut Context, value: &Value<'_>) -> Option<Spanned<ProxyPass>> {
    let wrong = ["invalid scheme in `grpc_pass`", "`grpc_pass` cannot have a URI part"];
    read_server(cx, value, Scheme::Grpc, &[Scheme::Grpc, Scheme::Grpcs], wrong)
}

/// Reads the value of `fastcgi_pass` of a location.
pub(crate) fn read_fastcgi(cx: &mut Context, value: &Value<'_>) -> Option<Spanned<ProxyPass>> {
    let wrong = ["`fastcgi_pass` cannot have a scheme", "`fastcgi_pass` cannot have a URI part"];
    read_server(cx, value, Scheme::FastCgi, &[], wrong)
}

/// Reads the value of `uwsgi_pass` of a location. As in nginx, `uwsgi://` may be left out.
pub(crate) fn read_uwsgi(cx: &mut Context, value: &Value<'_>) -> Option<Spanned<ProxyPass>> {
    let wrong = ["invalid scheme in `uwsgi_pass`", "`uwsgi_pass` cannot have a URI part"];
    read_server(cx, value, Scheme::Uwsgi, &[Scheme::Uwsgi, Scheme::Suwsgi], wrong)
}

/// Reads the value of `scgi_pass` of a location.
pub(crate) fn read_scgi(cx: &mut Context, value: &Value<'_>) -> Option<Spanned<ProxyPass>> {
    let wrong = ["`scgi_pass` cannot have a scheme", "`scgi_pass` cannot have a URI part"];
    read_server(cx, value, Scheme::Scgi, &[], wrong)
}

/// Reads the value of `memcached_pass` of a location.
pub(crate) fn read_memcached(cx: &mut Context, value: &Value<'_>) -> Option<Spanned<ProxyPass>> {
    let wrong = [
        "`memcached_pass` cannot have a scheme",
        "`memcached_pass` cannot have a URI part: the key is set by `memcached.key`",
    ];
    read_server(cx, value, Scheme::Memcached, &[], wrong)
}

/// Reads a server that has no URI. One of `schemes` may be written before it; else it is `usual`. `wrong`: what is said of another scheme,
/// and of a URI.
fn read_server(
    cx: &mut Context,
    value: &Value<'_>,
    usual: Scheme,
    schemes: &[Scheme],
    [other_scheme, uri]: [&str; 2],
) -> Option<Spanned<ProxyPass>> {
    let text = value.get_ref().as_str()?;
    let written = Scheme::split(text.as_bytes()).filter(|(scheme, _)| schemes.contains(scheme));
    let (scheme, start) = written.map_or((usual, 0), |(scheme, rest)| (scheme, text.len() - rest.len()));
    let bare = text.get(start..).unwrap_or_default();
    let span = value.span();
    let wrong = |cx: &mut Context, message: &str| {
        cx.push(Diagnostic::at(span.clone(), message).label(format!("expected {}", scheme.expected(URL))));
    };
    let with_scheme = || format!("{}://{bare}", scheme.as_str());
    let pass = if bare.contains("://") {
        wrong(cx, other_scheme);
        return None;
    } else if text.contains('$') {
        cx.template(text, &span)?; // errors where they are
        ProxyPass::Template(cx.template(&with_scheme(), &span)?)
    } else {
        let target = read_static(cx, text, &span, scheme, start, None)?;
        if target.uri.is_some() {
            wrong(cx, uri);
            return None;
        }
        let named = matches!(target.to, Destination::Upstream(_) | Destination::Address(Address::Unix(_)));
        if !named && !target.port_written {
            wrong(cx, "the port is missing");
            return None;
        }
        ProxyPass::Static(Box::new(Target { text: with_scheme().into(), ..target }))
    };
    Some(Spanned::new(pass, cx.span(span)))
}

/// Reads the value of `proxy_pass` of a location.
pub(crate) fn read(
    cx: &mut Context,
    value: &Value<'_>,
    matcher: Option<&LocationMatch>,
) -> Option<Spanned<ProxyPass>> {
    let text = value.get_ref().as_str()?;
    let span = value.span();
    let http = Scheme::split(text.as_bytes());
    let http = http.filter(|(scheme, _)| matches!(scheme, Scheme::Http | Scheme::Https));
    let pass = if text.contains('$') {
        // Variables may give the rest of it: `http:/$uri`.
        let before = text.split('$').next().unwrap_or_default().to_ascii_lowercase();
        let begins = "http://".starts_with(&before) || "https://".starts_with(&before);
        if http.is_none() && !begins {
            wrong_scheme(cx, text, &span);
            return None;
        }
        ProxyPass::Template(cx.template(text, &span)?)
    } else if let Some((scheme, rest)) = http {
        let start = text.len() - rest.len();
        ProxyPass::Static(Box::new(read_static(cx, text, &span, scheme, start, matcher)?))
    } else {
        wrong_scheme(cx, text, &span);
        return None;
    };
    Some(Spanned::new(pass, cx.span(span)))
}

fn wrong_scheme(cx: &mut Context, text: &str, span: &Range<usize>) {
    let help = (!text.contains("://")).then(|| format!("did you mean \"http://{text}\"?"));
    cx.push(
        Diagnostic::at(span.clone(), "invalid URL in `proxy_pass`")
            .label(format!("expected {URL}"))
            .maybe_help(help),
    );
}

fn read_static(
    cx: &mut Context,
    text: &str,
    span: &Range<usize>,
    scheme: Scheme,
    start: usize,
    matcher: Option<&LocationMatch>,
) -> Option<Target> {
    let parts = match split(text, scheme, start) {
        Ok(parts) => parts,
        Err(problem) => {
            let place = cx.inside(span, text, problem.range);
            let expected = scheme.expected(problem.expected);
            cx.push(Diagnostic::at(place, problem.message).label(format!("expected {expected}")));
            return None;
        }
    };
    if let (Some(uri), Some(matcher)) = (parts.uri, matcher)
        && !matcher.takes_uri_part()
    {
        let kind = if matches!(matcher, LocationMatch::Named(_)) { "a named" } else { "a regex" };
        let place = cx.inside(span, text, text.len() - uri.len()..text.len());
        cx.push(
            Diagnostic::at(place, format!("`proxy_pass` cannot have a URI part in {kind} location"))
                .label("this location has no prefix that the URI part could replace")
                .help("remove the URI part, or write the whole URI with variables"),
        );
    }
    let to = match &parts.address {
        Address::Unix(_) => Destination::Address(parts.address),
        other => {
            let host = HostPort { host: parts.host, port: parts.port };
            destination(cx, text, span, start, &host, other)?
        }
    };
    Some(Target {
        scheme,
        text: text.into(),
        host: parts.host.into(),
        port: parts.port.unwrap_or(scheme.port()),
        port_written: parts.port.is_some(),
        uri: parts.uri.map(Into::into),
        to,
    })
}

struct Parts<'t> {
    host: &'t str,
    port: Option<u16>,
    uri: Option<&'t str>,
    address: Address,
}

fn split(text: &str, scheme: Scheme, start: usize) -> Result<Parts<'_>, Problem> {
    if let Some(at) = text.find(|c: char| c.is_ascii_control() || c == ' ') {
        return Err(Problem::new(at..at + 1, "a URL cannot contain spaces or control characters", URL));
    }
    let rest = text.get(start..).unwrap_or_default();
    if let Some(path) = rest.strip_prefix("unix:") {
        let (path, uri) = path.split_once(':').map_or((path, None), |(path, uri)| (path, Some(uri)));
        if path.is_empty() {
            return Err(Problem::new(start..text.len(), "the path of the socket is missing", URL));
        }
        let host = rest.get(.."unix:".len() + path.len()).unwrap_or_default();
        let uri = uri.filter(|uri| !uri.is_empty());
        return Ok(Parts { host, port: None, uri, address: Address::Unix(path.into()) });
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, uri) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let parts = address::host_port(authority, start)?;
    let address = parts.address(scheme.port());
    Ok(Parts { host: parts.host, port: parts.port, uri: Some(uri).filter(|uri| !uri.is_empty()), address })
}

/// The upstream of that name, or a name to resolve; a bare word that nearly is an upstream's name is an error.
pub(crate) fn destination(
    cx: &mut Context,
    text: &str,
    span: &Range<usize>,
    start: usize,
    parts: &HostPort<'_>,
    address: &Address,
) -> Option<Destination> {
    let place = |cx: &Context| cx.inside(span, text, start..start + parts.host.len());
    let upstream = cx.upstreams.keys().find(|name| name.eq_ignore_ascii_case(parts.host)).cloned();
    if let Some(name) = upstream {
        if let Some(port) = parts.port {
            let place = place(cx);
            cx.push(
                Diagnostic::at(place, format!("the upstream `{name}` cannot have a port"))
                    .label(format!("each server of the upstream has its own port; remove `:{port}`")),
            );
            return None;
        }
        let place = place(cx);
        balance::check_use(cx, &name, place);
        return Some(Destination::Upstream(name));
    }
    if cx.broken.iter().any(|name| name.eq_ignore_ascii_case(parts.host)) {
        return None;
    }
    let bare =
        parts.port.is_none() && !parts.host.contains('.') && !parts.host.eq_ignore_ascii_case("localhost");
    if bare && matches!(address, Address::Name { .. }) {
        let known = cx.upstreams.keys().chain(&cx.broken).map(AsRef::as_ref);
        if let Some(name) = within(parts.host, known, 2) {
            let diagnostic = Diagnostic::at(place(cx), format!("unknown upstream `{}`", parts.host))
                .label("no upstream has this name")
                .help(format!("did you mean `{name}`? if this is a host name to resolve, add a port"));
            cx.push(diagnostic);
            return None;
        }
    }
    Some(Destination::Address(address.clone()))
}

//! Which server and location answer a request, with each setting and the line that it came from.

use std::fmt;

use bytes::Bytes;
use http::{Method, Uri};
use propylon_acme::WELL_KNOWN;
use propylon_config::{
    AcmeChallenge, Action, Config, ListenAddress, Location, OidcProvider, Origin, ProxyPass, Rest, Server,
    Setting, Settings, Source,
};

use crate::dispatch::MAX_REROUTES;
use crate::routing::{
    self, Found, Host, LocationMatch, Locations, Path, ProxyTarget, ServerNames, Slashes, request_target,
};

mod cache;
mod steps;
mod upstreams;

use steps::{Led, steps};

/// Why a request can't be explained.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The method is none.
    #[error("invalid method \"{0}\"")]
    Method(String),
    /// The URL is none.
    #[error("invalid URL \"{0}\": expected http://HOST[:PORT]/PATH or /PATH")]
    Url(String),
    /// The configuration can't be routed by.
    #[error("invalid server names, locations or upstream URLs")]
    Config(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What happens to a request; prints as text for a terminal.
#[derive(Clone, Debug)]
pub struct Explanation {
    lines: Vec<String>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Explains what `config` does to a request.
///
/// # Errors
/// When `method` or `url` are none.
pub fn explain(config: &Config, method: &str, url: &str) -> Result<Explanation, ExplainError> {
    Method::from_bytes(method.as_bytes()).map_err(|_| ExplainError::Method(method.to_owned()))?;
    let uri: Uri = url.parse().map_err(|_| ExplainError::Url(url.to_owned()))?;
    let target = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut lines = vec![format!("{method} {url}")];
    let line_of = |span| config.source.line_of(span);

    let Some((server, why)) = find_server(config, &uri)? else {
        lines.push(nobody(config, &uri));
        return Ok(Explanation { lines });
    };
    let name = server.names.first().map(|name| name.value.as_str()).unwrap_or_default();
    lines.push(format!("server    \"{name}\", {}: {why}", line_of(server.span)));

    let slashes = if server.merge_slashes { Slashes::Merge } else { Slashes::Keep };
    let path = match Path::parse(Bytes::copy_from_slice(target.as_bytes()), slashes) {
        Ok(path) => path,
        Err(error) => {
            lines.push(format!("path      refused with {}: {error}", error.status()));
            return Ok(Explanation { lines });
        }
    };
    lines.push(format!("path      {} (decoded and normalised)", String::from_utf8_lossy(path.decoded())));
    lines.extend(acme(config, server, &path));
    let defaults = explain_server(&mut lines, config, server, path, method)?;
    lines.extend(defaults);
    Ok(Explanation { lines })
}

/// What `[acme]` has to do with a server.
fn acme(config: &Config, server: &Server, path: &Path) -> Vec<String> {
    let Some(acme) = &config.acme else { return Vec::new() };
    let mut lines = Vec::new();
    if !server.tls.acme.is_empty() {
        let (names, line) = (server.tls.acme.join(", "), config.source.line_of(acme.span));
        lines.push(format!("tls       by [acme], {line}: a certificate for {names}"));
    }
    let is_asked = acme.challenge == AcmeChallenge::Http01
        && !acme.certificates.is_empty()
        && server.listens.iter().any(|listen| !listen.tls)
        && path.decoded().starts_with(WELL_KNOWN.as_bytes());
    if is_asked {
        lines.push("acme      answered here if the challenge is pending; otherwise as follows".to_owned());
    }
    lines
}

/// From the server's steps on. What is returned are the settings that nobody has written: there are many of them, so they come last.
fn explain_server(
    lines: &mut Vec<String>,
    config: &Config,
    server: &Server,
    path: Path,
    method: &str,
) -> Result<Vec<String>, ExplainError> {
    let source = &config.source;
    let mut path = match steps(lines, source, "server's", &server.rewrite, path) {
        Led::Serve(path) | Led::Search(path) => path,
        Led::Answer => return Ok(settings(lines, source, &server.settings)),
    };
    if let Some(answer) = &server.respond {
        lines.push(format!("answer    the server's return, {}", source.line_of(answer.span)));
        return Ok(settings(lines, source, &server.settings));
    }
    for _ in 0..=MAX_REROUTES {
        match find_location(server, &path)? {
            Place::Location(location) => {
                let text = location.matcher.value.to_string();
                lines.push(format!("location  {text}, {}", source.line_of(location.matcher.span)));
                match steps(lines, source, "location's", &location.rewrite, path) {
                    Led::Search(to) => {
                        path = to;
                        continue;
                    }
                    Led::Serve(path) => {
                        beside(lines, source, server, location)?;
                        explain_location(lines, source, location, &path)?;
                        if let Action::ProxyPass(pass) = &location.action {
                            upstreams::tries(lines, config, pass, &location.settings, method);
                            let looked_up = cache::lookup(&location.settings, source, method);
                            lines.extend(location.settings.slice.map(|size| {
                                format!("slices    of {}, one after the other", bytes(size.get()))
                            }));
                            lines.extend(looked_up.map(|text| format!("cache     {text}")));
                            lines.push(format!("response  {}", response(&location.settings)));
                        }
                    }
                    Led::Answer => {}
                }
                let mut defaults = settings(lines, source, &location.settings);
                if let Action::ProxyPass(pass) = &location.action
                    && let Some(upstream) = upstreams::named(config, pass)
                {
                    let title = format!("settings of the upstream \"{}\"", upstream.name);
                    defaults.extend(rows(lines, &title, source, &upstreams::settings(upstream)));
                }
                return Ok(defaults);
            }
            Place::Redirect(to) => lines.push(format!("answer    301 to {to}: the location ends in a slash")),
            Place::Internal(location) => {
                let text = location.matcher.value.to_string();
                let line = source.line_of(location.matcher.span);
                lines.push(format!("location  {text}, {line}: internal, so 404"));
            }
            Place::None => {
                lines.push("location  none matches: 404".to_owned());
                return Ok(settings(lines, source, &server.settings));
            }
        }
        return Ok(Vec::new());
    }
    lines.push("answer    500: rewrite cycle".to_owned());
    Ok(Vec::new())
}

/// Who is asked whether requests may come in, and who gets copies of them.
fn beside(
    lines: &mut Vec<String>,
    source: &Source,
    server: &Server,
    location: &Location,
) -> Result<(), ExplainError> {
    let settings = &location.settings;
    let answers = !matches!(location.action, Action::Return(_)); // which asks for nothing
    let asks = settings.auth_request.uri.iter().filter(|_| answers).map(|uri| ("asks", uri));
    let jwt = &settings.auth_jwt;
    if let Some(provider) = settings.auth_oidc.as_ref().filter(|_| answers) {
        logs_in(lines, source, server, provider)?;
    }
    let keys = jwt.realm.iter().flat_map(|_| &jwt.key_request).filter(|_| answers);
    let keys = keys.map(|uri| ("keys from", uri));
    let copies = settings.mirror.to.iter().filter(|_| answers).map(|uri| ("copies to", uri));
    let adds = settings.addition.uris().map(|uri| ("adds", uri));
    for (what, uri) in keys.chain(asks).chain(copies).chain(adds) {
        let path = Bytes::copy_from_slice(uri.value.path.as_bytes());
        let path = Path::unreadable().redirected(path, None);
        let whose = match find_location(server, &path)? {
            Place::Location(found) | Place::Internal(found) => {
                format!("location {}, {}", found.matcher.value, source.line_of(found.matcher.span))
            }
            Place::Redirect(_) | Place::None => "no location answers this URI".to_owned(),
        };
        lines.push(format!("{what:9} {}, {}: {whose}", uri.value, source.line_of(uri.span)));
    }
    Ok(())
}

/// Where users of a place log in, and who takes the path that they come back by.
fn logs_in(
    lines: &mut Vec<String>,
    source: &Source,
    server: &Server,
    provider: &OidcProvider,
) -> Result<(), ExplainError> {
    lines.push(format!(
        "logs in   at {}, {}: {}",
        provider.name,
        source.line_of(provider.span),
        provider.issuer
    ));
    let whose = match comes_back(server, provider)? {
        Some(place) => {
            format!("location {}, {}", place.matcher.value, source.line_of(place.matcher.span))
        }
        None => "no location with this provider answers this URI".to_owned(),
    };
    lines.push(format!("back to   {}: {whose}", provider.redirect_uri));
    Ok(())
}

/// The location that users of a provider come back to, if it knows them.
pub(crate) fn comes_back<'s>(
    server: &'s Server,
    provider: &OidcProvider,
) -> Result<Option<&'s Location>, ExplainError> {
    let path = Bytes::copy_from_slice(provider.callback().as_bytes());
    let Ok(path) = Path::parse(path, Slashes::Merge) else { return Ok(None) };
    Ok(match find_location(server, &path)? {
        Place::Location(location) => {
            let asks = location.settings.auth_oidc.as_ref().is_some_and(|other| other.name == provider.name);
            Some(location).filter(|location| asks && !matches!(location.action, Action::Return(_)))
        }
        _ => None,
    })
}

/// Which way responses go.
fn response(settings: &Settings) -> String {
    let buffer = &settings.buffer;
    let obeyed = !settings.headers.ignore.iter().any(|name| name == "x-accel-buffering");
    if !buffer.response {
        let unless = if obeyed { "; buffered if it has X-Accel-Buffering: yes" } else { "" };
        return format!("unbuffered, at the speed of the client: buffer.response is false{unless}");
    }
    let file = match buffer.max_temp_file_size {
        0 => "; then the upstream waits for the client".to_owned(),
        size => format!(", then up to {} in a file", bytes(size)),
    };
    let order = if obeyed { ", an upgrade, or has X-Accel-Buffering: no" } else { " or an upgrade" };
    format!(
        "buffered, at the speed of the upstream: {} x {} in memory{file}; unbuffered if it is text/event-stream, gRPC{order}",
        buffer.count,
        bytes(buffer.size as u64)
    )
}

/// A size in the largest unit that divides it.
fn bytes(size: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.iter().find(|(shift, _)| size.trailing_zeros() >= *shift && size > 0);
    unit.map_or_else(|| format!("{size} bytes"), |(shift, name)| format!("{} {name}", size >> shift))
}

enum Place<'a> {
    Location(&'a Location),
    Internal(&'a Location),
    Redirect(String),
    None,
}

/// Why there is no server.
fn nobody(config: &Config, uri: &Uri) -> String {
    let port = uri.port_u16().unwrap_or(80);
    let is_there = |address: &ListenAddress| matches!(address, ListenAddress::Tcp(at) if at.port() == port);
    let here = config.listeners.iter().find(|listener| is_there(&listener.address));
    match here.and_then(|listener| config.streams.get(listener.stream?)) {
        Some(stream) => {
            format!(
                "a stream listens on this port, {}: it does not handle HTTP requests",
                config.source.line_of(stream.span)
            )
        }
        None => "no server listens on this port: the connection is refused".to_owned(),
    }
}

fn find_server<'a>(config: &'a Config, uri: &Uri) -> Result<Option<(&'a Server, String)>, ExplainError> {
    // What is at a stream's address is no request.
    let listeners = || config.listeners.iter().filter(|listener| listener.stream.is_none());
    let at = |port: u16| {
        use ListenAddress::{Tcp, Udp};
        let listens = |listener: &&propylon_config::Listener, tcp: bool| match &listener.address {
            Tcp(addr) => tcp && addr.port() == port,
            Udp(addr) => !tcp && addr.port() == port,
            ListenAddress::Unix(_) => false,
        };
        let find = |tcp| listeners().find(|listener| listens(listener, tcp));
        find(true).or(find(false))
    };
    // A URL without a port asks for port 80, or for whatever there is.
    let listener = match uri.port_u16() {
        Some(port) => at(port),
        None => at(80).or(listeners().next()),
    };
    let Some(listener) = listener else { return Ok(None) };
    let mut names = ServerNames::builder();
    for &index in &listener.servers {
        for name in config.servers.get(index).iter().flat_map(|server| &server.names) {
            let _ = names.add(index, name.value.as_str()).map_err(|e| ExplainError::Config(Box::new(e)))?;
        }
    }
    let host = uri.host().unwrap_or_default();
    let host = Host::parse(Bytes::copy_from_slice(host.as_bytes())).map(|host| host.name().clone());
    let found = host.ok().and_then(|host| names.build().find(&host)).map(|named| named.server);
    let why = match found {
        Some(index) => {
            let names = config.servers.get(index).map(|server| &*server.names).unwrap_or_default();
            let names: Vec<_> = names.iter().map(|name| format!("\"{}\"", name.value.as_str())).collect();
            format!("one of its names ({}) matches, on {}", names.join(", "), listener.address)
        }
        None => format!("the default server of {}", listener.address),
    };
    let server = config.servers.get(found.unwrap_or(listener.default_server));
    Ok(server.map(|server| (&**server, why)))
}

fn find_location<'a>(server: &'a Server, path: &Path) -> Result<Place<'a>, ExplainError> {
    let mut all = Vec::new();
    let patterns = patterns(&server.locations, &mut all)?;
    let locations = Locations::build(patterns).map_err(|e| ExplainError::Config(Box::new(e)))?;
    Ok(match locations.find(path.decoded()) {
        None => Place::None,
        Some(Found::Redirect { location, .. }) => {
            let to = routing::redirect_to(&location, path.args());
            Place::Redirect(String::from_utf8_lossy(&to).into_owned())
        }
        Some(Found::Location { index, .. }) => match all.get(index) {
            None => Place::None,
            Some(location) if location.internal && !path.is_internal() => Place::Internal(location),
            Some(location) => Place::Location(location),
        },
    })
}

/// The patterns of locations, which are numbered by their places in `all`.
fn patterns<'a>(
    locations: &'a [Location],
    all: &mut Vec<&'a Location>,
) -> Result<Vec<routing::Location>, ExplainError> {
    let mut patterns = Vec::new();
    for location in locations {
        let matcher = LocationMatch::parse(&location.matcher.value.to_string())
            .map_err(|e| ExplainError::Config(Box::new(e)))?;
        let pattern = routing::Location::new(all.len(), matcher);
        all.push(location);
        let proxies = matches!(location.action, Action::ProxyPass(_));
        let pattern = if proxies { pattern.passes() } else { pattern };
        patterns.push(pattern.nesting(self::patterns(&location.locations, all)?));
    }
    Ok(patterns)
}

fn explain_location(
    lines: &mut Vec<String>,
    source: &Source,
    location: &Location,
    path: &Path,
) -> Result<(), ExplainError> {
    match &location.action {
        Action::Files => lines.push(files(location, path)),
        Action::Purge(purge) => lines.push(format!("answer    {}", cache::purge(purge, source))),
        Action::EmptyGif => lines.push("answer    empty_gif: an image of one transparent point".to_owned()),
        Action::Api(api) => lines.push(format!(
            "answer    nginx Plus' REST API, {}",
            if api.write { "read and write" } else { "read only" }
        )),
        Action::StubStatus => lines.push("answer    stub_status: the number of connections".to_owned()),
        Action::NotFound => lines.push("answer    404: the location has no action".to_owned()),
        Action::Return(answer) => lines.push(format!("answer    return, {}", source.line_of(answer.span))),
        Action::ProxyPass(pass) => match &pass.value {
            ProxyPass::Template(url) => {
                lines.push(format!(
                    "upstream  {}, {}: determined per request",
                    url.source(),
                    source.line_of(pass.span)
                ));
            }
            ProxyPass::Static(target) => {
                let url = &target.text;
                lines.push(format!("upstream  {url}, {}", source.line_of(pass.span)));
                let target = ProxyTarget::parse(&Bytes::copy_from_slice(url.as_bytes()))
                    .map_err(|e| ExplainError::Config(Box::new(e)))?;
                let matcher = LocationMatch::parse(&location.matcher.value.to_string())
                    .map_err(|e| ExplainError::Config(Box::new(e)))?;
                let sent = request_target(path, matcher.prefix_len(), target.static_part());
                lines.push(format!("sent as   {}", String::from_utf8_lossy(&sent)));
            }
        },
    }
    Ok(())
}

/// Which file answers, as far as the configuration alone tells.
fn files(location: &Location, path: &Path) -> String {
    let Some(root) = &location.settings.files.root else { return String::new() };
    let (directory, uri) = (root.directory.source(), path.decoded());
    let rest = match root.rest {
        Rest::All => uri.slice(..),
        Rest::Behind(matched) => uri.slice(matched.min(uri.len())..),
        Rest::Nothing => Bytes::new(),
    };
    let tried = if location.try_files.is_some() { ", unless try_files finds another" } else { "" };
    let index = if uri.ends_with(b"/") { " and the first existing file of index" } else { "" };
    format!("file      {directory}{}{index}{tried}", String::from_utf8_lossy(&rest))
}

fn settings(lines: &mut Vec<String>, source: &Source, settings: &Settings) -> Vec<String> {
    rows(lines, "settings", source, &settings.effective.iter().collect::<Vec<_>>())
}

/// Tells what the file says, and returns the others.
fn rows(lines: &mut Vec<String>, title: &str, source: &Source, all: &[Setting]) -> Vec<String> {
    let width = all.iter().map(|s| s.key.len() + s.value.len() + 3).max().unwrap_or(0).min(60);
    let row = |Setting { key, value, .. }: &Setting, from: &str| {
        let setting = format!("{key} = {value}");
        format!("  {setting:width$}  # {from}")
    };
    let mut defaults = vec![format!("{title} with their default values")];
    lines.push(title.to_owned());
    for setting in all {
        match &setting.origin {
            Origin::Default => defaults.push(row(setting, "default")),
            Origin::Set { level, span } => {
                lines.push(row(setting, &format!("{}, {}", level.as_str(), source.line_of(*span))));
            }
        }
    }
    defaults
}

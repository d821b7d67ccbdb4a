//! Active health checks: one question to one peer, over the transport of its upstream.

mod dialogue;

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Body as _;
use propylon_balance::{Group, HealthCheck};
use propylon_config::{self as config, Action, Config, ProxyPass, Scheme, Settings, Span, StreamPass};
use propylon_pattern::Pattern;
use propylon_proxy_protocol::{v1, v2};
use propylon_stack::Body;
use propylon_upstream::{
    Bind, Client, Greeting, Keepalive, Key, Params, Peer, PeerAddress, Pool, ServerName, Target, Transport,
};
use tokio::time::timeout;

use self::dialogue::Dialogue;
use crate::error::BuildError;
use crate::route::local;
use crate::routing::{Path, Slashes};
use crate::runtime::Runtime;
use crate::upstreams::{self, Speaks, fixed_host};

/// How much of a body is looked at.
const MOST: usize = 256 * 1024;

/// Who asks.
const AGENT: &str = "propylon health check";

/// What asks a peer whether it is well.
#[derive(Clone)]
pub(crate) struct Probe(Arc<Question>);

struct Question {
    client: Client,
    /// How a stream's peers are asked.
    stream: Option<OfStream>,
    uri: Bytes,
    host: HeaderValue,
    name: ServerName,
    /// What connections begin with: nobody's.
    greeting: Option<Greeting>,
    /// Where they come from.
    bind: Option<Bind>,
    /// What is asked in terms of CGI.
    params: Option<Params>,
    /// What memcached is asked for; whatever it knows of it, it is well.
    key: Option<Key>,
    port: Option<u16>,
    timeout: Duration,
    status: Vec<(u16, u16)>,
    not_status: Vec<(u16, u16)>,
    headers: Vec<Condition>,
    body: Option<(Pattern, bool)>,
}

/// A connection is opened, or a datagram is sent, and no HTTP is spoken.
struct OfStream {
    transport: Transport,
    udp: bool,
    dialogue: Dialogue,
}

/// What a field must be.
struct Condition {
    name: HeaderName,
    value: Option<Value>,
    is: bool,
}

enum Value {
    Equals(Box<str>),
    Matches(Pattern),
}

fn compile(pattern: &str, at: Span) -> Result<Pattern, BuildError> {
    Pattern::new(pattern).map_err(BuildError::value("invalid regular expression in the health check", at))
}

/// What asks the peers of each upstream that has health checks, by its name.
pub(crate) struct Probes(HashMap<Box<str>, Probe>);

impl Probes {
    pub(crate) fn build(config: &Config, runtime: &Runtime) -> Result<Self, BuildError> {
        let checked = config.upstreams.values().filter_map(|upstream| {
            let check = upstream.health_check.as_ref()?;
            Some(Probe::new(upstream, check, config, runtime).map(|probe| (upstream.name.clone(), probe)))
        });
        checked.collect::<Result<_, _>>().map(Self)
    }

    /// Those of one upstream.
    pub(crate) fn of(&self, upstream: &str) -> Option<Probe> {
        self.0.get(upstream).cloned()
    }
}

impl Condition {
    fn new(wanted: &config::HeaderMatch, at: Span) -> Result<Self, BuildError> {
        let value = match &wanted.value {
            None => None,
            Some(config::ValueMatch::Equals(text)) => Some(Value::Equals(text.clone())),
            Some(config::ValueMatch::Matches(text)) => Some(Value::Matches(compile(text, at)?)),
        };
        Ok(Self { name: wanted.name.clone(), value, is: wanted.is })
    }

    /// Whether a response is as it should be. A field that is not there has no value, so it is none that it should not have.
    fn holds(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(&self.name).iter().map(HeaderValue::as_bytes);
        let found = match &self.value {
            None => values.next().is_some(),
            Some(Value::Equals(text)) => values.any(|value| value == text.as_bytes()),
            Some(Value::Matches(pattern)) => values.any(|value| pattern.is_match(value)),
        };
        found == self.is
    }
}

/// The first location that passes requests to `upstream`, or may, if none names it: what it speaks, and its settings.
fn user<'a>(upstream: &config::Upstream, config: &'a Config) -> Option<(Scheme, &'a Settings)> {
    let name = &*upstream.name;
    let users = config.locations().filter_map(|location| {
        let Action::ProxyPass(pass) = &location.action else { return None };
        if !pass.value.may_name(name) {
            return None;
        }
        let (rank, scheme) = match &pass.value {
            ProxyPass::Static(target) => (0, target.scheme),
            ProxyPass::Template(url) => {
                let scheme = pass.value.scheme().unwrap_or(Scheme::Http);
                match fixed_host(url.source()) {
                    Some(_) => (0, scheme),
                    // One that may name any: better with TLS than in plain text where TLS is spoken.
                    None => (if scheme.is_secure() { 1 } else { 2 }, scheme),
                }
            }
        };
        Some((rank, scheme, &*location.settings))
    });
    users.min_by_key(|(rank, ..)| *rank).map(|(_, scheme, settings)| (scheme, settings))
}

/// The same of streams: the first that passes connections to `upstream`, or may.
fn of_streams<'a>(upstream: &config::Upstream, config: &'a Config) -> Option<(Scheme, &'a Settings)> {
    let users = config.streams.iter().filter_map(|stream| {
        let pass = stream.pass().filter(|pass| pass.may_name(&upstream.name))?;
        let rank = match pass {
            StreamPass::Static { .. } => 0,
            // As there: better with TLS than in plain text where TLS is spoken.
            StreamPass::Dynamic { .. } if pass.is_secure() => 1,
            StreamPass::Dynamic { .. } => 2,
        };
        let scheme = if pass.is_secure() { Scheme::Https } else { Scheme::Http };
        Some((rank, scheme, &*stream.settings))
    });
    users.min_by_key(|(rank, ..)| *rank).map(|(_, scheme, settings)| (scheme, settings))
}

impl Probe {
    /// What asks the peers of `upstream`, as the location that passes requests to it would.
    pub(crate) fn new(
        upstream: &config::Upstream,
        check: &config::HealthCheck,
        config: &Config,
        runtime: &Runtime,
    ) -> Result<Self, BuildError> {
        let user = user(upstream, config);
        // In terms of connections, a stream that speaks TLS is what HTTPS is.
        let user = user.or_else(|| of_streams(upstream, config));
        let secured = user.filter(|(scheme, _)| scheme.is_secure());
        let secure = secured.and_then(|(_, settings)| runtime.tls.security(&settings.upstream.tls));
        // A name with variables is a request's, and there is none.
        let name = secured.and_then(|(_, settings)| settings.upstream.tls.name.as_ref()?.as_static());
        let name = name.map_or_else(
            || (&*upstream.name).into(),
            |name| String::from_utf8_lossy(name).into_owned().into(),
        );
        let greeting = user
            .and_then(|(_, settings)| settings.upstream.proxy_protocol)
            .map(|version| Greeting(if version == 1 { v1(None) } else { v2(None) }));
        // An address with variables is a request's, too.
        let bind = user.and_then(|(_, settings)| settings.upstream.bind.as_ref()).and_then(|bind| {
            Some(Bind { address: local(bind.address.as_static()?)?, transparent: bind.transparent })
        });
        let transport = match user {
            Some((scheme, settings)) => {
                upstreams::transport(settings, secure, Speaks::to(scheme, config.runtime.http1))
            }
            None => Transport::new(),
        };
        let transport = transport.connect_timeout(check.timeout);
        let stream = match config.is_of_streams(&upstream.name) {
            true => Some(OfStream {
                transport: transport.clone(),
                udp: config.is_of_udp(&upstream.name),
                dialogue: Dialogue::new(check, upstream.span)?,
            }),
            false => None,
        };
        let cgi = user.filter(|(scheme, _)| scheme.is_cgi());
        let params = cgi.map(|(scheme, settings)| params(&check.uri, &upstream.name, scheme, settings));
        let memcached = user.filter(|(scheme, _)| *scheme == Scheme::Memcached);
        let key = memcached.and_then(|_| Key::escaped(check.uri.as_bytes()));
        let condition = |wanted| Condition::new(wanted, upstream.span);
        let headers = check.headers.iter().map(condition).collect::<Result<_, _>>()?;
        let body = match &check.body {
            Some(body) => Some((compile(&body.pattern, upstream.span)?, body.found)),
            None => None,
        };
        Ok(Self(Arc::new(Question {
            client: Client::new(Pool::new(Keepalive::off()), transport),
            stream,
            uri: Bytes::copy_from_slice(check.uri.as_bytes()),
            host: HeaderValue::from_str(&upstream.name).unwrap_or(HeaderValue::from_static("localhost")),
            name: ServerName(name),
            greeting,
            bind,
            params,
            key,
            port: check.port,
            timeout: check.timeout,
            status: check.status.clone(),
            not_status: check.not_status.clone(),
            headers,
            body,
        })))
    }

    /// Asks all peers of a group again and again.
    pub(crate) async fn run(self, check: config::HealthCheck, group: Group<Peer>) {
        let rhythm = HealthCheck::new()
            .interval(check.interval)
            .jitter(check.jitter)
            .fails(check.fails)
            .passes(check.passes)
            .mandatory(check.mandatory)
            .persistent(check.persistent);
        rhythm.run(group, move |peer| self.clone().ask(peer.server().payload().clone())).await;
    }

    async fn ask(self, peer: Peer) -> bool {
        let peer = match (self.0.port, peer.address()) {
            (Some(port), PeerAddress::Tcp(address)) => {
                Peer::from(std::net::SocketAddr::new(address.ip(), port))
            }
            _ => peer,
        };
        let asked = match &self.0.stream {
            // Its silence may be as good as an answer.
            Some(stream) if stream.udp => Ok(self.datagram(stream, &peer).await),
            Some(stream) => timeout(self.0.timeout, self.connection(stream, &peer)).await,
            None => timeout(self.0.timeout, self.question(&peer)).await,
        };
        let why = match asked {
            Ok(Ok(())) => return true,
            Ok(Err(why)) => why,
            Err(_) => "no answer in time".into(),
        };
        tracing::info!(target: "propylon_gateway", "health check of {} failed: {why}", peer.name());
        false
    }

    /// For whom the connection is, where it comes from, and what it begins with.
    fn source(&self) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(self.0.name.clone());
        if let Some(bind) = self.0.bind {
            extensions.insert(bind);
        }
        if let Some(greeting) = self.0.greeting.clone() {
            extensions.insert(greeting);
        }
        extensions
    }

    async fn datagram(&self, stream: &OfStream, peer: &Peer) -> Result<(), String> {
        let server = stream.transport.connect_udp(peer, &self.source()).map_err(|error| error.to_string())?;
        stream.dialogue.over_datagrams(server, self.0.timeout).await
    }

    async fn connection(&self, stream: &OfStream, peer: &Peer) -> Result<(), String> {
        let connected = stream.transport.connect(peer, &self.source()).await;
        stream.dialogue.over_stream(connected.map_err(|error| error.to_string())?).await
    }

    async fn question(&self, peer: &Peer) -> Result<(), String> {
        let mut request = Request::new(Body::empty());
        let headers = request.headers_mut();
        headers.insert(HOST, self.0.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        *request.extensions_mut() = self.source();
        request.extensions_mut().insert(Target(self.0.uri.clone()));
        if let Some(params) = self.0.params.clone() {
            request.extensions_mut().insert(params);
        }
        if let Some(key) = self.0.key.clone() {
            request.extensions_mut().insert(key);
        }
        let answer = self.0.client.send(peer, request).await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let within =
            |ranges: &[(u16, u16)]| ranges.iter().any(|&(first, last)| (first..=last).contains(&status));
        let good = (self.0.status.is_empty() || within(&self.0.status)) && !within(&self.0.not_status);
        if !good && self.0.key.is_none() {
            return Err(format!("status {status}"));
        }
        if let Some(wrong) = self.0.headers.iter().find(|condition| !condition.holds(answer.headers())) {
            return Err(format!("the header field {} does not match", wrong.name));
        }
        let body = read(answer).await?;
        match &self.0.body {
            Some((pattern, found)) if pattern.is_match(&body) != *found => {
                Err("the body does not match".into())
            }
            _ => Ok(()),
        }
    }
}

/// What stands for a request of no client's: what php-fpm's `ping.path` and a script need to be found, and an application to run. The
/// host is who it is in terms of HTTP, too.
fn params(uri: &str, host: &str, scheme: Scheme, settings: &config::Settings) -> Params {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    // As it is of requests: what the path means.
    let known = Path::parse(Bytes::copy_from_slice(uri.as_bytes()), Slashes::Merge);
    let path = known.as_ref().map_or(path.as_bytes(), |known| &known.decoded()[..]);
    let root =
        settings.files.root.as_ref().and_then(|root| root.directory.as_static().cloned()).unwrap_or_default();
    let mut out = Params::builder();
    for (name, value) in [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", uri),
        ("QUERY_STRING", query),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", host),
        ("SERVER_PORT", "80"),
        ("HTTP_HOST", host),
        ("HTTP_USER_AGENT", AGENT),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REDIRECT_STATUS", "200"),
    ] {
        out.add(name.as_bytes(), value.as_bytes());
    }
    out = out.push("SCRIPT_FILENAME", [&*root, path].concat());
    // A script of FastCGI's is a file; what else is asked is an application at `/`.
    if scheme == Scheme::FastCgi {
        return out.push("SCRIPT_NAME", path).build();
    }
    out.push("SCRIPT_NAME", "").push("PATH_INFO", path).build()
}

/// The first part of a body, of which the end must come too unless that is long.
async fn read(answer: Response<propylon_upstream::Body>) -> Result<Vec<u8>, String> {
    let mut body = pin!(answer.into_body());
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| error.to_string())?;
        bytes.extend_from_slice(frame.data_ref().map(|data| &**data).unwrap_or_default());
        if bytes.len() >= MOST {
            bytes.truncate(MOST);
            break;
        }
    }
    Ok(bytes)
}

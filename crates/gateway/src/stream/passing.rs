//! `proxy_pass` of a stream: where its connections go, and how one is made to there.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, StatusCode};
use propylon_balance::{Error as Nobody, Key, Picked, Tried};
use propylon_config::{Destination, Http1, Settings, StreamPass, StreamRetry, Template};
use propylon_exchange::Exchange;
use propylon_stack::BoxError;
use propylon_upstream::{Datagrams, Peer, Transport};
use tokio::time::Instant;

use super::joined::Joined;
use super::waiting::Waiting;
use crate::error::BuildError;
use crate::rescue;
use crate::route::{Source, is_peers};
use crate::upstreams::{self, Choice, Choices, Speaks, Upstreams};

/// Where connections go, and how.
pub(super) struct Passing {
    to: To,
    secure: bool,
    transport: Transport,
    source: Source,
}

enum To {
    /// `host`: what the peer should be called.
    Static {
        host: Box<str>,
        choice: Choice,
    },
    Named {
        target: Template,
        choices: Choices,
    },
}

impl Passing {
    pub(super) fn build(
        pass: &StreamPass,
        settings: &Arc<Settings>,
        upstreams: &mut Upstreams<'_>,
    ) -> Result<Self, BuildError> {
        let secure = pass.is_secure();
        let security = secure.then(|| upstreams.runtime.tls.security(&settings.upstream.tls)).flatten();
        let to = match pass {
            StreamPass::Static { to, .. } => {
                let host = match to {
                    Destination::Upstream(name) => name.clone(),
                    Destination::Address(address) => address.to_string().into(),
                };
                To::Static { host, choice: upstreams.choice(to) }
            }
            StreamPass::Dynamic { target, .. } => {
                To::Named { target: target.clone(), choices: upstreams.choices(settings) }
            }
        };
        let transport = upstreams::transport(settings, security, Speaks::Http(Http1::H1));
        Ok(Self { to, secure, transport, source: Source::new(&settings.upstream)? })
    }

    /// A connection to a peer: the first that can be had, as far as `retry` goes. The error is what the log says.
    pub(super) async fn connect(
        &self,
        exchange: &Exchange,
        retry: &StreamRetry,
        mut waiting: Waiting<'_>,
    ) -> Result<Joined, StatusCode> {
        let (choice, host) = self.find(exchange).await?;
        let mut extensions = self.told(exchange);
        if self.secure {
            self.source.secure(&host, exchange, &mut extensions);
        }
        let mut bytes = Bytes::new();
        let tries = Tries::new(&choice, exchange, retry, &mut bytes);
        loop {
            let picked = tokio::select! {
                biased;
                picked = tries.next() => picked?,
                () = waiting.gone() => {
                    rescue::report_tunnel(exchange, "client closed connection while waiting for an upstream");
                    return Err(StatusCode::OK); // as who has gone before saying what it wants
                }
            };
            match self.transport.connect(picked.peer().server().payload(), &extensions).await {
                Ok(upstream) => {
                    let mut picked = picked;
                    picked.succeeded();
                    return Ok(Joined::new(upstream, picked));
                }
                Err(error) => tries.failed(picked, &error.into())?,
            }
        }
    }

    /// A socket of UDP that is connected to a peer: the first for which there is one.
    pub(super) async fn connect_udp(
        &self,
        exchange: &Exchange,
        tries: &Tries<'_>,
    ) -> Result<(Datagrams, Picked<Peer>), StatusCode> {
        let extensions = self.told(exchange);
        loop {
            let picked = tries.next().await?;
            match self.transport.connect_udp(picked.peer().server().payload(), &extensions) {
                Ok(datagrams) => return Ok((datagrams, picked)),
                Err(error) => tries.failed(picked, &error.into())?,
            }
        }
    }

    /// What is told of a connection before it is made.
    fn told(&self, exchange: &Exchange) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(exchange.clone());
        self.source.tell(exchange, &mut extensions);
        extensions
    }

    /// Whose peers they are, and what these should be called.
    pub(super) async fn find(&self, exchange: &Exchange) -> Result<(Choice, Box<str>), StatusCode> {
        let (target, choices) = match &self.to {
            To::Static { host, choice } => return Ok((choice.clone(), host.clone())),
            To::Named { target, choices } => (target, choices),
        };
        let name = target.eval(exchange);
        let name = String::from_utf8_lossy(&name);
        match choice(&name, choices).await {
            Ok(choice) => Ok((choice, name.into())),
            Err(error) => {
                rescue::report_text(exchange, &error.to_string());
                Err(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

/// The peers that one client may still be given to.
pub(super) struct Tries<'a> {
    choice: &'a Choice,
    exchange: &'a Exchange,
    retry: &'a StreamRetry,
    key: Key<'a>,
    tried: Tried,
    since: Instant,
}

impl<'a> Tries<'a> {
    /// `bytes` is where its key is kept.
    pub(super) fn new(
        choice: &'a Choice,
        exchange: &'a Exchange,
        retry: &'a StreamRetry,
        bytes: &'a mut Bytes,
    ) -> Self {
        let key = choice.bound.key(exchange, bytes);
        Self { choice, exchange, retry, key, tried: Tried::default(), since: Instant::now() }
    }

    /// The next one. The error is what the log says.
    async fn next(&self) -> Result<Picked<Peer>, StatusCode> {
        let picked = self.choice.balancer.pick_or_queue(self.key, Some(&self.tried)).await;
        let (picked, waited) = picked.map_err(|nobody| nobody_is_there(self.exchange, nobody))?;
        if let Some(waited) = waited {
            self.exchange.queued(waited);
        }
        Ok(picked)
    }

    /// One has failed. Another one is tried, or the error is what the log says.
    fn failed(&self, picked: Picked<Peer>, error: &BoxError) -> Result<(), StatusCode> {
        rescue::report_try(self.exchange, error);
        if !is_peers(error) {
            return Err(rescue::status(&**error));
        }
        self.gives_up(picked)
    }

    /// The same of one that is to blame.
    pub(super) fn gives_up(&self, mut picked: Picked<Peer>) -> Result<(), StatusCode> {
        picked.failed();
        if self.is_enough() { Err(StatusCode::BAD_GATEWAY) } else { Ok(()) }
    }

    /// Whether no other one is tried.
    pub(super) fn is_enough(&self) -> bool {
        let Self { retry, tried, .. } = self;
        !retry.on
            || retry.tries.is_some_and(|most| tried.len() >= most.get())
            || retry.timeout.is_some_and(|most| self.since.elapsed() >= most)
            || tried.len() >= self.choice.balancer.group().tries()
    }
}

/// No peer can be had: that stands in the logs as the try that it would have been.
fn nobody_is_there(exchange: &Exchange, nobody: Nobody) -> StatusCode {
    let error = BoxError::from(nobody);
    rescue::record_nobody(exchange, &error);
    rescue::report_try(exchange, &error);
    match rescue::status(&*error) {
        StatusCode::SERVICE_UNAVAILABLE => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_GATEWAY, // a stream has no 504
    }
}

/// Why what variables gave leads nowhere.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("no host in upstream \"{0}\"")]
    NoHost(String),
    #[error("no port in upstream \"{0}\"")]
    NoPort(String),
    #[error("invalid port in upstream \"{0}\"")]
    Port(String),
    #[error("no resolver defined to resolve {0}")]
    NoResolver(String),
    #[error(transparent)]
    Resolve(#[from] propylon_resolver::Error),
}

/// The peers that are called so: those of an upstream, those of a host that another stream writes, or the addresses of that host.
async fn choice(name: &str, choices: &Choices) -> Result<Choice, Error> {
    if let Some(choice) = choices.named(name) {
        return Ok(choice.clone());
    }
    if let Some(path) = name.strip_prefix("unix:") {
        return match path {
            "" => Err(Error::NoHost(name.into())),
            path => Ok(choices.any(name, vec![Peer::unix(path)])),
        };
    }
    if let Ok(address) = name.parse::<SocketAddr>() {
        return Ok(choices.any(name, vec![Peer::from(address)]));
    }
    let (host, port) = match name.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') => (host, port),
        _ if name.is_empty() => return Err(Error::NoHost(name.into())),
        _ => return Err(Error::NoPort(name.into())),
    };
    let port = port.parse().ok().filter(|port: &u16| *port > 0).ok_or_else(|| Error::Port(name.into()))?;
    if host.is_empty() {
        return Err(Error::NoHost(name.into()));
    }
    let resolver = choices.resolver.as_ref().ok_or_else(|| Error::NoResolver(host.into()))?;
    Ok(choices.any(name, upstreams::peers(&resolver.lookup(host).await?, port)))
}

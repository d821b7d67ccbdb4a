//! What the routes of one worker share for each upstream: its pool and its place in the rotation.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;

use propylon_config::{self as config, Address, Config, Destination, Http1, Settings, UpstreamVersion};
use propylon_stack::Body;
use propylon_timeout::TimeoutLayer;
use propylon_upstream::{
    Client, Engine, HttpVersion, Keepalive, Peers, Pool, Rotation, RoundRobin, Transport,
};

use crate::error::BuildError;
use crate::rescue;
use crate::runtime::Runtime;

/// A leaf: one upstream's peers in turn, over this worker's connections, with a route's transport and timeouts.
pub(crate) type Leaf = RoundRobin<TimeoutLayer>;

/// The body of a leaf's response.
pub(crate) type LeafBody = propylon_timeout::ResponseBody<propylon_upstream::Body>;

/// A leaf's response body for what follows: one that came with its head needs no box, and gives its connection back now.
pub(crate) fn body(mut body: LeafBody) -> Body {
    match body.get_mut().take_bytes() {
        Some(bytes) => Body::from(bytes),
        None => Body::new(body),
    }
}

/// The upstreams of one worker, kept over reloads where they did not change.
pub(crate) type Kept = HashMap<Box<str>, Upstream>;

/// One upstream, or one address that a `proxy_pass` names directly.
#[derive(Clone)]
pub(crate) struct Upstream {
    definition: Definition,
    pool: Pool,
    rotation: Rotation,
}

#[derive(Clone, PartialEq)]
enum Definition {
    Named(Arc<config::Upstream>),
    Direct(Address),
    /// What requests name: any address.
    Any,
}

/// The upstreams of one worker while its router is being built.
pub(crate) struct Upstreams<'a> {
    pub(crate) runtime: &'a Arc<Runtime>,
    config: &'a Config,
    old: &'a Kept,
    new: Kept,
}

impl<'a> Upstreams<'a> {
    pub(crate) fn new(runtime: &'a Arc<Runtime>, config: &'a Config, old: &'a Kept) -> Self {
        Self { runtime, config, old, new: Kept::new() }
    }

    /// What was built.
    pub(crate) fn into_kept(self) -> Kept {
        self.new
    }

    /// The leaf for a static `proxy_pass`.
    pub(crate) fn leaf(&mut self, to: &Destination, settings: &Settings) -> Leaf {
        let upstream = match to {
            Destination::Upstream(name) => match self.config.upstreams.get(name) {
                Some(upstream) => self.named(upstream),
                None => self.direct(&Address::Name { host: name.clone(), port: 80 }),
            },
            Destination::Address(address) => self.direct(address),
        };
        leaf(&upstream, upstream.rotation.clone(), settings, self.config.runtime.http1)
    }

    /// The leaves that a `proxy_pass` with variables may name, and what makes one for any other address.
    pub(crate) fn leaves(&mut self, settings: &Arc<Settings>) -> Leaves {
        let http1 = self.config.runtime.http1;
        let named = self
            .config
            .upstreams
            .iter()
            .map(|(name, upstream)| {
                let upstream = self.named(upstream);
                (name.clone(), leaf(&upstream, upstream.rotation.clone(), settings, http1))
            })
            .collect();
        let any = self.get(Box::from(""), Definition::Any, Keepalive::new(), |_| Peers::new("", Vec::new()));
        Leaves { named, any, settings: settings.clone(), http1, runtime: self.runtime.clone() }
    }

    fn named(&mut self, upstream: &Arc<config::Upstream>) -> Upstream {
        let keepalive = Keepalive::new()
            .connections(upstream.keepalive)
            .requests(NonZeroU64::new(upstream.keepalive_requests).unwrap_or(NonZeroU64::MIN))
            .time(upstream.keepalive_time)
            .timeout(upstream.keepalive_timeout);
        let servers: Vec<_> = upstream.servers.iter().map(|server| server.value.clone()).collect();
        self.get(upstream.name.clone(), Definition::Named(upstream.clone()), keepalive, |runtime| {
            runtime.names.peers(&upstream.name, &servers)
        })
    }

    fn direct(&mut self, address: &Address) -> Upstream {
        let name = address.to_string();
        self.get(
            format!("//{name}").into(),
            Definition::Direct(address.clone()),
            Keepalive::new(),
            |runtime| runtime.names.peers(&name, std::slice::from_ref(address)),
        )
    }

    fn get(
        &mut self,
        key: Box<str>,
        definition: Definition,
        keepalive: Keepalive,
        peers: impl FnOnce(&Runtime) -> Peers,
    ) -> Upstream {
        if let Some(known) = self.new.get(&key) {
            return known.clone();
        }
        let upstream = match self.old.get(&key) {
            Some(old) if old.definition == definition => old.clone(),
            _ => Upstream {
                definition,
                pool: Pool::new(keepalive),
                rotation: Rotation::new(peers(self.runtime)),
            },
        };
        self.new.insert(key, upstream.clone());
        upstream
    }

    /// Opens a log, or finds it open.
    pub(crate) fn sink(
        &self,
        target: &propylon_access_log::Target,
        buffering: propylon_access_log::Buffering,
    ) -> Result<Arc<propylon_access_log::Sink>, BuildError> {
        Ok(self.runtime.sinks.open(target, buffering)?)
    }
}

/// Leaves by name, and for any address.
pub(crate) struct Leaves {
    pub(crate) named: HashMap<Box<str>, Leaf>,
    any: Upstream,
    settings: Arc<Settings>,
    http1: Http1,
    pub(crate) runtime: Arc<Runtime>,
}

impl Leaves {
    /// A leaf for addresses that a request named.
    pub(crate) fn any(&self, peers: Peers) -> Leaf {
        leaf(&self.any, Rotation::new(peers), &self.settings, self.http1)
    }
}

fn leaf(upstream: &Upstream, rotation: Rotation, settings: &Settings, http1: Http1) -> Leaf {
    let timeout = &settings.timeout;
    let transport = Transport::new()
        .connect_timeout(timeout.connect)
        .engine(match http1 {
            Http1::H1 => Engine::H1,
            Http1::Hyper => Engine::Hyper,
        })
        .socket_keepalive(settings.upstream.socket_keepalive)
        .http_version(match settings.upstream.http_version {
            UpstreamVersion::Http10 => HttpVersion::Http10,
            UpstreamVersion::Http11 => HttpVersion::Http11,
        });
    let client = Client::new(upstream.pool.clone(), transport)
        .layer(TimeoutLayer::new().send(timeout.send).read(timeout.read))
        .failure_status(rescue::try_status);
    RoundRobin::new(client, rotation)
}

/// A leaf without peers: every request to it fails.
pub(crate) fn nowhere() -> Leaf {
    let client = Client::new(Pool::new(Keepalive::off()), Transport::new())
        .layer(TimeoutLayer::new())
        .failure_status(rescue::try_status);
    RoundRobin::new(client, Rotation::new(Peers::new("", Vec::new())))
}

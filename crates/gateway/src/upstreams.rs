//! What the routes of one worker share for each upstream: its pool and its choice among the peers.

mod asked;
mod choices;

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::Arc;

use propylon_balance::{Balance, Balancer, Change, Group, Method, Sticky, StickyLayer};
use propylon_config::{self as config, Address, Config, Destination, Http1, Settings, UpstreamVersion};
use propylon_h1::sends::SendQueue;
use propylon_resolver::Resolver;
use propylon_retry::Retry;
use propylon_stack::Body;
use propylon_timeout::TimeoutLayer;
use propylon_upstream::{Client, Engine, HttpVersion, Keepalive, Peer, Pool, Transport};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tower_layer::Layer;

use crate::error::BuildError;
use crate::names::Definition;
use crate::rescue;
use crate::retired::Generation;
use crate::route::{
    Bond, Bound, NextPeer, ToPeer, Trailerless, application, read_bytes, tells_traces, unwanted,
};
use crate::runtime::Runtime;
use crate::tally::Ledger;
use crate::tls::Security;

use asked::Asked;
pub(crate) use choices::{Choice, Choices};

/// A leaf: one upstream's peers as its method chooses them, over this worker's connections, with a route's transport, timeouts
/// and retries.
pub(crate) type Leaf = Sticky<Retry<Balance<Peer, ToPeer>, NextPeer>, Bond>;

/// The body of a leaf's response.
pub(crate) type LeafBody =
    propylon_balance::ResponseBody<Peer, propylon_timeout::ResponseBody<propylon_upstream::Body>>;

/// What the peers of a leaf speak.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http(Http1),
    /// What a scheme says that is none of HTTP.
    Other(config::Scheme),
}

impl Speaks {
    /// What a target's scheme says.
    pub(crate) fn to(scheme: config::Scheme, http1: Http1) -> Self {
        let other = scheme.is_cgi() || scheme == config::Scheme::Memcached;
        if other { Self::Other(scheme) } else { Self::Http(http1) }
    }

    /// Which of those that are none of HTTP.
    fn other(self) -> Option<config::Scheme> {
        match self {
            Self::Http(_) => None,
            Self::Other(scheme) => Some(scheme),
        }
    }
}

/// A leaf's response body for what follows: one that came with its head needs no box, and gives its connection back now.
pub(crate) fn body(mut body: LeafBody, trailers: bool) -> Body {
    match body.get_mut().get_mut().take_bytes() {
        Some(bytes) => {
            body.release();
            Body::from(bytes)
        }
        None if trailers => Body::new(body),
        None => Body::new(Trailerless(body)),
    }
}

/// Says in the error log what happened to a peer.
pub(crate) fn report_change(upstream: &str, peer: &str, change: Change) {
    let what = match change {
        Change::Unavailable => "temporarily disabled",
        Change::Available => "available again",
        Change::Unhealthy => "unhealthy",
        _ => "healthy",
    };
    tracing::warn!(target: "propylon_gateway", "upstream server {what}: \"{peer}\" of upstream \"{upstream}\"");
}

/// The upstreams of one worker, kept over reloads where they did not change.
pub(crate) type Kept = HashMap<Box<str>, Upstream>;

/// One upstream, or one address that a `proxy_pass` names directly.
#[derive(Clone)]
pub(crate) struct Upstream {
    /// `None`: any address that requests name.
    definition: Option<Definition>,
    pool: Pool,
    balancer: Balancer<Peer>,
    bound: Bound,
    bond: Option<Bond>,
}

/// Most of a worker's blocking threads are left for files: a hash holds one for long, and more of them at once end no sooner.
const PASSWORDS_AT_ONCE: usize = 4;

/// The upstreams of one worker while its router is being built.
pub(crate) struct Upstreams<'a> {
    pub(crate) runtime: &'a Arc<Runtime>,
    pub(crate) config: &'a Config,
    /// How many passwords the worker checks at once.
    pub(crate) password_turns: Arc<Semaphore>,
    /// Where the worker runs what outlives a request.
    pub(crate) tasks: TaskTracker,
    /// What the locations that are built hold.
    pub(crate) generation: Generation,
    /// What the worker counts in; none for a router that serves nobody.
    ledger: Option<&'a Arc<Ledger>>,
    /// Whether anybody may ask what it has counted.
    is_asked: bool,
    /// Whether requests are traced anywhere.
    traces: bool,
    /// Where the worker queues what it sends.
    sends: SendQueue,
    old: &'a Kept,
    new: Kept,
}

impl<'a> Upstreams<'a> {
    pub(crate) fn new(
        runtime: &'a Arc<Runtime>,
        config: &'a Config,
        old: &'a Kept,
        tasks: &TaskTracker,
    ) -> Self {
        let password_turns = Arc::new(Semaphore::new(PASSWORDS_AT_ONCE));
        let (tasks, generation) = (tasks.clone(), Generation::new());
        let (ledger, sends, new) = (None, SendQueue::new(), Kept::new());
        let traces = config.servers.iter().any(|server| server.traces());
        let is_asked = config.is_asked();
        Self { runtime, config, password_turns, tasks, generation, ledger, is_asked, traces, sends, old, new }
    }

    /// What is sent is queued there.
    pub(crate) fn sending_through(mut self, sends: &SendQueue) -> Self {
        self.sends = sends.clone();
        self
    }

    /// What is served is counted there.
    pub(crate) fn counted_in(mut self, ledger: &'a Arc<Ledger>) -> Self {
        self.ledger = Some(ledger);
        self
    }

    /// Where requests are counted, if anybody may ask.
    pub(crate) fn counted(&self) -> Option<&'a Arc<Ledger>> {
        self.ledger.filter(|_| self.is_asked)
    }

    /// What was built.
    pub(crate) fn into_kept(self) -> Kept {
        self.new
    }

    /// The leaf for a static `proxy_pass`.
    pub(crate) fn leaf(&mut self, target: &config::Target, settings: &Settings) -> Leaf {
        let secure =
            target.scheme.is_secure().then(|| self.runtime.tls.security(&settings.upstream.tls)).flatten();
        let upstream = match &target.to {
            Destination::Upstream(name) => match self.config.upstreams.get(name) {
                Some(upstream) => self.named(upstream),
                None => self.direct(&Address::Name { host: name.clone(), port: 80 }),
            },
            Destination::Address(address) => self.direct(address),
        };
        let speaks = Speaks::to(target.scheme, self.config.runtime.http1);
        leaf(&upstream, upstream.balancer.clone(), settings, secure, (speaks, self.traces))
    }

    /// The leaves that a `proxy_pass` with variables may name, and what makes one for any other address.
    pub(crate) fn leaves(&mut self, scheme: Option<config::Scheme>, settings: &Arc<Settings>) -> Leaves {
        let speaks = Speaks::to(scheme.unwrap_or(config::Scheme::Http), self.config.runtime.http1);
        let speaks = (speaks, self.traces);
        let secure = self.runtime.tls.security(&settings.upstream.tls);
        let (mut named, mut secured) = (HashMap::new(), HashMap::new());
        for (name, upstream) in &self.config.upstreams {
            let upstream = self.named(upstream);
            let balancer = || upstream.balancer.clone();
            named.insert(name.clone(), leaf(&upstream, balancer(), settings, None, speaks));
            secured.insert(name.clone(), leaf(&upstream, balancer(), settings, secure.clone(), speaks));
        }
        // As in nginx, a host that another `proxy_pass` writes is an upstream too, by that name and port.
        for address in written(self.config) {
            let upstream = self.direct(address);
            let balancer = || upstream.balancer.clone();
            named.insert(address.to_string().into(), leaf(&upstream, balancer(), settings, None, speaks));
            let secured_leaf = leaf(&upstream, balancer(), settings, secure.clone(), speaks);
            secured.insert(address.to_string().into(), secured_leaf);
        }
        let any = self.get(Box::from(""), None, Keepalive::new());
        let resolver = settings.resolver.as_ref().unwrap_or(&self.config.resolver);
        let resolver = self.runtime.names.resolver(resolver);
        Leaves {
            named,
            secured,
            any,
            settings: settings.clone(),
            secure,
            speaks,
            resolver,
            asked: Asked::default(),
        }
    }

    fn named(&mut self, upstream: &Arc<config::Upstream>) -> Upstream {
        let keepalive = Keepalive::new()
            .connections(upstream.keepalive)
            .requests(NonZeroU64::new(upstream.keepalive_requests).unwrap_or(NonZeroU64::MIN))
            .time(upstream.keepalive_time)
            .timeout(upstream.keepalive_timeout)
            .streams(upstream.max_streams);
        self.get(upstream.name.clone(), Some(Definition::named(upstream, self.config)), keepalive)
    }

    fn direct(&mut self, address: &Address) -> Upstream {
        self.get(format!("//{address}").into(), Some(Definition::Direct(address.clone())), Keepalive::new())
    }

    fn get(&mut self, key: Box<str>, definition: Option<Definition>, keepalive: Keepalive) -> Upstream {
        if let Some(known) = self.new.get(&key) {
            return known.clone();
        }
        let upstream = match self.old.get(&key) {
            Some(old) if old.definition == definition => old.clone(),
            old => {
                // Connections to servers that stay are kept, unless they are to be kept in another way.
                let pool = old.map(|old| &old.pool).filter(|pool| *pool.keepalive() == keepalive);
                let pool =
                    pool.cloned().unwrap_or_else(|| Pool::sending_through(keepalive, self.sends.clone()));
                let group = match &definition {
                    Some(definition) => self.runtime.names.group(definition),
                    None => Group::new(""),
                };
                let (method, bound) = method(definition.as_ref());
                let sticky = definition.as_ref().and_then(Definition::sticky);
                let bond = sticky.map(|(name, sticky)| {
                    Bond::new(sticky, |capacity| self.runtime.names.sessions(name, capacity))
                });
                let balancer = balancer(group, method);
                let balancer = match old {
                    Some(old) => balancer.successor_of(&old.balancer),
                    None => balancer,
                };
                Upstream { pool, balancer, bound, bond, definition }
            }
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

/// The names that a `proxy_pass` without variables has, with their ports.
pub(crate) fn written(config: &Config) -> impl Iterator<Item = &Address> {
    let mut found: Vec<&Address> = Vec::new();
    for location in config.locations() {
        if let config::Action::ProxyPass(pass) = &location.action
            && let config::ProxyPass::Static(target) = &pass.value
            && let Destination::Address(address @ Address::Name { .. }) = &target.to
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found.into_iter()
}

/// The host of a URL with variables, if they stand only behind it.
pub(crate) fn fixed_host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let (host, _) = rest.split_once('/')?;
    Some(host).filter(|host| !host.contains('$'))
}

/// How an upstream chooses, and by what requests are bound to a peer.
fn method(definition: Option<&Definition>) -> (Method, Bound) {
    use propylon_balance::Better;
    let better = |better: config::Better| match better {
        config::Better::LeastConn => Better::LeastConn,
        config::Better::Header => Better::Header,
        config::Better::LastByte => Better::LastByte,
        config::Better::HeaderInflight => Better::HeaderInflight,
        config::Better::LastByteInflight => Better::LastByteInflight,
    };
    let Some(Definition::Named { upstream, .. }) = definition else {
        return (Method::RoundRobin, Bound::Free);
    };
    match &upstream.method {
        config::Method::RoundRobin => (Method::RoundRobin, Bound::Free),
        config::Method::LeastConn => (Method::LeastConn, Bound::Free),
        config::Method::IpHash => (Method::IpHash, Bound::Address),
        config::Method::Hash { key, consistent: false } => (Method::Hash, Bound::Template(key.clone())),
        config::Method::Hash { key, consistent: true } => (Method::Consistent, Bound::Template(key.clone())),
        config::Method::Random => (Method::Random, Bound::Free),
        config::Method::RandomTwo(by) => (Method::RandomTwo(better(*by)), Bound::Free),
        config::Method::LeastTime(by) => (Method::LeastTime(better(*by)), Bound::Free),
        config::Method::PeakEwma => (Method::PeakEwma, Bound::Free),
    }
}

fn balancer(group: Group<Peer>, method: Method) -> Balancer<Peer> {
    // Backups with a method that knows none are an error of the configuration; a service's records of less priority, which
    // come later, stay unused.
    Balancer::new(group.clone(), method).unwrap_or_else(|_| {
        let in_turn = Balancer::new(group, Method::RoundRobin);
        #[expect(clippy::unwrap_used, reason = "round robin knows backups")]
        in_turn.unwrap()
    })
}

/// Leaves by name, and for any address.
pub(crate) struct Leaves {
    named: HashMap<Box<str>, Leaf>,
    /// The same over TLS.
    secured: HashMap<Box<str>, Leaf>,
    secure: Option<Security>,
    any: Upstream,
    settings: Arc<Settings>,
    speaks: (Speaks, bool),
    /// Who is asked for names.
    pub(crate) resolver: Option<Resolver>,
    /// Those that requests have named, so that turns and failures are remembered.
    asked: Asked<Leaf>,
}

impl Leaves {
    /// The leaf of the upstream with this name; `host:port` names one that another `proxy_pass` writes.
    pub(crate) fn named(&self, name: &str, tls: bool) -> Option<&Leaf> {
        let leaves = if tls { &self.secured } else { &self.named };
        leaves.get(name).or_else(|| leaves.get(&*name.to_ascii_lowercase()))
    }

    /// A leaf for the addresses that a request named as `name`.
    pub(crate) fn any(&self, name: &str, tls: bool, peers: Vec<Peer>) -> Leaf {
        let group = |leaf: &Leaf| leaf.get_ref().get_ref().balancer().group().clone();
        self.asked.get((name.into(), tls), peers, group, |balancer| {
            let secure = self.secure.clone().filter(|_| tls);
            leaf(&self.any, balancer, &self.settings, secure, self.speaks)
        })
    }
}

fn server(peer: Peer) -> propylon_balance::Server<Peer> {
    propylon_balance::Server::new(Arc::clone(peer.name()), peer)
}

/// How a place with these settings speaks to its peers.
pub(crate) fn transport(settings: &Settings, secure: Option<Security>, speaks: Speaks) -> Transport {
    Transport::new()
        .secure(secure)
        .special(settings.upstream.bind.is_some() || settings.upstream.proxy_protocol.is_some())
        .connect_timeout(settings.timeout.connect)
        .engine(match speaks {
            Speaks::Http(Http1::Hyper) => Engine::Hyper,
            Speaks::Http(Http1::H1) | Speaks::Other(_) => Engine::H1,
        })
        .application(speaks.other().and_then(|scheme| application(settings, scheme)))
        .socket_keepalive(settings.upstream.socket_keepalive)
        .max_head(settings.buffer.header_size)
        .read_buffer(read_bytes(&settings.buffer))
        .http_version(match settings.upstream.http_version {
            UpstreamVersion::Http10 => HttpVersion::Http10,
            UpstreamVersion::Http11 => HttpVersion::Http11,
            UpstreamVersion::Http2 => HttpVersion::Http2,
        })
}

/// `traces`: whether requests that are traced may come here.
fn leaf(
    upstream: &Upstream,
    balancer: Balancer<Peer>,
    settings: &Settings,
    secure: Option<Security>,
    (speaks, traces): (Speaks, bool),
) -> Leaf {
    let timeout = &settings.timeout;
    let transport = transport(settings, secure, speaks);
    let transport = transport.without(unwanted(settings)).interims(crate::route::interims(settings));
    let client = Client::new(upstream.pool.clone(), transport)
        .layer(TimeoutLayer::new().send(timeout.send).read(timeout.read))
        .failure_status(rescue::try_status);
    let retry = crate::route::retry(settings, balancer.group().clone());
    let tells = traces && tells_traces(settings, speaks.other());
    let to_peer = ToPeer::new(client, upstream.bound.clone(), &settings.retry, tells);
    let balance = Balance::new(balancer, to_peer).sticky(upstream.bond.is_some());
    StickyLayer::new(upstream.bond.clone()).layer(retry.layer(balance)) // outside retry: who serves in the end is who is remembered
}

/// A leaf without peers: every request to it fails.
pub(crate) fn nowhere(settings: &Settings) -> Leaf {
    let any = Upstream {
        definition: None,
        pool: Pool::new(Keepalive::off()),
        balancer: balancer(Group::new(""), Method::RoundRobin),
        bound: Bound::Free,
        bond: None,
    };
    leaf(&any, any.balancer.clone(), settings, None, (Speaks::Http(Http1::H1), false))
}

/// Peers for the addresses of a host.
pub(crate) fn peers(addresses: &[IpAddr], port: u16) -> Vec<Peer> {
    addresses.iter().map(|&ip| Peer::from(std::net::SocketAddr::new(ip, port))).collect()
}

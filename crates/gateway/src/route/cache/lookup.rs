//! What requests are looked up by: a zone and a key.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HOST;
use http::{Extensions, Method, request};
use propylon_cache::store::{Key, Purge, Zone};
use propylon_config::{CacheZone, Settings, ZoneName};
use propylon_exchange::{Exchange, Head, Keep};
use propylon_vars::Template;

use crate::error::BuildError;
use crate::route::proxy::TargetLayer;
use crate::route::trace;
use crate::routing::Path;
use crate::upstreams::Upstreams;

/// What the requests of a location are looked up by.
#[derive(Clone)]
pub(in crate::route) struct Lookup(Arc<Inner>);

struct Inner {
    zone: Zones,
    key: Option<Template>,
    target: TargetLayer,
    /// Whether the key or a condition tells where requests go, which is not known yet.
    announces: bool,
    /// Whether a key that nobody wrote is nginx's.
    nginx: bool,
    slices: Slices,
}

/// What keys have of slices.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slices {
    /// Nothing.
    None,
    /// Which one it is, at their end: nobody wrote that.
    Appended,
    /// The same, as it is written.
    Last,
    /// It is written elsewhere in them.
    Within,
}

enum Zones {
    Fixed(Zone),
    Named { name: Template, all: HashMap<Box<[u8]>, Zone> },
}

impl Lookup {
    pub(super) fn new(
        name: &ZoneName,
        settings: &Settings,
        target: &TargetLayer,
        upstreams: &Upstreams<'_>,
    ) -> Result<Self, BuildError> {
        let zone = match name {
            ZoneName::Fixed(config) => Zones::Fixed(zone(config, upstreams)?),
            ZoneName::Template(name) => {
                let all = upstreams.config.cache_zones.iter();
                let all = all.map(|(name, config)| Ok((name.as_bytes().into(), zone(config, upstreams)?)));
                Zones::Named { name: name.clone(), all: all.collect::<Result<_, BuildError>>()? }
            }
        };
        let key = settings.cache.key.clone();
        let announces = key.is_none() || super::needs(settings).has(Keep::PROXY);
        let nginx = settings.cache.habits.nginx;
        let slices = Slices::new(settings);
        Ok(Self(Arc::new(Inner { zone, key, target: target.clone(), announces, nginx, slices })))
    }

    /// The zone and the key of a request; none: it has nothing to do with the cache.
    pub(in crate::route) fn find(&self, request: &request::Parts) -> Option<(Zone, Bytes)> {
        let inner = &*self.0;
        let exchange = request.extensions.get::<Exchange>()?;
        // What a DELETE or a PURGE names is what a GET gets.
        let get = request.method == Method::GET && !exchange.head().is_some_and(|head| is_get(&head.method));
        let get = get.then(|| beside(exchange, |head| head.method = Method::GET));
        let exchange = get.as_ref().unwrap_or(exchange);
        // What is not for one slice begins as those do.
        let all = (inner.slices != Slices::None && propylon_vars::slice_range(exchange).is_none())
            .then(|| of_all_slices(exchange));
        let exchange = all.as_ref().unwrap_or(exchange);
        if inner.announces && !self.announce(exchange, &request.extensions) {
            return None;
        }
        let zone = match &inner.zone {
            Zones::Fixed(zone) => zone.clone(),
            Zones::Named { name, all } => all.get(&*name.eval(exchange))?.clone(),
        };
        let key = match &inner.key {
            Some(key) => key.eval(exchange),
            None => usual(exchange, inner.nginx)?,
        };
        let key = match inner.slices {
            Slices::Appended => {
                let range = propylon_vars::slice_range(exchange).unwrap_or_default();
                [&*key, b" ", &*range].concat().into()
            }
            _ => key,
        };
        Some((zone, key))
    }

    /// The zone of a request, and what it would be answered with; none: it has nothing to do with the cache.
    pub(in crate::route) fn find_all(&self, mut request: request::Parts) -> Option<(Zone, Purge)> {
        if self.0.slices != Slices::None {
            let all = of_all_slices(request.extensions.get::<Exchange>()?);
            request.extensions.insert(all);
        }
        self.find(&request).map(|(zone, key)| (zone, self.named(key)))
    }

    /// What goes when what has this key has changed.
    pub(super) fn changed(&self, key: Key) -> Purge {
        match self.0.slices {
            Slices::Appended | Slices::Last => Purge::Prefix(key.into_bytes()),
            Slices::None | Slices::Within => Purge::Key(key),
        }
    }

    /// What has this key, or with it is of the same thing; nginx: a key that ends in `*` stands for all that begin so.
    pub(in crate::route) fn named(&self, key: Bytes) -> Purge {
        match (self.0.slices, key.strip_suffix(b"*")) {
            (Slices::Appended | Slices::Last, _) => {
                let start =
                    key.strip_suffix(ALL_SLICES).and_then(|key| key.trim_ascii_end().strip_suffix(b"*"));
                Purge::Prefix(start.map_or_else(|| key.clone(), |start| key.slice_ref(start)))
            }
            (_, Some(prefix)) => Purge::Prefix(key.slice_ref(prefix)),
            (_, None) => Purge::Key(Key::new(key)),
        }
    }

    /// Tells where the request would go, for templates that are evaluated before it is looked up.
    pub(in crate::route) fn announce(&self, exchange: &Exchange, extensions: &Extensions) -> bool {
        self.0.target.announce(exchange, extensions)
    }
}

/// With what the texts of all slices begin.
const ALL_SLICES: &[u8] = b"bytes=";

fn of_all_slices(exchange: &Exchange) -> Exchange {
    let all = beside(exchange, |_| {});
    propylon_vars::set_slice_range(&all, Some(Bytes::from_static(ALL_SLICES)));
    all
}

impl Slices {
    fn new(settings: &Settings) -> Self {
        let key = settings.cache.key.as_ref().map(Template::source).unwrap_or_default();
        match (settings.slice, behind_slice(key)) {
            (None, _) => Self::None,
            (Some(_), None) => Self::Appended,
            (Some(_), Some("")) => Self::Last,
            (Some(_), Some(_)) => Self::Within,
        }
    }
}

/// What a key has behind the last place where it tells slices apart; none: it does not.
fn behind_slice(key: &str) -> Option<&str> {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    key.match_indices('$').rev().find_map(|(at, dollar)| {
        let named = key.get(at + dollar.len()..)?;
        let bare = named.strip_prefix("slice_range");
        let bare = bare.filter(|rest| !rest.as_bytes().first().is_some_and(in_name));
        bare.or_else(|| named.strip_prefix("{slice_range}"))
    })
}

/// nginx's key is what the upstream is asked. Which host the client asks for may matter to the upstream as well.
fn usual(exchange: &Exchange, nginx: bool) -> Option<Bytes> {
    let (proxy, target) = (exchange.proxy()?, exchange.proxy_target()?);
    let mut key = Vec::with_capacity(proxy.host.len() + target.len() + 64);
    if !nginx {
        key.extend_from_slice(if exchange.connection().tls.is_some() { b"https://" } else { b"http://" });
        // They differ where the target has a host of its own.
        let field = exchange.head().and_then(|head| head.headers.value(&HOST)).unwrap_or_default();
        for host in [exchange.host().map(|host| &**host).unwrap_or_default(), field] {
            key.extend(host.iter().map(u8::to_ascii_lowercase));
            key.push(b' ');
        }
    }
    for part in [proxy.scheme.as_bytes(), b"://", proxy.host.as_bytes(), &target] {
        key.extend_from_slice(part);
    }
    Some(key.into())
}

/// Variables name a zone that there is not.
#[derive(Debug, thiserror::Error)]
#[error("cache \"{0}\" not found")]
pub(crate) struct NoZone(String);

impl Lookup {
    /// nginx: 500, unless it is "off".
    pub(super) fn missing(&self, exchange: &Exchange, extensions: &Extensions) -> Option<NoZone> {
        let Zones::Named { name, all } = &self.0.zone else { return None };
        if name.needs().has(Keep::PROXY) {
            self.announce(exchange, extensions);
        }
        let name = name.eval(exchange);
        let known = matches!(&*name, b"" | b"off") || all.contains_key(&*name);
        (!known).then(|| NoZone(String::from_utf8_lossy(&name).into_owned()))
    }
}

fn is_get(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// An exchange for what is done beside a request.
pub(super) fn beside(exchange: &Exchange, change: impl FnOnce(&mut Head)) -> Exchange {
    let beside = exchange.beside(change);
    propylon_vars::share(exchange, &beside);
    trace::lend(exchange, &beside, false);
    beside
}

/// What a request that is made beside another one has of it.
pub(in crate::route) fn extensions_beside(request: &Extensions) -> Extensions {
    let mut own = Extensions::new();
    if let Some(exchange) = request.get::<Exchange>() {
        own.insert(beside(exchange, |_| {}));
    }
    if let Some(path) = request.get::<Path>() {
        own.insert(path.clone());
    }
    own
}

/// The zone of the configuration, which was opened before anything was built.
pub(in crate::route) fn zone(config: &CacheZone, upstreams: &Upstreams<'_>) -> Result<Zone, BuildError> {
    let missing = || std::io::Error::other("the zone was not opened");
    upstreams
        .runtime
        .caches
        .zone(config)
        .ok_or_else(missing)
        .map_err(BuildError::value("cache zone not found", config.span))
}

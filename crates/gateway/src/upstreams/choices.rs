//! The peers of connections that are passed on, which go to no leaf: they are no requests.

use std::collections::HashMap;

use propylon_balance::Balancer;
use propylon_config::{self as config, Address, Config, Destination, StreamAction, StreamPass};
use propylon_resolver::Resolver;
use propylon_upstream::Peer;

use super::{Asked, Upstream, Upstreams};
use crate::route::Bound;

/// The peers that a connection may go to.
#[derive(Clone)]
pub(crate) struct Choice {
    pub(crate) balancer: Balancer<Peer>,
    /// By what connections are bound to one of them.
    pub(crate) bound: Bound,
}

/// Those that connections name.
pub(crate) struct Choices {
    named: HashMap<Box<str>, Choice>,
    asked: Asked<Choice>,
    /// Who is asked for names.
    pub(crate) resolver: Option<Resolver>,
}

impl Upstreams<'_> {
    /// The peers of what a stream names.
    pub(crate) fn choice(&mut self, to: &Destination) -> Choice {
        let upstream = match to {
            Destination::Upstream(name) => match self.config.upstreams.get(name) {
                Some(upstream) => self.named(upstream),
                None => self.direct(&Address::Name { host: name.clone(), port: 80 }),
            },
            Destination::Address(address) => self.direct(address),
        };
        Choice::of(&upstream)
    }

    /// Those that the connections of a stream may name.
    pub(crate) fn choices(&mut self, settings: &config::Settings) -> Choices {
        let mut named: HashMap<Box<str>, Choice> = HashMap::new();
        for (name, upstream) in &self.config.upstreams {
            named.insert(name.to_ascii_lowercase().into(), Choice::of(&self.named(upstream)));
        }
        // As in nginx, a host that another stream writes is an upstream too, by that name and port.
        for address in written(self.config) {
            let name = address.to_string().to_ascii_lowercase();
            named.insert(name.into(), Choice::of(&self.direct(address)));
        }
        let resolver = settings.resolver.as_ref().unwrap_or(&self.config.resolver);
        Choices { named, asked: Asked::default(), resolver: self.runtime.names.resolver(resolver) }
    }
}

impl Choice {
    fn of(upstream: &Upstream) -> Self {
        Self { balancer: upstream.balancer.clone(), bound: upstream.bound.clone() }
    }
}

impl Choices {
    /// The upstream with this name, or the host and port that another stream writes so.
    pub(crate) fn named(&self, name: &str) -> Option<&Choice> {
        self.named.get(&*name.to_ascii_lowercase())
    }

    /// The addresses that a connection named so.
    pub(crate) fn any(&self, name: &str, peers: Vec<Peer>) -> Choice {
        let group = |choice: &Choice| choice.balancer.group().clone();
        let make = |balancer| Choice { balancer, bound: Bound::Free };
        self.asked.get((name.into(), false), peers, group, make)
    }
}

/// The addresses that streams write.
fn written(config: &Config) -> impl Iterator<Item = &Address> {
    config.streams.iter().filter_map(|stream| match &stream.action.value {
        StreamAction::Pass(StreamPass::Static { to: Destination::Address(address), .. }) => Some(address),
        _ => None,
    })
}

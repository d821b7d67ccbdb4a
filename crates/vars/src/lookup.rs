//! A compiled map.

use std::net::IpAddr;

use bytes::Bytes;
use http::HeaderName;
use ipnet::IpNet;
use propylon_exchange::{Exchange, Keep};
use smallvec::SmallVec;

use crate::KeyValues;
use crate::code::Code;
use crate::networks::{self, Networks};
use crate::scratch::Scratch;
use crate::shares::Shares;
use crate::side::Lacking;
use crate::state;
use crate::table::{Hit, Table};
use crate::variable::Scene;

/// The patterns of a map, each leading to the number of its value.
#[derive(Debug)]
pub(crate) enum Patterns {
    Texts(Table),
    Networks(Networks, Proxies),
    Shares(Shares),
    /// It has none: another is asked.
    Asked(KeyValues, Proxies),
}

/// Peers that tell whom they speak for.
#[derive(Debug)]
pub(crate) struct Proxies {
    pub(crate) networks: Vec<IpNet>,
    pub(crate) recursive: bool,
}

/// A compiled map.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) key: Code,
    pub(crate) patterns: Patterns,
    pub(crate) values: Vec<Code>,
    pub(crate) default: Code,
    pub(crate) hostnames: bool,
    pub(crate) volatile: bool,
    /// The facts that it needs, also by way of other maps.
    pub(crate) keep: Keep,
    /// What it has that requests lack, or streams, also by way of other maps.
    pub(crate) lacking: Lacking,
}

impl Lookup {
    /// Evaluates the key, finds the value that it leads to, and evaluates that.
    pub(crate) fn value(&self, scene: Scene<'_>) -> Bytes {
        let without_captures = |value| Hit { value, captures: None };
        let hit = match &self.patterns {
            Patterns::Texts(table) => table.find(&self.key(scene), &mut Scratch::take()),
            Patterns::Networks(networks, proxies) => {
                let address = networks::address(&self.key(scene));
                networks.find(proxies.client(address, scene.exchange)).map(without_captures)
            }
            Patterns::Shares(shares) => shares.find(&self.key(scene)).map(without_captures),
            Patterns::Asked(values, proxies) => return self.ask(values, proxies, scene),
        };
        let Some(hit) = hit else { return self.default.eval(scene) };
        if let Some(captures) = hit.captures {
            state::set_captures(scene.exchange, captures);
        }
        self.values.get(hit.value).map_or_else(Bytes::new, |value| value.eval(scene))
    }

    #[inline(never)] // out of the way of what most maps are
    fn ask(&self, values: &KeyValues, proxies: &Proxies, scene: Scene<'_>) -> Bytes {
        let mut key = self.key(scene);
        if let Some(peer) = networks::parse(&key).filter(|peer| proxies.trust(*peer)) {
            let client = proxies.client(peer, scene.exchange);
            key.clear();
            key.extend_from_slice(client.to_string().as_bytes());
        }
        values.find(&key).unwrap_or_else(|| self.default.eval(scene))
    }

    fn key(&self, scene: Scene<'_>) -> Scratch {
        let mut key = Scratch::take();
        self.key.eval_into(scene, &mut key);
        if self.hostnames && key.ends_with(b".") {
            key.pop();
        }
        key
    }

    /// All templates of it.
    pub(crate) fn codes(&self) -> impl Iterator<Item = &Code> {
        [&self.key, &self.default].into_iter().chain(&self.values)
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

impl Proxies {
    fn trust(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address.to_canonical()))
    }

    /// Whom the peer at `address` speaks for: itself, if it is none of these.
    fn client(&self, mut address: IpAddr, exchange: &Exchange) -> IpAddr {
        if !self.trust(address) {
            return address;
        }
        let Some(head) = exchange.head() else { return address };
        let lines: SmallVec<[&[u8]; 4]> = head.headers.values(&X_FORWARDED_FOR).collect();
        for entry in lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
            let Some(named) = std::str::from_utf8(entry).ok().and_then(|text| text.trim().parse().ok())
            else {
                return address;
            };
            address = named;
            if !self.recursive || !self.trust(address) {
                return address;
            }
        }
        address
    }
}

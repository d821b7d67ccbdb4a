//! Choosing a peer: pure, given what is known of the peers.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::sync::Arc;

use crate::group::{Group, Peer, Peers};
use crate::load::{Burden, Load, by_conns, by_header, by_last_byte};
use crate::method::{Better, Method};
use crate::ring::Ring;
use crate::slot::Slot;
use crate::weighted::{Credit, favour, turn};

/// After as many tries a hash gives up, and the turn decides (nginx's number).
const MAX_TRIES: usize = 20;

/// By what a request is bound to a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Key<'a> {
    /// Nothing.
    #[default]
    None,
    /// The client's address, for [`Method::IpHash`]; a client without one (unix socket) has [`Key::None`].
    Address(IpAddr),
    /// Any bytes, for [`Method::Hash`] and [`Method::Consistent`]; empty ones bind to nothing.
    Bytes(&'a [u8]),
}

/// One worker's choice: the peers as it knows them, and what it remembers of them.
#[derive(Debug)]
pub(crate) struct Picker<T> {
    peers: Arc<Peers<T>>,
    /// Which ones these are, of their group's.
    version: u64,
    turns: Turns,
}

/// Of no group.
const NEVER: u64 = u64::MAX;

/// What is remembered for choosing: whose turn it is, and the ring.
#[derive(Debug)]
struct Turns {
    method: Method,
    primary: Vec<Credit>,
    backup: Vec<Credit>,
    ring: Ring,
    /// For each entry of the ring, the indices of the peers with that text.
    texts: Vec<Vec<usize>>,
    /// The best peers of a choice, with their strengths: kept for its memory alone.
    equals: Vec<(u32, u32)>,
    random: fastrand::Rng,
}

/// Why there is no peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nobody {
    /// Some peers live, but have all that they may.
    Full,
    /// None lives that has not been tried.
    Lives,
}

/// For another group, whose peers may be the same.
impl<T> Clone for Picker<T> {
    fn clone(&self) -> Self {
        Self { peers: Arc::clone(&self.peers), version: NEVER, turns: self.turns.clone() }
    }
}

impl Clone for Turns {
    fn clone(&self) -> Self {
        Self {
            method: self.method,
            primary: self.primary.clone(),
            backup: self.backup.clone(),
            ring: self.ring.clone(),
            texts: self.texts.clone(),
            equals: Vec::new(),
            random: self.random.clone(),
        }
    }
}

impl<T> Picker<T> {
    pub(crate) fn method(&self) -> Method {
        self.turns.method
    }

    pub(crate) fn new(method: Method, random: fastrand::Rng) -> Self {
        let turns = Turns {
            method,
            primary: Vec::new(),
            backup: Vec::new(),
            ring: Ring::default(),
            texts: Vec::new(),
            equals: Vec::new(),
            random,
        };
        Self { peers: Arc::new(Peers::new(Vec::new(), Vec::new())), version: NEVER, turns }
    }

    /// The peers of `group`, always the same one, may be others than they were.
    pub(crate) fn follow(&mut self, group: &Group<T>) {
        let version = group.version();
        if version != self.version {
            self.update(group.peers());
            self.version = version; // what has come since is seen the next time
        }
    }

    #[cold]
    fn update(&mut self, peers: Arc<Peers<T>>) {
        self.turns.update(&self.peers, &peers);
        self.peers = peers;
    }

    /// The peer for a request that was not sent to any of `tried` yet, with one of its places taken.
    pub(crate) fn pick(
        &mut self,
        wanted: &[u8],
        key: Key<'_>,
        tried: &[u32],
    ) -> Result<Arc<Peer<T>>, Nobody> {
        let Self { peers, turns, .. } = self;
        loop {
            let chosen = if peers.is_single() {
                peers.primary.first().zip(peers.slots.primary.first()).and_then(|(peer, slot)| {
                    let able = !peer.server.down
                        && (!slot.drains() || *peer.called.as_bytes() == *wanted)
                        && slot.state.is_healthy()
                        && !tried.contains(&slot.id)
                        && !slot.is_full();
                    able.then_some(peer)
                })
            } else {
                turns.choose(peers, wanted, key, tried)
            };
            let Some(chosen) = chosen else { return Err(nobody(peers, tried)) };
            // Another worker may have taken the last place meanwhile.
            if chosen.state.begin(chosen.server.max_conns) {
                chosen.state.chosen(chosen.limits(), chosen.clock);
                return Ok(Arc::clone(chosen));
            }
        }
    }

    /// A failure costs a share of the weight (nginx: `effective_weight`).
    pub(crate) fn failed(&mut self, peer: &Peer<T>) {
        let index = |list: &[Arc<Peer<T>>]| list.iter().position(|known| known.id == peer.id);
        let credit = match index(&self.peers.primary) {
            Some(index) => self.turns.primary.get_mut(index),
            None => index(&self.peers.backup).and_then(|index| self.turns.backup.get_mut(index)),
        };
        if let Some(credit) = credit {
            credit.failed(peer.server.max_fails);
        }
    }
}

impl Turns {
    /// What is remembered of those that stay is kept.
    fn update<T>(&mut self, old: &Peers<T>, peers: &Peers<T>) {
        self.primary = credits(&old.primary, &self.primary, &peers.primary);
        self.backup = credits(&old.backup, &self.backup, &peers.backup);
        if self.method == Method::Consistent {
            let mut texts: Vec<(&str, u32, Vec<usize>)> = Vec::new();
            for (index, peer) in peers.primary.iter().enumerate() {
                let written = &*peer.server.written;
                // The addresses of one written server share its points, as in nginx.
                match texts.iter_mut().find(|(text, ..)| *text == written) {
                    Some((.., indices)) => indices.push(index),
                    None => texts.push((written, peer.server.weight, vec![index])),
                }
            }
            self.ring = Ring::new(texts.iter().map(|&(text, weight, _)| (text, weight)));
            self.texts = texts.into_iter().map(|(.., indices)| indices).collect();
        }
    }

    fn choose<'p, T>(
        &mut self,
        peers: &'p Peers<T>,
        wanted: &[u8],
        key: Key<'_>,
        tried: &[u32],
    ) -> Option<&'p Arc<Peer<T>>> {
        let (primary, slots) = (&peers.primary, &peers.slots);
        let method = self.method;
        if !wanted.is_empty()
            && let Some(index) = self.bound(peers, wanted, tried)
        {
            return primary.get(index);
        }
        let chosen = match (method, key) {
            (Method::IpHash, key) => by_address(peers, key, tried),
            (Method::Hash, Key::Bytes(key)) if !key.is_empty() => by_key(peers, key, tried),
            (Method::Consistent, Key::Bytes(key)) if !key.is_empty() => self.on_ring(peers, key, tried),
            (Method::Random, _) => self.by_chance(peers, tried, |_, _| true),
            (Method::RandomTwo(better), _) => self.better_of_two(peers, tried, Load::Of(better)),
            (Method::PeakEwma, _) => self.better_of_two(peers, tried, Load::Ewma),
            _ => None,
        };
        let chosen = chosen
            .or_else(|| choose_among(method, &slots.primary, &mut self.primary, &mut self.equals, tried));
        if let Some(index) = chosen {
            return primary.get(index);
        }
        let bound = |(peer, slot): &(&Arc<Peer<T>>, &Slot)| {
            *peer.called.as_bytes() == *wanted && slot.may_stay(tried)
        };
        if !wanted.is_empty()
            && let Some((peer, _)) = peers.backup.iter().zip(&slots.backup).find(bound)
        {
            return Some(peer);
        }
        let index = choose_among(method, &slots.backup, &mut self.backup, &mut self.equals, tried)?;
        peers.backup.get(index)
    }

    /// The peer that the request is bound to, if it can serve.
    fn bound<T>(&mut self, peers: &Peers<T>, wanted: &[u8], tried: &[u32]) -> Option<usize> {
        let slots = &peers.slots.primary;
        let can = |index: &usize| slots.get(*index).is_some_and(|slot| slot.may_stay(tried));
        let index = peers.called(wanted).iter().copied().find(can)?;
        if self.method == Method::RoundRobin {
            // It is its turn then: others have waited for theirs, and are not passed over for long.
            let able = (0..slots.len()).filter(|&index| is_able(slots, index, tried));
            favour(&mut self.primary, index, peers.total(), able, |index| strength(slots, index));
        }
        Some(index)
    }

    fn on_ring<T>(&mut self, peers: &Peers<T>, key: &[u8], tried: &[u32]) -> Option<usize> {
        let Self { ring, texts, primary, .. } = self;
        ring.walk(key).take(MAX_TRIES + 1).find_map(|text| {
            let same = texts.get(text as usize)?;
            let slots = &peers.slots.primary;
            let able = same.iter().copied().filter(|&index| is_able(slots, index, tried));
            turn(primary, able.map(|index| (index, strength(slots, index))))
        })
    }

    fn better_of_two<T>(&mut self, peers: &Peers<T>, tried: &[u32], load: Load) -> Option<usize> {
        let now = now(&peers.slots.primary, load);
        let burden = |slot: &Slot| Burden::of(slot, load, now);
        self.by_chance(peers, tried, |a, b| burden(b).compare(burden(a)).is_lt())
    }

    /// One by chance; with `second`, of two whether the second one is the better.
    fn by_chance<T>(
        &mut self,
        peers: &Peers<T>,
        tried: &[u32],
        second: impl Fn(&Slot, &Slot) -> bool,
    ) -> Option<usize> {
        let two = self.method != Method::Random;
        let slots = &peers.slots.primary;
        let mut first: Option<usize> = None;
        for _ in 0..=MAX_TRIES {
            let index = peers.at(self.random.u64(..))?;
            if first == Some(index) || !is_able(slots, index, tried) {
                continue;
            }
            let Some(one) = first.filter(|_| two) else {
                if !two {
                    return Some(index);
                }
                first = Some(index);
                continue;
            };
            let (a, b) = (slots.get(one)?, slots.get(index)?);
            return Some(if second(a, b) { index } else { one });
        }
        None // the turn decides, as in nginx
    }
}

/// Those of peers that are known are kept.
fn credits<T>(old: &[Arc<Peer<T>>], credits: &[Credit], new: &[Arc<Peer<T>>]) -> Vec<Credit> {
    new.iter()
        .map(|peer| {
            let known = old.iter().position(|old| old.id == peer.id).and_then(|index| credits.get(index));
            let mut credit = known.copied().unwrap_or_else(|| Credit::new(peer.server.weight));
            credit.reweigh(peer.server.weight);
            credit
        })
        .collect()
}

/// Why nobody was found.
fn nobody<T>(peers: &Peers<T>, tried: &[u32]) -> Nobody {
    let mut slots = peers.slots.primary.iter().chain(&peers.slots.backup);
    let full = slots.any(|slot| slot.is_full() && slot.is_alive(tried));
    if full { Nobody::Full } else { Nobody::Lives }
}

fn is_able(slots: &[Slot], index: usize, tried: &[u32]) -> bool {
    slots.get(index).is_some_and(|slot| slot.is_able(tried))
}

fn strength(slots: &[Slot], index: usize) -> u32 {
    slots.get(index).map_or(0, Slot::strength)
}

/// In turn, or in turn among the best.
fn choose_among(
    method: Method,
    slots: &[Slot],
    credits: &mut [Credit],
    equals: &mut Vec<(u32, u32)>,
    tried: &[u32],
) -> Option<usize> {
    // Each has a loop of its own: all peers are looked at.
    let now = || now(slots, Load::Of(Better::Header));
    match method {
        Method::LeastConn => best(slots, equals, tried, by_conns),
        Method::LeastTime(Better::LeastConn) => best(slots, equals, tried, by_conns),
        Method::LeastTime(Better::Header | Better::HeaderInflight) => {
            let now = now();
            best(slots, equals, tried, |slot| by_header(slot, now));
        }
        Method::LeastTime(Better::LastByte | Better::LastByteInflight) => {
            let now = now();
            best(slots, equals, tried, |slot| by_last_byte(slot, now));
        }
        _ => {
            let able = slots.iter().enumerate().filter(|(_, slot)| slot.is_able(tried));
            return turn(credits, able.map(|(index, slot)| (index, slot.strength())));
        }
    }
    match equals.as_slice() {
        [] => None,
        [(only, _)] => Some(*only as usize),
        equals => turn(credits, equals.iter().map(|&(index, strength)| (index as usize, strength))),
    }
}

/// Those that have the least to do for their weight, and their strengths.
fn best(slots: &[Slot], equals: &mut Vec<(u32, u32)>, tried: &[u32], amount: impl Fn(&Slot) -> u64) {
    let mut best: Option<Burden> = None;
    equals.clear();
    for (index, slot) in (0..).zip(slots) {
        if !slot.is_able(tried) {
            continue;
        }
        let strength = slot.strength();
        let burden = Burden::new(slot, strength, amount(slot));
        match best.map_or(Ordering::Less, |best| burden.compare(best)) {
            Ordering::Less => {
                best = Some(burden);
                equals.clear();
                equals.push((index, strength));
            }
            Ordering::Equal => equals.push((index, strength)),
            Ordering::Greater => {}
        }
    }
}

/// The time, where it matters.
fn now(slots: &[Slot], load: Load) -> u64 {
    match load {
        Load::Of(Better::LeastConn) | Load::Ewma => 0,
        Load::Of(_) => slots.first().map_or(0, Slot::now),
    }
}

/// nginx's `ip_hash`: three octets of an IPv4 address, all of an IPv6 one.
fn by_address<T>(peers: &Peers<T>, key: Key<'_>, tried: &[u32]) -> Option<usize> {
    let (octets, segments);
    let bytes: &[u8] = match key {
        Key::Address(IpAddr::V4(address)) => {
            octets = address.octets();
            octets.get(..3).unwrap_or_default()
        }
        Key::Address(IpAddr::V6(address)) => {
            segments = address.octets();
            &segments
        }
        Key::None | Key::Bytes(_) => &[0; 3],
    };
    let mut hash = 89_u64;
    (0..=MAX_TRIES).find_map(|_| {
        for &byte in bytes {
            hash = (hash * 113 + u64::from(byte)) % 6271;
        }
        peers.at(hash).filter(|&index| is_able(&peers.slots.primary, index, tried))
    })
}

/// nginx's `hash`, compatible with Cache::Memcached.
fn by_key<T>(peers: &Peers<T>, key: &[u8], tried: &[u32]) -> Option<usize> {
    let mut sum = 0_u64;
    (0..=MAX_TRIES).find_map(|rehash| {
        let mut hasher = crc32fast::Hasher::new();
        if rehash > 0 {
            hasher.update(rehash.to_string().as_bytes());
        }
        hasher.update(key);
        sum += u64::from((hasher.finalize() >> 16) & 0x7fff);
        peers.at(sum).filter(|&index| is_able(&peers.slots.primary, index, tried))
    })
}

#[cfg(test)]
#[path = "pick_tests.rs"]
mod tests;

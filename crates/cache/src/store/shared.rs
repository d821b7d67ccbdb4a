//! What all clones of a zone share: the shards of its index, its size, and what is thrown out when there is no room.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::time::Instant;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use super::flow::Flow;
use super::index::{Index, Record};
use super::key::{Id, Key};
use super::limits::Limits;
use super::lock::Locks;
use super::meta::{Meta, Variant};
use super::object::{Body, Object};
use super::stats::Counters;
use super::uses::Uses;

pub(super) struct Shared {
    shards: Box<[Shard]>,
    limits: RwLock<Limits>,
    /// What all that is stored, or is being stored in memory, counts for.
    bytes: AtomicU64,
    /// Secret, so that nobody can choose keys that collide.
    seed: u64,
    generations: AtomicU64,
    epoch: Instant,
    pub(super) counters: Counters,
}

/// A part of the index, for some of the hashes.
pub(super) struct Shard {
    index: Mutex<Index<Holding>>,
    /// When the record that was not used for the longest time was used, [`NEVER`] if there is none.
    oldest: AtomicU64,
    pub(super) locks: Arc<Locks>,
    pub(super) uses: Mutex<Uses>,
}

/// Where a record's response is.
#[derive(Debug)]
pub(super) enum Holding {
    Flow(Arc<Flow>),
    Memory(Arc<Object>),
}

const NEVER: u64 = u64::MAX;

/// How many keys a shard should be good for: few keys need exact limits more than they need many locks.
const KEYS_PER_SHARD: usize = 1024;
const SHARDS: usize = 64;

/// At most so many responses under one key.
const VARIANTS: usize = 32;

/// What a zone in memory holds if nothing else is said.
const MEMORY: u64 = 64 << 20;

impl Shared {
    pub(super) fn new(limits: Limits) -> Self {
        let shards = (limits.keys.get() / KEYS_PER_SHARD).clamp(1, SHARDS).next_power_of_two();
        Self {
            shards: (0..shards).map(|_| Shard::new()).collect(),
            limits: RwLock::new(limits),
            bytes: AtomicU64::new(0),
            seed: std::hash::RandomState::new().hash_one(0),
            generations: AtomicU64::new(0),
            epoch: Instant::now(),
            counters: Counters::default(),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        *self.limits.read()
    }

    pub(super) fn set_limits(&self, limits: Limits) {
        *self.limits.write() = limits;
    }

    /// The largest body that is stored.
    pub(super) fn object_limit(&self) -> u64 {
        let limits = self.limits();
        limits.max_object.min(self.size_limit(&limits))
    }

    fn size_limit(&self, limits: &Limits) -> u64 {
        limits.max_size.unwrap_or(MEMORY)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Milliseconds of the zone's clock.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    pub(super) fn id(&self, key: &Key) -> Id {
        xxh3_128_with_seed(key.as_bytes(), self.seed)
    }

    pub(super) fn tag(&self, tag: &[u8]) -> u64 {
        xxh3_64_with_seed(tag, self.seed)
    }

    /// A number that no other response of this zone has.
    pub(super) fn generation(&self) -> u64 {
        let count = self.generations.fetch_add(1, Ordering::Relaxed);
        xxh3_64_with_seed(&count.to_le_bytes(), self.seed)
    }

    pub(super) fn shard(&self, id: Id) -> &Shard {
        let at = id as usize & (self.shards.len() - 1);
        #[expect(clippy::indexing_slicing, reason = "the number of shards is a power of two, and not 0")]
        &self.shards[at]
    }

    pub(super) fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Lets those who look its key up read what is being stored.
    pub(super) fn announce(&self, flow: &Arc<Flow>) {
        let record = self.record(flow.id, flow.generation, &flow.meta, Holding::Flow(Arc::clone(flow)));
        let keys = self.limits().keys.get().div_ceil(self.shards.len());
        let mut out = Vec::new();
        {
            let shard = self.shard(flow.id);
            let mut index = shard.index();
            index.insert(record, false);
            let variants = index.chain(flow.id).count();
            if variants > VARIANTS {
                let last = index.chain(flow.id).filter(|(_, record)| !record.holding.is_flow()).last();
                let last = last.map(|(at, _)| at);
                out.extend(last.and_then(|at| index.remove(at)));
            }
            while index.len() > keys {
                let Some((at, _)) = index.oldest() else { break };
                out.extend(index.remove(at));
            }
            shard.note_oldest(&index);
        }
        self.counters.evicted.fetch_add(out.len() as u64, Ordering::Relaxed);
        self.discard(out);
    }

    /// Takes away what was announced and is not going to be stored.
    pub(super) fn forget(&self, flow: &Flow) {
        let mut index = self.shard(flow.id).index();
        if let Some(at) = index.find(flow.id, |record| record.generation == flow.generation)
            && index.get(at).is_some_and(|record| record.holding.is_flow())
        {
            index.remove(at);
        }
    }

    /// Keeps a whole body in memory. False if it was purged meanwhile.
    pub(super) fn store_in_memory(&self, flow: &Flow) -> bool {
        let body = Body::new(flow.pieces(), flow.length.is_some());
        let object = Object { key: flow.key.clone(), meta: flow.meta.as_ref().clone(), body };
        let size = object.weight();
        self.settle(flow.id, flow.generation, Holding::Memory(Arc::new(object)), size)
    }

    /// A response is whole: it takes the place of the one with the same variant. False if it was purged meanwhile.
    pub(super) fn settle(&self, id: Id, generation: u64, holding: Holding, size: u64) -> bool {
        let now = self.now();
        let mut out = Vec::new();
        {
            let shard = self.shard(id);
            let mut index = shard.index();
            let Some(at) = index.find(id, |record| record.generation == generation) else { return false };
            let Some(record) = index.get_mut(at) else { return false };
            record.holding = holding;
            record.size = size;
            record.used = now;
            let variant = record.variant.clone();
            index.list(at);
            self.bytes.fetch_add(size, Ordering::Relaxed);
            let replaced = |other: &Record<Holding>| {
                other.generation != generation && other.variant == variant && !other.holding.is_flow()
            };
            while let Some(at) = index.find(id, replaced) {
                out.extend(index.remove(at));
            }
            shard.note_oldest(&index);
        }
        self.discard(out);
        self.counters.stored.fetch_add(1, Ordering::Relaxed);
        self.reserve(0);
        true
    }

    /// Another object in the place of one that is still there.
    pub(super) fn replace(&self, id: Id, generation: u64, object: Object) {
        let size = object.weight();
        let object = Arc::new(object);
        let mut fresh = self.record(id, generation, &object.meta, Holding::Memory(Arc::clone(&object)));
        let shard = self.shard(id);
        let mut index = shard.index();
        let old = index.find(id, |record| record.generation == generation && !record.holding.is_flow());
        let Some(old) = old.and_then(|at| index.remove(at)) else { return };
        fresh.size = size;
        self.bytes.fetch_add(size, Ordering::Relaxed);
        self.release(old.size);
        index.insert(fresh, true);
        shard.note_oldest(&index);
    }

    /// Counts so many bytes more, and makes room for them. False if there is none.
    pub(super) fn reserve(&self, more: u64) -> bool {
        self.bytes.fetch_add(more, Ordering::Relaxed);
        let limit = self.size_limit(&self.limits());
        while self.bytes() > limit {
            if !self.evict() {
                return false;
            }
        }
        true
    }

    /// Counts so many bytes less.
    pub(super) fn release(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Throws out what was not used for the longest time. False if nothing can be thrown out.
    fn evict(&self) -> bool {
        let Some((shard, used)) = self.oldest().filter(|(_, used)| *used != NEVER) else { return false };
        let evicted = shard.remove_oldest(used);
        self.counters.evicted.fetch_add(evicted.iter().len() as u64, Ordering::Relaxed);
        self.discard(evicted);
        true
    }

    /// Throws out at most `limit` responses that were not used since `time`. Tells how many.
    pub(super) fn expire(&self, time: u64, limit: usize) -> usize {
        let mut count = 0;
        while count < limit {
            let Some((shard, used)) = self.oldest().filter(|(_, used)| *used < time) else { break };
            let expired = shard.remove_oldest(used);
            count += expired.iter().len();
            self.discard(expired);
        }
        self.counters.expired.fetch_add(count as u64, Ordering::Relaxed);
        count
    }

    /// The shard with the response that was not used for the longest time, and when that was used.
    fn oldest(&self) -> Option<(&Shard, u64)> {
        let times = self.shards.iter().map(|shard| (shard, shard.oldest.load(Ordering::Relaxed)));
        times.min_by_key(|(_, used)| *used)
    }

    /// Gives back what records held that are out of the index.
    pub(super) fn discard(&self, records: impl IntoIterator<Item = Record<Holding>>) {
        for record in records {
            match record.holding {
                Holding::Flow(flow) => flow.doom(),
                Holding::Memory(_) => self.release(record.size),
            }
        }
    }

    fn record(&self, id: Id, generation: u64, meta: &Meta, holding: Holding) -> Record<Holding> {
        Record {
            id,
            generation,
            stored_at: meta.stored_at,
            used: self.now(),
            size: 0,
            soft: false,
            variant: meta.variant.as_ref().map(own),
            tags: meta.tags.iter().map(|tag| self.tag(tag)).collect(),
            holding,
        }
    }
}

/// A variant in memory of its own, not a slice of a larger buffer.
fn own(variant: &Variant) -> Variant {
    Variant(bytes::Bytes::copy_from_slice(&variant.0))
}

impl Shard {
    fn new() -> Self {
        Self {
            index: Mutex::new(Index::new()),
            oldest: AtomicU64::new(NEVER),
            locks: Arc::default(),
            uses: Mutex::new(Uses::new()),
        }
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Index<Holding>> {
        self.index.lock()
    }

    /// After each change of the order of use but a touch: that only makes what is noted too early, and then
    /// [`remove_oldest`](Self::remove_oldest) corrects it.
    pub(super) fn note_oldest(&self, index: &Index<Holding>) {
        let oldest = index.oldest().map_or(NEVER, |(_, record)| record.used);
        self.oldest.store(oldest, Ordering::Relaxed);
    }

    /// Removes the oldest record if it was used at `used`: if it is younger, another shard may have an older one.
    fn remove_oldest(&self, used: u64) -> Option<Record<Holding>> {
        let mut index = self.index();
        let oldest = index.oldest().filter(|(_, record)| record.used <= used).map(|(at, _)| at);
        let removed = oldest.and_then(|at| index.remove(at));
        self.note_oldest(&index);
        removed
    }
}

impl Holding {
    pub(super) fn key(&self) -> &Key {
        match self {
            Self::Flow(flow) => &flow.key,
            Self::Memory(object) => &object.key,
        }
    }

    pub(super) fn is_flow(&self) -> bool {
        matches!(self, Self::Flow(_))
    }
}

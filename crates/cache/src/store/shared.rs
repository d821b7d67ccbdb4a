//! What all clones of a zone share: the shards of its index, its size, and what is thrown out when there is no room.

use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::time::Instant;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use super::disk::{Disk, Name};
use super::flow::Flow;
use super::index::{Index, Record};
use super::key::{Id, Key};
use super::limits::Limits;
use super::lock::Locks;
use super::meta::Meta;
use super::object::Object;
use super::purge::{Purge, Strength};
use super::stats::Counters;
use super::tier::Link;
use super::uses::Uses;

pub(super) struct Shared {
    /// None if all is in memory.
    pub(super) disk: Option<Disk>,
    shards: Box<[Shard]>,
    limits: RwLock<Limits>,
    /// What all that is stored, or is being stored in memory, counts for.
    bytes: AtomicU64,
    /// Secret, so that nobody can choose keys that collide.
    seed: u64,
    generations: AtomicU64,
    epoch: Instant,
    pub(super) counters: Counters,
    /// What is asked of it is asked where something is not here: a hit does not look at it.
    pub(super) link: RwLock<Option<Arc<Link>>>,
}

/// A part of the index, for some of the hashes.
pub(super) struct Shard {
    index: Mutex<Index<Holding>>,
    /// When the record that was not used for the longest time was used, [`NEVER`] if there is none.
    oldest: AtomicU64,
    pub(super) locks: Arc<Locks>,
    pub(super) uses: Mutex<Uses>,
    /// Held while a file gets or loses its name, or is changed, on the blocking pool: so that what is done to a file and what
    /// the index says of it go together.
    pub(super) files: Mutex<()>,
}

/// Where a record's response is.
#[derive(Debug)]
pub(super) enum Holding {
    Flow(Arc<Flow>),
    Memory(Arc<Object>),
    /// In a file; and its head, while the file still has an older one.
    Disk(Option<Arc<Meta>>),
}

const NEVER: u64 = u64::MAX;

/// How many keys a shard should be good for: few keys need exact limits more than they need many locks.
const KEYS_PER_SHARD: usize = 1024;
const SHARDS: usize = 64;

/// What a zone in memory holds if nothing else is said.
const MEMORY: u64 = 64 << 20;

impl Shared {
    pub(super) fn new(limits: Limits, disk: Option<Disk>) -> Self {
        let shards = (limits.keys.get() / KEYS_PER_SHARD).clamp(1, SHARDS).next_power_of_two();
        Self {
            disk,
            shards: (0..shards).map(|_| Shard::new()).collect(),
            limits: RwLock::new(limits),
            bytes: AtomicU64::new(0),
            seed: std::hash::RandomState::new().hash_one(0),
            generations: AtomicU64::new(0),
            epoch: Instant::now(),
            counters: Counters::default(),
            link: RwLock::new(None),
        }
    }

    pub(super) fn limits(&self) -> Limits {
        *self.limits.read()
    }

    pub(super) fn set_limits(&self, limits: Limits) {
        *self.limits.write() = limits;
    }

    /// How many records a shard may have.
    pub(super) fn keys(&self) -> usize {
        self.limits().keys.get().div_ceil(self.shards.len())
    }

    /// The largest body that is stored.
    pub(super) fn object_limit(&self) -> u64 {
        let limits = self.limits();
        let most = if self.disk.is_some() { u64::MAX } else { limits.max_object };
        most.min(self.size_limit(&limits))
    }

    fn size_limit(&self, limits: &Limits) -> u64 {
        limits.max_size.unwrap_or(if self.disk.is_some() { u64::MAX } else { MEMORY })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Milliseconds of the zone's clock.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    pub(super) fn id(&self, key: &Key) -> Id {
        // A file's name is the same after a restart, and nobody can make one that is another's.
        if self.disk.is_some() { key.md5() } else { xxh3_128_with_seed(key.as_bytes(), self.seed) }
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

    /// Counts so many bytes more.
    pub(super) fn grow(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts so many bytes more, and makes room for them. False if there is none.
    pub(super) fn reserve(&self, more: u64) -> bool {
        self.grow(more);
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

    /// Purges what is stored here, and what is on its way. Tells how many responses that were.
    pub(super) async fn purge_here(self: &Arc<Self>, what: &Purge, strength: Strength) -> u64 {
        let purged = if self.disk.is_some() {
            let (shared, what) = (Arc::clone(self), what.clone());
            let purge = move || shared.purge_files(&what, strength);
            tokio::task::spawn_blocking(purge).await.unwrap_or(0)
        } else {
            self.purge_memory(what, strength).await
        };
        self.counters.purged.fetch_add(purged, Ordering::Relaxed);
        purged
    }

    /// Throws out what was not used for the longest time. False if nothing can be thrown out.
    pub(super) fn evict(&self) -> bool {
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

    /// Gives back what records held that are out of the index, and has their files removed.
    pub(super) fn discard(&self, records: impl IntoIterator<Item = Record<Holding>>) {
        for record in records {
            if let (Holding::Disk(_), Some(disk)) = (&record.holding, &self.disk) {
                disk.throw_away(Name::of(&record));
            }
            self.forsake(Some(record));
        }
    }

    /// Gives back what records held that are out of the index. Their files are the caller's business.
    pub(super) fn forsake(&self, records: impl IntoIterator<Item = Record<Holding>>) {
        for record in records {
            match record.holding {
                Holding::Flow(flow) => flow.doom(),
                Holding::Memory(_) | Holding::Disk(_) => self.release(record.size),
            }
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("disk", &self.disk).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Shard {
    fn new() -> Self {
        Self {
            index: Mutex::new(Index::new()),
            oldest: AtomicU64::new(NEVER),
            locks: Arc::default(),
            uses: Mutex::new(Uses::new()),
            files: Mutex::new(()),
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
    /// None if only the file knows it.
    pub(super) fn key(&self) -> Option<&Key> {
        match self {
            Self::Flow(flow) => Some(&flow.key),
            Self::Memory(object) => Some(&object.key),
            Self::Disk(_) => None,
        }
    }

    pub(super) fn is_flow(&self) -> bool {
        matches!(self, Self::Flow(_))
    }
}

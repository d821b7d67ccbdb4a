//! A place where responses are stored.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::disk::{self, Directory, Disk, Name};
use super::entry::{Entry, Source};
use super::error::OpenError;
use super::fill::Fill;
use super::flow::{Flow, Reader};
use super::key::Key;
use super::limits::Limits;
use super::lock::{Guard, Locked, Released};
use super::manager;
use super::meta::{Meta, Variant};
use super::object::{Body, Object};
use super::purge::{Purge, Purged, Strength};
use super::shared::{Holding, Shared};
use super::stats::Stats;
use super::tier::Mark;

/// A store of responses that many services, on many threads, use together. A clone is the same zone.
#[derive(Clone)]
pub struct Zone {
    pub(super) shared: Arc<Shared>,
}

/// What a look-up found.
#[derive(Debug)]
pub enum Lookup {
    /// It is in memory, or on its way.
    Found(Entry),
    /// Nothing.
    Missing,
    /// It is on disk: wait for its head.
    Opening(Opening),
}

/// Opens a stored response and reads its head. None if it is not there any more, or not what was stored.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Opening(JoinHandle<Option<Entry>>);

impl Zone {
    /// A zone in memory.
    #[must_use]
    pub fn memory(limits: Limits) -> Self {
        Self { shared: Arc::new(Shared::new(limits, None)) }
    }

    /// A zone on disk. What is in the directory already is used: [`manage`](Self::manage) reads it.
    ///
    /// # Errors
    /// The directory cannot be made or written, or its levels are not nginx's. This asks the disk, so it is not for tasks.
    pub fn disk(directory: Directory, limits: Limits) -> Result<Self, OpenError> {
        Ok(Self { shared: Arc::new(Shared::new(limits, Some(Disk::new(directory)?))) })
    }

    /// Other limits for what is there. What is too much goes as soon as something is stored, or the manager comes by.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.set_limits(limits);
    }

    /// The newest response under `key` whose variant is `chosen`; those that do not vary are asked for with None. Counts as
    /// use.
    pub fn lookup(&self, key: &Key, mut chosen: impl FnMut(Option<&Variant>) -> bool) -> Lookup {
        let shared = &self.shared;
        let id = shared.id(key);
        let now = shared.now();
        let mut index = shared.shard(id).index();
        let wanted = |holding: &Holding| match holding {
            Holding::Memory(object) => object.key == *key,
            Holding::Flow(flow) => flow.key == *key && flow.is_open(),
            Holding::Disk(_) => true, // the file has the key
        };
        let found = index.find(id, |record| wanted(&record.holding) && chosen(record.variant.as_ref()));
        let Some((at, record)) = found.and_then(|at| Some((at, index.get(at)?))) else {
            drop(index);
            // What was there at the start may not be in the index yet. nginx looks, too.
            let look = shared.disk.as_ref().is_some_and(Disk::is_cold) && chosen(None);
            return if look { self.open(key, Name { id, variant: None }, None) } else { Lookup::Missing };
        };
        let (generation, soft) = (record.generation, record.soft);
        let source = match &record.holding {
            Holding::Memory(object) => Source::Memory(Arc::clone(object)),
            Holding::Flow(flow) => Source::Flow(Reader::new(Arc::clone(flow))),
            Holding::Disk(_) => {
                let name = Name::of(record);
                index.touch(at, now);
                drop(index);
                return self.open(key, name, Some(generation));
            }
        };
        index.touch(at, now);
        Lookup::Found(Entry { id, generation, soft, source })
    }

    fn open(&self, key: &Key, name: Name, generation: Option<u64>) -> Lookup {
        let now = generation.and_then(|generation| disk::open_now(&self.shared, key, name, generation));
        if let Some(entry) = now {
            return Lookup::Found(entry);
        }
        let (shared, key) = (Arc::clone(&self.shared), key.clone());
        let open = move || disk::open(&shared, &key, name, generation);
        Lookup::Opening(Opening(tokio::task::spawn_blocking(open)))
    }

    /// Begins to store a response, in place of the one with the same variant. `length` is that of its body, if it is known.
    ///
    /// The lock is freed as soon as others can read: at once, except in a memory zone while the length is not known. None if
    /// it is too large: then whoever waits goes on without it.
    #[must_use]
    pub fn fill(&self, key: &Key, meta: Meta, length: Option<u64>, guard: Option<Guard>) -> Option<Fill> {
        // One that turns out too large for the memory would be cut for those who read it already.
        let shared = length.is_some() || self.shared.disk.is_some();
        self.fill_as(key, meta, length, guard, shared)
    }

    /// The same, but nobody reads it before it is whole, and then the lock is freed: nginx's way.
    #[must_use]
    pub fn fill_alone(
        &self,
        key: &Key,
        meta: Meta,
        length: Option<u64>,
        guard: Option<Guard>,
    ) -> Option<Fill> {
        self.fill_as(key, meta, length, guard, false)
    }

    fn fill_as(
        &self,
        key: &Key,
        meta: Meta,
        length: Option<u64>,
        guard: Option<Guard>,
        shared: bool,
    ) -> Option<Fill> {
        let Some((flow, reserved)) = self.begin(key, meta, length, shared) else {
            if let Some(guard) = guard {
                guard.pass();
            }
            return None;
        };
        Some(Fill::new(Arc::clone(&self.shared), flow, reserved, guard))
    }

    /// What is stored is announced, and the memory for it is counted if its size is known.
    fn begin(&self, key: &Key, meta: Meta, length: Option<u64>, open: bool) -> Option<(Arc<Flow>, u64)> {
        let shared = &self.shared;
        let least = length.unwrap_or(0);
        if least > shared.object_limit() {
            return None;
        }
        let (id, generation) = (shared.id(key), shared.generation());
        if let Some(disk) = &shared.disk {
            let flow = Flow::new(key.clone(), id, generation, meta, length, open);
            if disk.is_paused(shared.now()) {
                return None;
            }
            flow.set_writer(shared.writer(&flow)?);
            let flow = Arc::new(flow);
            shared.announce(&flow);
            return Some((flow, 0));
        }
        if !shared.reserve(least) {
            shared.release(least);
            return None;
        }
        let flow = Arc::new(Flow::new(key.clone(), id, generation, meta, length, open));
        shared.announce(&flow);
        Some((flow, least))
    }

    /// Gives a stored response another head: what a 304 made of it. The lock is freed when that is done.
    pub fn update(&self, entry: &Entry, meta: Meta, guard: Option<Guard>) {
        self.update_since(entry, meta, guard, None);
    }

    /// The same, for those who share the zone's tier too: the origin was asked at this mark.
    pub(crate) fn update_since(&self, entry: &Entry, meta: Meta, guard: Option<Guard>, mark: Option<Mark>) {
        let release = |guard: Option<Guard>| {
            if let Some(guard) = guard {
                guard.release(Released::Filled);
            }
        };
        match &entry.source {
            Source::Memory(object) => {
                let object = Object { key: object.key.clone(), meta, body: object.body.clone() };
                self.shared.replace(entry.id, entry.generation, object, entry.soft);
                release(guard);
            }
            Source::File(opened) => {
                // The next look-up has the new head already, whenever it is in the file.
                if self.shared.refresh(entry.id, entry.generation, meta, entry.soft) {
                    let (shared, opened) = (Arc::clone(&self.shared), Arc::clone(opened));
                    tokio::task::spawn_blocking(move || shared.update_file(&opened));
                }
                release(guard);
            }
            Source::Flow(_) => {
                // Its head is newer than any 304. But it may have been purged softly, and that is over.
                if entry.soft && self.shared.pardon(entry.id, entry.generation) {
                    let (shared, id, generation) = (Arc::clone(&self.shared), entry.id, entry.generation);
                    tokio::task::spawn_blocking(move || shared.pardon_file(id, generation));
                }
                return release(guard);
            }
            Source::Loose(object) => {
                if let Body::One(body) = &object.body
                    && !self.is_purged_since(mark, &object.key, &meta.tags)
                {
                    self.put(&object.key, &meta, body, mark, false);
                }
                return release(guard);
            }
        }
        if let (Some(mark), Some(length)) = (mark, entry.len()) {
            self.shared.offer_as(entry.key(), entry.generation, mark, length);
        }
    }

    /// The lock of `key`: who holds it asks the origin for all. One that is held for `age` or longer can be had again.
    #[must_use]
    pub fn lock(&self, key: &Key, age: Duration) -> Locked {
        let id = self.shared.id(key);
        self.shared.shard(id).locks.lock(id, age)
    }

    /// The largest body that is stored.
    pub(crate) fn object_limit(&self) -> u64 {
        self.shared.object_limit()
    }

    /// Whether what is stored is in files.
    pub(crate) fn is_on_disk(&self) -> bool {
        self.shared.disk.is_some()
    }

    /// Counts a request for what is not stored, and tells how many there were lately, with this one.
    #[must_use]
    pub fn count_use(&self, key: &Key) -> u32 {
        let id = self.shared.id(key);
        let limits = self.shared.limits();
        let keys = self.shared.keys();
        let inactive = u64::try_from(limits.inactive.as_millis()).unwrap_or(u64::MAX);
        self.shared.shard(id).uses.lock().count(id, self.shared.now(), keys, inactive)
    }

    /// Purges what is stored, and what is on its way; if the zone has a [tier](super::tier), with all who share it.
    pub async fn purge(&self, what: &Purge, strength: Strength) -> Purged {
        match self.shared.link() {
            Some(link) => self.purge_everywhere(&link, what, strength).await,
            None => Purged { responses: self.shared.purge_here(what, strength).await, elsewhere: None },
        }
    }

    /// Works for the zone in the background, for ever: throws out what nobody asks for. The zone does without, but then keeps
    /// that until there is no room.
    pub async fn manage(&self) {
        manager::run(&self.shared).await;
    }

    /// How it is doing.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let limits = self.shared.limits();
        let counters = &self.shared.counters;
        Stats {
            keys: self.shared.shards().iter().map(|shard| shard.index().len() as u64).sum(),
            max_keys: limits.keys.get() as u64,
            bytes: self.shared.bytes(),
            max_size: limits.max_size,
            stored: counters.stored.load(Ordering::Relaxed),
            evicted: counters.evicted.load(Ordering::Relaxed),
            expired: counters.expired.load(Ordering::Relaxed),
            purged: counters.purged.load(Ordering::Relaxed),
            failed: counters.failed.load(Ordering::Relaxed),
            loaded: counters.loaded.load(Ordering::Relaxed),
            damaged: counters.damaged.load(Ordering::Relaxed),
            foreign: counters.foreign.load(Ordering::Relaxed),
            loading: self.shared.disk.as_ref().is_some_and(Disk::is_cold),
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zone").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Future for Opening {
    type Output = Option<Entry>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Entry>> {
        // A reader that did not run, for the runtime ends, found nothing.
        Poll::Ready(ready!(Pin::new(&mut self.0).poll(cx)).ok().flatten())
    }
}

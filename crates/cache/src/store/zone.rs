//! A place where responses are stored.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::entry::{Entry, Source};
use super::fill::Fill;
use super::flow::{Flow, Reader};
use super::key::Key;
use super::limits::Limits;
use super::lock::{Guard, Locked, Released};
use super::manager;
use super::meta::{Meta, Variant};
use super::object::Object;
use super::purge::{Purge, Strength};
use super::shared::{Holding, Shared};
use super::stats::Stats;

/// A store of responses that many services, on many threads, use together. A clone is the same zone.
#[derive(Clone)]
pub struct Zone {
    shared: Arc<Shared>,
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
        Self { shared: Arc::new(Shared::new(limits)) }
    }

    /// Other limits for what is there. What is too much goes as soon as something is stored, or the manager comes by.
    pub fn set_limits(&self, limits: Limits) {
        self.shared.set_limits(limits);
    }

    /// The newest response under `key` whose variant is `chosen`; those that do not vary are asked for with None. Counts as
    /// use.
    pub fn lookup(&self, key: &Key, mut chosen: impl FnMut(Option<&Variant>) -> bool) -> Lookup {
        let id = self.shared.id(key);
        let now = self.shared.now();
        let mut index = self.shared.shard(id).index();
        let wanted = |holding: &Holding| match holding {
            Holding::Memory(object) => object.key == *key,
            Holding::Flow(flow) => flow.shared && flow.key == *key,
        };
        let found = index.find(id, |record| wanted(&record.holding) && chosen(record.variant.as_ref()));
        let Some(record) = found.and_then(|at| index.get(at)) else { return Lookup::Missing };
        let source = match &record.holding {
            Holding::Memory(object) => Source::Memory(Arc::clone(object)),
            Holding::Flow(flow) => Source::Flow(Reader::new(Arc::clone(flow))),
        };
        let entry = Entry { id, generation: record.generation, soft: record.soft, source };
        if let Some(at) = found {
            index.touch(at, now);
        }
        Lookup::Found(entry)
    }

    /// Begins to store a response, in place of the one with the same variant. `length` is that of its body, if it is known.
    ///
    /// The lock is freed as soon as others can read: at once, except in a memory zone while the length is not known. None if
    /// it is too large: then whoever waits goes on without it.
    #[must_use]
    pub fn fill(&self, key: &Key, meta: Meta, length: Option<u64>, guard: Option<Guard>) -> Option<Fill> {
        let shared = &self.shared;
        let least = length.unwrap_or(0);
        if least > shared.object_limit() || !shared.reserve(least) {
            if let Some(guard) = guard {
                guard.pass();
            }
            shared.release(if least > shared.object_limit() { 0 } else { least });
            return None;
        }
        let known = length.is_some();
        let flow = Flow::new(key.clone(), shared.id(key), shared.generation(), meta, length, known);
        let flow = Arc::new(flow);
        shared.announce(&flow);
        Some(Fill::new(Arc::clone(shared), flow, least, guard))
    }

    /// Gives a stored response another head: what a 304 made of it. The lock is freed when that is done.
    pub fn update(&self, entry: &Entry, meta: Meta, guard: Option<Guard>) {
        if let Source::Memory(object) = &entry.source {
            let body = object.body.clone();
            let object = Object { key: object.key.clone(), meta, body };
            self.shared.replace(entry.id, entry.generation, object);
        }
        if let Some(guard) = guard {
            guard.release(Released::Filled);
        }
    }

    /// The lock of `key`: who holds it asks the origin for all. One that is held for `age` or longer can be had again.
    #[must_use]
    pub fn lock(&self, key: &Key, age: Duration) -> Locked {
        let id = self.shared.id(key);
        self.shared.shard(id).locks.lock(id, age)
    }

    /// Counts a request for what is not stored, and tells how many there were lately, with this one.
    #[must_use]
    pub fn count_use(&self, key: &Key) -> u32 {
        let id = self.shared.id(key);
        let limits = self.shared.limits();
        let keys = limits.keys.get().div_ceil(self.shared.shards().len());
        let inactive = u64::try_from(limits.inactive.as_millis()).unwrap_or(u64::MAX);
        self.shared.shard(id).uses.lock().count(id, self.shared.now(), keys, inactive)
    }

    /// Purges what is stored, and what is on its way. Tells how many responses that were.
    pub async fn purge(&self, what: &Purge, strength: Strength) -> u64 {
        let purged = self.shared.purge(what, strength);
        self.shared.counters.purged.fetch_add(purged, Ordering::Relaxed);
        purged
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

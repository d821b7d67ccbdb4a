//! How records of the index come, change and go.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::flow::Flow;
use super::index::{Index, Record};
use super::key::Id;
use super::meta::{Meta, Variant};
use super::object::{Body, Object};
use super::purge::Strength;
use super::shared::{Holding, Shared};

/// At most so many responses under one key.
const VARIANTS: usize = 32;

impl Shared {
    pub(super) fn record(&self, id: Id, generation: u64, meta: &Meta, holding: Holding) -> Record<Holding> {
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

    /// Lets those who look its key up read what is being stored.
    pub(super) fn announce(&self, flow: &Arc<Flow>) {
        let record = self.record(flow.id, flow.generation, &flow.meta, Holding::Flow(Arc::clone(flow)));
        let shard = self.shard(flow.id);
        let mut index = shard.index();
        index.insert(record, false);
        let out = self.overflow(&mut index, flow.id);
        shard.note_oldest(&index);
        drop(index);
        self.discard(out);
    }

    /// Takes away what was announced and is not going to be stored.
    pub(super) fn forget(&self, flow: &Flow) {
        let mut index = self.shard(flow.id).index();
        let this =
            |record: &Record<Holding>| record.generation == flow.generation && record.holding.is_flow();
        if let Some(at) = index.find(flow.id, this) {
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
    #[must_use = "what was purged is not to be kept"]
    pub(super) fn settle(&self, id: Id, generation: u64, holding: Holding, size: u64) -> bool {
        let now = self.now();
        let shard = self.shard(id);
        let mut index = shard.index();
        let Some(at) = find(&index, id, generation) else { return false };
        let Some(record) = index.get_mut(at) else { return false };
        record.holding = holding;
        record.size = size;
        record.used = now;
        let variant = record.variant.clone();
        index.list(at);
        self.grow(size);
        let replaced = |other: &Record<Holding>| {
            other.generation != generation && other.variant == variant && !other.holding.is_flow()
        };
        while let Some(record) = index.find(id, replaced).and_then(|at| index.remove(at)) {
            self.release(record.size); // a file has been replaced with it
        }
        shard.note_oldest(&index);
        drop(index);
        self.counters.stored.fetch_add(1, Ordering::Relaxed);
        self.reserve(0);
        true
    }

    /// Adds a record of what is there already, unless the index knows of something newer. False if it does.
    pub(super) fn add(&self, record: Record<Holding>) -> bool {
        let (id, size) = (record.id, record.size);
        let shard = self.shard(id);
        let mut index = shard.index();
        // The same generation: its file has its name, and its record is about to say so.
        let known = |other: &Record<Holding>| {
            other.generation == record.generation
                || (other.variant == record.variant && !other.holding.is_flow())
        };
        if index.find(id, known).is_some() || index.insert(record, true).is_none() {
            return false;
        }
        self.grow(size);
        let out = self.overflow(&mut index, id);
        shard.note_oldest(&index);
        drop(index);
        self.discard(out);
        self.reserve(0);
        true
    }

    /// Another object in the place of one that is still there, and was `soft` when it was looked up.
    pub(super) fn replace(&self, id: Id, generation: u64, object: Object, soft: bool) {
        let size = object.weight();
        let object = Arc::new(object);
        let mut fresh = self.record(id, generation, &object.meta, Holding::Memory(Arc::clone(&object)));
        let shard = self.shard(id);
        let mut index = shard.index();
        let Some(old) = find(&index, id, generation).and_then(|at| index.remove(at)) else { return };
        fresh.size = size;
        fresh.soft = old.soft && !soft; // purged since then
        self.grow(size);
        self.release(old.size);
        index.insert(fresh, true);
        shard.note_oldest(&index);
    }

    /// A file that is still there is to have another head. It was `soft` when it was looked up.
    pub(super) fn refresh(&self, id: Id, generation: u64, meta: Meta, soft: bool) -> bool {
        let meta = Arc::new(meta);
        let mut fresh = self.record(id, generation, &meta, Holding::Disk(Some(Arc::clone(&meta))));
        let shard = self.shard(id);
        let mut index = shard.index();
        let there = |record: &Record<Holding>| {
            record.generation == generation && matches!(record.holding, Holding::Disk(_))
        };
        let Some(old) = index.find(id, there).and_then(|at| index.remove(at)) else { return false };
        // Files are named after their variants.
        let same = old.variant == fresh.variant;
        fresh.variant = old.variant;
        fresh.size = old.size;
        fresh.soft = old.soft && !soft; // purged since then
        index.insert(fresh, true);
        shard.note_oldest(&index);
        drop(index);
        if !same {
            self.purge_record(id, generation, Strength::Hard); // if nobody else was quicker
        }
        true
    }

    /// What was purged softly while it was being stored is good all the same, whatever has become of it since. True if it is
    /// in a file now, which may say otherwise.
    pub(super) fn pardon(&self, id: Id, generation: u64) -> bool {
        let mut index = self.shard(id).index();
        let Some(record) = find(&index, id, generation).and_then(|at| index.get_mut(at)) else {
            return false;
        };
        record.soft = false;
        matches!(record.holding, Holding::Disk(_))
    }

    /// The head that a file has not yet, and whether it is purged softly. None if it is not there.
    pub(super) fn pending(&self, id: Id, generation: u64) -> Option<(Option<Arc<Meta>>, bool)> {
        let index = self.shard(id).index();
        let record = index.get(find(&index, id, generation)?)?;
        match &record.holding {
            Holding::Disk(meta) => Some((meta.clone(), record.soft)),
            _ => None,
        }
    }

    /// A file has this head now.
    pub(super) fn is_written(&self, id: Id, generation: u64, meta: &Arc<Meta>) {
        let mut index = self.shard(id).index();
        if let Some(record) = find(&index, id, generation).and_then(|at| index.get_mut(at))
            && let Holding::Disk(pending) = &mut record.holding
            && pending.as_ref().is_some_and(|pending| Arc::ptr_eq(pending, meta))
        {
            *pending = None;
        }
    }

    /// Whether a record is purged softly. None if it is not there.
    pub(super) fn is_soft(&self, id: Id, generation: u64) -> Option<bool> {
        let index = self.shard(id).index();
        Some(index.get(find(&index, id, generation)?)?.soft)
    }

    /// Whether a response is being stored.
    pub(super) fn is_filling(&self, id: Id, generation: u64) -> bool {
        let index = self.shard(id).index();
        let record = find(&index, id, generation).and_then(|at| index.get(at));
        record.is_some_and(|record| record.holding.is_flow())
    }

    /// Forgets what turned out not to be there.
    pub(super) fn drop_record(&self, id: Id, generation: Option<u64>) {
        if let Some(generation) = generation {
            self.purge_record(id, generation, Strength::Hard);
        }
    }

    /// Removes a record or marks it. Its file is the caller's business. False if it is not there.
    pub(super) fn purge_record(&self, id: Id, generation: u64, strength: Strength) -> bool {
        let shard = self.shard(id);
        let mut index = shard.index();
        let Some(at) = find(&index, id, generation) else { return false };
        match strength {
            Strength::Soft => {
                if let Some(record) = index.get_mut(at) {
                    record.soft = true;
                }
            }
            Strength::Hard => {
                let removed = index.remove(at);
                shard.note_oldest(&index);
                drop(index);
                self.forsake(removed);
            }
        }
        true
    }

    /// What is too much for a shard, after `id` came into it.
    fn overflow(&self, index: &mut Index<Holding>, id: Id) -> Vec<Record<Holding>> {
        let mut out = Vec::new();
        if index.chain(id).nth(VARIANTS).is_some() {
            let last = index.chain(id).filter(|(_, record)| !record.holding.is_flow()).last();
            let last = last.map(|(at, _)| at);
            out.extend(last.and_then(|at| index.remove(at)));
        }
        let keys = self.keys();
        while index.len() > keys
            && let Some((at, _)) = index.oldest()
        {
            out.extend(index.remove(at));
        }
        self.counters.evicted.fetch_add(out.len() as u64, Ordering::Relaxed);
        out
    }
}

fn find(index: &Index<Holding>, id: Id, generation: u64) -> Option<u32> {
    index.find(id, |record| record.generation == generation)
}

/// A variant in memory of its own, not a slice of a larger buffer.
fn own(variant: &Variant) -> Variant {
    Variant(Bytes::copy_from_slice(&variant.0))
}

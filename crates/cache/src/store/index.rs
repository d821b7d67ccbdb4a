//! One shard of a zone's index: records by hash, the newest of a key first, and all in the order of their use. Pure.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::key::Id;
use super::meta::Variant;

/// What is known of a stored response without looking at it.
#[derive(Debug)]
pub(super) struct Record<T> {
    pub(super) id: Id,
    /// Tells a response from the one that took its place.
    pub(super) generation: u64,
    /// [`Meta::stored_at`](super::Meta::stored_at).
    pub(super) stored_at: u64,
    /// When it was last asked for, in milliseconds of the zone's clock.
    pub(super) used: u64,
    /// What it counts for.
    pub(super) size: u64,
    /// It was purged softly: it may only be used as something stale may.
    pub(super) soft: bool,
    pub(super) variant: Option<Variant>,
    /// Hashes of its tags.
    pub(super) tags: Box<[u64]>,
    pub(super) holding: T,
}

/// Records in a slab. Links are positions in it, [`NIL`] is none.
#[derive(Debug)]
pub(super) struct Index<T> {
    first: HashMap<Id, u32, RandomState>,
    slots: Vec<Slot<T>>,
    free: u32,
    newest: u32,
    oldest: u32,
    len: usize,
}

#[derive(Debug)]
struct Slot<T> {
    record: Option<Record<T>>,
    /// The next of the same key, or the next free slot.
    next: u32,
    newer: u32,
    older: u32,
    /// Whether it is in the order of use. A response that is still coming is not: it cannot be thrown out.
    listed: bool,
}

const NIL: u32 = u32::MAX;

impl<T> Index<T> {
    pub(super) fn new() -> Self {
        Self { first: HashMap::default(), slots: Vec::new(), free: NIL, newest: NIL, oldest: NIL, len: 0 }
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, at: u32) -> Option<&Record<T>> {
        self.slots.get(at as usize)?.record.as_ref()
    }

    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Record<T>> {
        self.slots.get_mut(at as usize)?.record.as_mut()
    }

    /// The newest record of a key that is wanted.
    pub(super) fn find(&self, id: Id, mut wanted: impl FnMut(&Record<T>) -> bool) -> Option<u32> {
        self.chain(id).find(|(_, record)| wanted(record)).map(|(at, _)| at)
    }

    /// The records of a key, the one that was stored last first.
    pub(super) fn chain(&self, id: Id) -> impl Iterator<Item = (u32, &Record<T>)> {
        let mut at = self.first.get(&id).copied().unwrap_or(NIL);
        std::iter::from_fn(move || {
            let slot = self.slots.get(at as usize)?;
            let here = std::mem::replace(&mut at, slot.next);
            Some((here, slot.record.as_ref()?))
        })
    }

    /// All records, in no order.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, &Record<T>)> {
        (0..).zip(&self.slots).filter_map(|(at, slot)| Some((at, slot.record.as_ref()?)))
    }

    /// The record that was not used for the longest time.
    pub(super) fn oldest(&self) -> Option<(u32, &Record<T>)> {
        Some((self.oldest, self.get(self.oldest)?))
    }

    /// Notes that a record was used.
    pub(super) fn touch(&mut self, at: u32, now: u64) {
        if let Some(record) = self.get_mut(at) {
            record.used = now;
        }
        if self.newest != at && self.slots.get(at as usize).is_some_and(|slot| slot.listed) {
            self.unlist(at);
            self.list(at);
        }
    }

    /// Adds a record, in the order of use too if it is `listed`. None if four billion are there.
    pub(super) fn insert(&mut self, record: Record<T>, listed: bool) -> Option<u32> {
        let (id, stored_at) = (record.id, record.stored_at);
        let slot = Slot { record: Some(record), next: NIL, newer: NIL, older: NIL, listed: false };
        let at = self.free;
        let at = if let Some(free) = self.slots.get_mut(at as usize) {
            self.free = free.next;
            *free = slot;
            at
        } else {
            let at = u32::try_from(self.slots.len()).ok().filter(|at| *at != NIL)?;
            self.slots.push(slot);
            at
        };
        self.len += 1;

        // Behind those that were stored later: only what is read at the start comes out of turn.
        let before = self.chain(id).take_while(|(_, other)| other.stored_at > stored_at).last();
        let next = match before.map(|(before, _)| before) {
            Some(before) => {
                self.slots.get_mut(before as usize).map(|slot| std::mem::replace(&mut slot.next, at))
            }
            None => self.first.insert(id, at),
        };
        if let Some(slot) = self.slots.get_mut(at as usize) {
            slot.next = next.unwrap_or(NIL);
        }
        if listed {
            self.list(at);
        }
        Some(at)
    }

    /// Puts a record at the newest end of the order of use, if it is not in it.
    pub(super) fn list(&mut self, at: u32) {
        let newest = self.newest;
        let Some(slot) = self.slots.get_mut(at as usize).filter(|slot| !slot.listed) else { return };
        slot.listed = true;
        (slot.newer, slot.older) = (NIL, newest);
        self.newest = at;
        match self.slots.get_mut(newest as usize) {
            Some(slot) => slot.newer = at,
            None => self.oldest = at,
        }
    }

    /// Takes a record out.
    pub(super) fn remove(&mut self, at: u32) -> Option<Record<T>> {
        let id = self.get(at)?.id;
        self.unlist(at);
        let slot = self.slots.get_mut(at as usize)?;
        let record = slot.record.take();
        let next = std::mem::replace(&mut slot.next, self.free);
        self.free = at;
        self.len -= 1;

        if self.first.get(&id) == Some(&at) {
            if next == NIL {
                self.first.remove(&id);
            } else {
                self.first.insert(id, next);
            }
        } else {
            let mut other = self.first.get(&id).copied().unwrap_or(NIL);
            while let Some(slot) = self.slots.get_mut(other as usize) {
                if slot.next == at {
                    slot.next = next;
                    break;
                }
                other = slot.next;
            }
        }
        record
    }

    fn unlist(&mut self, at: u32) {
        let Some(slot) = self.slots.get_mut(at as usize).filter(|slot| slot.listed) else { return };
        slot.listed = false;
        let (newer, older) = (slot.newer, slot.older);
        match self.slots.get_mut(newer as usize) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match self.slots.get_mut(older as usize) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_oneof, proptest};

    use super::*;

    fn record(id: Id, generation: u64, stored_at: u64) -> Record<()> {
        Record {
            id,
            generation,
            stored_at,
            used: 0,
            size: 1,
            soft: false,
            variant: None,
            tags: Box::default(),
            holding: (),
        }
    }

    fn generations(index: &Index<()>, id: Id) -> Vec<u64> {
        index.chain(id).map(|(_, record)| record.generation).collect()
    }

    #[test]
    fn the_newest_of_a_key_comes_first() {
        let mut index = Index::new();
        let old = index.insert(record(1, 10, 100), true).unwrap();
        index.insert(record(1, 11, 200), true).unwrap();
        let middle = index.insert(record(1, 12, 150), true).unwrap();
        index.insert(record(2, 13, 500), true).unwrap();
        index.insert(record(1, 14, 200), true).unwrap();
        assert_eq!(generations(&index, 1), [14, 11, 12, 10]);
        index.remove(middle).unwrap();
        index.remove(old).unwrap();
        assert_eq!(generations(&index, 1), [14, 11]);
        assert_eq!(index.len(), 3);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u8, bool),
        Touch(usize),
        List(usize),
        Remove(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (any::<u8>(), any::<bool>()).prop_map(|(id, listed)| Step::Insert(id % 4, listed)),
            any::<usize>().prop_map(Step::Touch),
            any::<usize>().prop_map(Step::List),
            any::<usize>().prop_map(Step::Remove),
        ]
    }

    proptest! {
        /// Beside a model of two plain lists.
        #[test]
        fn it_is_a_map_and_an_order_of_use(steps in proptest::collection::vec(step(), 0..60)) {
            let mut index = Index::new();
            let mut all: Vec<(u32, Id, u64)> = Vec::new(); // newest first
            let mut order: Vec<u32> = Vec::new(); // newest first
            for (time, step) in (1..).zip(steps) {
                match step {
                    Step::Insert(id, listed) => {
                        let at = index.insert(record(id.into(), time, time), listed).unwrap();
                        all.insert(0, (at, id.into(), time));
                        if listed {
                            order.insert(0, at);
                        }
                    }
                    Step::Touch(n) | Step::List(n) | Step::Remove(n) if !all.is_empty() => {
                        let (at, ..) = all[n % all.len()];
                        let listed = order.iter().position(|other| *other == at);
                        match step {
                            Step::Touch(_) => {
                                index.touch(at, time);
                                if let Some(position) = listed {
                                    order.remove(position);
                                    order.insert(0, at);
                                }
                            }
                            Step::List(_) => {
                                index.list(at);
                                if listed.is_none() {
                                    order.insert(0, at);
                                }
                            }
                            _ => {
                                index.remove(at).unwrap();
                                all.retain(|(other, ..)| *other != at);
                                order.retain(|other| *other != at);
                            }
                        }
                    }
                    _ => {}
                }
                assert_eq!(index.len(), all.len());
                assert_eq!(index.oldest().map(|(at, _)| at), order.last().copied());
                for id in 0..4 {
                    let expected: Vec<_> =
                        all.iter().filter(|(_, other, _)| *other == id).map(|(.., time)| *time).collect();
                    assert_eq!(generations(&index, id), expected);
                }
            }
            while let Some((at, _)) = index.oldest() {
                assert_eq!(order.pop(), Some(at));
                index.remove(at);
            }
            assert!(order.is_empty());
        }
    }
}

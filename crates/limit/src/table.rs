//! What is known of each key: bounded, and shared by all threads.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use parking_lot::{Mutex, MutexGuard};

/// What an entry takes of a zone's memory, about: with what the table takes beside it.
pub(crate) const ENTRY: usize = 128;

/// Parts that are locked apart, at the most: who looks a key up rarely waits for another thread, and then for a moment.
const PARTS: usize = 16;

/// A part has room for so many at least: what is oldest is known for each part alone.
const LEAST: usize = 256;

/// No place.
const NONE: usize = usize::MAX;

/// A table in parts.
pub(crate) struct Parts<V> {
    parts: Box<[Mutex<Table<V>>]>,
    hashers: [RandomState; 2],
}

impl<V> Parts<V> {
    /// With room for so many entries.
    pub(crate) fn new(entries: usize) -> Self {
        let count = (entries / LEAST).clamp(1, PARTS);
        let part = || Mutex::new(Table::new((entries / count).max(1)));
        let parts = std::iter::repeat_with(part).take(count).collect();
        Self { parts, hashers: [RandomState::new(), RandomState::new()] }
    }

    /// What a key is known by: a hash that nobody can foresee, so that nobody can find two keys with the same.
    pub(crate) fn key(&self, key: &[u8]) -> u128 {
        let [a, b] = self.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(key)));
        a << 64 | b
    }

    /// The part that has the key.
    pub(crate) fn part(&self, key: u128) -> MutexGuard<'_, Table<V>> {
        let at = usize::try_from(key % self.parts.len() as u128).unwrap_or_default();
        #[expect(
            clippy::indexing_slicing,
            reason = "there is a part, and the remainder is less than how many there are"
        )]
        self.parts[at].lock()
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().places.len()).sum()
    }
}

/// Entries by key, and by when they were used.
pub(crate) struct Table<V> {
    places: HashMap<u128, usize>,
    nodes: Vec<Node<V>>,
    most: usize,
    newest: usize,
    oldest: usize,
    /// The first of the places that are free.
    free: usize,
}

struct Node<V> {
    key: u128,
    value: V,
    newer: usize,
    /// Among the free ones: the next of them.
    older: usize,
}

impl<V> Table<V> {
    fn new(most: usize) -> Self {
        Self { places: HashMap::new(), nodes: Vec::new(), most, newest: NONE, oldest: NONE, free: NONE }
    }

    pub(crate) fn find(&mut self, key: u128) -> Option<&mut V> {
        let place = *self.places.get(&key)?;
        self.nodes.get_mut(place).map(|node| &mut node.value)
    }

    /// Finds what is used now.
    pub(crate) fn used(&mut self, key: u128) -> Option<&mut V> {
        let place = *self.places.get(&key)?;
        self.unlink(place);
        self.link(place);
        self.nodes.get_mut(place).map(|node| &mut node.value)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.places.len() >= self.most
    }

    /// The entry that was used least recently.
    pub(crate) fn oldest(&self) -> Option<&V> {
        self.nodes.get(self.oldest).map(|node| &node.value)
    }

    pub(crate) fn remove_oldest(&mut self) {
        if let Some(key) = self.nodes.get(self.oldest).map(|node| node.key) {
            self.remove(key);
        }
    }

    /// Adds an entry for a key that has none. There must be room.
    pub(crate) fn add(&mut self, key: u128, value: V) {
        let node = Node { key, value, newer: NONE, older: NONE };
        let place = match self.nodes.get_mut(self.free) {
            Some(free) => {
                let place = std::mem::replace(&mut self.free, free.older);
                *free = node;
                place
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        };
        self.places.insert(key, place);
        self.link(place);
    }

    pub(crate) fn remove(&mut self, key: u128) {
        let Some(place) = self.places.remove(&key) else { return };
        self.unlink(place);
        if let Some(node) = self.nodes.get_mut(place) {
            node.older = std::mem::replace(&mut self.free, place);
        }
    }

    /// Makes an entry the newest.
    fn link(&mut self, place: usize) {
        let second = std::mem::replace(&mut self.newest, place);
        if let Some(node) = self.nodes.get_mut(place) {
            (node.newer, node.older) = (NONE, second);
        }
        match self.nodes.get_mut(second) {
            Some(second) => second.newer = place,
            None => self.oldest = place,
        }
    }

    fn unlink(&mut self, place: usize) {
        let Some((newer, older)) = self.nodes.get(place).map(|node| (node.newer, node.older)) else { return };
        match self.nodes.get_mut(newer) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
        match self.nodes.get_mut(older) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Use(u8),
        Add(u8),
        Remove(u8),
        RemoveOldest,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..20u8).prop_map(Step::Use),
            (0..20u8).prop_map(Step::Add),
            (0..20u8).prop_map(Step::Remove),
            Just(Step::RemoveOldest),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        /// Against a list with the newest at its end.
        #[test]
        fn it_knows_what_is_oldest(steps in steps()) {
            let mut table = Table::new(8);
            let mut list: Vec<u8> = Vec::new();
            for step in steps {
                match step {
                    Step::Use(key) => {
                        let known = list.iter().position(|k| *k == key);
                        known.map(|at| list.remove(at)).into_iter().for_each(|key| list.push(key));
                        prop_assert_eq!(table.used(key.into()).copied(), known.map(|_| key));
                    }
                    Step::Add(key) if table.find(key.into()).is_none() && !table.is_full() => {
                        table.add(key.into(), key);
                        list.push(key);
                    }
                    Step::Remove(key) => {
                        table.remove(key.into());
                        list.retain(|k| *k != key);
                    }
                    Step::RemoveOldest => {
                        table.remove_oldest();
                        list.drain(..list.len().min(1));
                    }
                    Step::Add(_) => {}
                }
                prop_assert_eq!(table.oldest(), list.first());
                prop_assert_eq!(table.places.len(), list.len());
                prop_assert!(table.nodes.len() <= 8);
            }
            while let Some(oldest) = table.oldest().copied() {
                prop_assert_eq!(oldest, list.remove(0));
                table.remove_oldest();
            }
            prop_assert!(list.is_empty());
        }
    }

    #[test]
    fn a_large_table_has_parts() {
        assert_eq!(Parts::<()>::new(10).parts.len(), 1);
        assert_eq!(Parts::<()>::new(1000).parts.len(), 3);
        assert_eq!(Parts::<()>::new(1 << 20).parts.len(), PARTS);
    }
}

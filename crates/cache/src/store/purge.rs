//! What is to be removed before its time.

use bytes::Bytes;

use super::index::{Index, Record};
use super::key::Key;
use super::shared::{Holding, Shared};

/// Which responses are purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purge {
    /// All variants under this key.
    Key(Key),
    /// All whose key begins so.
    Prefix(Bytes),
    /// All that have this tag.
    Tag(Bytes),
    /// All.
    All,
}

/// What becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// They are gone.
    Hard,
    /// They are stale: to be validated, or used where something stale may be.
    Soft,
}

impl Shared {
    /// Purges what the index has. Tells how many responses that were.
    pub(super) fn purge(&self, what: &Purge, strength: Strength) -> u64 {
        let tag = if let Purge::Tag(tag) = what { self.tag(tag) } else { 0 };
        let matches = |record: &Record<Holding>| match what {
            Purge::Key(key) => record.holding.key() == key,
            Purge::Prefix(prefix) => record.holding.key().as_bytes().starts_with(prefix),
            Purge::Tag(_) => record.tags.contains(&tag),
            Purge::All => true,
        };
        let mut count = 0;
        let mut purge = |index: &mut Index<Holding>, found: Vec<u32>| {
            count += found.len() as u64;
            match strength {
                Strength::Hard => found.into_iter().filter_map(|at| index.remove(at)).collect(),
                Strength::Soft => {
                    for at in found {
                        if let Some(record) = index.get_mut(at) {
                            record.soft = true;
                        }
                    }
                    Vec::new()
                }
            }
        };
        let one = if let Purge::Key(key) = what { Some(self.id(key)) } else { None };
        let shards = one.map_or(self.shards(), |id| std::slice::from_ref(self.shard(id)));
        for shard in shards {
            let mut index = shard.index();
            let found = match one {
                Some(id) => index.chain(id).filter(|(_, record)| matches(record)).map(|(at, _)| at).collect(),
                None => index.all().filter(|(_, record)| matches(record)).map(|(at, _)| at).collect(),
            };
            let removed = purge(&mut index, found);
            shard.note_oldest(&index);
            drop(index);
            self.discard(removed);
        }
        count
    }
}

//! What is to be removed before its time.

use bytes::Bytes;

use super::index::Record;
use super::key::Key;
use super::shared::{Holding, Shard, Shared};
use super::tier::TierError;

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

/// What came of a purge.
#[derive(Debug)]
#[must_use = "a purge that did not reach all is not over"]
pub struct Purged {
    /// How many responses it was here.
    pub responses: u64,
    /// Whether all others obey who share the zone's [tier](super::tier), sooner or later. None: there is no tier. An error: it is
    /// in force here, and the others are told as soon as they can be; if this process ends before that, they never are.
    pub elsewhere: Option<Result<(), TierError>>,
}

/// So many records are looked at before others have their turn.
const PORTION: usize = 16 << 10;

impl Shared {
    /// Purges what the index knows to be meant, and shows the records of files among that. Tells how many responses it was.
    pub(super) fn purge_index(
        &self,
        what: &Purge,
        strength: Strength,
        mut file: impl FnMut(&Record<Holding>),
    ) -> u64 {
        let shards = self.shards_of(what).iter();
        shards.map(|shard| self.purge_shard(shard, what, strength, &mut file)).sum()
    }

    /// The same in memory, in portions: a large index takes a while, and others have to work on this thread.
    pub(super) async fn purge_memory(&self, what: &Purge, strength: Strength) -> u64 {
        let (mut count, mut looked) = (0, 0);
        for shard in self.shards_of(what) {
            looked += shard.index().len();
            count += self.purge_shard(shard, what, strength, &mut |_| {});
            if looked >= PORTION {
                looked = 0;
                tokio::task::yield_now().await;
            }
        }
        count
    }

    fn shards_of(&self, what: &Purge) -> &[Shard] {
        if let Purge::Key(key) = what {
            std::slice::from_ref(self.shard(self.id(key)))
        } else {
            self.shards()
        }
    }

    fn purge_shard(
        &self,
        shard: &Shard,
        what: &Purge,
        strength: Strength,
        file: &mut impl FnMut(&Record<Holding>),
    ) -> u64 {
        let tag = if let Purge::Tag(tag) = what { self.tag(tag) } else { 0 };
        let meant = |record: &Record<Holding>| match what {
            Purge::Key(key) => record.holding.key().is_none_or(|other| other == key),
            Purge::Prefix(prefix) => {
                record.holding.key().is_some_and(|key| key.as_bytes().starts_with(prefix))
            }
            Purge::Tag(_) => record.tags.contains(&tag),
            Purge::All => true,
        };
        let one = if let Purge::Key(key) = what { Some(self.id(key)) } else { None };
        let mut index = shard.index();
        let found: Vec<_> = match one {
            Some(id) => index.chain(id).filter(|(_, record)| meant(record)).map(|(at, _)| at).collect(),
            None => index.all().filter(|(_, record)| meant(record)).map(|(at, _)| at).collect(),
        };
        let count = found.len() as u64;
        let mut removed = Vec::new();
        for at in found {
            if let Some(record) = index.get_mut(at) {
                record.soft = true;
                if matches!(record.holding, Holding::Disk(_)) {
                    file(record);
                }
            }
            if strength == Strength::Hard {
                removed.extend(index.remove(at));
            }
        }
        shard.note_oldest(&index);
        drop(index);
        self.forsake(removed);
        count
    }
}

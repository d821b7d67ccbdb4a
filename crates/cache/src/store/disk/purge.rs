//! Purges of what is in files.

use std::fs;

use super::names::Kind;
use super::{Disk, Name, Opened, RULES};
use crate::store::key::{Id, Key};
use crate::store::meta::Meta;
use crate::store::purge::{Purge, Strength};
use crate::store::shared::{Holding, Shared};

impl Disk {
    /// What is to become of a file that was there at the start.
    pub(super) fn verdict(&self, key: &[u8], meta: &Meta) -> Option<Strength> {
        let rules = self.rules.lock();
        let matching = rules.iter().filter(|(what, _)| match what {
            Purge::Key(other) => other.as_bytes() == key,
            Purge::Prefix(prefix) => key.starts_with(prefix),
            Purge::Tag(tag) => meta.tags.contains(tag),
            Purge::All => true,
        });
        let strengths = matching.map(|(_, strength)| *strength);
        strengths.max_by_key(|strength| *strength == Strength::Hard)
    }

    /// Remembers a purge for what is not in the index yet.
    fn remember(&self, what: &Purge, strength: Strength) {
        let mut rules = self.rules.lock();
        if self.is_cold() {
            rules.push((what.clone(), strength));
            if rules.len() > RULES {
                rules.clear();
                rules.push((Purge::All, Strength::Hard));
            }
        }
    }

    /// All that was there at the start is in the index.
    pub(super) fn warm(&self) {
        let mut rules = self.rules.lock();
        self.cold.store(false, std::sync::atomic::Ordering::Release);
        *rules = Vec::new();
    }

    /// The files of a key, whether the index knows them or not.
    fn files_of(&self, key: &Key) -> Vec<Name> {
        let listing = fs::read_dir(self.directory(key.md5())).into_iter().flatten().flatten();
        let names = listing.filter_map(|file| Kind::parse(file.file_name().to_str()?));
        let stored = names.filter_map(|kind| if let Kind::Stored(name) = kind { Some(name) } else { None });
        stored.filter(|name| name.id == key.md5()).collect()
    }
}

impl Shared {
    /// Purges files, and what the index has of them. Tells how many responses that were. For the blocking pool.
    pub(in crate::store) fn purge_files(&self, what: &Purge, strength: Strength) -> u64 {
        let Some(disk) = &self.disk else { return 0 };
        disk.remember(what, strength);
        let mut files = Vec::new();
        let mut count = self.purge_index(what, strength, |record| {
            files.push((Name::of(record), record.generation));
        });
        if let Purge::Prefix(prefix) = what {
            let begins = |name, generation| {
                self.key_of(disk, name, generation).is_some_and(|key| key.starts_with(prefix))
            };
            for (name, generation) in self.stored_files() {
                if begins(name, generation) && self.purge_record(name.id, generation, strength) {
                    files.push((name, generation));
                    count += 1;
                }
            }
        }
        for (name, generation) in files {
            match strength {
                Strength::Hard => self.remove_file(disk, name),
                Strength::Soft => {
                    self.rewrite(disk, name, generation, |meta| (meta.clone(), true));
                }
            }
        }
        if let (Purge::Key(key), Strength::Hard, true) = (what, strength, disk.is_cold()) {
            for name in disk.files_of(key) {
                if fs::exists(disk.path(name)).unwrap_or(false) {
                    self.remove_file(disk, name);
                    count += 1;
                }
            }
        }
        count
    }

    /// Gives a file the head that the index has for it. If that cannot be, it is removed.
    pub(in crate::store) fn update_file(&self, opened: &Opened) {
        let Some(disk) = &self.disk else { return };
        let (name, generation) = (opened.name(), opened.generation());
        let Some((Some(meta), soft)) = self.pending(name.id, generation) else {
            return self.remove_file(disk, name); // unless somebody else has written it
        };
        if self.rewrite(disk, name, generation, |_| (meta.as_ref().clone(), soft)) {
            self.is_written(name.id, generation, &meta);
        } else {
            self.drop_record(name.id, Some(generation));
            self.remove_file(disk, name);
        }
    }

    /// Has a file say whether it is purged softly as the index does. If that cannot be, it is validated once more after a
    /// restart.
    pub(in crate::store) fn pardon_file(&self, id: Id, generation: u64) {
        let Some(disk) = &self.disk else { return };
        let name = {
            let index = self.shard(id).index();
            let at = index.find(id, |record| record.generation == generation);
            at.and_then(|at| index.get(at)).map(Name::of)
        };
        if let Some(name) = name {
            let soft = || self.is_soft(id, generation).unwrap_or(true);
            self.rewrite(disk, name, generation, |meta| (meta.clone(), soft()));
        }
    }

    /// All files that the index knows.
    fn stored_files(&self) -> Vec<(Name, u64)> {
        let mut files = Vec::new();
        for shard in self.shards() {
            let index = shard.index();
            let stored = index.all().filter(|(_, record)| matches!(record.holding, Holding::Disk(_)));
            files.extend(stored.map(|(_, record)| (Name::of(record), record.generation)));
        }
        files
    }
}

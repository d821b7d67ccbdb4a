//! Responses in files.

mod format;
#[cfg(test)]
mod full;
mod loader;
mod names;
mod purge;
#[cfg(test)]
mod races;
mod reader;
mod writer;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

pub(super) use loader::Loader;
pub(super) use names::Name;
pub(super) use reader::{Opened, open, open_now};
pub(super) use writer::Writer;

use super::error::OpenError;
use super::flow::Flow;
use super::key::{Id, md5};
use super::meta::Variant;
use super::purge::{Purge, Strength};
use super::shared::{Holding, Shared};
use names::Levels;

/// The directory of a zone on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    path: PathBuf,
    levels: Vec<usize>,
    temporary: Option<PathBuf>,
}

impl Directory {
    /// Files below `path`, in no further directories; temporary ones beside them. It is made if it is not there.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), levels: Vec::new(), temporary: None }
    }

    /// nginx's `levels`: how many digits of a file's hash, from the end, name the directories that it is in. At most three,
    /// each 1 or 2.
    #[must_use]
    pub fn levels(self, levels: impl Into<Vec<usize>>) -> Self {
        Self { levels: levels.into(), ..self }
    }

    /// What is not whole yet is in this directory, which should be on the same file system. Default: beside its place.
    #[must_use]
    pub fn temporary(self, path: Option<PathBuf>) -> Self {
        Self { temporary: path, ..self }
    }
}

/// A zone's files.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    levels: Levels,
    temporary: Option<PathBuf>,
    /// Names of files that are no longer in the index.
    trash: Mutex<Vec<Name>>,
    /// Not all that is there at the start is in the index yet.
    cold: AtomicBool,
    /// What was purged since the start, for what is not in the index yet.
    rules: Mutex<Vec<(Purge, Strength)>>,
    /// Whether it can be told what of it is in memory, without waiting for somebody else's machine.
    at_hand: AtomicBool,
    /// After an error nothing is stored for a moment.
    paused: AtomicU64,
    #[cfg(test)]
    pub(super) free: AtomicU64,
    #[cfg(test)]
    moment: races::Moment,
}

/// How long nothing is stored after an error, in milliseconds.
const PAUSE: u64 = 1000;

/// More purges than this before all is loaded count as a purge of all that is not.
const RULES: usize = 1024;

impl Disk {
    pub(super) fn new(directory: Directory) -> Result<Self, OpenError> {
        let Directory { path: root, levels, temporary } = directory;
        if levels.len() > 3 || levels.iter().any(|level| !(1..=2).contains(level)) {
            return Err(OpenError::Levels);
        }
        for path in [Some(&root), temporary.as_ref()].into_iter().flatten() {
            writer::make_directory(path).map_err(OpenError::Directory)?;
            probe(path).map_err(OpenError::Directory)?;
        }
        Ok(Self {
            at_hand: AtomicBool::new(propylon_page_cache::is_local(&root)),
            root,
            levels: Levels(levels.into_iter().collect()),
            temporary,
            trash: Mutex::default(),
            cold: AtomicBool::new(true),
            rules: Mutex::default(),
            paused: AtomicU64::new(0),
            #[cfg(test)]
            free: AtomicU64::new(u64::MAX),
            #[cfg(test)]
            moment: races::Moment::default(),
        })
    }

    pub(super) fn root(&self) -> &std::path::Path {
        &self.root
    }

    /// How many bytes the file system has left for us.
    pub(super) fn free_space(&self) -> Option<u64> {
        let system = rustix::fs::statvfs(&self.root).ok()?;
        Some(system.f_bavail.saturating_mul(system.f_frsize))
    }

    fn directory(&self, id: Id) -> PathBuf {
        self.levels.directory(&self.root, id)
    }

    fn path(&self, name: Name) -> PathBuf {
        self.directory(name.id).join(name.file())
    }

    /// Whether there may be files that the index does not know.
    pub(super) fn is_cold(&self) -> bool {
        self.cold.load(Ordering::Acquire)
    }

    fn is_at_hand(&self) -> bool {
        self.at_hand.load(Ordering::Relaxed)
    }

    /// Something was not read at once: where that is because nobody can tell, nobody asks again.
    fn could_not(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::Unsupported {
            self.at_hand.store(false, Ordering::Relaxed);
        }
    }

    fn pause(&self, now: u64) {
        self.paused.store(now + PAUSE, Ordering::Relaxed);
    }

    pub(super) fn is_paused(&self, now: u64) -> bool {
        now < self.paused.load(Ordering::Relaxed)
    }

    /// Its file is to be removed.
    pub(super) fn throw_away(&self, name: Name) {
        self.trash.lock().push(name);
    }

    /// As if the disk had only [`free`](Self::free) bytes left.
    #[cfg(test)]
    fn room_for(&self, bytes: usize) -> io::Result<()> {
        let take = |free: u64| free.checked_sub(bytes as u64);
        let taken = self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        taken.map(drop).map_err(|_| io::ErrorKind::StorageFull.into())
    }
}

/// Whether files can be made there.
fn probe(path: &std::path::Path) -> io::Result<()> {
    let file = path.join(format!(".propylon-{}", std::process::id()));
    fs::write(&file, b"")?;
    fs::remove_file(&file)
}

/// What a file of this length takes of the disk.
fn block(length: u64) -> u64 {
    length.next_multiple_of(4096)
}

/// What the name of a response's file says of its variant: the first half of its MD5. A variant is what a client wrote, and
/// he must not be able to choose one whose file is another's.
pub(super) fn variant_hash(variant: Option<&Variant>) -> Option<u64> {
    variant.map(|variant| (md5(&variant.0) >> 64) as u64)
}

impl Shared {
    /// Removes the files of what was thrown out of the index. For the blocking pool.
    pub(super) fn sweep(&self) {
        let Some(disk) = &self.disk else { return };
        let names = std::mem::take(&mut *disk.trash.lock());
        for name in names {
            self.remove_file(disk, name);
        }
    }

    /// Removes a file, unless the index has come to know one of that name.
    fn remove_file(&self, disk: &Disk, name: Name) {
        let shard = self.shard(name.id);
        let _files = shard.files.lock();
        let known = shard
            .index()
            .find(name.id, |record| matches!(record.holding, Holding::Disk(_)) && Name::of(record) == name);
        if known.is_none() {
            let _ = fs::remove_file(disk.path(name));
        }
    }

    /// The writer of a response's file. None if it cannot be stored.
    pub(super) fn writer(self: &Arc<Self>, flow: &Flow) -> Option<Writer> {
        let name = Name { id: flow.id, variant: variant_hash(flow.meta.variant.as_ref()) };
        Writer::new(Arc::clone(self), name, flow)
    }
}

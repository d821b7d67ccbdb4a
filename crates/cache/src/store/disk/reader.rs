//! Reading what is stored: what the kernel has in memory at once, everything else on the blocking pool. Nothing is passed on that was not
//! checked.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use propylon_page_cache::{CHUNK, Peek};

use super::format::{Fault, Head, Layout, PIECE, PROLOGUE, encode_head};
use super::{Disk, Name, block, variant_hash};
use crate::store::entry::{Entry, Source};
use crate::store::error::Error;
use crate::store::key::{Key, md5};
use crate::store::meta::Meta;
use crate::store::shared::{Holding, Shared};

/// A file that a hit reads from.
#[derive(Debug)]
pub(in crate::store) struct Opened {
    pub(in crate::store) key: Key,
    pub(in crate::store) meta: Meta,
    shared: Arc<Shared>,
    name: Name,
    file: File,
    layout: Layout,
    /// The beginning of the body, which came with the head.
    first: Bytes,
}

/// How much of a file is read with its head.
const FIRST: u64 = CHUNK as u64;

/// How much of a file is read if only its head is wanted.
const HEAD: u64 = 8 << 10;

/// How much of a file is read at once after that, in pieces.
const PIECES: u64 = CHUNK as u64 / PIECE;

/// Whether a disk may be waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// What would have to be is an error: `WouldBlock`, or `Unsupported` where nobody can tell.
    Now,
    Wait,
}

/// What is at the beginning of a file.
struct Start {
    layout: Layout,
    slot: u8,
    head: Head,
    /// What was read, from the beginning of the file.
    read: Bytes,
}

/// Why a file was not opened.
enum Failure {
    Fault(Fault),
    Io(io::Error),
}

/// The same as [`open`], if the kernel has it in memory and nothing is wrong with it.
pub(in crate::store) fn open_now(
    shared: &Arc<Shared>,
    key: &Key,
    name: Name,
    generation: u64,
) -> Option<Entry> {
    let disk = shared.disk.as_ref().filter(|disk| disk.is_at_hand())?;
    let before = shared.pending(name.id, generation)?.0;
    let file = propylon_page_cache::open(&disk.path(name)).map_err(|error| disk.could_not(&error)).ok()?;
    let start = match Start::read_once(&file, FIRST, Patience::Now) {
        Ok(start) => start,
        Err(failure) => {
            if let Failure::Io(error) = failure {
                disk.could_not(&error);
            }
            return None;
        }
    };
    if start.head.key != key.as_bytes() || start.layout.nonce != generation {
        return None;
    }
    known(shared, name, file, start, before, Patience::Now)?.ok()
}

/// What is stored under `key`, as the record of this generation says; the file itself if there may be one that the index does
/// not know.
pub(in crate::store) fn open(
    shared: &Arc<Shared>,
    key: &Key,
    name: Name,
    generation: Option<u64>,
) -> Option<Entry> {
    let disk = shared.disk.as_ref()?;
    let before = generation.and_then(|generation| shared.pending(name.id, generation)?.0);
    let file = match File::open(disk.path(name)) {
        Ok(file) => file,
        Err(error) => {
            if error.kind() == ErrorKind::NotFound {
                shared.drop_record(name.id, generation);
            }
            return None;
        }
    };
    let start = match Start::read(shared, name, &file) {
        Ok(start) => start,
        Err(failure) => {
            failure.punish(shared, disk, name, generation);
            return None;
        }
    };
    if start.head.key != key.as_bytes() {
        return None; // another key with the same hash
    }
    let layout = start.layout;
    if generation.is_some_and(|generation| generation != layout.nonce) {
        // It was replaced since the look-up, or it is another variant's: whoever looks again finds what the index knows.
        shared.drop_record(name.id, generation);
        return None;
    }
    let entry = match generation {
        Some(_) => known(shared, name, file, start, before, Patience::Wait)?,
        None => {
            let soft = shared.adopt(&start, name)?;
            Opened::new(shared, name, file, start, Patience::Wait).map(|opened| opened.entry(soft))
        }
    };
    entry.map_err(|failure| failure.punish(shared, disk, name, Some(layout.nonce))).ok()
}

/// A file that the index knows, with the head that it has by now: one that was on its way `before` the file was read may have come into it
/// since. None if it is gone.
fn known(
    shared: &Arc<Shared>,
    name: Name,
    file: File,
    mut start: Start,
    before: Option<Arc<Meta>>,
    patience: Patience,
) -> Option<Result<Entry, Failure>> {
    let (meta, soft) = shared.pending(name.id, start.layout.nonce)?;
    if let Some(meta) = meta.or(before) {
        start.head.meta = meta.as_ref().clone();
    }
    Some(Opened::new(shared, name, file, start, patience).map(|opened| opened.entry(soft)))
}

impl Start {
    fn read(shared: &Shared, name: Name, file: &File) -> Result<Self, Failure> {
        match Self::read_once(file, FIRST, Patience::Wait) {
            // Perhaps it was being changed.
            Err(Failure::Fault(Fault::Damaged)) => {
                let _files = shared.shard(name.id).files.lock();
                Self::read_once(file, FIRST, Patience::Wait)
            }
            read => read,
        }
    }

    /// With at most `first` bytes of the file, or as many as its head needs.
    fn read_once(file: &File, first: u64, patience: Patience) -> Result<Self, Failure> {
        let length = file.metadata()?.len();
        let mut read = read_at(file, 0, size(length.min(first)), patience)?;
        let layout = Layout::decode(&read, length)?;
        if layout.body_at() > read.len() as u64 {
            read = read_at(file, 0, size(layout.body_at()), patience)?;
        }
        let slots = read.get(PROLOGUE..size(layout.body_at())).map(|slots| read.slice_ref(slots));
        let head = slots.and_then(|slots| layout.decode_slots(&slots));
        let (slot, head) = head.ok_or(Failure::Fault(Fault::Damaged))?;
        Ok(Self { layout, slot, head, read })
    }

    /// Whether it is where it belongs. What does not vary is never taken for what does, nor the other way round.
    fn is_named(&self, name: Name) -> bool {
        name == Name { id: md5(&self.head.key), variant: variant_hash(self.head.meta.variant.as_ref()) }
    }
}

impl Opened {
    /// With the pieces of the body that are there already.
    fn new(
        shared: &Arc<Shared>,
        name: Name,
        file: File,
        start: Start,
        patience: Patience,
    ) -> Result<Self, Failure> {
        let Start { layout, head, read, .. } = start;
        let there = (read.len() as u64).saturating_sub(layout.body_at()).min(layout.body);
        let whole = if there == layout.body { there } else { there / PIECE * PIECE };
        let from = size(layout.body_at()).min(read.len());
        let first = read.slice(from..(from + size(whole)).min(read.len()));
        if whole > 0 {
            let sums_at = size(layout.sum_at(0));
            let sums_len = size(whole.div_ceil(PIECE) * 8);
            let sums = match read.get(sums_at..sums_at + sums_len) {
                Some(sums) => read.slice_ref(sums),
                None => read_at(&file, layout.sum_at(0), sums_len, patience)?,
            };
            check(&layout, 0, &first, &sums)?;
        }
        let key = Key::new(head.key);
        Ok(Self { key, meta: head.meta, shared: Arc::clone(shared), name, file, layout, first })
    }

    fn entry(self, soft: bool) -> Entry {
        let (id, generation) = (self.name.id, self.layout.nonce);
        Entry { id, generation, soft, source: Source::File(Arc::new(self)) }
    }

    pub(super) fn name(&self) -> Name {
        self.name
    }

    pub(super) fn generation(&self) -> u64 {
        self.layout.nonce
    }

    pub(in crate::store) fn len(&self) -> u64 {
        self.layout.body
    }

    /// The whole body, if it came with the head.
    pub(in crate::store) fn bytes(&self) -> Option<&Bytes> {
        (self.first.len() as u64 == self.layout.body).then_some(&self.first)
    }

    /// What is at `at`, at most up to `end`, if it came with the head.
    pub(in crate::store) fn first(&self, at: u64, end: u64) -> Option<Bytes> {
        let part = self.first.get(size(at)..size(end).min(self.first.len()))?;
        (!part.is_empty()).then(|| self.first.slice_ref(part))
    }

    /// All before `at` has been read: what came with the head is not kept for it.
    pub(in crate::store) fn passed_first(&mut self, at: u64) {
        if at >= self.first.len() as u64 {
            self.first = Bytes::new();
        }
    }

    /// What is at `at`, at most up to `end`, if the kernel has it in memory and nothing is wrong with it.
    pub(in crate::store) fn read_now(&self, at: u64, end: u64) -> Option<Bytes> {
        let disk = self.shared.disk.as_ref().filter(|disk| disk.is_at_hand())?;
        match self.read_pieces(at, end, Patience::Now) {
            Ok(read) => Some(read),
            Err(error) => {
                if let Error::Read(error) = error {
                    disk.could_not(&error);
                }
                None
            }
        }
    }

    /// What is at `at`, at most up to `end`.
    pub(in crate::store) fn read(&self, at: u64, end: u64) -> Result<Bytes, Error> {
        let read = self.read_pieces(at, end, Patience::Wait);
        if let (Err(Error::Damaged), Some(disk)) = (&read, &self.shared.disk) {
            Failure::Fault(Fault::Damaged).punish(&self.shared, disk, self.name, Some(self.layout.nonce));
        }
        read
    }

    fn read_pieces(&self, at: u64, end: u64, patience: Patience) -> Result<Bytes, Error> {
        let piece = at / PIECE;
        let begin = piece * PIECE;
        let stop = (begin + PIECES * PIECE).min(end.next_multiple_of(PIECE)).min(self.layout.body);
        let length = stop.saturating_sub(begin);
        let read = |at, length| read_at(&self.file, at, length, patience).map_err(Error::Read);
        let data = read(self.layout.body_at() + begin, size(length))?;
        let sums = read(self.layout.sum_at(piece), size(length.div_ceil(PIECE) * 8))?;
        check(&self.layout, piece, &data, &sums).map_err(|_| Error::Damaged)?;
        let part = data.get(size(at - begin)..size(end - begin).min(data.len())).ok_or(Error::Damaged)?;
        Ok(data.slice_ref(part))
    }
}

/// Whether all of these pieces are what was written.
fn check(layout: &Layout, first: u64, data: &[u8], sums: &[u8]) -> Result<(), Fault> {
    let pieces = data.chunks(size(PIECE));
    let right = pieces.len() * 8 == sums.len()
        && (first..)
            .zip(pieces.zip(sums.chunks(8)))
            .all(|(piece, (data, sum))| layout.is_piece(piece, data, sum));
    if right { Ok(()) } else { Err(Fault::Damaged) }
}

fn read_at(file: &File, at: u64, length: usize, patience: Patience) -> io::Result<Bytes> {
    match patience {
        Patience::Wait if length <= CHUNK => propylon_page_cache::read(file, at, length),
        Patience::Wait => {
            let mut data = vec![0; length];
            file.read_exact_at(&mut data, at)?;
            Ok(data.into())
        }
        Patience::Now => match propylon_page_cache::peek(file, at, length) {
            Peek::Here(data) if data.len() == length => Ok(data),
            Peek::Failed(error) => Err(error),
            Peek::Here(_) | Peek::NotNow => Err(ErrorKind::WouldBlock.into()),
            Peek::Unknown => Err(ErrorKind::Unsupported.into()),
        },
    }
}

/// What is in memory has a size that fits.
fn size(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

impl Failure {
    /// Forgets what cannot be used, and removes it if it is ours. What cannot be read now may be read later.
    fn punish(self, shared: &Shared, disk: &Disk, name: Name, generation: Option<u64>) {
        let fault = match self {
            Self::Io(error) if error.kind() == ErrorKind::UnexpectedEof => Fault::Damaged, // cut at this moment
            Self::Io(_) => return,
            Self::Fault(fault) => fault,
        };
        shared.drop_record(name.id, generation);
        match fault {
            Fault::Foreign => shared.counters.foreign.fetch_add(1, Ordering::Relaxed),
            Fault::Damaged => {
                shared.remove_file(disk, name);
                shared.counters.damaged.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Shared {
    /// Takes a file into the index that was there at the start. Tells whether it is soft, and None if it is not wanted.
    fn adopt(&self, start: &Start, name: Name) -> Option<bool> {
        let disk = self.disk.as_ref()?;
        if !start.is_named(name) {
            self.counters.foreign.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let soft = match disk.verdict(&start.head.key, &start.head.meta) {
            Some(super::Strength::Hard) => {
                self.remove_file(disk, name);
                return None;
            }
            Some(super::Strength::Soft) => true,
            None => start.head.soft,
        };
        #[cfg(test)]
        disk.moment.come();
        let mut record = self.record(name.id, start.layout.nonce, &start.head.meta, Holding::Disk(None));
        record.size = block(start.layout.file_len());
        record.soft = soft;
        if !self.add(record) {
            return Some(soft);
        }
        self.counters.loaded.fetch_add(1, Ordering::Relaxed);
        // A purge in between has not seen the record, but has left its rule.
        match disk.verdict(&start.head.key, &start.head.meta) {
            Some(super::Strength::Hard) => {
                self.drop_record(name.id, Some(start.layout.nonce));
                self.remove_file(disk, name);
                None
            }
            Some(super::Strength::Soft) => {
                self.purge_record(name.id, start.layout.nonce, super::Strength::Soft);
                Some(true)
            }
            None => Some(soft),
        }
    }

    /// For the loader: takes this file into the index, or removes it if it is no good.
    pub(super) fn load(&self, disk: &Disk, name: Name, path: &Path) {
        let Ok(file) = File::open(path) else { return };
        if *path != disk.path(name) {
            return; // not where it would be looked for
        }
        match Start::read_once(&file, HEAD, Patience::Wait) {
            Ok(start) => {
                let _ = self.adopt(&start, name);
            }
            Err(failure) => failure.punish(self, disk, name, None),
        }
    }

    /// The key of what is in a file, if it is what the record of this generation says.
    pub(super) fn key_of(&self, disk: &Disk, name: Name, generation: u64) -> Option<Bytes> {
        let file = File::open(disk.path(name)).ok()?;
        let start = Start::read_once(&file, HEAD, Patience::Wait).ok()?;
        (start.layout.nonce == generation).then_some(start.head.key)
    }

    /// Changes a file's head: `change` makes the new one of the old one, and None leaves it. False if it has no room for it, or
    /// is not the one that is meant.
    pub(super) fn rewrite(
        &self,
        disk: &Disk,
        name: Name,
        generation: u64,
        change: impl FnOnce(&Meta) -> (Meta, bool),
    ) -> bool {
        let _files = self.shard(name.id).files.lock();
        let Ok(file) = OpenOptions::new().read(true).write(true).open(disk.path(name)) else { return false };
        let Ok(start) = Start::read_once(&file, HEAD, Patience::Wait) else { return false };
        if start.layout.nonce != generation {
            return false;
        }
        let (meta, soft) = change(&start.head.meta);
        let head = encode_head(&start.head.key, &meta);
        let slot = start.layout.encode_slot(start.head.sequence.wrapping_add(1), soft, &head);
        let other = 1 - start.slot;
        slot.len() as u64 <= start.layout.room
            && meta.variant == start.head.meta.variant
            && file.write_all_at(&slot, start.layout.slot_at(other)).is_ok()
    }
}

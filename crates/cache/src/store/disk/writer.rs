//! Writing a response's file, on the blocking pool.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, IoSlice, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use tokio::runtime::Handle;
use xxhash_rust::xxh3::Xxh3;

use super::format::{Layout, PIECE, encode_head, piece_seed};
use super::names::Name;
use super::{Disk, block};
use crate::store::flow::{Flow, Task, Written};
use crate::store::shared::{Holding, Shared};

/// What is needed to go on with a file. Between two portions it lies in the [`Flow`].
#[derive(Debug)]
pub(in crate::store) struct Writer {
    shared: Arc<Shared>,
    name: Name,
    head: Vec<u8>,
    layout: Layout,
    open: Option<(Temporary, Written)>,
    sums: Sums,
}

/// How much is worth a visit to the blocking pool while more is to come.
const ENOUGH: u64 = 128 << 10;

impl Writer {
    /// None if the head is too large.
    pub(super) fn new(shared: Arc<Shared>, name: Name, flow: &Flow) -> Option<Self> {
        let head = encode_head(flow.key.as_bytes(), &flow.meta);
        let layout = Layout::new(head.len(), 0, flow.generation)?;
        Some(Self { shared, name, head, layout, open: None, sums: Sums::new(flow.generation) })
    }

    /// Goes on writing if there is enough to write. Whoever adds to a flow or ends it calls this.
    pub(in crate::store) fn kick(flow: &Arc<Flow>) {
        let Some(writer) = flow.take_writer(ENOUGH) else { return };
        let flow = Arc::clone(flow);
        let work = move || writer.run(&flow);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(work)),
            Err(_) => work(), // a fill that outlived its runtime
        }
    }

    fn run(self: Box<Self>, flow: &Arc<Flow>) {
        let shared = Arc::clone(&self.shared);
        self.go_on(flow);
        shared.sweep();
    }

    fn go_on(mut self: Box<Self>, flow: &Arc<Flow>) {
        loop {
            let done = match flow.task(ENOUGH) {
                Task::Write(pieces) => {
                    self.write(&pieces).map(|written| flow.flushed(pieces.len(), &written))
                }
                Task::Finish => match self.complete(flow) {
                    Ok(()) => return,
                    Err(error) => Err(error),
                },
                Task::Abort => {
                    self.shared.forget(flow);
                    return flow.lose();
                }
                Task::Nothing => match flow.park(self, ENOUGH) {
                    Some(writer) => {
                        self = writer;
                        Ok(())
                    }
                    None => return,
                },
            };
            if done.is_err() {
                return self.fail(flow);
            }
        }
    }

    fn fail(&self, flow: &Flow) {
        self.shared.forget(flow);
        flow.lose();
        self.shared.counters.failed.fetch_add(1, Ordering::Relaxed);
        if let Some(disk) = &self.shared.disk {
            disk.pause(self.shared.now());
        }
    }

    fn write(&mut self, pieces: &[Bytes]) -> io::Result<Written> {
        let written = self.open()?;
        pieces.iter().for_each(|piece| self.sums.update(piece));
        #[cfg(test)]
        self.disk()?.room_for(pieces.iter().map(Bytes::len).sum())?;
        let mut slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        write_all(&written.file, &mut slices)?;
        Ok(written)
    }

    /// The file under its temporary name, empty but for the place of its head.
    fn open(&mut self) -> io::Result<Written> {
        if let Some((_, written)) = &self.open {
            return Ok(written.clone());
        }
        let (temporary, file) = Temporary::create(self.disk()?, self.name, self.layout.nonce)?;
        io::Seek::seek(&mut &file, io::SeekFrom::Start(self.layout.body_at()))?;
        let written = Written { file: Arc::new(file), body_at: self.layout.body_at() };
        self.open = Some((temporary, written.clone()));
        Ok(written)
    }

    /// Gives the file its head and its name, unless it was purged meanwhile.
    fn complete(&mut self, flow: &Flow) -> io::Result<()> {
        let written = self.open()?;
        self.layout.body = flow.written();
        let sums = self.sums.finish();
        #[cfg(test)]
        self.disk()?.room_for(sums.len() + self.head.len())?;
        written.file.set_len(self.layout.file_len())?; // without a body nothing is written behind the head
        written.file.write_all_at(&sums, self.layout.sum_at(0))?;

        // Nobody moves or changes files of this shard meanwhile, so that what is purged is not there afterwards.
        let shared = Arc::clone(&self.shared);
        let _files = shared.shard(self.name.id).files.lock();
        let Some(soft) = shared.is_soft(self.name.id, self.layout.nonce) else { return Ok(()) };
        let slot = self.layout.encode_slot(1, soft, &self.head);
        let start = [&self.layout.encode()[..], &slot].concat();
        written.file.write_all_at(&start, 0)?;
        let Some((temporary, _)) = self.open.take() else { return Ok(()) };
        temporary.keep(self.disk()?, self.name, self.layout.nonce)?;
        let size = block(self.layout.file_len());
        #[cfg(test)]
        self.disk()?.moment.come();
        if !shared.settle(self.name.id, self.layout.nonce, Holding::Disk(None), size) {
            // Purged a moment ago, by one who knew of no file.
            let _ = fs::remove_file(self.disk()?.path(self.name));
            return Ok(());
        }
        // Purged softly a moment ago, or validated after that.
        let now = shared.is_soft(self.name.id, self.layout.nonce).unwrap_or(soft);
        if now != soft {
            let slot = self.layout.encode_slot(2, now, &self.head);
            let _ = written.file.write_all_at(&slot, self.layout.slot_at(1));
        }
        if !now {
            shared.offer(flow);
        }
        Ok(())
    }

    fn disk(&self) -> io::Result<&Disk> {
        self.shared.disk.as_ref().ok_or_else(|| ErrorKind::Unsupported.into())
    }
}

fn write_all(mut file: &File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => IoSlice::advance_slices(&mut slices, count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A file that is removed unless it was moved.
#[derive(Debug)]
struct Temporary(Option<PathBuf>);

impl Temporary {
    fn create(disk: &Disk, name: Name, generation: u64) -> io::Result<(Self, File)> {
        let directory = disk.temporary.clone().unwrap_or_else(|| disk.directory(name.id));
        let path = directory.join(name.temporary(generation));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        let file = options.open(&path).or_else(|error| match error.kind() {
            ErrorKind::NotFound => make_directory(&directory).and_then(|()| options.open(&path)),
            _ => Err(error),
        })?;
        Ok((Self(Some(path)), file))
    }

    /// Gives it its name, on another file system if need be.
    fn keep(mut self, disk: &Disk, name: Name, generation: u64) -> io::Result<()> {
        let directory = disk.directory(name.id);
        let path = directory.join(name.file());
        match self.rename(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make_directory(&directory)?;
                self.rename(&path)
            }
            Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                make_directory(&directory)?;
                let near = directory.join(name.temporary(generation));
                let mut copy = Self(Some(near.clone()));
                if let Some(far) = &self.0 {
                    fs::copy(far, near)?;
                }
                copy.rename(&path)
            }
            renamed => renamed,
        }
    }

    fn rename(&mut self, path: &Path) -> io::Result<()> {
        if let Some(from) = &self.0 {
            fs::rename(from, path)?;
        }
        self.0 = None;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The checksums of a body that comes in pieces of any size.
#[derive(Debug)]
struct Sums {
    nonce: u64,
    hasher: Box<Xxh3Debug>,
    /// How much the hasher has.
    in_piece: u64,
    done: Vec<u8>,
    count: u64,
}

struct Xxh3Debug(Xxh3);

impl std::fmt::Debug for Xxh3Debug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Xxh3")
    }
}

impl Sums {
    fn new(nonce: u64) -> Self {
        let hasher = Box::new(Xxh3Debug(Xxh3::with_seed(piece_seed(nonce, 0))));
        Self { nonce, hasher, in_piece: 0, done: Vec::new(), count: 0 }
    }

    fn update(&mut self, data: &[u8]) {
        let mut rest = data;
        while !rest.is_empty() {
            let room = usize::try_from(PIECE - self.in_piece).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(rest.len().min(room));
            self.hasher.0.update(now);
            self.in_piece += now.len() as u64;
            if self.in_piece == PIECE {
                self.next();
            }
            rest = later;
        }
    }

    fn next(&mut self) {
        self.done.extend(self.hasher.0.digest().to_le_bytes());
        self.count += 1;
        self.in_piece = 0;
        self.hasher.0 = Xxh3::with_seed(piece_seed(self.nonce, self.count));
    }

    fn finish(&mut self) -> Vec<u8> {
        if self.in_piece > 0 {
            self.next();
        }
        std::mem::take(&mut self.done)
    }
}

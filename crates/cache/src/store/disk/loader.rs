//! Taking into the index what is there at the start, a little at a time.

use std::fs::{self, ReadDir};
use std::path::Path;

use tokio::time::Instant;

use super::Disk;
use super::names::Kind;
use crate::store::limits::Pace;
use crate::store::shared::Shared;

/// Walks through a zone's directories.
///
/// It removes temporary files that nobody writes any more, and what is ours by its name and its first bytes but not whole.
/// What is not ours it leaves where it is.
#[derive(Debug)]
pub(in crate::store) struct Loader {
    /// From the root to where it is, and at the very bottom the directory of temporary files.
    open: Vec<(usize, ReadDir)>,
}

/// The depth of what has only temporary files.
const TEMPORARY: usize = usize::MAX;

impl Loader {
    pub(in crate::store) fn new(disk: &Disk) -> Self {
        let temporary = disk.temporary.as_deref().map(|path| (TEMPORARY, path));
        let directories = temporary.into_iter().chain([(0, disk.root())]);
        let open = directories.filter_map(|(depth, path)| Some((depth, fs::read_dir(path).ok()?)));
        Self { open: open.collect() }
    }

    /// Looks at some files. True when all were looked at.
    pub(in crate::store) fn step(&mut self, shared: &Shared, pace: &Pace) -> bool {
        let Some(disk) = &shared.disk else { return true };
        let begun = Instant::now();
        let mut files = 0;
        while files < pace.files.get() && (files == 0 || begun.elapsed() < pace.threshold) {
            let Some((depth, directory)) = self.open.last_mut() else {
                disk.warm();
                return true;
            };
            let depth = *depth;
            match directory.next() {
                None => drop(self.open.pop()),
                Some(Err(_)) => files += 1,
                Some(Ok(entry)) => {
                    files += 1;
                    if let Some(name) = entry.file_name().to_str() {
                        self.look(shared, disk, depth, name, &entry.path());
                    }
                }
            }
        }
        false
    }

    fn look(&mut self, shared: &Shared, disk: &Disk, depth: usize, name: &str, path: &Path) {
        if disk.levels.is_directory(depth, name) {
            self.open.extend(fs::read_dir(path).ok().map(|directory| (depth + 1, directory)));
            return;
        }
        if depth != disk.levels.depth() && depth != TEMPORARY {
            return;
        }
        match Kind::parse(name) {
            Some(Kind::Temporary(name, generation)) if !shared.is_filling(name.id, generation) => {
                let _ = fs::remove_file(path);
            }
            Some(Kind::Stored(name)) if depth != TEMPORARY => shared.load(disk, name, path),
            _ => {}
        }
    }
}

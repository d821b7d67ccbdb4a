//! Which of several paths is there.

use std::path::{Path, PathBuf};

use rustix::fs::FileType;
use rustix::io::Errno;

use crate::Failure;
use crate::failure::Kind;
use crate::open::{self, Patience, Purpose, Symlinks, Trouble};

/// A path that may be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The path.
    pub path: PathBuf,
    /// Whether a directory is wanted, or anything but one.
    pub directory: bool,
}

/// What came of looking for the index file of a directory.
#[derive(Clone, Debug)]
pub enum Index {
    /// The one with this number is there.
    Found(usize),
    /// There is none: [`Failure::status`] is the answer.
    Failed(Failure),
}

/// What came of looking for the first of several files.
#[derive(Clone, Debug, Default)]
pub struct First {
    /// The number of the first that is there.
    pub found: Option<usize>,
    /// What kept others from being looked at.
    pub failures: Vec<Failure>,
}

/// `Err`: this cannot be done without waiting.
pub(crate) fn first(candidates: &[Candidate], symlinks: &Symlinks, patience: Patience) -> Result<First, ()> {
    let mut failures = Vec::new();
    for (at, candidate) in candidates.iter().enumerate() {
        match open::open(&candidate.path, Purpose::Look, symlinks, patience) {
            Ok(found) if (found.kind() == FileType::Directory) == candidate.directory => {
                return Ok(First { found: Some(at), failures });
            }
            Ok(_) => {}
            Err(Trouble::Again) => return Err(()),
            Err(Trouble::Failed(failure)) if failure.is_not_found() => {}
            Err(Trouble::Failed(failure)) => failures.push(failure),
        }
    }
    Ok(First { found: None, failures })
}

/// `Err`: this cannot be done without waiting.
pub(crate) fn index(
    directory: &Path,
    candidates: &[PathBuf],
    symlinks: &Symlinks,
    patience: Patience,
) -> Result<Index, ()> {
    let mut tested = false;
    for (at, path) in candidates.iter().enumerate() {
        let failure = match open::open(path, Purpose::Look, symlinks, patience) {
            Ok(_) => return Ok(Index::Found(at)),
            Err(Trouble::Again) => return Err(()),
            Err(Trouble::Failed(failure)) => failure,
        };
        match failure.errno() {
            Some(Errno::NOENT) if tested => {}
            Some(Errno::NOENT) => {
                if let Some(failure) = missing(directory, symlinks, patience)? {
                    return Ok(Index::Failed(failure));
                }
                tested = true;
            }
            Some(errno @ (Errno::NOTDIR | Errno::NAMETOOLONG | Errno::ACCESS)) => {
                return Ok(Index::Failed(Failure::new(path, Kind::Index(errno))));
            }
            _ => return Ok(Index::Failed(failure)),
        }
    }
    Ok(Index::Failed(Failure::new(directory, Kind::NoIndex)))
}

/// What is wrong with the directory itself: then no index file needs to be looked for.
fn missing(directory: &Path, symlinks: &Symlinks, patience: Patience) -> Result<Option<Failure>, ()> {
    let failure = match open::open(directory, Purpose::Look, symlinks, patience) {
        Ok(found) if found.kind() == FileType::Directory => return Ok(None),
        Ok(_) => Failure::new(directory, Kind::NotDirectory),
        Err(Trouble::Again) => return Err(()),
        Err(Trouble::Failed(failure)) => failure,
    };
    Ok(match failure.errno() {
        // Its files could be searched for, so they may be there.
        Some(Errno::ACCESS) => None,
        Some(Errno::NOENT) => Some(Failure::new(directory, Kind::Index(Errno::NOENT))),
        _ => Some(failure),
    })
}

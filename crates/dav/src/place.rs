//! Names in directories that are open: nothing that happens to a path meanwhile leads elsewhere.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::StatusCode;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::Failure;

/// What symbolic links on the way to a file mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// They are followed.
    #[default]
    Follow,
    /// None is, from this directory on, or from the beginning of a path: 403.
    Refuse(Option<PathBuf>),
}

/// A name in a directory that is open.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) directory: Arc<OwnedFd>,
    pub(crate) name: OsString,
    /// For people.
    pub(crate) path: PathBuf,
}

/// A directory, for what is beneath it.
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Place {
    /// The name that a path ends in; a slash behind it says nothing. `missing`: the status where the directory is not there.
    pub(crate) fn find(path: &Path, links: &Links, missing: StatusCode) -> Result<Self, Failure> {
        let (parent, name) = split(path)?;
        let directory =
            open(&parent, links).map_err(|errno| Failure::call("open()", path, errno, missing))?;
        Ok(Self { directory: directory.into(), name, path: path.into() })
    }

    /// The same in the nearest directory that is there, and the names of those that are not.
    pub(crate) fn nearest(path: &Path, links: &Links) -> Result<(Self, Vec<OsString>), Failure> {
        let (mut parent, name) = split(path)?;
        let mut missing = Vec::new();
        loop {
            match open(&parent, links) {
                Ok(directory) => {
                    missing.reverse();
                    return Ok((Self { directory: directory.into(), name, path: path.into() }, missing));
                }
                Err(errno) => match (errno, split(&parent)) {
                    (Errno::NOENT, Ok((outer, inner))) => {
                        missing.push(inner);
                        parent = outer;
                    }
                    _ => return Err(Failure::call("open()", path, errno, StatusCode::CONFLICT)),
                },
            }
        }
    }

    /// Makes these directories, one inside of the other, and goes there.
    pub(crate) fn make(&mut self, missing: &[OsString], mode: u32) -> Result<(), Failure> {
        for name in missing {
            let failed = |errno| Failure::call("mkdir()", &self.path, errno, StatusCode::CONFLICT);
            match fs::mkdirat(&self.directory, &**name, Mode::from_raw_mode(mode)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(failed(errno)),
            }
            let flags = DIRECTORY | OFlags::NOFOLLOW;
            let made = fs::openat(&self.directory, &**name, flags, Mode::empty()).map_err(failed)?;
            self.directory = made.into();
        }
        Ok(())
    }

    /// What the name is, itself.
    pub(crate) fn look(&self) -> Result<Stat, Errno> {
        fs::statat(&self.directory, &*self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// What the name leads to.
    pub(crate) fn follow(&self) -> Result<Stat, Errno> {
        fs::statat(&self.directory, &*self.name, AtFlags::empty())
    }

    /// Whether the name is in this directory or in one inside of it, by whatever links it was found.
    pub(crate) fn is_within(&self, directory: &Stat) -> Result<bool, Errno> {
        let mut at = Arc::clone(&self.directory);
        let mut stat = fs::fstat(&at)?;
        while !is_same(&stat, directory) {
            let outer = match fs::openat(&at, "..", DIRECTORY, Mode::empty()) {
                // Nobody who reads `directory` comes from there.
                Err(Errno::ACCESS) => return Ok(false),
                outer => outer?,
            };
            let above = fs::fstat(&outer)?;
            if is_same(&above, &stat) {
                return Ok(false); // the root
            }
            (at, stat) = (outer.into(), above);
        }
        Ok(true)
    }

    /// Whether both are one name in one directory.
    pub(crate) fn is(&self, other: &Self) -> Result<bool, Errno> {
        let same = || Ok(is_same(&fs::fstat(&self.directory)?, &fs::fstat(&other.directory)?));
        if self.name == other.name { same() } else { Ok(false) }
    }

    pub(crate) fn failed(&self, call: &'static str, errno: Errno, missing: StatusCode) -> Failure {
        Failure::call(call, &self.path, errno, missing)
    }
}

pub(crate) fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

pub(crate) fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// The steps of a path.
pub(crate) fn steps(path: &Path) -> impl Iterator<Item = &OsStr> {
    let steps = path.as_os_str().as_bytes().split(|byte| *byte == b'/');
    steps.filter(|step| !step.is_empty() && *step != b".").map(OsStr::from_bytes)
}

/// A path without its last name, and that.
fn split(path: &Path) -> Result<(PathBuf, OsString), Failure> {
    let mut steps: Vec<&OsStr> = steps(path).collect();
    let name = steps.pop().filter(|name| *name != "..");
    let name = name.ok_or_else(|| Failure::is(StatusCode::FORBIDDEN, path, "has no name"))?;
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(Failure::is(StatusCode::NOT_FOUND, path, "contains a NUL byte"));
    }
    let start = if path.is_absolute() { "/" } else { "." };
    Ok((std::iter::once(OsStr::new(start)).chain(steps).collect(), name.to_owned()))
}

/// Opens a directory.
fn open(path: &Path, links: &Links) -> Result<OwnedFd, Errno> {
    let Links::Refuse(from) = links else { return fs::open(path, DIRECTORY, Mode::empty()) };
    let (start, rest) = match from.as_ref().and_then(|from| Some((from, path.strip_prefix(from).ok()?))) {
        Some((from, rest)) => (from.as_path(), rest),
        None => (Path::new(if path.is_absolute() { "/" } else { "." }), path),
    };
    let mut at = fs::open(start, DIRECTORY, Mode::empty())?;
    for step in steps(rest) {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let next = fs::openat(&at, step, flags, Mode::empty())?;
        match FileType::from_raw_mode(fs::fstat(next.as_fd())?.st_mode) {
            FileType::Symlink => return Err(Errno::LOOP),
            FileType::Directory => at = next,
            _ => return Err(Errno::NOTDIR),
        }
    }
    Ok(at)
}

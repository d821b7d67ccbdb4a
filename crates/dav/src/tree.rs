//! Collections: removed and copied with all that is in them. Links in them are not followed.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use http::StatusCode;
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};

use crate::Failure;
use crate::failure::errno;
use crate::fresh::{Fresh, is_hidden};
use crate::place::Place;

/// How deep a collection may be: each level takes a descriptor and some of a thread's stack.
const DEEPEST: usize = 128;

/// What is in a collection.
type Entries = Vec<(OsString, FileType)>;

const READ: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Removes what has this name, all of it; what cannot be removed stays, and is told of.
pub(crate) fn remove(place: &Place, is_collection: bool) -> Result<(), Failure> {
    if !is_collection {
        return fs::unlinkat(&place.directory, &*place.name, AtFlags::empty())
            .map_err(|errno| place.failed("unlink()", errno, StatusCode::NOT_FOUND));
    }
    remove_all(place, 0)
}

fn remove_all(place: &Place, depth: usize) -> Result<(), Failure> {
    let (directory, entries) = read(place, depth)?;
    let mut first = None;
    for (name, kind) in entries {
        let inner = inside(&directory, &name, &place.path);
        let removed =
            if kind == FileType::Directory { remove_all(&inner, depth + 1) } else { remove(&inner, false) };
        first = first.or(removed.err());
    }
    let removed = fs::unlinkat(&place.directory, &*place.name, AtFlags::REMOVEDIR);
    let removed = removed.map_err(|errno| place.failed("rmdir()", errno, StatusCode::NOT_FOUND));
    first.map_or(removed, Err)
}

/// Copies a collection to where nothing is; only itself, if it is not `deep`.
pub(crate) fn copy(from: &Place, to: &Place, deep: bool) -> Result<(), Failure> {
    copy_all(from, to, deep, 0)
}

fn copy_all(from: &Place, to: &Place, deep: bool, depth: usize) -> Result<(), Failure> {
    let (directory, entries) = read(from, depth)?;
    let failed = |call, errno| to.failed(call, errno, StatusCode::CONFLICT);
    let stat = fs::fstat(&directory).map_err(|errno| failed("fstat()", errno))?;
    fs::mkdirat(&to.directory, &*to.name, Mode::from_raw_mode(0o700))
        .map_err(|errno| failed("mkdir()", errno))?;
    let made = fs::openat(&to.directory, &*to.name, READ | OFlags::DIRECTORY, Mode::empty())
        .map_err(|errno| failed("open()", errno))?;
    let made = Arc::new(made);
    if deep {
        for (name, kind) in entries {
            let (from, to) = (inside(&directory, &name, &from.path), inside(&made, &name, &to.path));
            match kind {
                FileType::Directory => copy_all(&from, &to, deep, depth + 1)?,
                FileType::RegularFile if is_hidden(&name) => {} // an upload, of which a part has come
                FileType::RegularFile => copy_file(&from, &to, OFlags::NOFOLLOW)?,
                _ => {} // links, pipes and the like (nginx)
            }
        }
    }
    let kept = |fd: &OwnedFd| fd.try_clone().map(File::from);
    let done = kept(&made).and_then(|made| {
        made.set_permissions(Permissions::from_mode(stat.st_mode & 0o777))?;
        made.set_modified(kept(&directory)?.metadata()?.modified()?)
    });
    done.map_err(|error| failed("utimes()", errno(&error)))
}

/// Copies a file to this place, in the place of what is there.
pub(crate) fn copy_file(from: &Place, to: &Place, links: OFlags) -> Result<(), Failure> {
    // A pipe without a writer must not stop us.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | links;
    let file = fs::openat(&from.directory, &*from.name, flags, Mode::empty());
    let file = file.map_err(|errno| from.failed("open()", errno, StatusCode::NOT_FOUND))?;
    let mut file = File::from(file);
    let failed = |error: &io::Error| to.failed("copy", errno(error), StatusCode::CONFLICT);
    let about = file.metadata().map_err(|error| failed(&error))?;
    if !about.is_file() {
        return Err(Failure::is(StatusCode::FORBIDDEN, &from.path, "is not a regular file"));
    }
    let mut fresh = Fresh::beside(to)?;
    io::copy(&mut file, &mut fresh.file).map_err(|error| failed(&error))?;
    fresh.put(to, about.permissions().mode(), about.modified().ok())
}

/// Opens a collection, and gives what is in it.
fn read(place: &Place, depth: usize) -> Result<(Arc<OwnedFd>, Entries), Failure> {
    if depth > DEEPEST {
        return Err(Failure::is(StatusCode::INTERNAL_SERVER_ERROR, &place.path, "is nested too deeply"));
    }
    let failed = |errno| place.failed("opendir()", errno, StatusCode::NOT_FOUND);
    let directory = fs::openat(&place.directory, &*place.name, READ | OFlags::DIRECTORY, Mode::empty());
    let directory = directory.map_err(failed)?;
    let mut entries = Entries::new();
    for entry in Dir::read_from(&directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name == "." || name == ".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let stat = fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            known => known,
        };
        entries.push((name.to_owned(), kind));
    }
    Ok((directory.into(), entries))
}

fn inside(directory: &Arc<OwnedFd>, name: &OsStr, path: &Path) -> Place {
    Place { directory: Arc::clone(directory), name: name.to_owned(), path: path.join(name) }
}

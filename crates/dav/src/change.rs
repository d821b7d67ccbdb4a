//! DELETE, MKCOL, COPY and MOVE, on a thread that may wait.

use std::path::{Path, PathBuf};

use http::StatusCode;
use rustix::fs::{self, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::Failure;
use crate::ask::Depth;
use crate::conditions::Conditions;
use crate::dav::{Done, overlap};
use crate::place::{Links, Place, is_directory};
use crate::tree;

const MISSING: StatusCode = StatusCode::NOT_FOUND;
const CONFLICT: StatusCode = StatusCode::CONFLICT;

/// What is done at once.
pub(crate) enum Change {
    Delete { path: PathBuf, collection: bool, depth: Option<Depth> },
    MkCol { path: PathBuf, mode: u32 },
    Other(Other),
}

/// COPY and MOVE.
pub(crate) struct Other {
    pub(crate) moves: bool,
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    /// Whether collections are meant.
    pub(crate) collection: bool,
    pub(crate) deep: bool,
    pub(crate) overwrite: bool,
    /// The rights of directories that are made.
    pub(crate) mode: u32,
}

impl Change {
    pub(crate) fn perform(self, conditions: &Conditions, links: &Links) -> Result<Done, Failure> {
        match self {
            Self::Delete { path, collection, depth } => delete(&path, collection, depth, conditions, links),
            Self::MkCol { path, mode } => {
                let place = Place::find(&path, links, CONFLICT)?;
                if matches!(place.look(), Err(Errno::NOENT)) {
                    conditions.check(&place, || None)?; // what is there is a 405 anyhow
                }
                fs::mkdirat(&place.directory, &*place.name, Mode::from_raw_mode(mode))
                    .map_err(|errno| place.failed("mkdir()", errno, CONFLICT))?;
                Ok(Done::CreatedHere)
            }
            Self::Other(other) => copy_or_move(&other, conditions, links),
        }
    }
}

fn delete(
    path: &Path,
    collection: bool,
    depth: Option<Depth>,
    conditions: &Conditions,
    links: &Links,
) -> Result<Done, Failure> {
    let bad = |what| Failure::said(StatusCode::BAD_REQUEST, what);
    let place = Place::find(path, links, MISSING)?;
    let stat = place.look().map_err(|errno| place.failed("lstat()", errno, MISSING))?;
    if is_directory(&stat) {
        if !collection {
            return Err(Failure::is(CONFLICT, path, "is a collection"));
        }
        if !matches!(depth, None | Some(Depth::Infinity)) {
            return Err(bad("\"Depth\" header must be infinity"));
        }
    } else if collection {
        return Err(place.failed("lstat()", Errno::NOTDIR, CONFLICT));
    } else if depth == Some(Depth::One) {
        return Err(bad("\"Depth\" header must be 0 or infinity"));
    }
    conditions.check(&place, || place.follow().ok())?;
    tree::remove(&place, is_directory(&stat))?;
    Ok(Done::Changed)
}

fn copy_or_move(other: &Other, conditions: &Conditions, links: &Links) -> Result<Done, Failure> {
    let (same, nested) = overlap(&other.from, &other.to);
    let one = || {
        Failure::is(
            StatusCode::FORBIDDEN,
            &other.from,
            "and \"Destination\" are the same, or one is inside the other",
        )
    };
    if same || (nested && other.collection) {
        return Err(one());
    }
    let from = Place::find(&other.from, links, MISSING)?;
    // As in nginx, a file that is moved has its directories made.
    let (mut to, missing) = Place::nearest(&other.to, links)?;
    let there = if missing.is_empty() { there(&to, other)? } else { None };
    let stat = from.look().map_err(|errno| from.failed("lstat()", errno, MISSING))?;
    // Names that have nothing in common may be one all the same, where links are followed.
    let met = meet(&from, &stat, &to, there.as_ref(), missing.is_empty());
    if met.map_err(|errno| to.failed("open()", errno, CONFLICT))? {
        return Err(one());
    }
    if is_directory(&stat) {
        if !other.collection {
            return Err(Failure::is(StatusCode::BAD_REQUEST, &other.from, "is collection"));
        }
        if !missing.is_empty() {
            return Err(to.failed("open()", Errno::NOENT, CONFLICT));
        }
        conditions.check(&from, || Some(stat))?;
        if let Some(stat) = there {
            tree::remove(&to, is_directory(&stat))?;
        }
        transfer(other, &from, &to, links)?;
        return Ok(Done::Created);
    }
    if other.collection {
        return Err(from.failed("lstat()", Errno::NOTDIR, MISSING));
    }
    if !missing.is_empty() && !other.moves {
        return Err(to.failed("open()", Errno::NOENT, CONFLICT));
    }
    conditions.check(&from, || from.follow().ok())?;
    to.make(&missing, other.mode)?;
    transfer(other, &from, &to, links)?;
    Ok(Done::Changed)
}

/// Whether both are one, or one is inside of the other: what is replaced would be what is copied, or a copy would be copied on and on.
/// `whole`: whether all directories on the way to the destination are there.
fn meet(from: &Place, stat: &Stat, to: &Place, there: Option<&Stat>, whole: bool) -> Result<bool, Errno> {
    let outer = there.filter(|there| is_directory(there));
    Ok((whole && from.is(to)?)
        || (is_directory(stat) && to.is_within(stat)?)
        || outer.map_or(Ok(false), |outer| from.is_within(outer))?)
}

/// What is at the destination, if it may be replaced.
fn there(to: &Place, other: &Other) -> Result<Option<Stat>, Failure> {
    let stat = match to.look() {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(to.failed("lstat()", errno, MISSING)),
    };
    if is_directory(&stat) && !other.collection {
        return Err(Failure::is(CONFLICT, &to.path, "is a collection"));
    }
    if !other.overwrite {
        return Err(Failure::is(StatusCode::PRECONDITION_FAILED, &to.path, "could not be created"));
    }
    Ok(Some(stat))
}

/// Copies or moves, when nothing speaks against it any more.
fn transfer(other: &Other, from: &Place, to: &Place, links: &Links) -> Result<(), Failure> {
    if other.moves {
        match fs::renameat(&from.directory, &*from.name, &to.directory, &*to.name) {
            Ok(()) => return Ok(()),
            Err(Errno::XDEV) => {}
            Err(errno) => return Err(to.failed("rename()", errno, CONFLICT)),
        }
    }
    if other.collection {
        tree::copy(from, to, other.deep)?;
    } else {
        // A link is copied as what it leads to, unless none is followed.
        let flags = if *links == Links::Follow { OFlags::empty() } else { OFlags::NOFOLLOW };
        tree::copy_file(from, to, flags)?;
    }
    if other.moves { tree::remove(from, other.collection) } else { Ok(()) }
}

//! What is in a directory, and the answer with its list.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, Response, StatusCode};
use rustix::fs::{AtFlags, Dir, FileType, Stat, statat};
use rustix::io::Errno;

use crate::body::Piece;
use crate::failure::Kind;
use crate::files::Options;
use crate::listing::{Entry, EntryKind};
use crate::open::{self, Found, Patience, Purpose, Symlinks, Trouble};
use crate::{Body, Failure, Listing, job};

/// One request for the list of a directory.
pub(crate) struct List {
    pub(crate) options: Arc<Options>,
    pub(crate) listing: Listing,
    pub(crate) method: Method,
    pub(crate) directory: PathBuf,
    pub(crate) uri: Bytes,
    pub(crate) args: Option<Bytes>,
}

impl List {
    /// Waits for disks.
    pub(crate) fn answer(self) -> Response<Body> {
        let entries = match self.entries() {
            Ok(entries) => entries,
            Err(failure) => return job::failed(failure),
        };
        let Ok((media_type, text)) = self.listing.write(&self.uri, self.args.as_deref(), entries) else {
            return job::bare(StatusCode::BAD_REQUEST);
        };
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        response.headers_mut().insert(CONTENT_LENGTH, text.len().into());
        if self.method != Method::HEAD {
            *response.body_mut() = Body::of([Piece::Bytes(text.into())]);
        }
        response
    }

    fn entries(&self) -> Result<Vec<Entry>, Failure> {
        let symlinks = &self.options.symlinks;
        let (found, directory) = read(&self.directory, symlinks)?;
        let mut entries = Vec::new();
        for entry in directory {
            let entry = entry.map_err(|errno| failed(&self.directory, "readdir()", errno))?;
            let name = entry.file_name();
            if name.to_bytes().starts_with(b".") {
                continue;
            }
            if entries.len() == self.listing.most() {
                return Err(Failure::new(&self.directory, Kind::TooMany));
            }
            if let Some(stat) = look(&self.directory, &found, name, symlinks)? {
                entries.push(described(name.to_bytes(), &stat));
            }
        }
        Ok(entries)
    }
}

/// Opens a directory to read what is in it. Waits for disks.
pub(crate) fn read(path: &Path, symlinks: &Symlinks) -> Result<(Found, Dir), Failure> {
    let opened = open::open(path, Purpose::Read, symlinks, Patience::Wait);
    let found = opened.map_err(|trouble| match trouble {
        Trouble::Failed(failure) => failure,
        // It is what waits.
        Trouble::Again => failed(path, "open()", Errno::AGAIN),
    })?;
    if found.kind() != FileType::Directory {
        return Err(failed(path, "opendir()", Errno::NOTDIR));
    }
    let directory = Dir::read_from(&found.file).map_err(|errno| failed(path, "opendir()", errno))?;
    Ok((found, directory))
}

/// What an entry of a directory is; nothing, if it is gone by now, or nobody's to see.
pub(crate) fn look(
    path: &Path,
    directory: &Found,
    name: &CStr,
    symlinks: &Symlinks,
) -> Result<Option<Stat>, Failure> {
    let stat = |flags| statat(&directory.file, name, flags);
    let followed = if symlinks.are_followed() { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
    let stat = match stat(followed) {
        // A link that leads nowhere is there all the same.
        Err(Errno::NOENT | Errno::LOOP) => stat(AtFlags::SYMLINK_NOFOLLOW),
        stat => stat,
    };
    match stat {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT | Errno::ACCESS) => Ok(None),
        Err(errno) => Err(failed(path.join(OsStr::from_bytes(name.to_bytes())), "stat()", errno)),
    }
}

pub(crate) fn failed(path: impl Into<PathBuf>, call: &'static str, errno: Errno) -> Failure {
    Failure::new(path, Kind::Call(call, errno))
}

fn described(name: &[u8], stat: &Stat) -> Entry {
    Entry {
        kind: match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => EntryKind::Directory,
            FileType::RegularFile => EntryKind::File,
            _ => EntryKind::Other,
        },
        name: name.to_vec(),
        modified: u64::try_from(stat.st_mtime).unwrap_or_default(),
        size: u64::try_from(stat.st_size).unwrap_or_default(),
    }
}

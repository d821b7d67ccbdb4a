//! A file that nobody sees before it is whole.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::SystemTime;

use http::StatusCode;
use rustix::fs::{self, AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::Failure;
use crate::failure::errno;
use crate::place::Place;

/// How many names are tried.
const TRIES: usize = 16;

/// What all names of such files begin with; sixteen digits follow.
const PREFIX: &str = ".written-";

/// Whether a name is of such a file: one that is nobody's to see, or that is left of a process that was killed.
pub(crate) fn is_hidden(name: &OsStr) -> bool {
    let digits = name.as_bytes().strip_prefix(PREFIX.as_bytes());
    digits.is_some_and(|digits| digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit))
}

/// A file by a name that nobody knows, in the directory of a place; gone if it is not put in its place.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) file: File,
    directory: Arc<OwnedFd>,
    name: Option<OsString>,
}

impl Fresh {
    pub(crate) fn beside(place: &Place) -> Result<Self, Failure> {
        let failed = |errno| place.failed("open()", errno, StatusCode::CONFLICT);
        let directory = Arc::clone(&place.directory);
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for _ in 0..TRIES {
            let name = OsString::from(format!("{PREFIX}{:016x}", fastrand::u64(..)));
            match fs::openat(&directory, &*name, flags, Mode::from_raw_mode(0o600)) {
                Ok(file) => return Ok(Self { file: file.into(), directory, name: Some(name) }),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
        Err(failed(Errno::EXIST))
    }

    /// Puts it there, in the place of what may be there, with these rights and this time.
    pub(crate) fn put(
        mut self,
        place: &Place,
        mode: u32,
        modified: Option<SystemTime>,
    ) -> Result<(), Failure> {
        let failed = |call, error: &io::Error| place.failed(call, errno(error), StatusCode::CONFLICT);
        let rights = Permissions::from_mode(mode & 0o777);
        self.file.set_permissions(rights).map_err(|error| failed("chmod()", &error))?;
        if let Some(modified) = modified {
            self.file.set_modified(modified).map_err(|error| failed("utimes()", &error))?;
        }
        if let Some(name) = &self.name {
            fs::renameat(&self.directory, &**name, &place.directory, &*place.name)
                .map_err(|errno| place.failed("rename()", errno, StatusCode::CONFLICT))?;
            self.name = None;
        }
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            // Whoever cannot remove it has said so when it was made.
            let _ = fs::unlinkat(&self.directory, &*name, AtFlags::empty());
        }
    }
}

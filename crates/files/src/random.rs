//! One of the files of a directory.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::fs::FileType;

use crate::Failure;
use crate::list::{failed, look, read};
use crate::open::Symlinks;

/// The name of one of the regular files in a directory, any as likely as any other; names that begin with a dot are left out. Waits
/// for disks; one name is kept at a time, however many there are.
pub(crate) fn random(path: &Path, symlinks: &Symlinks) -> Result<Option<OsString>, Failure> {
    let (found, directory) = read(path, symlinks)?;
    let (mut chosen, mut count) = (None, 0_u64);
    for entry in directory {
        let entry = entry.map_err(|errno| failed(path, "readdir()", errno))?;
        let name = entry.file_name();
        if name.to_bytes().starts_with(b".") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown | FileType::Symlink => match look(path, &found, name, symlinks)? {
                Some(stat) => FileType::from_raw_mode(stat.st_mode),
                None => continue,
            },
            kind => kind,
        };
        if kind != FileType::RegularFile {
            continue;
        }
        // The one that is the n-th takes the place of those before it once in n times.
        count += 1;
        if fastrand::u64(..count) == 0 {
            chosen = Some(OsString::from_vec(name.to_bytes().to_vec()));
        }
    }
    Ok(chosen)
}

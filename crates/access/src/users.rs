//! A file of users and the hashes of their passwords, as `htpasswd` writes it.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::password;

/// A file of users: a line `name:hash` each, with comments behind `#`. It is read when it is first asked for, and again when it
/// has changed.
pub struct UserFile {
    path: PathBuf,
    read: Mutex<Option<Read>>,
}

/// A name and the hash of a password.
type User = (Box<[u8]>, Box<str>);

struct Read {
    stamp: Stamp,
    users: Arc<Vec<User>>,
}

/// What tells one content of a file from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// What a copy that keeps times does not keep.
    changed: (i64, i64),
}

/// Why somebody is not let in, in nginx's words: an extension of the layer's response, for whoever tells of errors.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// A rule keeps the client's address out.
    #[error("access forbidden by rule")]
    Address,
    /// The request names no user.
    #[error("no user/password was provided for basic authentication")]
    NoUser,
    /// Nobody in the file has that name.
    #[error("user \"{user}\" was not found in \"{file}\"")]
    Unknown {
        /// The name.
        user: String,
        /// The file.
        file: String,
    },
    /// The password is another one.
    #[error("user \"{user}\": password mismatch")]
    Mismatch {
        /// The name.
        user: String,
    },
    /// The hash in the file cannot be checked.
    #[error("user \"{user}\": \"{file}\" has {reason}")]
    Hash {
        /// The name.
        user: String,
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The check came to no end: a bug of this crate, or of what it uses.
    #[error("the password check did not finish")]
    Unfinished,
    /// The file cannot be read.
    #[error("open() \"{file}\" failed ({source})")]
    File {
        /// The file.
        file: String,
        /// Why.
        source: Arc<io::Error>,
    },
}

impl UserFile {
    /// The file at this path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), read: Mutex::new(None) }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Checks a password. This reads files and computes for a long time: it is for a thread that may.
    ///
    /// # Errors
    /// Why the user is not let in.
    pub fn check(&self, user: &[u8], password: &[u8]) -> Result<(), Refused> {
        let file = || self.path.display().to_string();
        let users =
            self.users().map_err(|source| Refused::File { file: file(), source: Arc::new(source) })?;
        let name = String::from_utf8_lossy(user).into_owned();
        let Some((_, hash)) = users.iter().find(|(known, _)| **known == *user) else {
            return Err(Refused::Unknown { user: name, file: file() });
        };
        match password::verify(password, hash) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refused::Mismatch { user: name }),
            Err(reason) => Err(Refused::Hash { user: name, file: file(), reason: reason.to_string() }),
        }
    }

    fn users(&self) -> io::Result<Arc<Vec<User>>> {
        let data = std::fs::metadata(&self.path)?;
        let stamp = Stamp {
            inode: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        };
        if let Some(read) = self.read.lock().as_ref().filter(|read| read.stamp == stamp) {
            return Ok(read.users.clone());
        }
        let users = Arc::new(parse(&std::fs::read(&self.path)?));
        *self.read.lock() = Some(Read { stamp, users: users.clone() });
        Ok(users)
    }
}

impl fmt::Debug for UserFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UserFile").field(&self.path).finish()
    }
}

/// What stands behind a second colon is a remark, as in nginx.
fn parse(text: &[u8]) -> Vec<User> {
    let lines = text.split(|&byte| byte == b'\n' || byte == b'\r').filter(|line| !line.starts_with(b"#"));
    let user = |line: &[u8]| {
        let mut parts = line.split(|&byte| byte == b':');
        let (name, hash) = (parts.next()?, parts.next()?);
        Some((name.into(), std::str::from_utf8(hash).ok()?.into()))
    };
    lines.filter_map(user).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_user_file() {
        let users = parse(b"# a remark\na:{PLAIN}x\r\n\nnone\nb:{PLAIN}y:a remark\n:{PLAIN}z\nc:{PLAIN}");
        let text: Vec<_> =
            users.iter().map(|(name, hash)| format!("{} {hash}", String::from_utf8_lossy(name))).collect();
        assert_eq!(text, ["a {PLAIN}x", "b {PLAIN}y", " {PLAIN}z", "c {PLAIN}"]);
    }
}

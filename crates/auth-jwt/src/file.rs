//! A file of keys.

use std::fmt;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{KeyError, KeySet};

/// A file with a JSON Web Key Set, or with one key. It is read when it is first asked for, and again when it has changed.
pub struct KeyFile {
    path: PathBuf,
    read: Mutex<Option<(Stamp, Arc<KeySet>)>>,
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

impl KeyFile {
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

    /// Its keys as they are now. This looks at a file: it is for a thread that may.
    ///
    /// # Errors
    /// There are none: one that is no good does not leave those of before in place, for a key may have been taken out of it.
    pub fn keys(&self) -> Result<Arc<KeySet>, KeyError> {
        let file = || self.path.display().to_string();
        let failed = |source| KeyError::File { file: file(), source };
        let stamp = Stamp::of(&std::fs::metadata(&self.path).map_err(failed)?);
        if let Some((_, keys)) = self.read.lock().as_ref().filter(|(known, _)| *known == stamp) {
            return Ok(keys.clone());
        }
        let json = read(&self.path).map_err(failed)?;
        let keys = KeySet::parse(&json);
        let keys = Arc::new(keys.map_err(|source| KeyError::In { file: file(), source: Box::new(source) })?);
        *self.read.lock() = Some((stamp, keys.clone()));
        Ok(keys)
    }

    /// The same, with the look at the file on tokio's blocking pool.
    ///
    /// # Errors
    /// There are none.
    pub async fn look(self: &Arc<Self>) -> Result<Arc<KeySet>, KeyError> {
        let file = self.clone();
        tokio::task::spawn_blocking(move || file.keys()).await.unwrap_or(Err(KeyError::Unfinished))
    }
}

/// No more than says that it is too large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    std::fs::File::open(path)?.take(KeySet::LARGEST as u64 + 1).read_to_end(&mut json)?;
    Ok(json)
}

impl Stamp {
    fn of(data: &std::fs::Metadata) -> Self {
        Self {
            inode: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        }
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyFile").field(&self.path).finish()
    }
}

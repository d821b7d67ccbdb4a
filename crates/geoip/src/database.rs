//! A database that is read anew when its file changes.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use bytes::Bytes;

use crate::{Content, DataPath, Error};

/// A database, with a file that may change. A clone is the same database.
///
/// It is empty until it is [refreshed](Self::refresh) for the first time, and keeps what it has for as long as its file is no good.
#[derive(Clone, Debug)]
pub struct Database(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    content: ArcSwapOption<Content>,
    /// When the file was looked at, in seconds since 1970.
    last_check: AtomicU64,
}

impl Database {
    /// The database of a file, which is not read yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            path: path.into(),
            content: ArcSwapOption::empty(),
            last_check: AtomicU64::new(0),
        }))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Reads the file if it is another one than was read. Says whether it was. This waits for the disk.
    ///
    /// # Errors
    /// When the file cannot be read or is no database: what was known stays.
    pub fn refresh(&self) -> Result<bool, Error> {
        let changed = self.changed()?;
        let has = changed.is_some();
        changed.into_iter().for_each(|content| self.replace(content));
        Ok(has)
    }

    /// The first half of [`refresh`](Self::refresh): what is in the file, if that is another one than was read.
    ///
    /// # Errors
    /// When the file cannot be read or is no database.
    pub fn changed(&self) -> Result<Option<Content>, Error> {
        self.0.last_check.store(now(), Ordering::Relaxed);
        let path = self.path();
        let known = self.0.content.load();
        let same = known.as_ref().map(|known| known.is_of(path)).transpose();
        match same.map_err(|source| Error::Read { path: path.to_owned(), source })? {
            Some(true) => Ok(None),
            _ => Content::read(path).map(Some),
        }
    }

    /// The second half: look-ups find this from now on.
    pub fn replace(&self, content: Content) {
        self.0.content.store(Some(Arc::new(content)));
    }

    /// The value that `path` leads to in the record of an address, as [`Content::find`] finds it.
    #[must_use]
    pub fn find(&self, address: IpAddr, path: &DataPath) -> Option<Bytes> {
        self.0.content.load().as_ref()?.find(address, path)
    }

    /// When the database was made, in seconds since 1970; nothing as long as nothing was read.
    #[must_use]
    pub fn build_epoch(&self) -> Option<u64> {
        self.0.content.load().as_ref().map(|content| content.build_epoch())
    }

    /// When what is found was read, in seconds since 1970.
    #[must_use]
    pub fn last_change(&self) -> Option<u64> {
        self.0.content.load().as_ref().map(|content| content.read)
    }

    /// When the file was last looked at, in seconds since 1970.
    #[must_use]
    pub fn last_check(&self) -> Option<u64> {
        Some(self.0.last_check.load(Ordering::Relaxed)).filter(|time| *time > 0)
    }
}

#[expect(clippy::disallowed_methods, reason = "a stamp for people, beside a look at the disk")]
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Where a response is to be stored, and how.
pub struct Place {
    pub(crate) path: PathBuf,
    pub(crate) access: u32,
    pub(crate) on_error: Option<Box<OnError>>,
}

type OnError = dyn FnOnce(&Path, &io::Error) + Send;

impl Place {
    /// A file with this name, which takes the place of one that is there.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), access: 0o600, on_error: None }
    }

    /// Who may read and write the file. Who may read it may enter the directories that are made for it. Default: 0o600.
    #[must_use]
    pub const fn access(mut self, mode: u32) -> Self {
        self.access = mode & 0o777;
        self
    }

    /// Hears why it could not be stored.
    #[must_use]
    pub fn on_error(mut self, tell: impl FnOnce(&Path, &io::Error) + Send + 'static) -> Self {
        self.on_error = Some(Box::new(tell));
        self
    }

    /// The rights of directories: who may read may enter (nginx).
    pub(crate) const fn directory_access(&self) -> u32 {
        self.access | (self.access & 0o444) >> 2
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("path", &self.path)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

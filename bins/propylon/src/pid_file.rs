//! The pid file, for as long as the process runs.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The pid file, for as long as the process runs.
pub(crate) struct PidFile {
    path: PathBuf,
    aside: bool,
}

impl PidFile {
    /// Writes the process id.
    ///
    /// # Errors
    /// When the file can't be written.
    pub(crate) fn write(path: PathBuf) -> anyhow::Result<Self> {
        write(&path).with_context(|| format!("cannot write the pid file {}", path.display()))?;
        Ok(Self { path, aside: false })
    }

    /// Makes way for the pid file of a new process: this one is `.oldbin` from now on, as nginx has it.
    ///
    /// # Errors
    /// When it can't be renamed.
    pub(crate) fn set_aside(&mut self) -> anyhow::Result<()> {
        let old = self.old();
        std::fs::rename(&self.path, &old)
            .with_context(|| format!("cannot rename the pid file to {}", old.display()))?;
        self.aside = true;
        Ok(())
    }

    /// Takes its place again.
    ///
    /// # Errors
    /// When it can't be renamed.
    pub(crate) fn restore(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.aside) {
            std::fs::rename(self.old(), &self.path)?;
        }
        Ok(())
    }

    fn old(&self) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(".oldbin");
        name.into()
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let path = if self.aside { &self.old() } else { &self.path };
        let _ = std::fs::remove_file(path); // somebody else removed it: as good
    }
}

fn write(path: &Path) -> io::Result<()> {
    std::fs::write(path, format!("{}\n", std::process::id()))
}

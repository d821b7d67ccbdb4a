//! The file that a zone is kept in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::error::StateError;
use crate::json;
use crate::zone::Zone;

/// A file that a zone is read from when a process starts, and written to after changes: JSON, one entry a line.
///
/// Both wait for the disk.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    /// Held by whoever writes.
    written: Mutex<Written>,
}

#[derive(Debug, Default)]
struct Written {
    /// After how many changes of the zone.
    version: u64,
    /// What is there is not what was written: it is put aside, for whoever can make something of it.
    keep: bool,
}

impl StateFile {
    /// This file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), written: Mutex::default() }
    }

    /// Puts what it has into an empty zone, and says how many entries that were: all, also where the zone's size has become less than they take.
    /// A file that is not there has none.
    ///
    /// # Errors
    /// When it cannot be read, or is damaged, or has no directory: the zone stays empty, and the file is put aside as `NAME.damaged` before another takes its
    /// place.
    pub fn load(&self, zone: &Zone) -> Result<usize, StateError> {
        let mut written = self.written.lock();
        let loaded = self.read(zone);
        written.keep = loaded.is_err();
        loaded
    }

    /// Writes what the zone has, if it has changed since it was written: into another file beside, which then takes this one's place.
    /// Of several callers at once each returns when its changes are there; not all of them have to write.
    ///
    /// # Errors
    /// When it cannot be written; what was there before is there still.
    pub fn save(&self, zone: &Zone) -> Result<(), StateError> {
        let mut written = self.written.lock();
        if zone.version() == written.version {
            return Ok(());
        }
        let (pairs, version) = zone.list_at();
        let (now, today) = (Instant::now(), today());
        let texts: Vec<(String, String, Option<u64>)> = pairs
            .into_iter()
            .map(|pair| {
                let value = String::from_utf8_lossy(&pair.value).into_owned();
                let at = pair.expires.map(|at| today.checked_add(at.saturating_duration_since(now)));
                let at = at.map(|at| at.map_or(u64::MAX, millis));
                (pair.key, value, at)
            })
            .collect();
        let text = json::write(texts.iter().map(|(key, value, at)| (&**key, &**value, *at)));
        self.replace(&text, &mut written.keep)
            .map_err(|source| StateError::Write { path: self.path.clone(), source })?;
        written.version = version;
        Ok(())
    }

    fn replace(&self, text: &str, keep: &mut bool) -> io::Result<()> {
        let beside = self.beside(".new");
        let put = write(&beside, text).and_then(|()| {
            if *keep && self.path.exists() {
                fs::rename(&self.path, self.beside(".damaged"))?;
            }
            *keep = false;
            fs::rename(&beside, &self.path)
        });
        if put.is_err() {
            let _ = fs::remove_file(&beside); // a half of it may be what a full disk has no room for
        }
        put?;
        // Without it the old name may be back after a crash.
        File::open(self.directory())?.sync_all()
    }

    fn read(&self, zone: &Zone) -> Result<usize, StateError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.directory().is_dir() => {
                return Ok(0);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StateError::Directory { path: self.path.clone() });
            }
            Err(source) => return Err(StateError::Read { path: self.path.clone(), source }),
        };
        let pairs =
            json::read(&text).map_err(|what| StateError::Damaged { path: self.path.clone(), what })?;
        let (now, today) = (Instant::now(), millis(today()));
        let there = pairs.into_iter().filter(|pair| pair.expires.is_none_or(|at| at > today));
        let there = there.map(|pair| {
            let after = pair.expires.map(|at| Duration::from_millis(at.saturating_sub(today)));
            (pair.key, pair.value, after.and_then(|after| now.checked_add(after)))
        });
        zone.restore(there).map_err(|source| StateError::Key { path: self.path.clone(), source })
    }

    fn beside(&self, end: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(end);
        name.into()
    }

    fn directory(&self) -> &Path {
        match self.path.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => directory,
            _ => Path::new("."),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[expect(clippy::disallowed_methods, reason = "what outlives the process is told by the time of day")]
fn today() -> SystemTime {
    SystemTime::now()
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

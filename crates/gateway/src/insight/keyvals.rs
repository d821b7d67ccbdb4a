//! Keys and values that are changed while the gateway runs.

use std::path::PathBuf;
use std::sync::Arc;

use propylon_keyval::{Change, Error, Kept, Pair, StateError, StateFile, Stats, Zone};

use super::Insight;

/// A zone of keys and values. A change holds at once and for all workers, and is in the zone's file when it returns, if that has one.
#[derive(Clone, Debug)]
pub struct Keyvals {
    name: Box<str>,
    zone: Zone,
    file: Option<Arc<StateFile>>,
}

/// What became of a change that was not made, or not for long.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyvalError {
    /// Nothing of it was made.
    #[error(transparent)]
    Refused(#[from] Error),
    /// It was made, and ends with the process: its file cannot be written.
    #[error("the change took effect but was not saved to the file")]
    NotSaved(#[from] StateError),
}

impl Keyvals {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that it is kept in.
    #[must_use]
    pub fn state(&self) -> Option<PathBuf> {
        self.file.as_ref().map(|file| file.path().into())
    }

    /// How it is doing.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.zone.stats()
    }

    /// All entries, in the order of their keys.
    #[must_use]
    pub fn list(&self) -> Vec<Pair> {
        self.zone.list()
    }

    /// The entry with this very key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Pair> {
        self.zone.get(key)
    }

    /// Adds entries whose keys are new: all of them, or none.
    ///
    /// # Errors
    /// When it was not made, or is not in the file.
    pub async fn add(&self, pairs: Vec<(String, Kept)>) -> Result<(), KeyvalError> {
        self.zone.add(pairs)?;
        self.save().await
    }

    /// Changes entries that are there: all of them, or none.
    ///
    /// # Errors
    /// When it was not made, or is not in the file.
    pub async fn change(&self, changes: Vec<(String, Change)>) -> Result<(), KeyvalError> {
        self.zone.change(changes)?;
        self.save().await
    }

    /// Removes everything, and says how much that was.
    ///
    /// # Errors
    /// When that is not in the file.
    pub async fn clear(&self) -> Result<usize, KeyvalError> {
        let count = self.zone.clear();
        self.save().await.map(|()| count)
    }

    /// The disk may be slow, and this thread has more to do.
    async fn save(&self) -> Result<(), KeyvalError> {
        let Some(file) = self.file.clone() else { return Ok(()) };
        let zone = self.zone.clone();
        match tokio::task::spawn_blocking(move || file.save(&zone)).await {
            Ok(saved) => Ok(saved?),
            // The process ends, or a panic is on record.
            Err(error) => {
                let path = self.state().unwrap_or_default();
                Err(StateError::Write { path, source: std::io::Error::other(error) }.into())
            }
        }
    }
}

impl Insight {
    /// The zones of keys and values, in the order of the configuration.
    #[must_use]
    pub fn keyvals(&self) -> Vec<Keyvals> {
        let config = self.config();
        let zones = config.keyval_zones.values().filter_map(|wanted| {
            let (zone, file) = self.runtime().keyvals.zone(wanted)?;
            Some(Keyvals { name: wanted.name.clone(), zone, file })
        });
        zones.collect()
    }
}

//! How much a zone may hold, and how fast it works in the background.

use std::num::NonZeroUsize;
use std::time::Duration;

/// The limits of a [`Zone`](super::Zone), with nginx's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(super) keys: NonZeroUsize,
    pub(super) max_size: Option<u64>,
    pub(super) max_object: u64,
    pub(super) min_free: u64,
    pub(super) inactive: Duration,
    pub(super) manager: Pace,
    pub(super) loader: Pace,
}

/// How much background work is done before a pause: nginx's `manager_files`, `manager_threshold`, `manager_sleep` and the
/// same for the loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// At most so many files at once.
    pub files: NonZeroUsize,
    /// At most so long at once.
    pub threshold: Duration,
    /// The pause.
    pub sleep: Duration,
}

/// What a megabyte of nginx's `keys_zone` has room for.
const KEYS_PER_MEGABYTE: u64 = 8_000;

impl Limits {
    /// Room for the keys that nginx has room for in a `keys_zone` of so many bytes: about 8,000 a megabyte.
    #[must_use]
    pub fn with_keys_zone(bytes: u64) -> Self {
        let keys = bytes.saturating_mul(KEYS_PER_MEGABYTE) >> 20;
        let keys = usize::try_from(keys).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN);
        Self::default().keys(keys)
    }

    /// At most so many responses, variants counted one by one. Default 80,000.
    #[must_use]
    pub fn keys(self, keys: NonZeroUsize) -> Self {
        Self { keys, ..self }
    }

    /// At most so many bytes of stored responses; whatever was not used for the longest time goes first. Default: none for
    /// a zone on disk, 64 MiB for a zone in memory, which is never without.
    #[must_use]
    pub fn max_size(self, max_size: Option<u64>) -> Self {
        Self { max_size, ..self }
    }

    /// What is larger is not stored in memory; a zone on disk asks only `max_size`. Default 8 MiB.
    #[must_use]
    pub fn max_object(self, max_object: u64) -> Self {
        Self { max_object, ..self }
    }

    /// A zone on disk leaves so many bytes of its file system free. Default 0.
    #[must_use]
    pub fn min_free(self, min_free: u64) -> Self {
        Self { min_free, ..self }
    }

    /// What nobody asked for during that time is removed, fresh or not. Default 10 minutes.
    #[must_use]
    pub fn inactive(self, inactive: Duration) -> Self {
        Self { inactive, ..self }
    }

    /// How fast the manager removes files. Default: 100 files or 200 ms, then 50 ms of rest.
    #[must_use]
    pub fn manager(self, manager: Pace) -> Self {
        Self { manager, ..self }
    }

    /// How fast the loader reads what is there at the start. Default: 100 files or 200 ms, then 50 ms of rest.
    #[must_use]
    pub fn loader(self, loader: Pace) -> Self {
        Self { loader, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            keys: const { NonZeroUsize::new(80_000).unwrap() },
            max_size: None,
            max_object: 8 << 20,
            min_free: 0,
            inactive: Duration::from_secs(600),
            manager: Pace::default(),
            loader: Pace::default(),
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            files: const { NonZeroUsize::new(100).unwrap() },
            threshold: Duration::from_millis(200),
            sleep: Duration::from_millis(50),
        }
    }
}

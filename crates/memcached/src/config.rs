//! What of replies is taken, and what they mean.

use std::num::NonZeroU64;

/// What of replies is taken, and what they mean: a builder.
///
/// ```
/// use std::num::NonZeroU64;
/// use propylon_memcached::Config;
///
/// let config = Config::new().gzip_flag(NonZeroU64::new(2));
/// # let _ = config;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    pub(crate) gzip_flag: Option<NonZeroU64>,
    pub(crate) max_head: usize,
    pub(crate) read_buffer: usize,
}

impl Config {
    /// The defaults: no flag, lines of 64 KiB, reads of up to 64 KiB.
    #[must_use]
    pub fn new() -> Self {
        Self { gzip_flag: None, max_head: 64 * 1024, read_buffer: 64 * 1024 }
    }

    /// The flags with which a value is one that was compressed: `Content-Encoding: gzip`. Any one of these bits is enough. Default none: flags
    /// are not looked at (nginx: `memcached_gzip_flag`).
    #[must_use]
    pub fn gzip_flag(mut self, flag: Option<NonZeroU64>) -> Self {
        self.gzip_flag = flag;
        self
    }

    /// How long the line before a value may be. Default 64 KiB (nginx: `memcached_buffer_size`).
    #[must_use]
    pub fn max_head(mut self, bytes: usize) -> Self {
        self.max_head = bytes;
        self
    }

    /// How much is read at once, at most. Default 64 KiB.
    #[must_use]
    pub fn read_buffer(mut self, bytes: usize) -> Self {
        self.read_buffer = bytes;
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

//! What a zone tells of itself.

use std::sync::atomic::AtomicU64;

/// A zone at one moment. The counts are since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Responses in the index, those that are being stored too.
    pub keys: u64,
    /// How many there may be.
    pub max_keys: u64,
    /// What they count for in bytes.
    pub bytes: u64,
    /// How many bytes there may be.
    pub max_size: Option<u64>,
    /// Responses that were stored.
    pub stored: u64,
    /// Responses that were thrown out for want of room.
    pub evicted: u64,
    /// Responses that nobody had asked for during `inactive`.
    pub expired: u64,
    /// Responses that were purged.
    pub purged: u64,
    /// Responses that could not be written.
    pub failed: u64,
    /// Files that were there at the start, or were found later, and are used.
    pub loaded: u64,
    /// Files that were not whole, and were removed.
    pub damaged: u64,
    /// Files that are somebody else's.
    pub foreign: u64,
    /// What is there at the start is still being looked at.
    pub loading: bool,
}

/// Counted where it happens.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) stored: AtomicU64,
    pub(super) evicted: AtomicU64,
    pub(super) expired: AtomicU64,
    pub(super) purged: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) loaded: AtomicU64,
    pub(super) damaged: AtomicU64,
    pub(super) foreign: AtomicU64,
}

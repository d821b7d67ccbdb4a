//! How responses are kept: sizes, and what follows from them.

use std::path::PathBuf;

/// The smallest and the largest piece that makes sense to read at once.
const READ: (usize, usize) = (8 * 1024, 256 * 1024);

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) on: bool,
    pub(crate) accel: bool,
    /// At least 2.
    pub(crate) count: usize,
    /// At least 1.
    pub(crate) size: usize,
    pub(crate) busy: Option<usize>,
    pub(crate) max_file: u64,
    pub(crate) piece: usize,
    pub(crate) directory: PathBuf,
}

/// How much of a response may be where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// A response up to this stays in memory.
    pub(crate) total: usize,
    /// Of a larger one, so much waits in memory: the rest is with the client's connection, or on its way from the upstream.
    pub(crate) share: usize,
    pub(crate) block: usize,
    /// Written at once.
    pub(crate) piece: usize,
    /// The largest file.
    pub(crate) file: u64,
}

impl Settings {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self {
            on: true,
            accel: true,
            count: 8,
            size: 16 * 1024,
            busy: None,
            max_file: 1 << 30,
            piece: 64 * 1024,
            directory,
        }
    }

    pub(crate) fn total(&self) -> usize {
        self.count.saturating_mul(self.size)
    }

    /// How much may be on its way to the client at once.
    pub(crate) fn busy(&self) -> usize {
        self.busy.unwrap_or(self.size.saturating_mul(2)).min(self.total() - self.size)
    }

    /// How much is best read at once: what the upstream's and the client's connection hold of it is part of the total.
    pub(crate) fn read(&self) -> usize {
        ((self.total() - self.busy()) / 5).clamp(READ.0, READ.1)
    }

    pub(crate) fn bounds(&self) -> Bounds {
        // What is on its way to the client and the piece that went beyond that, the piece that goes beyond the share, and the
        // one that is being read; and as much as the blocks and the buffer of the head have no bytes in.
        let elsewhere = self.busy() + 3 * self.read() + self.size;
        Bounds {
            total: self.total(),
            share: self.total().saturating_sub(elsewhere).max(self.size),
            block: self.size,
            piece: self.piece.max(self.size),
            file: self.max_file,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(count: usize, size: usize, expected: (usize, usize, usize, usize)) {
        let settings = Settings { count, size, ..Settings::new(PathBuf::new()) };
        let bounds = settings.bounds();
        assert_eq!((bounds.total, settings.busy(), settings.read(), bounds.share), expected);
    }

    #[test]
    fn the_parts_make_the_whole() {
        check(8, 16 << 10, (128 << 10, 32 << 10, 19_660, 22_940));
        check(8, 4 << 10, (32 << 10, 8 << 10, 8 << 10, 4 << 10));
        check(64, 64 << 10, (4 << 20, 128 << 10, 256 << 10, (4 << 20) - (960 << 10)));
        check(2, 4 << 10, (8 << 10, 4 << 10, 8 << 10, 4 << 10));
        check(2, 1, (2, 1, 8 << 10, 1));
    }
}

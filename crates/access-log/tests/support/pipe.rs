//! Named pipes: files whose reader sees when something is written.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use super::LIMIT;

/// A pipe and its reader; the directory is removed when it is dropped.
pub(crate) fn fifo() -> (Reader, PathBuf, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe");
    make(&path);
    (Reader::open(&path), path, directory)
}

pub(crate) fn make(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

pub(crate) struct Reader {
    file: File,
    read: Vec<u8>,
}

impl Reader {
    pub(crate) fn open(path: &Path) -> Self {
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).unwrap();
        Self { file, read: Vec::new() }
    }

    /// The next line, with its end; waits for it.
    pub(crate) fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.read.iter().position(|&byte| byte == b'\n') {
                return String::from_utf8(self.read.drain(..=end).collect()).unwrap();
            }
            assert!(self.poll(LIMIT.as_secs().try_into().unwrap()), "no line came");
            self.fill();
        }
    }

    /// Whether there is nothing to read.
    pub(crate) fn is_idle(&self) -> bool {
        self.read.is_empty() && !self.poll(0)
    }

    fn poll(&self, seconds: i64) -> bool {
        let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: seconds, tv_nsec: 0 })).unwrap();
        fds[0].revents().contains(PollFlags::IN)
    }

    fn fill(&mut self) {
        let mut piece = [0; 1 << 16];
        match self.file.read(&mut piece) {
            Ok(read) => self.read.extend_from_slice(&piece[..read]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}

//! Opens and reads files only as far as the kernel has them in memory, without waiting for a disk, so that a thread that serves many
//! connections need not hand the work to another thread. Operations that would have to wait say so.
//!
//! ## Example
//!
//! ```
//! use propylon_page_cache::{Peek, open, peek, read};
//! use std::io::ErrorKind;
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("file");
//! std::fs::write(&path, "0123456789")?;
//! let file = match open(&path) {
//!     Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Unsupported) => {
//!         std::fs::File::open(&path)? // where that is no harm
//!     }
//!     opened => opened?,
//! };
//! let bytes = match peek(&file, 2, 5) {
//!     Peek::Here(bytes) => bytes,
//!     Peek::Failed(error) => return Err(error),
//!     Peek::NotNow | Peek::Unknown => read(&file, 2, 5)?, // the same
//! };
//! assert_eq!(bytes, "23456");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! ## What it does
//!
//! - [`open`]: `openat2` with `RESOLVE_CACHED`. [`is_local`]: whether that is useful for the file system of a path.
//! - [`peek`]: `preadv2` with `RWF_NOWAIT`, at most [`CHUNK`] at once. [`has`]: whether `peek` would return something, checked at
//!   intervals throughout a range.
//! - [`read`]: reads the same bytes, but waits for the disk.
//! - Large reads go into reused buffers: the kernel has to clear newly allocated memory page by page, which takes longer than the read
//!   itself.
//!
//! ## What it does not
//!
//! The crate has no threads and is independent of any runtime: the caller decides where to wait.
//!
//! ## nginx
//!
//! | nginx | here |
//! |---|---|
//! | `aio threads`, which offloads every read | [`peek`] first, then [`read`] on a thread |
//! | `open_file_cache` | the kernel's own cache, through [`open`] |
//!
//! ## Errors
//!
//! The kernel's errors. `WouldBlock` and `Unsupported` from [`open`] do not mean that something is wrong with the file. A file that ends before
//! the requested range is `UnexpectedEof`. On kernels, sandboxes and file systems that cannot tell what is in memory, nothing is ever
//! available without waiting.
//!
//! ## Cost
//!
//! One system call each ([`has`]: one for every 32 KiB). Large reads do not allocate while at most eight buffers are in use on a thread; these
//! are kept.

mod buffer;

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2, statfs};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use buffer::Buffer;

/// How much is read at once.
pub const CHUNK: usize = 128 * 1024;

/// How far looks are apart.
const LOOK: usize = 32 * 1024;

/// What the kernel has in memory of a part of a file.
#[derive(Debug)]
pub enum Peek {
    /// Some of it, and not nothing.
    Here(Bytes),
    /// It has to be waited for.
    NotNow,
    /// This kernel, or this file system, cannot say.
    Unknown,
    /// It cannot be read, now or later.
    Failed(io::Error),
}

/// Opens a file for reading, if that takes no disk.
///
/// # Errors
/// `WouldBlock` if it does, `Unsupported` if nobody can tell; else why it cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::CLOEXEC | OFlags::RDONLY | OFlags::NONBLOCK; // a pipe without a writer stops nobody
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED) {
        Err(Errno::AGAIN | Errno::INTR) => Err(io::ErrorKind::WouldBlock.into()),
        // Old kernels and sandboxes know nothing of it.
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::TOOBIG) => {
            Err(io::ErrorKind::Unsupported.into())
        }
        opened => Ok(opened?.into()),
    }
}

/// Whether the file system of `path` is this machine's: others may keep whoever opens a file waiting for their server, whatever is in memory.
#[must_use]
pub fn is_local(path: &Path) -> bool {
    // NFS, FUSE, SMB in three versions, 9P, Ceph, AFS, Coda, Lustre.
    const REMOTE: [u32; 10] = [
        0x6969,
        0x6573_5546,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x0102_1997,
        0x00c3_6400,
        0x5346_414f,
        0x7375_7245,
        0x0bd0_0bd0,
    ];
    statfs(path)
        .is_ok_and(|system| !REMOTE.iter().any(|magic| i128::from(*magic) == i128::from(system.f_type)))
}

/// Reads what is in memory of a part of a file, at most [`CHUNK`] bytes.
pub fn peek(file: &File, offset: u64, wanted: usize) -> Peek {
    let mut buffer = Buffer::new(wanted);
    match preadv2(file, &mut [IoSliceMut::new(buffer.room())], offset, ReadWriteFlags::NOWAIT) {
        Ok(0) if wanted > 0 => Peek::Failed(shortened()),
        Ok(read) => Peek::Here(buffer.into_bytes(read)),
        Err(Errno::AGAIN | Errno::INTR) => Peek::NotNow,
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL | Errno::PERM) => Peek::Unknown,
        Err(errno) => Peek::Failed(errno.into()),
    }
}

/// Whether a part is in memory, as far as looks at every 32 KiB of it tell: the kernel reads ahead, and seldom less at once.
#[must_use]
pub fn has(file: &File, offset: u64, length: u64) -> bool {
    let has =
        |at| matches!(preadv2(file, &mut [IoSliceMut::new(&mut [0])], at, ReadWriteFlags::NOWAIT), Ok(1));
    length > 0 && has(offset + length - 1) && (0..length - 1).step_by(LOOK).all(|at| has(offset + at))
}

/// A part of a file, at most [`CHUNK`] bytes, however long that takes.
///
/// # Errors
/// `UnexpectedEof` if the file has less.
pub fn read(file: &File, offset: u64, wanted: usize) -> io::Result<Bytes> {
    let mut buffer = Buffer::new(wanted);
    let length = buffer.room().len();
    match file.read_exact_at(buffer.room(), offset) {
        Ok(()) => Ok(buffer.into_bytes(length)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(shortened()),
        Err(error) => Err(error),
    }
}

fn shortened() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_read_and_what_is_not_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let content: Vec<u8> = (0..=255).cycle().take(3 * CHUNK).collect();
        std::fs::write(&path, &content).unwrap();
        let file = open(&path).or_else(|_| File::open(&path)).unwrap();
        for (offset, wanted) in [(0, 10), (5, CHUNK), (CHUNK, CHUNK), (1, 2 * CHUNK), (3 * CHUNK - 9, 9)] {
            let expected = &content[offset..offset + wanted.min(CHUNK)];
            assert_eq!(read(&file, offset as u64, wanted).unwrap(), expected, "{offset} {wanted}");
            if let Peek::Here(bytes) = peek(&file, offset as u64, wanted) {
                assert!(!bytes.is_empty() && expected.starts_with(&bytes), "{offset} {wanted}");
                assert!(has(&file, offset as u64, bytes.len() as u64));
            }
        }
        let end = content.len() as u64;
        assert!(matches!(peek(&file, end, 1), Peek::Failed(_) | Peek::Unknown | Peek::NotNow));
        assert_eq!(read(&file, end - 1, 2).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(!has(&file, end - 1, 2) && !has(&file, 0, 0));
        let missing = open(&directory.path().join("none")).unwrap_err().kind();
        let unknown = [io::ErrorKind::WouldBlock, io::ErrorKind::Unsupported];
        assert!(missing == io::ErrorKind::NotFound || unknown.contains(&missing), "{missing}");
        assert!(is_local(Path::new("/proc")) && !is_local(&directory.path().join("none")));
    }
}

//! Parts of files that the kernel sends.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

/// A part of a file.
pub type FilePart = (Arc<File>, Range<u64>);

/// Has the kernel send so many bytes of a file from there on: how many it took, none if the file has no more.
pub type SendFile<I> = fn(&I, &File, u64, usize, &mut Context<'_>) -> Poll<io::Result<usize>>;

/// How much is read at once of a file that the kernel cannot send.
const READ: u64 = 64 << 10;

/// The error of a file that ends before the part that is to be sent does.
pub(crate) fn shortened() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent")
}

/// The beginning of a part, read in the place of being sent.
pub(crate) fn read(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let length = (range.end - range.start).min(READ);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    let read = file.read_at(&mut bytes, range.start)?;
    bytes.truncate(read);
    if read == 0 { Err(shortened()) } else { Ok(bytes.into()) }
}

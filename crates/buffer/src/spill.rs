//! An unlinked temporary file: there is no name to clean up, whatever happens to the process.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::task::spawn_blocking;

/// How much is written and read at once.
pub(crate) const PIECE: usize = 64 * 1024;

/// A file that grows.
#[derive(Debug)]
pub(crate) struct Spill {
    file: Arc<File>,
    length: u64,
}

impl Spill {
    pub(crate) async fn create(directory: PathBuf) -> io::Result<Self> {
        let file = blocking(move || create(&directory)).await?;
        Ok(Self { file: Arc::new(file), length: 0 })
    }

    /// Appends; gives the buffer back, empty.
    pub(crate) async fn write(&mut self, mut buffer: BytesMut) -> io::Result<BytesMut> {
        let (file, length) = (Arc::clone(&self.file), buffer.len() as u64);
        let buffer = blocking(move || {
            (&*file).write_all(&buffer)?;
            buffer.clear();
            Ok(buffer)
        })
        .await?;
        self.length += length;
        Ok(buffer)
    }

    /// The file, to be read, and its length.
    pub(crate) fn finish(self) -> (Arc<File>, u64) {
        (self.file, self.length)
    }
}

/// A file without a name.
pub(crate) fn create(directory: &Path) -> io::Result<File> {
    tempfile::tempfile_in(directory)
}

/// Writes all of `pieces` from `offset` on.
pub(crate) fn write_at(file: &File, mut offset: u64, pieces: &[BytesMut]) -> io::Result<()> {
    for piece in pieces {
        file.write_all_at(piece, offset)?;
        offset += piece.len() as u64;
    }
    Ok(())
}

/// `wanted` bytes from `offset`.
pub(crate) async fn read(file: Arc<File>, offset: u64, wanted: usize) -> io::Result<Bytes> {
    blocking(move || {
        let mut piece = vec![0; wanted];
        file.read_exact_at(&mut piece, offset)?;
        Ok(piece.into())
    })
    .await
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    // A runtime that ends takes its blocking tasks with it.
    spawn_blocking(work).await.map_err(io::Error::other)?
}

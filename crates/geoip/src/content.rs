//! What is in a file.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bytes::Bytes;
use maxminddb::Reader;

use crate::value::Text;
use crate::{DataPath, Error};

/// The content of a database's file: all of it is in memory.
#[derive(Debug)]
pub struct Content {
    reader: Reader<Vec<u8>>,
    version: Version,
    /// When it was read, in seconds since 1970.
    pub(crate) read: u64,
}

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl Version {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Content {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is no database.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (bytes, version) =
            bytes_of(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let reader = Reader::from_source(bytes)
            .map_err(|source| Error::Damaged { path: path.to_owned(), source: source.into() })?;
        Ok(Self { reader, version, read: crate::database::now() })
    }

    /// Whether the file is still the one that was read.
    pub(crate) fn is_of(&self, path: &Path) -> io::Result<bool> {
        Ok(Version::of(&fs::metadata(path)?) == self.version)
    }

    /// When the database was made, in seconds since 1970.
    #[must_use]
    pub fn build_epoch(&self) -> u64 {
        self.reader.metadata().build_epoch
    }

    /// The value that `path` leads to in the record of an address. Nothing where there is no such record or value, where it is a map or a
    /// list, and where the file is damaged.
    #[must_use]
    pub fn find(&self, address: IpAddr, path: &DataPath) -> Option<Bytes> {
        // An IPv4 address in IPv6's clothes is an IPv4 address.
        let found = self.reader.lookup(address.to_canonical()).ok()?;
        match found.decode_path::<Text>(&path.elements()) {
            Ok(value) => value?.0,
            // A number may be a name as well.
            Err(_) if path.has_indexes() => found.decode_path::<Text>(&path.keys()).ok()??.0,
            Err(_) => None,
        }
    }
}

/// The version is that of what is open: another file may take its place meanwhile.
fn bytes_of(path: &Path) -> io::Result<(Vec<u8>, Version)> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file")); // opening a pipe is to wait for whoever writes into it
    }
    let mut file = File::open(path)?;
    let version = Version::of(&file.metadata()?);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok((bytes, version))
}

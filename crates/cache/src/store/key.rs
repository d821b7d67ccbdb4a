//! What an entry is found by.

use std::sync::OnceLock;

use bytes::Bytes;
use md5::{Digest as _, Md5};

/// The primary key of what is stored: whatever text its user makes of a request.
///
/// Zones find it by a hash of 128 bits and compare it whole before anything is served.
#[derive(Clone, Debug)]
pub struct Key {
    text: Bytes,
    /// What a disk zone calls its file. Lives here because a miss asks for it several times.
    md5: OnceLock<Id>,
}

/// A key's hash. 128 bits.
pub(super) type Id = u128;

impl Key {
    /// A key of this text.
    #[must_use]
    pub fn new(text: impl Into<Bytes>) -> Self {
        Self { text: text.into(), md5: OnceLock::new() }
    }

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// The text.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.text
    }

    /// The hash that names a file, as nginx has it.
    pub(super) fn md5(&self) -> Id {
        *self.md5.get_or_init(|| md5(&self.text))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Key {}

/// The hash that names the file of a key with this text.
pub(super) fn md5(text: &[u8]) -> Id {
    Id::from_be_bytes(Md5::digest(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `echo -n http://example.com/ | md5sum`: scripts that know nginx's names find ours.
    #[test]
    fn a_file_has_the_name_that_nginx_gives_it() {
        let key = Key::new("http://example.com/");
        assert_eq!(format!("{:032x}", key.md5()), "a6bf1757fff057f266b697df9cf176fd");
    }
}

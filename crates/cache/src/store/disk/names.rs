//! What a cache's files and directories are called: as nginx calls them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use smallvec::SmallVec;

use super::variant_hash;
use crate::store::index::Record;
use crate::store::key::Id;

/// The file of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Name {
    pub(in crate::store) id: Id,
    /// A hash of its variant, if it varies.
    pub(in crate::store) variant: Option<u64>,
}

/// How many digits of the hash, from its end, name the directories: nginx's `levels`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Levels(pub(super) SmallVec<[usize; 3]>);

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Stored(Name),
    /// One that is being written, and its response's generation.
    Temporary(Name, u64),
}

const ID: usize = 32;
const NUMBER: usize = 16;

impl Name {
    /// That of the response with this record.
    pub(in crate::store) fn of<T>(record: &Record<T>) -> Self {
        Self { id: record.id, variant: variant_hash(record.variant.as_ref()) }
    }

    /// `b7f54b2df7773722d382f4809d65029c`, with `.` and 16 digits more if it varies.
    pub(super) fn file(self) -> String {
        let mut name = format!("{:032x}", self.id);
        if let Some(variant) = self.variant {
            let _ = write!(name, ".{variant:016x}");
        }
        name
    }

    /// What it is called while it is written.
    pub(super) fn temporary(self, generation: u64) -> String {
        format!("{}.{generation:016x}.tmp", self.file())
    }
}

impl Kind {
    /// None for whatever is not ours.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (name, temporary) = name.strip_suffix(".tmp").map_or((name, false), |name| (name, true));
        let mut parts = name.split('.');
        let id = Id::from_str_radix(digits(parts.next()?, ID)?, 16).ok()?;
        let mut numbers = SmallVec::<[u64; 2]>::new();
        for part in parts {
            numbers.push(u64::from_str_radix(digits(part, NUMBER)?, 16).ok()?);
        }
        match (numbers.as_slice(), temporary) {
            ([], false) => Some(Self::Stored(Name { id, variant: None })),
            ([variant], false) => Some(Self::Stored(Name { id, variant: Some(*variant) })),
            ([generation], true) => Some(Self::Temporary(Name { id, variant: None }, *generation)),
            ([variant, generation], true) => {
                Some(Self::Temporary(Name { id, variant: Some(*variant) }, *generation))
            }
            _ => None,
        }
    }
}

/// So many small hexadecimal digits and nothing else.
fn digits(text: &str, count: usize) -> Option<&str> {
    let small = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == count && text.bytes().all(small)).then_some(text)
}

impl Levels {
    /// The directory of what has this hash.
    pub(super) fn directory(&self, root: &Path, id: Id) -> PathBuf {
        let mut path = root.to_path_buf();
        let mut rest = id;
        for level in &self.0 {
            let bits = level * 4;
            path.push(format!("{:0level$x}", rest & ((1 << bits) - 1)));
            rest >>= bits;
        }
        path
    }

    /// Whether a directory at this depth may be called so.
    pub(super) fn is_directory(&self, depth: usize, name: &str) -> bool {
        self.0.get(depth).is_some_and(|level| digits(name, *level).is_some())
    }

    pub(super) fn depth(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::meta::Variant;

    const ID: Id = 0xb7f5_4b2d_f777_3722_d382_f480_9d65_029c;

    /// The example of nginx's documentation.
    #[test]
    fn paths_are_nginx_s() {
        let check = |levels: &[usize], expected: &str| {
            let levels = Levels(levels.iter().copied().collect());
            let directory = levels.directory(Path::new("/data/nginx/cache"), ID);
            assert_eq!(directory, Path::new(expected));
        };
        check(&[1, 2], "/data/nginx/cache/c/29");
        check(&[2, 2, 1], "/data/nginx/cache/9c/02/5");
        check(&[], "/data/nginx/cache");
        assert_eq!(Name { id: ID, variant: None }.file(), "b7f54b2df7773722d382f4809d65029c");
    }

    /// `echo -n gzip | md5sum`
    #[test]
    fn a_variant_is_named_by_half_of_its_md5() {
        let variant = variant_hash(Some(&Variant(b"gzip"[..].into())));
        assert_eq!(Name { id: ID, variant }.file(), "b7f54b2df7773722d382f4809d65029c.749cadba7b2ed8d4");
        assert_eq!(variant_hash(None), None);
    }

    #[test]
    fn names_are_read_as_they_were_written() {
        for variant in [None, Some(0x12)] {
            let name = Name { id: 0x1234, variant };
            assert_eq!(Kind::parse(&name.file()), Some(Kind::Stored(name)));
            assert_eq!(Kind::parse(&name.temporary(7)), Some(Kind::Temporary(name, 7)));
        }
        for name in [
            "",
            "x",
            "b7f54b2df7773722d382f4809d65029",
            "b7f54b2df7773722d382f4809d65029C",
            "+7f54b2df7773722d382f4809d65029c",
            "b7f54b2df7773722d382f4809d65029c.tmp",
            "b7f54b2df7773722d382f4809d65029c.0000000001", // nginx's own temporary name
            "b7f54b2df7773722d382f4809d65029c.0000000000000001.0000000000000001",
            "b7f54b2df7773722d382f4809d65029c.",
        ] {
            assert_eq!(Kind::parse(name), None, "{name}");
        }
        let levels = Levels([1, 2].into_iter().collect());
        assert!(levels.is_directory(0, "c") && levels.is_directory(1, "29"));
        assert!(
            !levels.is_directory(0, "29") && !levels.is_directory(1, "zz") && !levels.is_directory(2, "29")
        );
    }
}

//! What is read only when it is asked for, and kept for a while; and how files were when they were read.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::SystemTime;

use parking_lot::Mutex;
use propylon_config::CertificateCache;
use tokio::time::Instant;

/// How files were.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

/// How a file was.
#[derive(Clone, PartialEq, Eq)]
enum Stamp {
    /// When it was changed, how long it is, and which it is.
    File(Option<SystemTime>, u64, u64),
    /// A pipe or the like, of which nothing can be told without reading it.
    Other,
}

impl Stamps {
    pub(super) fn of(files: Vec<PathBuf>) -> Self {
        let stamp = |file: &PathBuf| {
            let found = std::fs::metadata(file).ok()?;
            Some(match found.is_file() {
                true => Stamp::File(found.modified().ok(), found.len(), found.ino()),
                false => Stamp::Other,
            })
        };
        Self(files.into_iter().map(|file| (file.clone(), stamp(&file))).collect())
    }

    /// Whether a file is not there.
    fn lacks_any(&self) -> bool {
        self.0.iter().any(|(_, stamp)| stamp.is_none())
    }

    /// Whether what was read then is what would be read now.
    pub(super) fn vouches_for(&self, then: &Self) -> bool {
        let plain = |(_, stamp): &(PathBuf, Option<Stamp>)| matches!(stamp, Some(Stamp::File(..)));
        !self.0.is_empty() && self == then && self.0.iter().all(plain)
    }
}

impl fmt::Display for Stamps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (file, _)) in self.0.iter().enumerate() {
            write!(f, "{}{}", if at > 0 { ", " } else { "" }, file.display())?;
        }
        Ok(())
    }
}

/// Things by what they were made of: at most so many, for so long.
pub(super) struct Kept<K, T> {
    limits: CertificateCache,
    /// How many files a thing is made of.
    files: usize,
    entries: Mutex<HashMap<K, Entry<T>>>,
}

#[derive(Clone)]
struct Entry<T> {
    thing: T,
    stamps: Stamps,
    used: Instant,
    looked: Instant,
}

impl<K: Clone + Eq + Hash, T: Clone> Kept<K, T> {
    /// Nothing; each thing is going to be made of so many files, which are what `limits` count.
    pub(super) fn new(limits: CertificateCache, files: usize) -> Self {
        Self { limits, files, entries: Mutex::default() }
    }

    /// The thing, if it need not be looked at.
    pub(super) fn get(&self, key: &K, now: Instant) -> Option<T> {
        let mut entries = self.entries.lock();
        let entry = entries.get_mut(key)?;
        let fresh = now.saturating_duration_since(entry.looked) < self.limits.valid
            && now.saturating_duration_since(entry.used) < self.limits.inactive;
        entry.used = now;
        fresh.then(|| entry.thing.clone())
    }

    /// The thing: made, unless there is one whose files have not changed. One that cannot be made leaves the one before in
    /// place, whose error is then told to `report`; unless a file is not there any more, for whoever removes a file means it.
    pub(super) fn make<E>(
        &self,
        key: &K,
        files: Vec<PathBuf>,
        now: Instant,
        make: impl FnOnce() -> Result<T, E>,
        report: impl FnOnce(&E),
    ) -> Result<T, E> {
        if self.limits.max == 0 {
            return make();
        }
        let known = self.entries.lock().get(key).cloned();
        let stamps = Stamps::of(files);
        let thing = match known {
            Some(known) if known.stamps == stamps => known.thing,
            None => make()?,
            Some(known) => match make() {
                Ok(thing) => thing,
                Err(error) if stamps.lacks_any() => {
                    self.entries.lock().remove(key);
                    return Err(error);
                }
                Err(error) => {
                    report(&error);
                    known.thing
                }
            },
        };
        let mut entries = self.entries.lock();
        entries.retain(|_, entry| now.saturating_duration_since(entry.used) < self.limits.inactive);
        while !entries.is_empty()
            && !entries.contains_key(key)
            && (entries.len() + 1) * self.files > self.limits.max
        {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
            oldest.map(|oldest| entries.remove(&oldest));
        }
        entries.insert(key.clone(), Entry { thing: thing.clone(), stamps, used: now, looked: now });
        Ok(thing)
    }

    /// Forgets all of them.
    pub(super) fn clear(&self) {
        self.entries.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct World {
        kept: Kept<&'static str, u32>,
        start: Instant,
        made: u32,
    }

    impl World {
        fn new() -> Self {
            let second = Duration::from_secs;
            let limits = CertificateCache { max: 4, inactive: second(100), valid: second(10) };
            Self { kept: Kept::new(limits, 2), start: Instant::now(), made: 0 }
        }

        fn at(
            &mut self,
            seconds: u64,
            key: &'static str,
            files: &[&std::path::Path],
            good: bool,
        ) -> Result<u32, ()> {
            let now = self.start + Duration::from_secs(seconds);
            if let Some(known) = self.kept.get(&key, now) {
                return Ok(known);
            }
            let files = files.iter().map(|file| file.to_path_buf()).collect();
            let made = &mut self.made;
            let make = || {
                *made += 1;
                if good { Ok(*made) } else { Err(()) }
            };
            self.kept.make(&key, files, now, make, |()| ())
        }
    }

    #[test]
    fn they_are_kept_while_they_are_used_and_files_stay() {
        let mut world = World::new();
        let directory = std::env::temp_dir().join(format!("propylon-kept-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("file");
        std::fs::write(&file, "1").unwrap();
        assert_eq!(world.at(0, "a", &[&file], true), Ok(1));
        assert_eq!(world.at(9, "a", &[&file], true), Ok(1));
        assert_eq!(world.at(11, "a", &[&file], true), Ok(1), "looked at, and the same");
        std::fs::write(&file, "22").unwrap();
        assert_eq!(world.at(12, "a", &[&file], true), Ok(1), "nobody has looked yet");
        assert_eq!(world.at(22, "a", &[&file], true), Ok(2));
        std::fs::write(&file, "333").unwrap();
        assert_eq!(world.at(33, "a", &[&file], false), Ok(2), "the good one stays");
        assert_eq!(world.at(33, "bad", &[&file], false), Err(()));
        std::fs::remove_file(&file).unwrap();
        assert_eq!(world.at(34, "a", &[&file], false), Ok(2), "nobody has looked yet");
        assert_eq!(world.at(44, "a", &[&file], false), Err(()), "it was taken away");
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn nothing_is_kept_where_that_is_off() {
        let mut world = World { kept: Kept::new(CertificateCache::OFF, 2), start: Instant::now(), made: 0 };
        assert_eq!((world.at(0, "a", &[], true), world.at(0, "a", &[], true)), (Ok(1), Ok(2)));
    }

    #[test]
    fn files_vouch_for_what_was_read_of_them() {
        let directory = std::env::temp_dir().join(format!("propylon-stamps-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (one, other) = (directory.join("one"), directory.join("other"));
        std::fs::write(&one, "1").unwrap();
        std::fs::write(&other, "1").unwrap();
        let of = |file: &PathBuf| Stamps::of(vec![file.clone()]);
        let then = of(&one);
        assert!(of(&one).vouches_for(&then) && !Stamps::default().vouches_for(&Stamps::default()));
        std::fs::rename(&other, &one).unwrap();
        assert!(!of(&one).vouches_for(&then), "another file");
        assert!(!of(&directory).vouches_for(&of(&directory)), "nothing is known of it");
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(!of(&one).vouches_for(&of(&one)));
    }

    #[test]
    fn there_are_not_too_many() {
        let mut world = World::new();
        for (seconds, key, made) in
            [(0, "a", 1), (1, "b", 2), (2, "a", 1), (3, "c", 3), (4, "a", 1), (5, "b", 4), (6, "c", 5)]
        {
            assert_eq!(world.at(seconds, key, &[], true), Ok(made), "{key} after {seconds} s");
        }
        assert_eq!(world.kept.entries.lock().len(), 2);
        assert_eq!(world.at(500, "d", &[], true), Ok(6));
        assert_eq!(world.kept.entries.lock().len(), 1, "the others were not used for long");
    }
}

//! Files that zones are kept in: what is written, read, damaged and put aside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};

use propylon_keyval::{Change, Error, Kept, Kind, Limits, StateError, StateFile, Zone};

fn zone(kind: Kind) -> Zone {
    Zone::new(kind, Limits::default().timeout(Some(Duration::from_secs(3600))))
}

fn add(zone: &Zone, key: &str, value: &str) {
    zone.add(vec![(key.into(), Kept::new(value))]).unwrap();
}

fn pairs(zone: &Zone) -> Vec<(String, String)> {
    let text = |value: bytes::Bytes| String::from_utf8(value.to_vec()).unwrap();
    zone.list().into_iter().map(|pair| (pair.key, text(pair.value))).collect()
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.into(), value.into())
}

#[test]
fn what_is_written_is_read_by_the_next_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.json");
    let (zone, file) = (zone(Kind::Ip), StateFile::new(&path));
    assert_eq!(file.load(&zone).unwrap(), 0, "it is not there yet");
    file.save(&zone).unwrap();
    assert!(!path.exists(), "nothing has changed");
    add(&zone, "10.0.0.0/8", "a \"quoted\"\nline é");
    add(&zone, "::1", "");
    zone.change(vec![("::1".into(), Change::Expire(Duration::from_secs(60)))]).unwrap();
    file.save(&zone).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = self::zone(Kind::Ip);
    assert_eq!(StateFile::new(&path).load(&again).unwrap(), 2);
    assert_eq!(pairs(&again), [pair("10.0.0.0/8", "a \"quoted\"\nline é"), pair("::1", "")]);
    let left = again.get("::1").unwrap().expires.unwrap().duration_since(tokio::time::Instant::now());
    assert!(left <= Duration::from_secs(60) && left > Duration::from_secs(30), "{left:?}");
    assert_eq!(again.stats().used, zone.stats().used);
    zone.clear();
    file.save(&zone).unwrap();
    assert_eq!(StateFile::new(&path).load(&self::zone(Kind::Ip)).unwrap(), 0);
}

#[test]
fn nothing_is_written_twice() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.json");
    let (zone, file) = (zone(Kind::String), StateFile::new(&path));
    add(&zone, "a", "1");
    file.save(&zone).unwrap();
    let inode = || fs::metadata(&path).unwrap().ino();
    let first = inode();
    file.save(&zone).unwrap();
    assert_eq!(inode(), first);
    zone.change(vec![("a".into(), Change::Remove)]).unwrap();
    file.save(&zone).unwrap();
    assert_ne!(inode(), first, "another file has taken its place");
    let there: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(there, ["one.json"], "and nothing is left beside it");
}

/// What was over while nobody ran is not there.
#[test]
fn what_is_over_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.json");
    #[expect(clippy::disallowed_methods, reason = "what outlives a process is told by the time of day")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let text = format!(
        "{{\"over\": {{\"value\": \"1\", \"expires\": {}}}, \"there\": {{\"value\": \"1\", \"expires\": {}}}, \"never\": {{\"value\": \"1\", \"expires\": {}}}}}",
        now - 1,
        now + 60_000,
        u64::MAX
    );
    fs::write(&path, text).unwrap();
    let (zone, file) = (zone(Kind::String), StateFile::new(&path));
    assert_eq!(file.load(&zone).unwrap(), 2);
    assert_eq!(pairs(&zone), [pair("never", "1"), pair("there", "1")]);
    add(&zone, "a", "1");
    file.save(&zone).unwrap();
    assert_eq!(StateFile::new(&path).load(&self::zone(Kind::String)).unwrap(), 3);
}

#[track_caller]
fn damaged(path: &Path, kind: Kind, expected: &str) -> Zone {
    let (zone, file) = (zone(kind), StateFile::new(path));
    let before = fs::read(path).unwrap();
    let error = file.load(&zone).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!((pairs(&zone), fs::read(path).unwrap()), (vec![], before.clone()), "nothing is touched");
    add(&zone, if kind == Kind::Ip { "::1" } else { "a" }, "1");
    file.save(&zone).unwrap();
    assert_eq!(fs::read(path.with_extension("json.damaged")).unwrap(), before, "it is put aside");
    assert_eq!(StateFile::new(path).load(&self::zone(kind)).unwrap(), 1);
    zone
}

#[test]
fn a_damaged_file_is_told_and_put_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.json");
    let name = path.display().to_string();
    fs::write(&path, "{\n\"a\": \"b\",\n\"c\": ").unwrap();
    damaged(&path, Kind::String, &format!("{name} is damaged: EOF while parsing a value at line 3"));
    fs::write(&path, "{\"a\": \"1\"}").unwrap();
    damaged(&path, Kind::Ip, &format!("{name}: \"a\" is not a valid key for this zone"));
    fs::write(&path, b"{\"a\": \"\xff\"}").unwrap();
    damaged(&path, Kind::String, &format!("{name} cannot be read"));
    fs::write(&path, "").unwrap();
    let zone = damaged(&path, Kind::Prefix, "at line 1 column 0");
    // Once is enough: what is written next is what was written.
    let aside = path.with_extension("json.damaged");
    fs::remove_file(&aside).unwrap();
    let file = StateFile::new(&path);
    file.load(&self::zone(Kind::Prefix)).unwrap();
    add(&zone, "b", "1");
    file.save(&zone).unwrap();
    assert!(!aside.exists());
}

#[test]
fn what_cannot_be_written_is_told_and_tried_again() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("inner");
    let (zone, file) = (zone(Kind::String), StateFile::new(inner.join("one.json")));
    let error = file.load(&zone).unwrap_err();
    assert!(matches!(error, StateError::Directory { .. }), "{error}");
    add(&zone, "a", "1");
    let error = file.save(&zone).unwrap_err();
    assert!(matches!(error, StateError::Write { .. }), "{error}");
    fs::create_dir(&inner).unwrap();
    file.save(&zone).unwrap();
    assert_eq!(StateFile::new(inner.join("one.json")).load(&self::zone(Kind::String)).unwrap(), 1);
}

/// Who has less room from now on loses nothing of what there is.
#[test]
fn a_smaller_zone_reads_all_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.json");
    let zone = zone(Kind::String);
    add(&zone, "a", &"x".repeat(512 << 10));
    StateFile::new(&path).save(&zone).unwrap();
    let smaller = Zone::new(Kind::String, Limits::default().size(32 << 10));
    assert_eq!(StateFile::new(&path).load(&smaller).unwrap(), 1);
    assert_eq!(smaller.stats().used, zone.stats().used);
    let refused = smaller.add(vec![("b".into(), Kept::new("1"))]);
    assert_eq!(refused, Err(Error::Full(32 << 10)));
}

/// A directory is in its place.
#[test]
fn a_file_that_is_not_put_in_its_place_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.json");
    fs::create_dir(&path).unwrap();
    let zone = zone(Kind::String);
    add(&zone, "a", "1");
    let error = StateFile::new(&path).save(&zone).unwrap_err();
    assert!(matches!(error, StateError::Write { .. }), "{error}");
    let there: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(there, ["one.json"]);
}

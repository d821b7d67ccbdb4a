//! Sinks that take nothing.

mod support;

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use propylon_access_log::{Buffering, Sinks, Target};
use support::pipe::{Reader, make};
use support::{LIMIT, sinks};

const ROOM: u64 = 1 << 20;

#[test]
fn pipe_that_nobody_reads_blocks_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let [path, other_path] = ["pipe", "log"].map(|name| directory.path().join(name));
    make(&path);
    let sinks = sinks();
    let sink = sinks.open(&Target::File(path.clone()), Buffering::Prompt).unwrap();
    let other = sinks.open(&Target::File(other_path.clone()), Buffering::Prompt).unwrap();

    let line = |number: u64| format!("{number:99}\n");
    let mut accepted = Vec::new();
    let mut given = 0;
    // This loop would never end if a line could wait; room is for what a pipe holds, what is being written and what waits.
    while sink.dropped() < 1000 {
        if sink.write_line(line(given).as_bytes()) {
            accepted.push(given);
        }
        given += 1;
    }
    assert_eq!(given, accepted.len() as u64 + sink.dropped());
    assert!(accepted.len() as u64 * 100 <= 2 * ROOM + (1 << 17), "{} lines wait", accepted.len());

    // The others are not kept.
    other.write_line(b"fine\n");
    let error = sinks.flush_all(Duration::from_millis(100)).unwrap_err();
    assert!(error.bytes > ROOM / 2, "{error}");
    assert_eq!(fs::read_to_string(other_path).unwrap(), "fine\n");

    // What was accepted comes when somebody reads, whole and in order.
    let mut reader = Reader::open(&path);
    for number in accepted {
        assert_eq!(reader.line(), line(number));
    }
    sinks.flush_all(LIMIT).unwrap();
    assert!(sink.write_line(b"room again\n"));
    assert_eq!(reader.line(), "room again\n");
}

#[test]
fn full_disk_is_counted_and_reported() {
    let (send, reports) = sync_channel(16);
    let sinks = Sinks::spawn(move |trouble| {
        let error = trouble.error.map(std::io::Error::kind);
        let _ = send.try_send((trouble.target.clone(), trouble.failed, trouble.dropped, error));
    })
    .unwrap();
    let target = Target::File(PathBuf::from("/dev/full"));
    let sink = sinks.open(&target, Buffering::Prompt).unwrap();
    for _ in 0..100 {
        sink.write_line(b"lost\n");
    }
    let (told, failed, dropped, error) = reports.recv_timeout(LIMIT).unwrap();
    assert_eq!((told, failed, dropped), (target, 1, 0));
    assert_eq!(error, Some(std::io::ErrorKind::StorageFull));
    assert_eq!(sinks.flush_all(Duration::from_millis(50)).unwrap_err().bytes, 500);
    // It is tried again, and told again.
    assert_eq!(reports.recv_timeout(LIMIT).unwrap().1, 1);
    assert!(sink.errors() >= 2);
}

#[test]
fn reopening_rescues_what_the_old_file_did_not_take() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let sinks = sinks();
    let sink = sinks.open(&Target::File(path.clone()), Buffering::Prompt).unwrap();
    sink.write_line(b"one\n");
    sinks.flush_all(Duration::from_millis(20)).unwrap_err();
    sink.write_line(b"two\n");
    fs::remove_file(&path).unwrap();
    assert!(sinks.reopen().is_empty());
    sink.write_line(b"three\n");
    sinks.flush_all(LIMIT).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "one\ntwo\nthree\n");
    assert_eq!(sink.dropped(), 0);
}

#[test]
fn reopening_begins_with_the_line_that_was_cut() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    make(&path);
    let mut reader = Reader::open(&path);
    let sinks = sinks();
    let sink = sinks.open(&Target::File(path.clone()), Buffering::Prompt).unwrap();
    // Longer than what a pipe takes at once, so that the pipe is full in the middle of a line.
    let line = |number: usize| format!("{number:9999}\n");
    for number in 0..20 {
        assert!(sink.write_line(line(number).as_bytes()));
    }
    sinks.flush_all(Duration::from_millis(50)).unwrap_err();
    fs::remove_file(&path).unwrap();
    assert!(sinks.reopen().is_empty());
    sinks.flush_all(LIMIT).unwrap();

    let rest = fs::read_to_string(path).unwrap();
    let cut = 20 - rest.lines().count();
    assert!((1..19).contains(&cut), "{cut}");
    for number in 0..cut {
        assert_eq!(reader.line(), line(number));
    }
    assert!(!reader.is_idle(), "what the pipe got of the line that was cut");
    assert_eq!(rest, (cut..20).map(line).collect::<String>());
}

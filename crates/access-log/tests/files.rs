//! Files: shared, buffered, rotated, closed.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: a panic is how a failed check reports"
)]

mod support;

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use propylon_access_log::{Buffering, OpenError, Sink, Sinks, Target};
use support::pipe::{Reader, fifo, make};
use support::{LIMIT, sinks};

fn open(sinks: &Sinks, path: &Path, buffering: Buffering) -> Arc<Sink> {
    sinks.open(&Target::File(path.to_owned()), buffering).unwrap()
}

fn never(size: usize) -> Buffering {
    Buffering::Buffered { size, flush: None }
}

#[test]
fn created_0644_at_most_and_appended_to() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    for _ in 0..2 {
        let sinks = sinks();
        assert!(open(&sinks, &path, Buffering::Prompt).write_line(b"line\n"));
        sinks.flush_all(LIMIT).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "line\nline\n");
    let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & !0o644, 0, "{mode:o}");
}

#[test]
fn missing_directory_is_an_error_with_the_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("missing/log");
    let error = sinks().open(&Target::File(path.clone()), Buffering::Prompt).unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    let OpenError::File { path: told, source } = error else { panic!("{error}") };
    assert_eq!(told, path);
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn one_target_is_one_sink_until_the_last_handle() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let sinks = sinks();
    let first = open(&sinks, &path, never(1000));
    let second = open(&sinks.clone(), &path, never(1000));
    assert!(Arc::ptr_eq(&first, &second));
    let watch = Arc::downgrade(&first);
    first.write_line(b"a\n");
    drop((first, second));
    assert!(watch.upgrade().is_none(), "the registry keeps nothing open");
    let anew = open(&sinks, &path, Buffering::Prompt);
    anew.write_line(b"b\n");
    sinks.flush_all(LIMIT).unwrap();
    let mut lines: Vec<_> = fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["a", "b"], "what the closed one took is written");
}

#[test]
fn prompt_lines_arrive_unasked() {
    let (mut reader, path, _directory) = fifo();
    let sink = open(&sinks(), &path, Buffering::Prompt);
    for line in ["one\n", "two\n"] {
        sink.write_line(line.as_bytes());
        assert_eq!(reader.line(), line);
    }
}

#[test]
fn buffered_lines_arrive_when_there_are_enough() {
    let (mut reader, path, _directory) = fifo();
    let (sinks, size) = (sinks(), 12);
    let sink = open(&sinks, &path, never(size));
    let prompt_path = path.with_file_name("other");
    make(&prompt_path);
    let mut other_reader = Reader::open(&prompt_path);
    let other = open(&sinks, &prompt_path, Buffering::Prompt);
    sink.write_line(b"first\n");
    // The writer has been round since then: it served the other sink.
    other.write_line(b"tick\n");
    other_reader.line();
    other.write_line(b"tick\n");
    other_reader.line();
    assert!(reader.is_idle());
    sink.write_line(b"second\n");
    assert_eq!(reader.line(), "first\n");
    assert_eq!(reader.line(), "second\n");
}

#[test]
fn buffered_lines_arrive_after_the_flush_interval() {
    let (mut reader, path, _directory) = fifo();
    let flush = Some(Duration::from_millis(20));
    let sink = open(&sinks(), &path, Buffering::Buffered { size: 1 << 16, flush });
    for line in ["one\n", "two\n"] {
        sink.write_line(line.as_bytes());
        assert_eq!(reader.line(), line, "nothing but time made it come");
    }
}

#[test]
fn buffering_of_an_open_sink_changes() {
    let (mut reader, path, _directory) = fifo();
    let sinks = sinks();
    let sink = open(&sinks, &path, never(1000));
    sink.write_line(b"waits\n");
    let _same = open(&sinks, &path, Buffering::Prompt);
    assert_eq!(reader.line(), "waits\n");
}

#[test]
fn last_handle_flushes() {
    let (mut reader, path, _directory) = fifo();
    let sink = open(&sinks(), &path, never(1000));
    sink.write_line(b"last\n");
    drop(sink);
    assert_eq!(reader.line(), "last\n");
}

#[test]
fn rotation_under_load_loses_and_cuts_nothing() {
    const THREADS: usize = 4;
    const LINES: usize = 20_000;
    const BETWEEN: usize = 200;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    for buffering in [Buffering::Prompt, never(4096)] {
        let sinks = sinks();
        let sink = open(&sinks, &path, buffering);
        let given = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..THREADS)
            .map(|worker| {
                let (sink, given) = (sink.clone(), given.clone());
                thread::spawn(move || {
                    for number in 0..LINES {
                        let line = format!("{worker}:{number}:{}\n", "x".repeat(number % 97));
                        // A writer that cannot keep up drops: that is another test.
                        while !sink.write_line(line.as_bytes()) {
                            thread::yield_now();
                        }
                        given.fetch_add(1, Relaxed);
                    }
                })
            })
            .collect();
        let mut rotated = Vec::new();
        for turn in 1..THREADS * LINES / BETWEEN {
            while given.load(Relaxed) < turn * BETWEEN {
                thread::yield_now();
            }
            let old = directory.path().join(format!("log.{turn}"));
            fs::rename(&path, &old).unwrap();
            assert!(sinks.reopen().is_empty());
            rotated.push(old);
        }
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        sinks.flush_all(LIMIT).unwrap();
        rotated.push(path.clone());

        let mut seen = HashSet::new();
        for path in rotated {
            for line in fs::read_to_string(&path).unwrap().lines() {
                let [worker, number, fill] = *line.split(':').collect::<Vec<_>>() else {
                    panic!("cut: {line}")
                };
                let number: usize = number.parse().unwrap();
                assert_eq!(fill.len(), number % 97, "cut: {line}");
                assert!(seen.insert((worker.to_owned(), number)), "twice: {line}");
            }
            fs::remove_file(path).unwrap();
        }
        assert_eq!(seen.len(), THREADS * LINES);
    }
}

#[test]
fn rotation_divides_at_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let [path, old] = ["log", "log.1"].map(|name| directory.path().join(name));
    let sinks = sinks();
    let sink = open(&sinks, &path, never(1 << 16));
    sink.write_line(b"before\n");
    fs::rename(&path, &old).unwrap();
    assert!(sinks.reopen().is_empty());
    sink.write_line(b"after\n");
    sinks.flush_all(LIMIT).unwrap();
    assert_eq!(fs::read_to_string(old).unwrap(), "before\n");
    assert_eq!(fs::read_to_string(path).unwrap(), "after\n");
}

#[test]
fn reopening_that_fails_keeps_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let [inside, moved] = ["a", "b"].map(|name| directory.path().join(name));
    fs::create_dir(&inside).unwrap();
    let path = inside.join("log");
    let sinks = sinks();
    let sink = open(&sinks, &path, Buffering::Prompt);
    sink.write_line(b"before\n");
    fs::rename(&inside, &moved).unwrap();
    let errors = sinks.reopen();
    assert!(matches!(&errors[..], [OpenError::File { path: told, .. }] if *told == path), "{errors:?}");
    sink.write_line(b"after\n");
    sinks.flush_all(LIMIT).unwrap();
    assert_eq!(fs::read_to_string(moved.join("log")).unwrap(), "before\nafter\n");
}

#[test]
fn is_a_writer_of_whole_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let sinks = sinks();
    let sink = open(&sinks, &path, Buffering::Prompt);
    let mut writer = &*sink;
    writer.write_all(b"all\n").unwrap();
    writeln!(writer, "{} and {}", 1, 2).unwrap();
    writer.flush().unwrap();
    sinks.flush_all(LIMIT).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "all\n1 and 2\n");
}

//! Which exchanges have a line.

mod support;

use std::fs;

use http::{HeaderMap, StatusCode};
use propylon_access_log::{AccessLog, AccessLogs, Buffering, Escape, Format, Target};
use propylon_exchange::{End, Keep};
use support::{LIMIT, exchange, log, sinks, template};

#[test]
fn condition_empty_or_zero_is_not_logged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    let sinks = sinks();
    let sink = sinks.open(&Target::File(path.clone()), Buffering::Prompt).unwrap();
    let log = log("$http_x_log|", &sink).condition(template("$http_x_log"));
    for value in [&b""[..], b"0", b"1", b"00", b"0.0", b"no"] {
        log.write(&exchange("/", &[("x-log", value)]));
    }
    log.write(&exchange("/", &[]));
    sinks.flush_all(LIMIT).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "1|\n00|\n0.0|\nno|\n");
}

#[test]
fn several_logs_and_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| directory.path().join(name));
    let sinks = sinks();
    let open = |path| sinks.open(&Target::File(path), Buffering::Prompt).unwrap();
    let logs = AccessLogs::new([
        log("a $status", &open(one.clone())),
        log("b $sent_http_x", &open(two.clone())),
        log("c", &open(one.clone())),
    ]);
    assert_eq!(logs.needs(), Keep::SENT_HEAD);
    assert!(!logs.is_empty() && AccessLogs::default().is_empty());
    let exchange = exchange("/", &[]);
    exchange.responded(StatusCode::OK, &HeaderMap::new());
    logs.write(&exchange);
    sinks.flush_all(LIMIT).unwrap();
    assert_eq!(fs::read_to_string(one).unwrap(), "a 200\nc\n");
    assert_eq!(fs::read_to_string(two).unwrap(), "b -\n");
}

#[test]
fn client_that_left_before_the_head_is_499() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("access.log");
    let sinks = sinks();
    let sink = sinks.open(&Target::File(path.clone()), Buffering::Prompt).unwrap();
    let exchange = exchange("/", &[]);
    exchange.ended(End::ClientClosed);
    log("$status $body_bytes_sent", &sink).write(&exchange);
    sinks.flush_all(LIMIT).unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "499 0\n");
}

#[test]
fn a_path_with_variables_is_a_file_for_each_value() {
    let directory = tempfile::tempdir().unwrap();
    let sinks = sinks();
    let path = template(&format!("{}/$http_x_name.log", directory.path().display()));
    let format = Format::new(template("$http_x_name"), Escape::Default);
    let log = AccessLog::by_path(format, path, sinks.clone(), Buffering::Prompt);
    for name in [&b"a"[..], b"b", b"a", b"../up", b"no/such/directory"] {
        log.write(&exchange("/", &[("x-name", name)]));
    }
    sinks.flush_all(LIMIT).unwrap();
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!((read("a.log").as_str(), read("b.log").as_str()), ("a\na\n", "b\n"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    assert!(!directory.path().parent().unwrap().join("up.log").exists(), "variables do not lead upwards");
    // More files than stay open.
    for number in 0..100 {
        log.write(&exchange("/", &[("x-name", format!("n{number}").as_bytes())]));
    }
    log.write(&exchange("/", &[("x-name", b"n0")]));
    sinks.flush_all(LIMIT).unwrap();
    assert_eq!(read("n0.log"), "n0\nn0\n");
}

//! Syslog daemons.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: a panic is how a failed check reports"
)]

mod support;

use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use propylon_access_log::{
    Buffering, Facility, OpenError, Severity, Sinks, Syslog, SyslogServer, Tag, Target,
};
use support::{LIMIT, exchange, log, sinks};
use tokio::time::Instant;

fn received(read: impl FnOnce(&mut [u8]) -> std::io::Result<usize>) -> String {
    let mut message = [0; 1 << 16];
    let length = read(&mut message).unwrap();
    String::from_utf8(message[..length].to_vec()).unwrap()
}

#[track_caller]
fn check(message: &str, priority: &str, rest: &str) {
    let after = message.strip_prefix(priority).unwrap_or_else(|| panic!("{message}"));
    // Jan  1 00:00:00
    let (time, text) = after.split_at(15);
    assert!(time.as_bytes()[3] == b' ' && time.as_bytes()[9] == b':', "{message}");
    assert_eq!(text, rest, "{message}");
}

#[test]
fn udp() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_read_timeout(Some(LIMIT)).unwrap();
    let port = daemon.local_addr().unwrap().port();
    let syslog = Syslog::new(SyslogServer::Udp { host: "127.0.0.1".into(), port }).without_hostname();
    let sinks = sinks();
    let sink = sinks.open(&Target::Syslog(syslog), Buffering::Prompt).unwrap();
    log("\"$request\" two\nlines", &sink).write(&exchange("/x", &[]));
    sink.write_line(b"second");
    check(&received(|m| daemon.recv(m)), "<190>", " propylon: \"GET /x HTTP/1.1\" two\nlines");
    check(&received(|m| daemon.recv(m)), "<190>", " propylon: second");
}

#[test]
fn unix_datagram_with_all_parameters() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let daemon = UnixDatagram::bind(&path).unwrap();
    daemon.set_read_timeout(Some(LIMIT)).unwrap();
    let syslog = Syslog::new(SyslogServer::Unix(path))
        .facility(Facility::from_name("daemon").unwrap())
        .severity(Severity::from_name("warn").unwrap())
        .tag(Tag::new("edge").unwrap());
    let sink = sinks().open(&Target::Syslog(syslog), Buffering::Prompt).unwrap();
    sink.write_line(b"hello\n");
    let host = rustix::system::uname().nodename().to_str().unwrap().to_owned();
    check(&received(|m| daemon.recv(m)), "<28>", &format!(" {host} edge: hello"));
}

#[test]
fn daemon_that_comes_later_or_comes_back_gets_every_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let (send, reports) = sync_channel(16);
    let sinks = Sinks::spawn(move |trouble| {
        let _ = send.try_send(trouble.failed);
    })
    .unwrap();
    let syslog = Syslog::new(SyslogServer::Unix(path.clone())).without_hostname();
    let sink = sinks.open(&Target::Syslog(syslog), Buffering::Prompt).unwrap();
    for life in ["first", "second"] {
        sink.write_line(life.as_bytes());
        assert_eq!(reports.recv_timeout(LIMIT).unwrap(), 1, "nobody is there");
        let daemon = UnixDatagram::bind(&path).unwrap();
        daemon.set_read_timeout(Some(LIMIT)).unwrap();
        check(&received(|m| daemon.recv(m)), "<190>", &format!(" propylon: {life}"));
        drop(daemon);
        std::fs::remove_file(&path).unwrap();
    }
    assert_eq!(sink.dropped(), 0);
}

#[test]
fn daemon_that_does_not_read_blocks_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let daemon = UnixDatagram::bind(&path).unwrap();
    let syslog = Syslog::new(SyslogServer::Unix(path)).without_hostname();
    let sinks = sinks();
    let sink = sinks.open(&Target::Syslog(syslog), Buffering::Prompt).unwrap();
    let mut accepted = 0;
    while sink.dropped() == 0 {
        accepted += usize::from(sink.write_line(&[b'x'; 1000]));
    }
    daemon.set_read_timeout(Some(LIMIT)).unwrap();
    for _ in 0..accepted {
        assert!(received(|m| daemon.recv(m)).ends_with("xxx"));
    }
    sinks.flush_all(LIMIT).unwrap();
}

#[test]
fn message_that_is_too_long_is_dropped_alone() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_read_timeout(Some(LIMIT)).unwrap();
    let port = daemon.local_addr().unwrap().port();
    let syslog = Syslog::new(SyslogServer::Udp { host: "localhost".into(), port: 1 });
    assert_eq!(Target::Syslog(syslog).to_string(), "syslog localhost:1");
    let syslog = Syslog::new(SyslogServer::Udp { host: "127.0.0.1".into(), port }).without_hostname();
    let sinks = sinks();
    let sink = sinks.open(&Target::Syslog(syslog), Buffering::Prompt).unwrap();
    sink.write_line(&[b'x'; 100_000]);
    sink.write_line(b"short");
    check(&received(|m| daemon.recv(m)), "<190>", " propylon: short");
    sinks.flush_all(LIMIT).unwrap();
    assert_eq!((sink.dropped(), sink.errors()), (1, 1));
}

#[test]
fn trouble_is_told_once_a_second() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = daemon.local_addr().unwrap().port();
    let (send, reports) = sync_channel(1);
    let sinks = Sinks::spawn(move |trouble| {
        let _ = send.send((Instant::now(), trouble.dropped, trouble.failed));
    })
    .unwrap();
    let syslog = Syslog::new(SyslogServer::Udp { host: "127.0.0.1".into(), port });
    let sink = sinks.open(&Target::Syslog(syslog), Buffering::Prompt).unwrap();
    let mut given = 0;
    let mut told = Vec::new();
    while told.len() < 2 {
        // Too long for a datagram: each fails at once.
        given += u64::from(sink.write_line(&[b'x'; 100_000]));
        told.extend(reports.try_iter());
        std::thread::yield_now();
    }
    let [(first, ..), (second, dropped, failed)] = told[..] else { panic!("{told:?}") };
    assert!(second - first > Duration::from_millis(500), "{told:?}");
    assert!(dropped > 1 && failed > 1, "the second report sums up: {told:?}");
    assert!(given >= failed);
}

#[test]
fn name_without_address_is_an_error() {
    let syslog = Syslog::new(SyslogServer::Udp { host: "no such name".into(), port: 514 });
    let error = sinks().open(&Target::Syslog(syslog), Buffering::Prompt).unwrap_err();
    assert!(matches!(&error, OpenError::Resolve { host, .. } if &**host == "no such name"), "{error}");
}

//! One process after the other: what works, what fails, and what is taken back.

use std::fs;
use std::process::Command;

use propylon_tests::{Client, LIMIT, Listener, Signal, Stream, address, binary, until};

use crate::support::Gateway;

/// What the old process has begun it finishes; what comes meanwhile is for the new one.
#[test]
fn the_old_process_finishes_what_is_in_flight() {
    let mut gateway = Gateway::start(2);
    let old = gateway.first();
    let mut client = Client::connect(gateway.listen).unwrap();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Do: wait=1500\r\n\r\n").unwrap();
    until("the request at the origin", LIMIT, || (gateway.origin.heads() > 0).then_some(()));
    let new = gateway.upgrade(old);
    old.signal(Signal::QUIT);
    until("the new process alone", LIMIT, || (0..16).all(|_| gateway.who() == new).then_some(()));
    let answer = client.response(false).unwrap();
    assert_eq!((answer.status, answer.head.field("x-pid")), (200, Some(old.to_string())));
    client.leave();
    gateway.ended(old);
}

/// What is passed on goes on in the old process for as long as it lasts; what is new is the new one's.
#[test]
fn streams_outlive_their_listener() {
    let mut gateway = Gateway::start(2);
    let old = gateway.first();
    let (listen, origin) = (address(), Listener::new());
    let at = origin.address();
    gateway.configure(2, &format!("[[stream]]\nlisten = [\"{listen}\"]\nproxy_pass = \"{at}\"\n"));
    old.signal(Signal::HUP);
    gateway.logs(": reloaded ");
    let session = || {
        let client = Stream::connect(listen).unwrap();
        (client, origin.accept())
    };
    let says = |(client, upstream): &mut (Stream, Stream), what: &[u8]| {
        client.send(what).unwrap();
        let mut heard = Vec::new();
        upstream.exactly(what.len(), &mut heard).unwrap();
        assert_eq!(heard, what);
    };
    let mut first = session();
    says(&mut first, b"one");
    let new = gateway.upgrade(old);
    old.signal(Signal::QUIT);
    until("the new process alone", LIMIT, || (0..16).all(|_| gateway.who() == new).then_some(()));
    let mut second = session();
    says(&mut second, b"two");
    says(&mut first, b"three");
    drop(first);
    gateway.ended(old);
    says(&mut second, b"four");
}

/// Each inherited socket has connections from the kernel: one that nobody accepts from would leave its clients waiting.
#[test]
fn no_socket_is_left_alone_where_workers_change() {
    for (before, after) in [(4, 1), (1, 4), (3, 2)] {
        let mut gateway = Gateway::start(before);
        let old = gateway.first();
        gateway.configure(after, "");
        let new = gateway.upgrade(old);
        old.signal(Signal::QUIT);
        gateway.ended(old);
        for _ in 0..64 {
            assert_eq!(gateway.who(), new, "{before} workers before, {after} after");
        }
    }
}

#[test]
fn a_bad_configuration_leaves_the_old_process() {
    let mut gateway = Gateway::start(2);
    let old = gateway.first();
    gateway.configure(2, "unknown_key = 1\n");
    old.signal(Signal::USR2);
    gateway.logs("unknown_key");
    assert_eq!((gateway.who(), gateway.pid_file()), (old, Some(old)));
    assert!(!gateway.path("propylon.pid.oldbin").exists());
    assert!(gateway.socket().exists());
    gateway.configure(2, "");
    gateway.upgrade(old);
}

/// The file of the binary is another one by now, and no program.
#[test]
fn a_bad_executable_leaves_the_old_process() {
    let dir = tempfile::tempdir().unwrap();
    let executable = dir.path().join("propylon");
    fs::copy(binary(), &executable).unwrap();
    let mut gateway = Gateway::with(2, Command::new(&executable));
    let old = gateway.first();
    fs::remove_file(&executable).unwrap();
    old.signal(Signal::USR2);
    gateway.logs("cannot execute");
    assert_eq!((gateway.who(), gateway.pid_file()), (old, Some(old)));
    // A file of the same name is what runs next, not the one that was deleted.
    fs::copy(binary(), &executable).unwrap();
    let new = gateway.upgrade(old);
    assert_eq!(fs::read_link(format!("/proc/{new}/exe")).unwrap(), executable.canonicalize().unwrap());
}

/// The new process is told to go instead of the old one: the upgrade is taken back.
#[test]
fn an_upgrade_can_be_taken_back() {
    let mut gateway = Gateway::start(2);
    let old = gateway.first();
    let new = gateway.upgrade(old);
    for (process, what) in
        [(old, "the previous upgrade is not finished"), (new, "the previous upgrade is not finished")]
    {
        let before = gateway.log().matches(what).count();
        process.signal(Signal::USR2);
        until("a third process is refused", LIMIT, || {
            (gateway.log().matches(what).count() > before).then_some(())
        });
    }
    new.signal(Signal::QUIT);
    until("the old pid file", LIMIT, || (gateway.pid_file() == Some(old)).then_some(()));
    assert!(!gateway.path("propylon.pid.oldbin").exists());
    assert_eq!(gateway.who(), old);
    assert_eq!(gateway.over_unix().status, 200);
    let newer = gateway.upgrade(old);
    newer.signal(Signal::KILL);
    until("the old pid file", LIMIT, || (gateway.pid_file() == Some(old)).then_some(()));
    assert_eq!((gateway.who(), gateway.over_unix().status), (old, 200));
}

#[test]
fn the_path_of_a_unix_socket_goes_with_its_last_process() {
    let mut gateway = Gateway::start(2);
    let old = gateway.first();
    let new = gateway.upgrade(old);
    old.signal(Signal::QUIT);
    gateway.ended(old);
    assert_eq!(gateway.over_unix().head.field("x-pid"), Some(new.to_string()));
    new.signal(Signal::QUIT);
    gateway.ended(new);
    assert!(!gateway.socket().exists());
    assert!(!gateway.path("propylon.pid").exists());
}

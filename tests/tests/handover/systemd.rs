//! Sockets that systemd opened.

use std::fs;
use std::net::TcpStream;

use propylon_tests::{Signal, address};

use crate::support::{Gateway, RUN, activated};

/// The addresses are taken: only the sockets that were given can be listened on.
#[test]
fn sockets_of_systemd_are_used() {
    let (listen, unnamed) = (address(), address());
    let mut gateway = Gateway::activated(listen, unnamed);
    let old = gateway.first();
    assert_eq!(gateway.who(), old);
    assert_eq!(gateway.over_unix().status, 200);
    gateway.logs(&format!("a socket for {unnamed} was inherited, but no server listens on it"));

    let new = gateway.upgrade(old);
    old.signal(Signal::QUIT);
    gateway.ended(old);
    assert_eq!((gateway.who(), gateway.over_unix().status), (new, 200));
    assert!(TcpStream::connect(unnamed).is_ok(), "it is kept, for a configuration that names it");
    new.signal(Signal::QUIT);
    gateway.ended(new);
    assert!(gateway.socket().exists(), "it is systemd's");
}

/// They were meant for a parent that did not clean up: this process opens its own, which here it can't.
#[test]
fn sockets_for_another_process_are_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let listen = address();
    let text = format!("[[server]]\nlisten = [\"{listen}\"]\nreturn = [204]\n");
    fs::write(dir.path().join("propylon.toml"), text).unwrap();
    let mut command = activated(dir.path(), listen, address());
    let output = command.args(RUN).current_dir(&dir).env("PID", "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("cannot listen on {listen}")), "{said}");
}

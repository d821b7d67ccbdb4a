//! Connections to upstreams from addresses that are not this machine's: in a network of the test's own, which needs no privilege.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};

use propylon_tests::{Propylon, binary, lossy, raw_request};

/// The test that runs once more inside, and how it knows that it does.
const NAME: &str = "connections_come_from_addresses_of_others";
const INSIDE: &str = "PROPYLON_INSIDE";

/// Where the upstream is, and what belongs to nobody: answers to it come back, for the kernel is told so.
const UPSTREAM: &str = "10.9.0.2:8000";
const NETWORK: &str = "ip link set lo up && ip addr add 10.9.0.2/32 dev lo && \
    ip route add local 192.0.2.0/24 dev lo table 100 && ip rule add iif lo to 192.0.2.0/24 lookup 100";

/// A network of our own with all privileges in it: as any user where the kernel lets users have one, else as root.
fn unshare(arguments: &[&str]) -> Option<Command> {
    let works = |flags: &str| {
        Command::new("unshare").args([flags, "true"]).output().is_ok_and(|output| output.status.success())
    };
    let flags = ["-Urn", "-n"].into_iter().find(|flags| works(flags))?;
    let mut command = Command::new("unshare");
    command.arg(flags).args(arguments);
    Some(command)
}

fn config(listen: SocketAddr) -> String {
    let location = |path: &str, bind: &str| {
        format!(
            "[[server.location]]\nmatch = \"/{path}/\"\nproxy_pass = \"http://{UPSTREAM}\"\nupstream.bind = \"{bind}\"\n"
        )
    };
    format!(
        "[runtime]\nworkers = 1\n[[server]]\nlisten = [\"{listen}\"]\nheaders.real_ip_from = [\"127.0.0.0/8\"]\n{}{}{}",
        location("fixed", "192.0.2.9 transparent"),
        location("client", "$remote_addr transparent"),
        location("opaque", "192.0.2.9"),
    )
}

#[test]
fn connections_come_from_addresses_of_others() {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let program = std::env::current_exe().unwrap();
    let run = format!("{NETWORK} && exec \"$0\" --exact {NAME} --nocapture");
    let Some(mut command) = unshare(&["sh", "-c", &run, &program.to_string_lossy()]) else {
        // No network of our own is to be had here: then there is nobody who may do it, and that is told.
        return told(&unprivileged());
    };
    let output = command.env(INSIDE, "1").env("PROPYLON_BIN", binary()).output().unwrap();
    let text = format!("{}{}", lossy(&output.stdout), lossy(&output.stderr));
    assert!(output.status.success() && text.contains("1 passed"), "apt-get install iproute2?\n{text}");
}

fn inside() {
    let upstream = TcpListener::bind(UPSTREAM).unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, from)) = upstream.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let from = from.ip().to_string();
            let head =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", from.len());
            let _ = stream.write_all(format!("{head}{from}").as_bytes());
        }
    });
    let listen = SocketAddr::from(([127, 0, 0, 1], 8080));
    let gateway = Propylon::start(&config(listen));
    let ask = |path: &str| {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Real-IP: 192.0.2.33\r\nConnection: close\r\n\r\n");
        let answer = raw_request(listen, request.as_bytes()).unwrap();
        (answer.status, answer.text())
    };
    assert_eq!(ask("/fixed/"), (200, "192.0.2.9".into()), "{}", gateway.error_log());
    assert_eq!(ask("/client/"), (200, "192.0.2.33".into()), "{}", gateway.error_log());
    assert_eq!(ask("/opaque/").0, 500, "without the privilege it is nobody's address");
    gateway.tells("bind(192.0.2.9:0) failed (99:");
}

/// Who may not is told so, before anything starts.
#[test]
fn the_privilege_that_is_missing_is_named() {
    told(&unprivileged());
}

/// The gateway of somebody without the privilege: root of a user namespace has no say in the network outside of it; where there
/// are no such namespaces, root without this capability; else whoever runs the tests.
fn unprivileged() -> Command {
    let ways: [(&str, &[&str]); 2] =
        [("unshare", &["-Ur"]), ("setpriv", &["--bounding-set=-net_admin", "--inh-caps=-net_admin"])];
    for (program, arguments) in ways {
        let tried = Command::new(program).args(arguments).arg("true").output();
        if tried.is_ok_and(|output| output.status.success()) {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary());
            return command;
        }
    }
    Command::new(binary())
}

fn told(command: &Command) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("propylon.toml");
    std::fs::write(&path, config(SocketAddr::from(([127, 0, 0, 1], 8080)))).unwrap();
    let mut check = Command::new(command.get_program());
    check.args(command.get_args()).arg("check").arg("--config").arg(&path);
    let Output { status, stderr, .. } = check.output().unwrap();
    let text = lossy(&stderr);
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(text.contains("`transparent` needs the capability CAP_NET_ADMIN"), "{text}");
    assert!(text.contains("192.0.2.9 transparent"), "the line is shown: {text}");
}

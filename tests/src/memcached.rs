//! A memcached of the test's own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::{LIMIT, Process, address, until};

/// A running `memcached`.
#[derive(Debug)]
pub struct Memcached {
    _process: Process,
    address: SocketAddr,
}

impl Memcached {
    /// Starts it with 64 MiB, and waits until it listens.
    pub fn start() -> Self {
        let address = address();
        let mut command = Command::new("memcached");
        command.arg("-l").arg(address.ip().to_string()).arg("-p").arg(address.port().to_string());
        // Whoever is root has to say who it is to be; of others it takes no notice.
        command.args(["-U", "0", "-u", "root", "-t", "1", "-I", "8m"]);
        let found = Command::new("memcached").arg("-V").output();
        assert!(
            found.is_ok(),
            "these tests need memcached, which is not here; install it:\n    apt-get install -y memcached"
        );
        let dir = tempfile::tempdir().expect("a temporary directory");
        command.arg("-P").arg(dir.path().join("pid"));
        let process = Process::start(command, dir, "pid");
        let memcached = Self { _process: process, address };
        until("memcached", LIMIT, || TcpStream::connect(address).ok().map(drop));
        memcached
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Keeps `value` for `key`.
    pub fn set(&self, key: &str, flags: u32, value: &[u8]) {
        let mut command = format!("set {key} {flags} 0 {}\r\n", value.len()).into_bytes();
        command.extend(value);
        command.extend(b"\r\n");
        assert_eq!(self.ask(&command, |_| true), ["STORED"]);
    }

    /// A number of its statistics.
    pub fn counts(&self, name: &str) -> u64 {
        let lines = self.ask(b"stats\r\n", |line| line == "END");
        let prefix = format!("STAT {name} ");
        lines.iter().find_map(|line| line.strip_prefix(&prefix)?.parse().ok()).expect("a statistic")
    }

    /// The lines of an answer as far as its last one.
    fn ask(&self, command: &[u8], is_last: impl Fn(&str) -> bool) -> Vec<String> {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.write_all(command).expect("it listens");
        let mut lines = Vec::new();
        for line in BufReader::new(stream).lines() {
            lines.push(line.expect("an answer"));
            if lines.last().is_some_and(|line| is_last(line)) {
                break;
            }
        }
        lines
    }
}

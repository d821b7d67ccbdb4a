//! The proxy that the PROXY protocol is of.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use crate::{LIMIT, Process, fill, until};

const BINARY: &str = "/usr/sbin/haproxy";

const DEFAULTS: &str = "defaults
    timeout connect 20s
    timeout client 20s
    timeout server 20s
";

/// A running haproxy.
#[derive(Debug)]
pub struct Haproxy {
    process: Process,
}

impl Haproxy {
    /// Starts it with these sections and waits until it listens at these addresses. `@DIR@` is the directory that it runs in.
    pub fn start(sections: &str, listens: &[SocketAddr]) -> Self {
        assert!(
            Path::new(BINARY).exists(),
            "these tests need haproxy, which is not here; install it:\n    apt-get install -y haproxy"
        );
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().to_string_lossy().into_owned();
        let config = dir.path().join("haproxy.cfg");
        fs::write(&config, fill(&format!("{DEFAULTS}{sections}"), &[("DIR", &path)])).unwrap();
        let mut command = Command::new(BINARY);
        command.args(["-V", "-db", "-f"]).arg(config);
        // It says how it waits for sockets before it has any.
        let process = Process::start(command, dir, "stderr");
        for listen in listens {
            until("haproxy", LIMIT, || TcpStream::connect(listen).ok());
        }
        Self { process }
    }
}

impl Deref for Haproxy {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

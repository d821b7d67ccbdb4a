//! The other reference: OpenSSL's own server.

use std::net::SocketAddr;
use std::ops::Deref;
use std::process::Command;

use crate::Process;

/// A running `openssl s_server`, which tells in a page what it knows of each connection.
#[derive(Debug)]
pub struct OpensslServer {
    process: Process,
}

impl OpensslServer {
    /// Starts it with these further arguments, and waits until it listens.
    pub fn start(listen: SocketAddr, arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("openssl");
        command.arg("s_server").arg("-accept").arg(listen.to_string()).arg("-www").args(arguments);
        // It says ACCEPT when it listens.
        Self { process: Process::start(command, dir, "stdout") }
    }
}

impl Deref for OpensslServer {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

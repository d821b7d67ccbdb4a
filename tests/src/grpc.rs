//! gRPC's own library for Python.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{LIMIT, Process, lossy, until};

/// Debian's, which has the library.
const PYTHON: &str = "/usr/bin/python3";

/// A running gRPC server, which notes in the file `notes` what becomes of slow calls.
#[derive(Debug)]
pub struct GrpcServer {
    process: Process,
}

impl GrpcServer {
    /// Starts it at this address (`unix:/path` for a socket), with a certificate and its key if it is to speak TLS, and waits until it
    /// listens.
    pub fn start(address: &str, tls: Option<[&Path; 2]>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(python());
        command.arg(script()).args(["serve", address, "notes"]).args(tls.into_iter().flatten());
        Self { process: Process::start(command, dir, "stdout") }
    }

    /// Waits until it has noted so many calls that were cancelled.
    pub fn cancelled(&self, count: usize) {
        until("calls to be cancelled", LIMIT, || {
            (self.process.read("notes").matches("cancelled").count() >= count).then_some(())
        });
    }
}

impl Deref for GrpcServer {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// Makes calls of every kind, and tells what came, a line each. `authority`: who is believed, where TLS is spoken.
pub fn grpc_calls(to: SocketAddr, authority: Option<&Path>) -> Vec<String> {
    run(&["call", &to.to_string()], authority).lines().map(str::to_owned).collect()
}

/// Makes one call, and tells how it ended.
pub fn grpc_call(to: SocketAddr, method: &str) -> String {
    run(&["one", &to.to_string(), method], None).trim().to_owned()
}

/// Python with the library.
pub(crate) fn python() -> &'static str {
    let installed = Command::new(PYTHON).args(["-c", "import grpc, google.protobuf"]).output();
    assert!(
        installed.is_ok_and(|output| output.status.success()),
        "these tests need gRPC's library for Python, which is not here; install it:\n    apt-get install -y python3-grpcio python3-protobuf"
    );
    PYTHON
}

fn run(arguments: &[&str], authority: Option<&Path>) -> String {
    let output =
        Command::new(PYTHON).arg(script()).args(arguments).args(authority).output().expect("python3");
    assert!(output.status.success(), "{arguments:?}: {}{}", lossy(&output.stdout), lossy(&output.stderr));
    lossy(&output.stdout)
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/grpc_peers.py")
}

//! A collector of OpenTelemetry's, on the libraries of gRPC and of protocol buffers.

use std::fs;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use crate::grpc::python;
use crate::{Process, address};

/// A running collector, which notes a line of JSON in the file `batches` for each batch that it gets.
#[derive(Debug)]
pub struct Collector {
    process: Process,
    address: SocketAddr,
}

impl Collector {
    /// Starts one that speaks `grpc` or `http/protobuf`.
    pub fn start(protocol: &str) -> Self {
        Self::start_at(protocol, address(), None)
    }

    /// Starts it at this address, with a certificate and its key if it is to speak TLS, and waits until it listens.
    pub fn start_at(protocol: &str, address: SocketAddr, tls: Option<[&Path; 2]>) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new(python());
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/otlp_collector.py"));
        command.arg(protocol).arg(address.to_string()).args(tls.into_iter().flatten());
        Self { process: Process::start(command, dir, "stdout"), address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From here on it answers so; see the program.
    pub fn answers(&self, how: &str) {
        // Renamed, so that nobody reads a half of it.
        fs::write(self.path("answer.new"), how).expect("a file in the test's directory");
        fs::rename(self.path("answer.new"), self.path("answer")).expect("a file in the test's directory");
    }
}

impl Deref for Collector {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

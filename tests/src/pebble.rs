//! The certificate authority that Let's Encrypt tests clients of ACME with.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use crate::{LIMIT, Process, address, until};

const BINARY: &str = "/usr/bin/pebble";

/// A running Pebble. It looks for challenges on ports of the test's, and calls whatever DNS server it is given.
#[derive(Debug)]
pub struct Pebble {
    process: Process,
    directory: SocketAddr,
    management: SocketAddr,
}

/// How a Pebble is to be.
#[derive(Debug)]
pub struct Options<'o> {
    /// Where it answers; none: anywhere.
    pub listen: Option<SocketAddr>,
    /// Its own certificate and key.
    pub identity: (&'o Path, &'o Path),
    /// Who is asked for the addresses of names.
    pub dns: SocketAddr,
    /// Where it looks for HTTP-01.
    pub http: SocketAddr,
    /// Where it looks for TLS-ALPN-01.
    pub tls: SocketAddr,
    /// How long its certificates last, in seconds.
    pub lifetime: u64,
    /// More of its configuration: keys of JSON, each with a comma before it.
    pub more: &'o str,
    /// How many of a hundred good nonces it refuses.
    pub refuses_nonces: u8,
}

impl Pebble {
    /// Starts it, and waits until it answers.
    pub fn start(options: &Options<'_>) -> Self {
        assert!(
            Path::new(BINARY).exists(),
            "these tests need pebble, which is not here; install it:\n    apt-get install -y pebble"
        );
        let (directory, management) = (options.listen.unwrap_or_else(address), address());
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = dir.path().join("pebble.json");
        let (certificate, key) = options.identity;
        let text = format!(
            r#"{{"pebble": {{"listenAddress": "{directory}", "managementListenAddress": "{management}",
                "certificate": "{}", "privateKey": "{}", "httpPort": {}, "tlsPort": {},
                "ocspResponderURL": "", "externalAccountBindingRequired": false,
                "certificateValidityPeriod": {}{}}}}}"#,
            certificate.display(),
            key.display(),
            options.http.port(),
            options.tls.port(),
            options.lifetime,
            options.more,
        );
        fs::write(&config, text).expect("a file in the test's directory");
        let mut command = Command::new(BINARY);
        command.arg("-config").arg(config).arg("-dnsserver").arg(options.dns.to_string());
        command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_AUTHZREUSE", "0");
        command.env("PEBBLE_WFE_NONCEREJECT", options.refuses_nonces.to_string());
        let process = Process::start(command, dir, "stdout");
        for listen in [directory, management] {
            until("pebble", LIMIT, || TcpStream::connect(listen).ok());
        }
        Self { process, directory, management }
    }

    /// Its directory.
    pub fn directory(&self) -> String {
        format!("https://{}/dir", self.directory)
    }

    /// Where it tells of itself.
    pub fn management(&self) -> SocketAddr {
        self.management
    }

    /// How many certificates it has issued.
    pub fn issued(&self) -> usize {
        self.read("stdout").matches("Issued certificate serial").count()
    }

    /// How many orders it has taken.
    pub fn taken(&self) -> usize {
        self.read("stdout").matches("Added order ").count()
    }

    /// How many orders there have been, with those that it refused.
    pub fn orders(&self) -> usize {
        self.read("stdout").matches("POST /order-plz -> calling handler()").count()
    }
}

impl Deref for Pebble {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

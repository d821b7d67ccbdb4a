//! The exporter that reads nginx Plus' API for Prometheus.

use std::net::SocketAddr;
use std::process::Command;

use crate::{LIMIT, Process, address, raw_request, until};

/// A running `prometheus-nginx-exporter`.
#[derive(Debug)]
pub struct Exporter {
    process: Process,
    address: SocketAddr,
}

impl Exporter {
    /// Starts one that asks the API at this URL, and waits until it listens: it asks once before.
    pub fn start(url: &str) -> Self {
        let address = address();
        let mut command = Command::new("sh");
        let script = "echo $$ > pid && exec prometheus-nginx-exporter -nginx.plus -nginx.scrape-uri \"$1\" -web.listen-address \"$2\"";
        command.args(["-c", script, "sh", url, &address.to_string()]);
        let process = Process::start(command, tempfile::tempdir().expect("a temporary directory"), "pid");
        let mut exporter = Self { process, address };
        until("the exporter", LIMIT, || {
            assert!(
                exporter.process.runs(),
                "the exporter has ended (apt-get install -y prometheus-nginx-exporter):\n{}",
                exporter.process.read("stderr")
            );
            std::net::TcpStream::connect(address).ok().map(drop)
        });
        exporter
    }

    /// The samples of nginx that it has of this moment: each as it stands there, and its value.
    pub fn samples(&self) -> Vec<(String, f64)> {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address);
        let answer = raw_request(self.address, request.as_bytes()).expect("it answers");
        let text = answer.text();
        let lines = text.lines().filter(|line| line.starts_with("nginxplus_"));
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            (series.to_owned(), value.parse().expect("a number"))
        };
        lines.map(sample).collect()
    }
}

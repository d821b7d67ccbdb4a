//! A real application server of uwsgi and SCGI: uWSGI with Python.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, kill_process};

use crate::{LIMIT, Signal, Stream, until};

const BINARY: &str = "/usr/bin/uwsgi_python3";

/// A running uWSGI, whose application is `app.py` in its directory.
#[derive(Debug)]
pub struct Uwsgi {
    child: Child,
}

impl Uwsgi {
    /// Starts it in the foreground with three processes; its log is `uwsgi.log` in the directory. `sockets` are what it listens on: an
    /// option such as `scgi-socket`, and an address or a path.
    pub fn start(directory: &Path, sockets: &[(&str, String)]) -> Self {
        assert!(
            Path::new(BINARY).exists(),
            "these tests run uWSGI, which is not here; install it:\n    apt-get install -y uwsgi-core uwsgi-plugin-python3"
        );
        let log = fs::File::create(directory.join("uwsgi.log")).unwrap();
        let mut command = Command::new(BINARY);
        command.args(["--master", "--workers", "3", "--need-app", "--die-on-term", "--chmod-socket=666"]);
        for (option, at) in sockets {
            command.arg(format!("--{option}")).arg(at);
        }
        command.arg("--wsgi-file").arg(directory.join("app.py"));
        let log_too = log.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(log).stderr(log_too).spawn().unwrap();
        let uwsgi = Self { child };
        for (_, at) in sockets {
            until("uWSGI listens", LIMIT, || {
                // Of TLS there are the certificate and the key behind it.
                let at = at.split(',').next().unwrap_or_default();
                let there = match at.parse::<SocketAddr>() {
                    Ok(tcp) => Stream::connect(tcp).is_ok(),
                    Err(_) => Stream::connect_unix(Path::new(at)).is_ok(),
                };
                there.then_some(())
            });
        }
        uwsgi
    }
}

impl Drop for Uwsgi {
    fn drop(&mut self) {
        // Its workers end with it, if it is asked to end.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

//! A gateway that may be several processes, one after the other.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use propylon_tests::{
    Client, LIMIT, Origin, RawResponse, Signal, Stream, address, binary, raw_request, until,
};
use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

pub(crate) const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const WHO: &[u8] = b"GET /pid HTTP/1.1\r\nHost: a\r\n\r\n";

/// What systemd does: opens sockets from descriptor 3 on, says so in the environment, and becomes the service.
const ACTIVATE: &str = r#"
import os, signal, socket, sys
def listener(family, address):
    it = socket.socket(family)
    it.bind(address)
    it.listen(64)
    return it
def tcp(text):
    host, port = text.rsplit(":", 1)
    return listener(socket.AF_INET, (host, int(port)))
sockets = [tcp(sys.argv[1]), tcp(sys.argv[2]), listener(socket.AF_UNIX, sys.argv[3])]
# Out of the way first: one of them may have the number that another shall have.
high = [os.dup(it.fileno()) for it in sockets for _ in range(8)][::8]
for number, it in enumerate(high):
    os.dup2(it, 3 + number, inheritable=True)
os.environ["LISTEN_FDS"] = str(len(sockets))
os.environ["LISTEN_PID"] = os.environ.get("PID", str(os.getpid()))
if "PID" in os.environ:
    signal.alarm(20) # a process that serves when it should not does not do so for ever
os.execv(sys.argv[4], sys.argv[4:])
"#;

pub(crate) const RUN: [&str; 3] = ["run", "--config", "propylon.toml"];

pub(crate) fn activated(dir: &Path, first: SocketAddr, second: SocketAddr) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", ACTIVATE, &first.to_string(), &second.to_string()]);
    command.arg(dir.join("gateway.sock")).arg(binary());
    command
}

/// A process by its number: the tests start only the first one themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Number(i32);

impl Number {
    pub(crate) fn signal(self, signal: Signal) {
        kill_process(Pid::from_raw(self.0).unwrap(), signal).expect("the process is there");
    }

    fn runs(self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{self}/stat")).unwrap_or_default();
        // Nobody may be there to ask a stranger's child how it ended.
        stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A gateway, whichever process it is.
pub(crate) struct Gateway {
    dir: TempDir,
    child: Child,
    seen: Vec<Number>,
    pub(crate) origin: Origin,
    pub(crate) listen: SocketAddr,
}

impl Gateway {
    pub(crate) fn start(workers: usize) -> Self {
        Self::with(workers, Command::new(binary()))
    }

    pub(crate) fn with(workers: usize, command: Command) -> Self {
        Self::launch(workers, address(), |_| command)
    }

    pub(crate) fn activated(listen: SocketAddr, unnamed: SocketAddr) -> Self {
        Self::launch(2, listen, |dir| activated(dir, listen, unnamed))
    }

    fn launch(workers: usize, listen: SocketAddr, command: impl FnOnce(&Path) -> Command) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let origin = Origin::start();
        fs::write(dir.path().join("propylon.toml"), config(dir.path(), &origin, listen, workers)).unwrap();
        let output = |name| fs::File::create(dir.path().join(name)).unwrap();
        let mut command = command(dir.path());
        command.args(RUN).current_dir(&dir);
        command.stdin(Stdio::null()).stdout(output("stdout")).stderr(output("stderr"));
        let child = command.spawn().expect("it can be started");
        let mut gateway = Self { dir, child, seen: Vec::new(), origin, listen };
        until("the pid file", LIMIT, || {
            let ended = gateway.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", gateway.log());
            gateway.pid_file()
        });
        assert_eq!(gateway.pid_file(), Some(gateway.first()));
        gateway
    }

    pub(crate) fn configure(&self, workers: usize, first: &str) {
        let text = config(self.dir.path(), &self.origin, self.listen, workers);
        fs::write(self.path("propylon.toml"), format!("{first}{text}")).unwrap();
    }

    pub(crate) fn first(&self) -> Number {
        Number(i32::try_from(self.child.id()).unwrap())
    }

    /// Has the process start a new one, and waits until that serves.
    pub(crate) fn upgrade(&mut self, old: Number) -> Number {
        let done = "the new process is serving";
        let before = self.log().matches(done).count();
        old.signal(Signal::USR2);
        until("the old process knows that the new one serves", LIMIT, || {
            (self.log().matches(done).count() > before).then_some(())
        });
        let new = self.pid_file().unwrap();
        self.seen.push(new);
        assert_ne!(new, old);
        let aside = fs::read_to_string(self.path("propylon.pid.oldbin")).unwrap();
        assert_eq!(aside.trim(), old.to_string());
        assert!(old.runs());
        until("both accept", LIMIT, || {
            let (a, b) = (self.who(), self.who());
            (a != b).then_some(())
        });
        new
    }

    pub(crate) fn ended(&mut self, process: Number) {
        if process == self.first() {
            let status = until("the end of the first process", LIMIT, || self.child.try_wait().unwrap());
            assert_eq!(status.code(), Some(0));
        }
        until("the end of the process", LIMIT, || (!process.runs()).then_some(()));
    }

    /// Which process accepts a new connection.
    pub(crate) fn who(&self) -> Number {
        Number(raw_request(self.listen, WHO).unwrap().text().parse().unwrap())
    }

    pub(crate) fn over_unix(&self) -> RawResponse {
        Client::over(Stream::connect_unix(&self.socket()).unwrap()).ask(GET).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("gateway.sock")
    }

    pub(crate) fn pid_file(&self) -> Option<Number> {
        fs::read_to_string(self.path("propylon.pid")).ok()?.strip_suffix('\n')?.parse().ok().map(Number)
    }

    pub(crate) fn log(&self) -> String {
        ["stderr", "error.log"].map(|name| fs::read_to_string(self.path(name)).unwrap_or_default()).concat()
    }

    /// Waits for a text in the error log itself: what a new process says of itself on stderr does not count.
    pub(crate) fn logs(&self, text: &str) {
        until(&format!("{text:?} in the error log"), LIMIT, || {
            fs::read_to_string(self.path("error.log")).ok()?.contains(text).then_some(())
        });
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.seen.extend(self.pid_file());
        for process in self.seen.iter().filter(|process| process.runs()) {
            let _ = kill_process(Pid::from_raw(process.0).unwrap(), Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// The configuration, in which the top of the file is free for more keys.
fn config(dir: &Path, origin: &Origin, listen: SocketAddr, workers: usize) -> String {
    let (dir, origin) = (dir.display(), origin.address());
    format!(
        r#"
[runtime]
workers = {workers}
reuseport = true
pid_file = "{dir}/propylon.pid"

[error_log]
path = "{dir}/error.log"
level = "info"

[upstream.origin]
server = [{{ address = "{origin}" }}]

[defaults]
access_log.path = "off"

[[server]]
listen = ["{listen}", "unix:{dir}/gateway.sock"]
keepalive_requests = 1000000

[[server.location]]
match = "/"
proxy_pass = "http://origin"
headers.add = {{ X-Pid = "$pid" }}

[[server.location]]
match = "= /pid"
return = [200, "$pid"]
"#
    )
}

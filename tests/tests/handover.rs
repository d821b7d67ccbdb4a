//! A new binary without a lost connection (SIGUSR2), and sockets that systemd opened.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test"
)]

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use propylon_tests::{
    Client, LIMIT, Origin, RawResponse, Signal, Stream, address, binary, raw_request, until,
};
use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const WHO: &[u8] = b"GET /pid HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn upgrades_under_load_fail_no_request() {
    let mut gateway = Gateway::start(2);
    let load = Load::new(gateway.listen);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| load.on_one_connection());
        }
        for _ in 0..2 {
            scope.spawn(|| load.on_new_connections());
        }
        let _stop = load.stop_at_the_end();
        load.goes_on();
        let mut old = gateway.first();
        for _ in 0..2 {
            let new = gateway.upgrade(old);
            load.goes_on();
            load.drains.store(true, Ordering::Relaxed);
            old.signal(Signal::QUIT);
            gateway.ended(old);
            load.goes_on();
            load.drains.store(false, Ordering::Relaxed);
            assert!(!gateway.path("propylon.pid.oldbin").exists());
            old = new;
        }
    });
    assert_eq!(load.failures(), "");
    let answered = load.answered.load(Ordering::Relaxed);
    assert_eq!(gateway.origin.heads(), answered, "a request that was begun was not answered");
    eprintln!("{answered} requests, {:?} connections closed before one", load.closed);
}

/// What the old process has begun it finishes; what comes meanwhile is for the new one.
#[test]
fn the_old_process_finishes_what_is_in_flight() {
    let mut gateway = Gateway::start(2);
    let old = gateway.first();
    let mut client = Client::connect(gateway.listen).unwrap();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Do: wait=1500\r\n\r\n").unwrap();
    until("the request at the origin", LIMIT, || (gateway.origin.heads() > 0).then_some(()));
    let new = gateway.upgrade(old);
    old.signal(Signal::QUIT);
    until("the new process alone", LIMIT, || (0..16).all(|_| gateway.who() == new).then_some(()));
    let answer = client.response(false).unwrap();
    assert_eq!((answer.status, answer.head.field("x-pid")), (200, Some(old.to_string())));
    client.leave();
    gateway.ended(old);
}

/// Each inherited socket has connections from the kernel: one that nobody accepts from would leave its clients waiting.
#[test]
fn no_socket_is_left_alone_where_workers_change() {
    for (before, after) in [(4, 1), (1, 4), (3, 2)] {
        let mut gateway = Gateway::start(before);
        let old = gateway.first();
        gateway.configure(after, "");
        let new = gateway.upgrade(old);
        old.signal(Signal::QUIT);
        gateway.ended(old);
        for _ in 0..64 {
            assert_eq!(gateway.who(), new, "{before} workers before, {after} after");
        }
    }
}

#[test]
fn a_bad_configuration_leaves_the_old_process() {
    let mut gateway = Gateway::start(2);
    let old = gateway.first();
    gateway.configure(2, "unknown_key = 1\n");
    old.signal(Signal::USR2);
    gateway.logs("unknown_key");
    assert_eq!((gateway.who(), gateway.pid_file()), (old, Some(old)));
    assert!(!gateway.path("propylon.pid.oldbin").exists());
    assert!(gateway.socket().exists());
    gateway.configure(2, "");
    gateway.upgrade(old);
}

/// The file of the binary is another one by now, and no program.
#[test]
fn a_bad_executable_leaves_the_old_process() {
    let dir = tempfile::tempdir().unwrap();
    let executable = dir.path().join("propylon");
    fs::copy(binary(), &executable).unwrap();
    let mut gateway = Gateway::with(2, Command::new(&executable));
    let old = gateway.first();
    fs::remove_file(&executable).unwrap();
    old.signal(Signal::USR2);
    gateway.logs("cannot execute");
    assert_eq!((gateway.who(), gateway.pid_file()), (old, Some(old)));
    // A file of the same name is what runs next, not the one that was deleted.
    fs::copy(binary(), &executable).unwrap();
    let new = gateway.upgrade(old);
    assert_eq!(fs::read_link(format!("/proc/{new}/exe")).unwrap(), executable.canonicalize().unwrap());
}

/// The new process is told to go instead of the old one: the upgrade is taken back.
#[test]
fn an_upgrade_can_be_taken_back() {
    let mut gateway = Gateway::start(2);
    let old = gateway.first();
    let new = gateway.upgrade(old);
    for (process, what) in [(old, "another is not finished"), (new, "another is not finished")] {
        let before = gateway.log().matches(what).count();
        process.signal(Signal::USR2);
        until("a third process is refused", LIMIT, || {
            (gateway.log().matches(what).count() > before).then_some(())
        });
    }
    new.signal(Signal::QUIT);
    until("the old pid file", LIMIT, || (gateway.pid_file() == Some(old)).then_some(()));
    assert!(!gateway.path("propylon.pid.oldbin").exists());
    assert_eq!(gateway.who(), old);
    assert_eq!(gateway.over_unix().status, 200);
    let newer = gateway.upgrade(old);
    newer.signal(Signal::KILL);
    until("the old pid file", LIMIT, || (gateway.pid_file() == Some(old)).then_some(()));
    assert_eq!((gateway.who(), gateway.over_unix().status), (old, 200));
}

#[test]
fn the_path_of_a_unix_socket_goes_with_its_last_process() {
    let mut gateway = Gateway::start(2);
    let old = gateway.first();
    let new = gateway.upgrade(old);
    old.signal(Signal::QUIT);
    gateway.ended(old);
    assert_eq!(gateway.over_unix().head.field("x-pid"), Some(new.to_string()));
    new.signal(Signal::QUIT);
    gateway.ended(new);
    assert!(!gateway.socket().exists());
    assert!(!gateway.path("propylon.pid").exists());
}

/// The addresses are taken: only the sockets that were given can be listened on.
#[test]
fn sockets_of_systemd_are_used() {
    let (listen, unnamed) = (address(), address());
    let mut gateway = Gateway::activated(listen, unnamed);
    let old = gateway.first();
    assert_eq!(gateway.who(), old);
    assert_eq!(gateway.over_unix().status, 200);
    gateway.logs(&format!("no server listens on {unnamed}"));

    let new = gateway.upgrade(old);
    old.signal(Signal::QUIT);
    gateway.ended(old);
    assert_eq!((gateway.who(), gateway.over_unix().status), (new, 200));
    assert!(TcpStream::connect(unnamed).is_ok(), "it is kept, for a configuration that names it");
    new.signal(Signal::QUIT);
    gateway.ended(new);
    assert!(gateway.socket().exists(), "it is systemd's");
}

/// They were meant for a parent that did not clean up: this process opens its own, which here it can't.
#[test]
fn sockets_for_another_process_are_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let listen = address();
    let text = format!("[[server]]\nlisten = [\"{listen}\"]\nreturn = [204]\n");
    fs::write(dir.path().join("propylon.toml"), text).unwrap();
    let mut command = activated(dir.path(), listen, address());
    let output = command.args(RUN).current_dir(&dir).env("PID", "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("cannot listen on {listen}")), "{said}");
}

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

const RUN: [&str; 3] = ["run", "--config", "propylon.toml"];

fn activated(dir: &Path, first: SocketAddr, second: SocketAddr) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", ACTIVATE, &first.to_string(), &second.to_string()]);
    command.arg(dir.join("gateway.sock")).arg(binary());
    command
}

/// A process by its number: the tests start only the first one themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Number(i32);

impl Number {
    fn signal(self, signal: Signal) {
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
struct Gateway {
    dir: TempDir,
    child: Child,
    seen: Vec<Number>,
    origin: Origin,
    listen: SocketAddr,
}

impl Gateway {
    fn start(workers: usize) -> Self {
        Self::with(workers, Command::new(binary()))
    }

    fn with(workers: usize, command: Command) -> Self {
        Self::launch(workers, address(), |_| command)
    }

    fn activated(listen: SocketAddr, unnamed: SocketAddr) -> Self {
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

    fn configure(&self, workers: usize, first: &str) {
        let text = config(self.dir.path(), &self.origin, self.listen, workers);
        fs::write(self.path("propylon.toml"), format!("{first}{text}")).unwrap();
    }

    fn first(&self) -> Number {
        Number(i32::try_from(self.child.id()).unwrap())
    }

    /// Has the process start a new one, and waits until that serves.
    fn upgrade(&mut self, old: Number) -> Number {
        let done = "the new process serves";
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

    fn ended(&mut self, process: Number) {
        if process == self.first() {
            let status = until("the end of the first process", LIMIT, || self.child.try_wait().unwrap());
            assert_eq!(status.code(), Some(0));
        }
        until("the end of the process", LIMIT, || (!process.runs()).then_some(()));
    }

    /// Which process accepts a new connection.
    fn who(&self) -> Number {
        Number(raw_request(self.listen, WHO).unwrap().text().parse().unwrap())
    }

    fn over_unix(&self) -> RawResponse {
        Client::over(Stream::connect_unix(&self.socket()).unwrap()).ask(GET).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn socket(&self) -> PathBuf {
        self.path("gateway.sock")
    }

    fn pid_file(&self) -> Option<Number> {
        fs::read_to_string(self.path("propylon.pid")).ok()?.strip_suffix('\n')?.parse().ok().map(Number)
    }

    fn log(&self) -> String {
        ["stderr", "error.log"].map(|name| fs::read_to_string(self.path(name)).unwrap_or_default()).concat()
    }

    /// Waits for a text in the error log itself: what a new process says of itself on stderr does not count.
    fn logs(&self, text: &str) {
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

/// Clients that ask all the time, and what they saw.
struct Load {
    listen: SocketAddr,
    stop: AtomicBool,
    /// A process drains: it closes connections on which it has read no request, which a client has to expect.
    drains: AtomicBool,
    answered: AtomicUsize,
    closed: AtomicUsize,
    failures: std::sync::Mutex<Vec<String>>,
}

struct StopAtTheEnd<'a>(&'a AtomicBool);

impl Drop for StopAtTheEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Load {
    fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            stop: AtomicBool::new(false),
            drains: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
            closed: AtomicUsize::new(0),
            failures: std::sync::Mutex::default(),
        }
    }

    fn on_new_connections(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            match Client::connect(self.listen) {
                Ok(mut client) => self.count("a new connection", client.ask(GET)),
                Err(error) => self.count("connecting", Err(error)),
            }
        }
    }

    fn on_one_connection(&self) {
        let mut client = Client::connect(self.listen).unwrap();
        while !self.stop.load(Ordering::Relaxed) {
            let answer = client.ask(GET);
            let closed = self.is_closed(&answer);
            let last = answer.as_ref().map_or(true, |answer| answer.head.lists("connection", "close"));
            if !closed {
                self.count("a kept connection", answer);
            }
            if last {
                match Client::connect(self.listen) {
                    Ok(connected) => client = connected,
                    Err(error) => return self.count("connecting", Err(error)),
                }
            }
        }
    }

    /// Whether a process that drains closed the connection instead of answering on it: the client asks again.
    fn is_closed(&self, answer: &std::io::Result<RawResponse>) -> bool {
        use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        let closed = answer
            .as_ref()
            .is_err_and(|error| matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof));
        let expected = closed && self.drains.load(Ordering::Relaxed);
        if expected {
            self.closed.fetch_add(1, Ordering::Relaxed);
        }
        expected
    }

    fn count(&self, what: &str, answer: std::io::Result<RawResponse>) {
        match answer {
            Ok(answer) if answer.status == 200 => _ = self.answered.fetch_add(1, Ordering::Relaxed),
            Ok(answer) => self.failures.lock().unwrap().push(format!("{what}: status {}", answer.status)),
            Err(error) => self.failures.lock().unwrap().push(format!("{what}: {error}")),
        }
    }

    /// Waits until more is answered.
    fn goes_on(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        until("more answers", LIMIT, || (self.answered.load(Ordering::Relaxed) > before + 200).then_some(()));
    }

    fn stop_at_the_end(&self) -> StopAtTheEnd<'_> {
        StopAtTheEnd(&self.stop)
    }

    fn failures(&self) -> String {
        self.failures.lock().unwrap().join("\n")
    }
}

//! WebSocket through the gateway: a browser and a library at the client's end, a library at the other.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use propylon_testkit::certificates::{Authority, file};
use propylon_tests::{LIMIT, Propylon, addresses, lossy, until};
use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

/// Debian's: other Pythons may be there, without the library.
const PYTHON: &str = "/usr/bin/python3";
const BROWSER: &str = "/usr/bin/chromium";

/// A program with its children, all of which end when this drops.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.process_group(0).stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

/// A WebSocket server behind a gateway that passes WebSocket by nginx's recipe, by itself, and over TLS on both sides.
struct World {
    gateway: Propylon,
    directory: TempDir,
    listen: SocketAddr,
    secure: SocketAddr,
    _server: Running,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = Authority::root("Root");
        let authority = file(directory.path(), "root.pem", &root.certificate);
        let _ = root.server(&["localhost"]).write(directory.path(), "localhost");
        let server = Running::start(
            python().arg("server").arg(directory.path().join("port")).arg(directory.path().join("results")),
        );
        let port = until("the WebSocket server", LIMIT, || {
            std::fs::read_to_string(directory.path().join("port")).ok().filter(|text| !text.is_empty())
        });
        let [listen, secure] = addresses();
        let at = directory.path().display();
        let gateway = Propylon::start(&format!(
            r#"
[log_format]
tunnel = "$request_uri $status $body_bytes_sent"
[map.connection_upgrade]
key = "$http_upgrade"
default = "upgrade"
values = {{ "" = "close" }}
[defaults.access_log]
path = "@DIR@/access.log"
format = "tunnel"
[upstream.python]
server = [{{ address = "127.0.0.1:{port}" }}]
[[server]]
listen = ["{listen}"]
[[server.location]]
match = "/"
proxy_pass = "http://python"
upstream.websocket = true
[[server.location]]
match = "/recipe/"
proxy_pass = "http://python/"
headers.set = {{ Upgrade = "$http_upgrade", Connection = "$connection_upgrade", Host = "$host" }}
[[server]]
listen = ["{secure} tls"]
tls.certificates = [{{ certificate = "{at}/localhost.pem", key = "{at}/localhost.key" }}]
[[server.location]]
match = "/"
proxy_pass = "http://python"
upstream.websocket = true
[[server.location]]
match = "/twice/"
proxy_pass = "https://{secure}/"
upstream = {{ websocket = true, tls = {{ verify = true, name = "localhost", trusted_certificate = "{authority}" }} }}
"#,
            port = port.trim(),
            authority = authority.display()
        ));
        Self { gateway, directory, listen, secure, _server: server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What clients have reported, and how they left, once there is so much.
    fn results(&self, count: usize) -> Vec<String> {
        until("results", LIMIT * 2, || {
            let text = std::fs::read_to_string(self.path("results")).unwrap_or_default();
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            Some(lines).filter(|lines| lines.len() >= count)
        })
    }

    /// The library's client says that all is well.
    fn talk(&self, url: &str) {
        let at = if url.starts_with("wss") { self.secure } else { self.listen };
        let mut command = python();
        command.arg("client").arg(url).env("CA", self.path("root.pem")).env("AT", at.ip().to_string());
        let output = command.output().unwrap();
        let (said, complained) = (lossy(&output.stdout), lossy(&output.stderr));
        assert_eq!((said.trim(), complained.as_str()), ("fine", ""), "{url}");
    }
}

fn python() -> Command {
    let has_library = Command::new(PYTHON).args(["-c", "import websockets"]).stderr(Stdio::null()).status();
    assert!(
        has_library.is_ok_and(|status| status.success()),
        "these tests speak WebSocket by a library that is not here; install it:\n    apt-get install -y python3-websockets"
    );
    let mut command = Command::new(PYTHON);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/websocket.py"));
    command
}

#[test]
fn a_library_speaks_through() {
    let world = World::new();
    for (turn, path) in ["/", "/recipe/"].into_iter().enumerate() {
        world.talk(&format!("ws://{}{path}", world.listen));
        assert_eq!(world.results(turn + 1)[turn], "closed: 4321 enough");
    }
    for (turn, path) in ["/", "/twice/"].into_iter().enumerate() {
        world.talk(&format!("wss://localhost:{}{path}", world.secure.port()));
        assert_eq!(world.results(turn + 3)[turn + 2], "closed: 4321 enough");
    }
    // The one that went round twice has two lines.
    let lines = world.gateway.lines("access.log", 5);
    assert!(lines.iter().all(|line| line.contains(" 101 23")), "2,297,152 bytes and frames: {lines:?}");
}

#[test]
fn a_browser_speaks_through() {
    assert!(
        Path::new(BROWSER).exists(),
        "this test drives a browser that is not here; install it:\n    apt-get install -y chromium"
    );
    let world = World::new();
    let urls = [
        format!("http://{}/", world.listen),
        format!("http://{}/recipe/", world.listen),
        format!("https://{}/", world.secure),
    ];
    for (turn, url) in urls.iter().enumerate() {
        let log = File::create(world.path("browser.log")).unwrap();
        let browser = Running::start(
            Command::new(BROWSER)
                .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
                .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
                .args(["--ignore-certificate-errors", "--remote-debugging-port=0"])
                .arg(format!("--user-data-dir={}", world.path(&format!("browser-{turn}")).display()))
                .arg(url)
                .stdout(Stdio::null())
                .stderr(log),
        );
        let results = world.results(2 * turn + 2);
        assert_eq!(results[2 * turn..], ["result: fine", "closed: 4321 enough"], "{url}");
        drop(browser);
    }
    let lines = world.gateway.lines("access.log", 6);
    assert_eq!(lines.iter().filter(|line| line.contains(" 101 ")).count(), 3, "{lines:?}");
}

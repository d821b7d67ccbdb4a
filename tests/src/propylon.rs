//! The binary under test.

use std::env;
use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::{LIMIT, Process, Signal, fill, until};

const CONFIG: &str = "propylon.toml";
const PID_FILE: &str = "propylon.pid";

/// A running `propylon run`.
#[derive(Debug)]
pub struct Propylon {
    process: Process,
}

impl Propylon {
    /// Starts the gateway with this configuration and waits until it has written its pid file.
    ///
    /// `@DIR@` in the text is the directory that it runs in. The text needs no `pid_file`.
    pub fn start(toml: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = dir.path().join(CONFIG);
        fs::write(&config, complete(toml, dir.path())).expect("a file in the test's directory");
        let mut command = Command::new(binary());
        command.arg("run").arg("--config").arg(config);
        Self { process: Process::start(command, dir, PID_FILE) }
    }

    /// Starts the gateway with this nginx.conf in a directory of its own, which is the prefix, and waits until it has written
    /// its pid file. `@DIR@` in the text is the directory. Errors are logged to `error.log` there.
    pub fn start_nginx(conf: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let text = fill(conf, &[("DIR", &dir.path().to_string_lossy())]);
        fs::write(dir.path().join("nginx.conf"), text).expect("a file in the test's directory");
        fs::create_dir(dir.path().join("logs")).expect("a directory in the test's directory");
        let mut command = Command::new(binary());
        command.arg("run").arg("--nginx-conf").arg(dir.path().join("nginx.conf"));
        command.arg("--prefix").arg(dir.path()).arg("--pid-file").arg(dir.path().join(PID_FILE));
        command.arg("--error-log").arg(dir.path().join("error.log"));
        Self { process: Process::start(command, dir, PID_FILE) }
    }

    /// Replaces the text of the configuration file; a SIGHUP makes it read.
    pub fn rewrite(&self, toml: &str) {
        fs::write(self.path(CONFIG), complete(toml, self.dir())).expect("a file in the test's directory");
    }

    /// Replaces the text of the configuration file, has it read, and waits until it is in force. The text logs to `error.log` at
    /// level `info`.
    ///
    /// Lines of the log come late, but in order. Those of a reload that the API was asked for may come after its answer: they say
    /// that it was the API, and are not waited for.
    pub fn put_to_use(&self, toml: &str) {
        let own = format!("#{}: reloaded ", self.id());
        let reloaded = || self.error_log().matches(&own).count();
        let before = reloaded();
        self.rewrite(toml);
        self.signal(Signal::HUP);
        until("the reload", LIMIT, || (reloaded() > before).then_some(()));
    }

    /// The same, and waits until what was in force before is gone: no request is under way that only the test ends.
    pub fn reload(&self, toml: &str) {
        self.put_to_use(toml);
        // Its own line is there: so are those of all reloads before, and each has an end.
        until("the end of what was before", LIMIT, || {
            let log = self.error_log();
            let count = |text: &str| log.matches(text).count();
            (count("exited with code 0") >= count(": reloaded ")).then_some(())
        });
    }

    /// Its error log, once this text is in it: lines are written by a thread of its own, and may come after an answer.
    pub fn tells(&self, text: &str) -> String {
        until(text, LIMIT, || Some(self.error_log()).filter(|log| log.contains(text)))
    }

    /// What it wrote to its error log: stderr, or `error.log` in its directory.
    pub fn error_log(&self) -> String {
        self.read("stderr") + &self.read("error.log")
    }
}

impl Deref for Propylon {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Propylon {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// Runs `propylon check` on a text.
pub fn check(toml: &str) -> Output {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join(CONFIG);
    fs::write(&path, fill(toml, &[("DIR", &dir.path().to_string_lossy())])).unwrap();
    Command::new(binary()).arg("check").arg("--config").arg(path).output().expect("propylon runs")
}

/// The binary: `PROPYLON_BIN`, else built once.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| env::var_os("PROPYLON_BIN").map_or_else(build, PathBuf::from))
}

/// Whether the tests run on the other HTTP/1 engine.
pub fn on_hyper() -> bool {
    env::var_os("PROPYLON_HTTP1").is_some_and(|engine| engine == "hyper")
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package is in the workspace")
}

/// Always asks cargo: a binary that is there may be older than the sources, and a fresh one costs nothing.
fn build() -> PathBuf {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace()).args(["build", "--quiet", "-p", "propylon"]);
    let status = command.status().expect("cargo runs");
    assert!(status.success(), "the binary does not build: {command:?}");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    target.join("debug").join("propylon")
}

fn complete(toml: &str, dir: &Path) -> String {
    // The engine that the tests run on, if it is not to be the default.
    let engine = env::var("PROPYLON_HTTP1").map(|engine| format!("http1 = \"{engine}\"\n"));
    let engine = engine.unwrap_or_default();
    let runtime = format!("[runtime]\npid_file = \"@DIR@/{PID_FILE}\"\n{engine}");
    let toml = if toml.contains("[runtime]\n") {
        toml.replace("[runtime]\n", &runtime)
    } else {
        format!("{runtime}\n{toml}")
    };
    fill(&toml, &[("DIR", &dir.to_string_lossy())])
}

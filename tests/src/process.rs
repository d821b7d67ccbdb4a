//! A child process in a directory of its own: its output kept, its end certain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

use crate::until;

/// A running program; killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    dir: TempDir,
}

impl Process {
    /// Starts the command in `dir`, its stdout and stderr going to files there, and waits until it has written
    /// `pid_file`.
    pub(crate) fn start(mut command: Command, dir: TempDir, pid_file: &str) -> Self {
        let file = |name| fs::File::create(dir.path().join(name)).expect("a file in the test's directory");
        command.current_dir(&dir).stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut process = Self { child, dir };
        until("the pid file", crate::LIMIT, || {
            if let Some(status) = process.child.try_wait().unwrap() {
                panic!("{command:?} ended with {status}:\n{}", process.read("stderr"));
            }
            (!process.read(pid_file).is_empty()).then_some(())
        });
        process
    }

    /// The directory it runs in.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A path in that directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What a file in that directory holds; nothing when it is not there.
    pub fn read(&self, name: &str) -> String {
        crate::lossy(&fs::read(self.path(name)).unwrap_or_default())
    }

    /// The whole lines of a file in that directory, once there are at least `count`.
    pub fn lines(&self, name: &str, count: usize) -> Vec<String> {
        until(&format!("{count} lines in {name}"), crate::LIMIT, || {
            Some(self.lines_now(name)).filter(|lines| lines.len() >= count)
        })
    }

    /// The whole lines of a file in that directory.
    pub fn lines_now(&self, name: &str) -> Vec<String> {
        let text = self.read(name);
        let whole = &text[..text.rfind('\n').map_or(0, |at| at + 1)];
        whole.lines().map(str::to_owned).collect()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the process is there");
    }

    /// Waits for the end, at most `limit`.
    pub fn ended(&mut self, limit: Duration) -> ExitStatus {
        until("the end of the process", limit, || self.child.try_wait().unwrap())
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// How many file descriptors it holds.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).map_or(0, Iterator::count)
    }

    /// Its resident memory in KiB.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            for name in ["stderr", "error.log"] {
                let text = self.read(name);
                let tail: Vec<_> = text.lines().rev().take(30).collect();
                for line in tail.iter().rev() {
                    eprintln!("{name}: {line}");
                }
            }
        }
    }
}

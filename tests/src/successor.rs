//! The process that takes over from the one that a test has started.

use std::fs;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::Propylon;

/// A process that was started by another one (SIGUSR2): ended with the test.
#[derive(Debug)]
pub struct Successor(Pid);

impl Successor {
    /// Has the process start another one, and waits until that serves.
    pub fn of(gateway: &Propylon) -> Self {
        gateway.signal(Signal::USR2);
        gateway.tells("the new process is serving");
        let id: i32 =
            fs::read_to_string(gateway.path("propylon.pid")).unwrap().trim().parse().expect("a process id");
        assert_ne!(i32::try_from(gateway.id()), Ok(id));
        Self(Pid::from_raw(id).expect("a process id"))
    }

    /// Its id, as text.
    pub fn id(&self) -> String {
        self.0.as_raw_nonzero().to_string()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.0, signal).expect("the process is there");
    }

    /// Whether it still runs.
    pub fn is_there(&self) -> bool {
        test_kill_process(self.0).is_ok()
    }
}

impl Drop for Successor {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
    }
}

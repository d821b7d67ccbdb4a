//! Real PHP: php-fpm.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, kill_process};

use crate::{LIMIT, Signal, Stream, until};

/// A running php-fpm, which listens on `fpm.sock` in its directory.
#[derive(Debug)]
pub struct Fpm {
    child: Child,
}

impl Fpm {
    /// Starts the newest php-fpm that is installed, in the foreground and without php.ini, also as root; it listens there, and at an
    /// address too if there is one. Its log is `fpm.log` in the directory.
    pub fn start(directory: &Path, tcp: Option<SocketAddr>) -> Self {
        let socket = directory.join("fpm.sock");
        let listens = [Some(socket.display().to_string()), tcp.map(|tcp| tcp.to_string())];
        let pools: String =
            listens.iter().flatten().enumerate().map(|(at, listen)| pool(at, listen)).collect();
        let (log, config) = (directory.join("fpm.log"), directory.join("fpm.conf"));
        let global = format!("[global]\nerror_log = {}\ndaemonize = no\n", log.display());
        fs::write(&config, global + &pools).unwrap();
        let mut command = Command::new(binary());
        command.args(["-n", "-F", "-R", "-y"]).arg(&config);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let fpm = Self { child };
        until("php-fpm listens", LIMIT, || {
            let tcp = tcp.is_none_or(|tcp| Stream::connect(tcp).is_ok());
            (tcp && Stream::connect_unix(&socket).is_ok()).then_some(())
        });
        fpm
    }
}

impl Drop for Fpm {
    fn drop(&mut self) {
        // Its children end with it, if it is asked to end.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

fn pool(number: usize, listen: &str) -> String {
    format!(
        "[pool{number}]\nuser = root\ngroup = root\nlisten = {listen}\nlisten.mode = 0666\npm = static\npm.max_children = 3\n\
         ping.path = /ping\nphp_admin_flag[log_errors] = on\nphp_admin_flag[display_errors] = off\n"
    )
}

/// The newest php-fpm that is installed.
fn binary() -> PathBuf {
    let files = fs::read_dir("/usr/sbin").unwrap().map(|file| file.unwrap().path());
    let php = files.filter(|path| path.to_string_lossy().starts_with("/usr/sbin/php-fpm"));
    php.max().expect("these tests run PHP, which is not here; install it:\n    apt-get install -y php-fpm")
}

//! SIGUSR2: a new process of the executable takes over, nginx's way.
//!
//! The new process has the same listening sockets, and once it serves, both do. Then the operator decides: QUIT to the old
//! one ends the upgrade, QUIT to the new one takes it back. If the new one ends first, for whatever reason, the old one has
//! its pid file back and goes on as if nothing had happened.

use std::path::{Path, PathBuf};

use propylon_gateway::Gateway;
use sd_notify::NotifyState;

use crate::handover::{News, Predecessor, Successor};
use crate::pid_file::PidFile;

/// What this process knows of the one before and the one after it.
pub(crate) struct Upgrade {
    executable: Option<Executable>,
    predecessor: Option<Predecessor>,
    successor: Option<Successor>,
    pid_file: Option<PidFile>,
}

impl Upgrade {
    pub(crate) fn new(
        executable: Option<Executable>,
        predecessor: Option<Predecessor>,
        pid_file: Option<PidFile>,
    ) -> Self {
        Self { executable, predecessor, successor: None, pid_file }
    }

    /// Starts a successor.
    pub(crate) fn start(&mut self, gateway: &Gateway) {
        if self.is_shared() {
            // As nginx: a third process would leave nobody knowing which of them is to go.
            tracing::error!(
                "upgrade: the previous upgrade is not finished; end the old process or the new one first"
            );
            return;
        }
        match self.try_start(gateway) {
            Ok(successor) => {
                tracing::info!("upgrade: started process {}", successor.id().unwrap_or_default());
                self.successor = Some(successor);
            }
            Err(error) => self.fail(&format!("{error:#}")),
        }
    }

    /// Waits until something becomes of the successor; for ever without one.
    pub(crate) async fn news(&mut self) -> News {
        match &mut self.successor {
            Some(successor) => successor.news().await,
            None => std::future::pending().await,
        }
    }

    /// Acts on what became of the successor.
    pub(crate) fn heard(&mut self, news: News) {
        match news {
            News::Ready => {
                tracing::info!("upgrade: the new process is serving; send QUIT to this process to end it")
            }
            News::Ended(reason) => self.fail(&reason),
        }
    }

    /// Whether another process listens on the same sockets.
    pub(crate) fn is_shared(&self) -> bool {
        self.successor.is_some() || self.predecessor.as_ref().is_some_and(Predecessor::lives)
    }

    /// Tells systemd that this process goes: it has another main process from now on, or the service ends.
    pub(crate) fn say_goodbye(&self) {
        let successor = self.successor.as_ref().and_then(Successor::id);
        // Not started by systemd: nobody to tell.
        let _ = sd_notify::notify(&[successor.map_or(NotifyState::Stopping, NotifyState::MainPid)]);
    }

    fn try_start(&mut self, gateway: &Gateway) -> anyhow::Result<Successor> {
        let Some(executable) = &self.executable else { anyhow::bail!("cannot find the executable") };
        let sockets = gateway.sockets()?;
        if let Some(pid_file) = &mut self.pid_file {
            pid_file.set_aside()?;
        }
        Successor::start(executable, &sockets)
    }

    fn fail(&mut self, reason: &str) {
        self.successor = None;
        tracing::error!("upgrade: the new process is not running, this process continues: {reason}");
        if let Some(Err(error)) = self.pid_file.as_mut().map(PidFile::restore) {
            tracing::error!("cannot restore the pid file: {error}");
        }
    }
}

/// How this process was started: a new version is started the same way.
pub(crate) struct Executable {
    pub(crate) path: PathBuf,
    /// Where: paths of the command line are against it.
    pub(crate) directory: PathBuf,
}

impl Executable {
    /// To be asked at the start, for the path may be relative; `/proc/self/exe` is no help, for it names the file that was
    /// executed, which may be deleted by then, or be the old version behind a link that points to the new one.
    pub(crate) fn find() -> Option<Self> {
        Some(Self { path: path()?, directory: std::env::current_dir().ok()? })
    }
}

fn path() -> Option<PathBuf> {
    let running = std::env::current_exe().ok();
    let is_running = |path: &Path| path.canonicalize().ok() == running && running.is_some();
    let name = PathBuf::from(std::env::args_os().next()?);
    let started = if name.components().count() > 1 {
        std::path::absolute(&name).ok().filter(|path| is_running(path))
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|dir| dir.join(&name)).find(|path| is_running(path))
    };
    started.or(running)
}

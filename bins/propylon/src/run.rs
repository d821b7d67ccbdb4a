//! `propylon run`: the gateway, its signals, its pid file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use propylon_config::{Config, ErrorLogTarget};
use propylon_gateway::Gateway;
use propylon_gateway::log::{Sinks, Target};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args;
use crate::error_log::ErrorLog;

/// Runs the gateway until a signal ends it.
///
/// # Errors
/// When it can't start.
pub(crate) fn run(args: &args::Run) -> anyhow::Result<ExitCode> {
    let Some(config) = crate::check::load(&args.source.config) else { return Ok(ExitCode::FAILURE) };
    runtime()?.block_on(serve(args, config))
}

/// The runtime for signals and background work; requests are served on the gateway's own threads.
///
/// # Errors
/// When the system has none left.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a runtime")
}

async fn serve(args: &args::Run, config: Config) -> anyhow::Result<ExitCode> {
    let sinks = Sinks::spawn(propylon_gateway::report_trouble).context("cannot start the log writer")?;
    let errors = ErrorLog::install(&sinks, &error_target(args, &config), config.error_log.level)?;
    let mut signals = Signals::new()?; // before the pid file tells anybody that they are heard
    let pid_file = args.pid_file.clone().or_else(|| config.runtime.pid_file.clone());
    let mut gateway = Gateway::start(config, sinks.clone(), args.strict).await?;
    let pid_file = pid_file.map(PidFile::write).transpose()?;
    // Not started by systemd: nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    tracing::info!("propylon {} runs with {} workers", env!("CARGO_PKG_VERSION"), gateway.workers());

    loop {
        match signals.next().await {
            Told::Reload => reload(args, &mut gateway, &sinks, &errors).await,
            Told::Reopen => gateway.reopen_logs(),
            Told::Drain => {
                let deadline = gateway.config().runtime.shutdown_timeout;
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
                tracing::info!("draining for at most {deadline:?}");
                gateway.drain(deadline).await;
                break;
            }
            Told::Stop => {
                gateway.stop().await;
                break;
            }
        }
    }
    drop(pid_file);
    Ok(ExitCode::SUCCESS)
}

/// Tests the file, then puts it to use; what is wrong with it goes to the error log, and the old one stays.
async fn reload(args: &args::Run, gateway: &mut Gateway, sinks: &Sinks, errors: &ErrorLog) {
    let path = &args.source.config;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Reloading]);
    let loaded = match propylon_config::load(path) {
        Ok(loaded) => loaded,
        Err(report) => {
            tracing::error!("the configuration is not reloaded:\n{}", report.render(false));
            return;
        }
    };
    if !loaded.warnings.is_empty() {
        tracing::warn!("{}", loaded.warnings.render(false));
    }
    let target = error_target(args, &loaded.config);
    let level = loaded.config.error_log.level;
    match gateway.reload(loaded.config).await {
        Ok(()) => {
            if let Err(error) = errors.change(sinks, &target, level) {
                tracing::error!("the error log stays where it was: {error:#}");
            }
            tracing::info!("reloaded {}", path.display());
        }
        Err(error) => tracing::error!("the configuration is not reloaded: {:#}", anyhow::Error::from(error)),
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}

fn error_target(args: &args::Run, config: &Config) -> Target {
    match (&args.error_log, &config.error_log.target) {
        (Some(path), _) | (None, ErrorLogTarget::File(path)) => Target::File(path.clone()),
        (None, ErrorLogTarget::Stderr) => Target::Stderr,
    }
}

/// What a signal means.
enum Told {
    Reload,
    Reopen,
    Drain,
    Stop,
}

struct Signals {
    hup: Signal,
    usr1: Signal,
    quit: Signal,
    term: Signal,
    int: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            hup: listen(SignalKind::hangup())?,
            usr1: listen(SignalKind::user_defined1())?,
            quit: listen(SignalKind::quit())?,
            term: listen(SignalKind::terminate())?,
            int: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hup.recv() => Told::Reload,
            _ = self.usr1.recv() => Told::Reopen,
            _ = self.quit.recv() => Told::Drain,
            _ = self.term.recv() => Told::Stop,
            _ = self.int.recv() => Told::Stop,
        }
    }
}

/// The pid file, for as long as the process runs.
struct PidFile(PathBuf);

impl PidFile {
    fn write(path: PathBuf) -> anyhow::Result<Self> {
        write(&path).with_context(|| format!("cannot write the pid file {}", path.display()))?;
        Ok(Self(path))
    }
}

fn write(path: &Path) -> std::io::Result<()> {
    std::fs::write(path, format!("{}\n", std::process::id()))
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0); // somebody else removed it: as good
    }
}

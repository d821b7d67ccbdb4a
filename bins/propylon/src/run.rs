//! `propylon run`: the gateway and its signals.

use std::process::ExitCode;

use anyhow::Context;
use propylon_admin::{Admin, NginxApi, Orders};
use propylon_config::{Config, ErrorLogTarget};
use propylon_gateway::log::{Sinks, Target};
use propylon_gateway::{Gateway, Given, Start};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::check::is_terminal;
use crate::error_log::ErrorLog;
use crate::handover::Predecessor;
use crate::pid_file::PidFile;
use crate::source::Read;
use crate::upgrade::{self, Executable, Upgrade};
use crate::{activation, args, user};

/// Runs the gateway until a signal ends it.
///
/// # Errors
/// When it can't start.
pub(crate) fn run(args: &args::Run) -> anyhow::Result<ExitCode> {
    let executable = upgrade::Executable::find();
    // Where the system gives huge pages to everybody: a few bytes of one cost all of its 2 MiB, and what a client takes is bounded.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let mut args = args.clone();
    let args::Run { source, pid_file, error_log, .. } = &mut args;
    source.settle(&mut [pid_file, error_log])?;
    let args = &args;
    let (mut predecessor, inherited) = match Predecessor::meet()? {
        Some((predecessor, sockets)) => (Some(predecessor), (sockets, Vec::new())),
        None => (None, activation::sockets()),
    };
    let Some(read) = load(args, predecessor.as_ref()) else { return Ok(ExitCode::FAILURE) };
    let result = runtime()?.block_on(async {
        let running = match Running::start(args, &read, inherited).await {
            Ok(running) => running,
            Err(error) => {
                let Some(text) = error.downcast_ref().and_then(|error| read.start_error(error, false)) else {
                    return Err(error);
                };
                fail(args, &text);
                anyhow::bail!("the gateway could not start");
            }
        };
        if let Some(predecessor) = &predecessor {
            predecessor.ready();
        }
        running.serve(args, executable, predecessor.take()).await;
        anyhow::Ok(())
    });
    if let (Some(predecessor), Err(error)) = (&predecessor, &result) {
        predecessor.failed(&format!("{error:#}"));
    }
    result.map(|()| ExitCode::SUCCESS)
}

/// The runtime for signals and background work; requests are served on the gateway's own threads.
///
/// # Errors
/// When the system has none left.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start a runtime")
}

/// Reads the configuration; what is wrong with it is said here and to the process that waits for this one.
fn load(args: &args::Run, predecessor: Option<&Predecessor>) -> Option<Read> {
    match args.source.read(is_terminal()) {
        Ok(read) => {
            if !read.warnings.is_empty() {
                crate::say(&read.warnings);
            }
            Some(read)
        }
        Err(text) => {
            fail(args, &text);
            if let Some(predecessor) = predecessor {
                predecessor.failed(&text);
            }
            None
        }
    }
}

/// Says why nothing starts: to whoever started the process and, as nginx does, in the error log.
fn fail(args: &args::Run, text: &str) {
    crate::say(text);
    if let (true, Some(path)) = (args.source.is_nginx(), &args.error_log) {
        crate::error_log::append(path, text);
    }
}

/// A process that serves.
struct Running {
    gateway: Gateway,
    admin: Admin,
    orders: Orders,
    sinks: Sinks,
    errors: ErrorLog,
    signals: Signals,
    pid_file: Option<PidFile>,
}

impl Running {
    async fn start(
        args: &args::Run,
        read: &Read,
        (sockets, unusable): (Vec<Given>, Vec<String>),
    ) -> anyhow::Result<Self> {
        let config = read.config.clone();
        let sinks = Sinks::spawn(propylon_gateway::report_trouble).context("cannot start the log writer")?;
        let errors = ErrorLog::install(&sinks, &error_target(args, &config), &config)?;
        unusable.iter().for_each(|socket| tracing::warn!("{socket}"));
        let signals = Signals::new()?; // before the pid file tells anybody that they are heard
        let pid_file = args.pid_file.clone().or_else(|| config.runtime.pid_file.clone());
        let patience = config.runtime.shutdown_timeout;
        let mut start = Start::new(sinks.clone()).strict(args.strict).sockets(sockets).api(NginxApi::new());
        if let Some(identity) = user::identity(&config.runtime)? {
            start = start.owner(identity.user, identity.group).in_each_worker(move || identity.assume());
        }
        let gateway = Gateway::start(config, start).await?;
        let (mut admin, orders) = Admin::new(gateway.insight());
        let begun = serve(&mut admin, &gateway).and_then(|()| pid_file.map(PidFile::write).transpose());
        match begun {
            Ok(pid_file) => Ok(Self { gateway, admin, orders, sinks, errors, signals, pid_file }),
            Err(error) => {
                gateway.drain(patience).await; // clients may be connected already
                Err(error)
            }
        }
    }

    /// Until a signal ends it.
    async fn serve(self, args: &args::Run, executable: Option<Executable>, predecessor: Option<Predecessor>) {
        let Self { mut gateway, mut admin, mut orders, sinks, errors, mut signals, pid_file } = self;
        // Not started by systemd: nobody to tell.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        tracing::info!("propylon {} runs with {} workers", env!("CARGO_PKG_VERSION"), gateway.workers());
        let mut upgrade = Upgrade::new(executable, predecessor, pid_file);
        loop {
            let (told, order) = tokio::select! {
                told = signals.next() => (told, None),
                order = orders.next() => (Told::Reload, Some(order)),
                news = upgrade.news() => {
                    upgrade.heard(news);
                    continue;
                }
            };
            // Each of these may close sockets.
            gateway.keep_paths(upgrade.is_shared());
            match told {
                Told::Reload => {
                    let by = if order.is_some() { "the API: " } else { "" };
                    let outcome = reload(args, &mut gateway, &mut admin, (&sinks, &errors), by).await;
                    admin.reloaded(outcome.as_ref().map(|&()| ()).map_err(String::as_str));
                    if let Some(order) = order {
                        order.done(outcome);
                    }
                }
                Told::Reopen => gateway.reopen_logs(),
                Told::Upgrade => upgrade.start(&gateway),
                Told::Drain => {
                    let deadline = gateway.config().runtime.shutdown_timeout;
                    upgrade.say_goodbye();
                    tracing::info!("draining for at most {deadline:?}");
                    drop(admin); // who comes after this process may listen there already
                    return gateway.drain(deadline).await;
                }
                Told::Stop => {
                    upgrade.say_goodbye();
                    return gateway.stop().await;
                }
            }
        }
    }
}

/// Tests the file, then puts it to use; what is wrong with it goes to the error log, and the old one stays. Lines say whose order
/// it was: `by` comes before them.
///
/// # Errors
/// What is wrong with it.
async fn reload(
    args: &args::Run,
    gateway: &mut Gateway,
    admin: &mut Admin,
    logs: (&Sinks, &ErrorLog),
    by: &str,
) -> Result<(), String> {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Reloading]);
    let outcome = try_reload(args, gateway, admin, logs, by).await;
    if let Err(text) = &outcome {
        tracing::error!("{by}the configuration is not reloaded: {text}");
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    outcome.map_err(|text| text.trim().to_owned())
}

async fn try_reload(
    args: &args::Run,
    gateway: &mut Gateway,
    admin: &mut Admin,
    (sinks, errors): (&Sinks, &ErrorLog),
    by: &str,
) -> Result<(), String> {
    let read = args.source.read(false).map_err(|text| format!("\n{text}"))?;
    if !read.warnings.is_empty() {
        tracing::warn!("{}", read.warnings);
    }
    errors.want_also(&read.config);
    let before = match gateway.reload(read.config.clone()).await {
        Ok(before) => before,
        Err(error) => {
            errors.want(gateway.config());
            let text = read.start_error(&error, false);
            return Err(text.unwrap_or_else(|| format!("{:#}", anyhow::Error::from(error))));
        }
    };
    let target = error_target(args, &read.config);
    if let Err(error) = errors.change(sinks, &target, &read.config) {
        errors.want(&read.config);
        tracing::error!("cannot change the error log, the previous one stays in use: {error:#}");
    }
    if let Err(error) = serve(admin, gateway) {
        tracing::error!("{error:#}");
    }
    tracing::info!("{by}reloaded {}", args.source.name());
    // What supervisors of nginx wait for: the last request that the configuration before has served is over.
    tokio::spawn(async move {
        before.ended().await;
        tracing::info!("worker process {} exited with code 0", std::process::id());
    });
    Ok(())
}

/// Answers operators where the configuration in force says.
fn serve(admin: &mut Admin, gateway: &Gateway) -> anyhow::Result<()> {
    let sockets = gateway.admin_sockets().context("cannot get the sockets of [admin]")?;
    admin.serve(gateway.config().admin.as_ref(), sockets).context("cannot serve [admin]")
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
    Upgrade,
    Drain,
    Stop,
}

struct Signals {
    hup: Signal,
    usr1: Signal,
    usr2: Signal,
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
            usr2: listen(SignalKind::user_defined2())?,
            quit: listen(SignalKind::quit())?,
            term: listen(SignalKind::terminate())?,
            int: listen(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.hup.recv() => Told::Reload,
            _ = self.usr1.recv() => Told::Reopen,
            _ = self.usr2.recv() => Told::Upgrade,
            _ = self.quit.recv() => Told::Drain,
            _ = self.term.recv() => Told::Stop,
            _ = self.int.recv() => Told::Stop,
        }
    }
}

//! The error log: diagnostics as lines in nginx's format, in the log of the process or in those of the place that a line is about.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use propylon_config::{Config, LogLevel};
use propylon_gateway::log::{Buffering, NOTICE, Sink, Sinks, Target, current};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// The handle by which a reload moves the log.
pub(crate) struct ErrorLog(Arc<ArcSwap<Log>>);

/// Where lines go, and which.
struct Log {
    /// Those that no place has a log of its own for.
    sink: Arc<Sink>,
    /// The least severe ones that go there.
    level: LogLevel,
    /// The least severe ones that any place wants, if any has a log of its own.
    places: Option<LogLevel>,
}

impl ErrorLog {
    /// Sends diagnostics of the whole process to `target`, but for those that places of `config` have logs of their own for.
    ///
    /// # Errors
    /// When it can't be opened.
    pub(crate) fn install(sinks: &Sinks, target: &Target, config: &Config) -> anyhow::Result<Self> {
        let log = Arc::new(ArcSwap::from_pointee(Log::open(sinks, target, config)?));
        tracing_subscriber::registry()
            .with(Lines(log.clone()))
            .try_init()
            .context("an error log is already installed")?;
        Ok(Self(log))
    }

    /// Lets pass what places of a configuration want that is about to be used, beside what is wanted now.
    pub(crate) fn want_also(&self, config: &Config) {
        let Log { sink, level, places } = &**self.0.load();
        let places = places.iter().copied().chain(wanted(config)).min();
        self.put(Log { sink: sink.clone(), level: *level, places });
    }

    /// Lets pass what places of this configuration want, and no more.
    pub(crate) fn want(&self, config: &Config) {
        let Log { sink, level, .. } = &**self.0.load();
        self.put(Log { sink: sink.clone(), level: *level, places: wanted(config) });
    }

    /// Goes by a configuration that is in use now.
    ///
    /// # Errors
    /// When its log can't be opened: the one before stays.
    pub(crate) fn change(&self, sinks: &Sinks, target: &Target, config: &Config) -> anyhow::Result<()> {
        self.put(Log::open(sinks, target, config)?);
        Ok(())
    }

    fn put(&self, log: Log) {
        self.0.store(Arc::new(log));
        // What is not wanted costs nothing: each place in the code remembers whether anybody wants what it has to say.
        tracing::callsite::rebuild_interest_cache();
    }
}

impl Log {
    fn open(sinks: &Sinks, target: &Target, config: &Config) -> anyhow::Result<Self> {
        let sink = sinks.open(target, Buffering::Prompt).context("cannot open the error log")?;
        // Nothing is called worse than an error: who asks for no less is not to miss that a reload has failed.
        Ok(Self { sink, level: config.error_log.level.min(LogLevel::Error), places: wanted(config) })
    }
}

/// The least severe lines that any place with a log of its own wants.
fn wanted(config: &Config) -> Option<LogLevel> {
    config.error_logs().map(|log| log.level).min()
}

/// Adds lines to a log that is not open yet, for a process that does not start; what can't be written is lost.
pub(crate) fn append(path: &std::path::Path, text: &str) {
    let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path) else { return };
    let now = jiff::Zoned::now().strftime("%Y/%m/%d %H:%M:%S");
    let pid = std::process::id();
    for line in text.lines() {
        let line = line.trim_start_matches("nginx.conf: ");
        let (level, line) = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            Some(parts) => parts,
            None => ("emerg", line),
        };
        let _ =
            std::io::Write::write_all(&mut file, format!("{now} [{level}] {pid}#{pid}: {line}\n").as_bytes());
    }
}

/// How severe it is, in nginx's words.
fn severity(metadata: &Metadata<'_>) -> LogLevel {
    let target = metadata.target();
    match *metadata.level() {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        // Of the process, not of a request; or of a request, where nginx has it so.
        Level::INFO if target.starts_with("propylon::") || target == NOTICE => LogLevel::Notice,
        Level::INFO => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

/// The levels of `tracing` that are as severe, at least.
fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info | LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Crit | LogLevel::Alert | LogLevel::Emerg => LevelFilter::OFF,
    }
}

/// Writes what is said, in the logs of the place that it is about.
struct Lines(Arc<ArcSwap<Log>>);

impl<S: Subscriber> Layer<S> for Lines {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        let (log, severity) = (self.0.load(), severity(metadata));
        let everywhere = severity >= log.level;
        match log.places.filter(|_| is_ours(metadata)) {
            // It depends on the place.
            Some(level) if everywhere || severity >= level => Interest::sometimes(),
            _ if everywhere => Interest::always(),
            _ => Interest::never(),
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let log = self.0.load();
        let place = log.places.filter(|_| is_ours(metadata)).and_then(|_| current());
        severity(metadata) >= place.map_or(log.level, |logs| logs.level())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let log = self.0.load();
        Some(log.places.map_or(LevelFilter::OFF, filter).max(filter(log.level)))
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let severity = severity(event.metadata());
        let line = line(event, severity);
        let Some(logs) = Some(event.metadata()).filter(|event| is_ours(event)).and_then(|_| current()) else {
            self.0.load().sink.write_line(line.as_bytes());
            return;
        };
        for (sink, _) in logs.iter().filter(|(_, level)| severity >= *level) {
            sink.write_line(line.as_bytes());
        }
    }
}

/// Whether it may be about a place: it is the gateway that speaks, not what it is made of, nor those who change what all places share.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target.starts_with("propylon") && !target.starts_with("propylon_admin")
}

/// `2026/11/22 13:13:45 [error] 123#123: *7 connect() failed …, client: 10.0.0.1, server: example.com, request: "GET / HTTP/1.1", host: "example.com"`
fn line(event: &Event<'_>, severity: LogLevel) -> String {
    let now = jiff::Zoned::now().strftime("%Y/%m/%d %H:%M:%S");
    let level = severity.as_str();
    let pid = std::process::id();
    let mut fields = Fields::default();
    event.record(&mut fields);
    format!("{now} [{level}] {pid}#{pid}: {}{}{}\n", fields.connection, fields.message, fields.rest)
}

#[derive(Default)]
struct Fields {
    connection: String,
    message: String,
    rest: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String does not fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            "connection" => write!(self.connection, "*{value:?} "),
            name @ ("request" | "upstream" | "host" | "referrer") => {
                write!(self.rest, ", {name}: \"{value:?}\"")
            }
            name => write!(self.rest, ", {name}: {value:?}"),
        };
    }
}

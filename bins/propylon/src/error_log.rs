//! The error log: diagnostics as lines in nginx's format.

use std::fmt::{self, Write};
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use propylon_config::LogLevel;
use propylon_gateway::log::{Buffering, Sink, Sinks, Target};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

/// The handle by which a reload moves the log.
pub(crate) struct ErrorLog {
    sink: Arc<ArcSwap<Sink>>,
    level: Box<dyn Fn(LevelFilter) -> anyhow::Result<()>>,
}

impl ErrorLog {
    /// Sends diagnostics of the whole process to `target`.
    ///
    /// # Errors
    /// When it can't be opened.
    pub(crate) fn install(sinks: &Sinks, target: &Target, level: LogLevel) -> anyhow::Result<Self> {
        let sink = Arc::new(ArcSwap::new(open(sinks, target)?));
        let (filter, handle) = reload::Layer::new(filter(level));
        let lines = tracing_subscriber::fmt::layer().event_format(Lines).with_writer(Output(sink.clone()));
        tracing_subscriber::registry().with(filter).with(lines).try_init().context("a second error log")?;
        let level = Box::new(move |level| handle.reload(level).context("the error log's level"));
        Ok(Self { sink, level })
    }

    /// Moves the log, and changes its level.
    ///
    /// # Errors
    /// When the new one can't be opened: the old one stays.
    pub(crate) fn change(&self, sinks: &Sinks, target: &Target, level: LogLevel) -> anyhow::Result<()> {
        let sink = open(sinks, target)?;
        (self.level)(filter(level))?;
        self.sink.store(sink);
        Ok(())
    }
}

fn open(sinks: &Sinks, target: &Target) -> anyhow::Result<Arc<Sink>> {
    sinks.open(target, Buffering::Prompt).context("cannot open the error log")
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

/// nginx has more levels; each is shown with what is at least as severe.
fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info | LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error | LogLevel::Crit | LogLevel::Alert | LogLevel::Emerg => LevelFilter::ERROR,
    }
}

struct Output(Arc<ArcSwap<Sink>>);

impl MakeWriter<'_> for Output {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line(self.0.load_full())
    }
}

struct Line(Arc<Sink>);

impl std::io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `2026/11/22 13:13:45 [error] 123#123: *7 connect() failed …, client: 10.0.0.1, server: example.com, request: "GET / HTTP/1.1"`
struct Lines;

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let now = jiff::Zoned::now().strftime("%Y/%m/%d %H:%M:%S");
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            // Of the process, not of a request.
            Level::INFO if event.metadata().target().starts_with("propylon::") => "notice",
            Level::INFO => "info",
            _ => "debug",
        };
        let pid = std::process::id();
        let mut fields = Fields::default();
        event.record(&mut fields);
        write!(out, "{now} [{level}] {pid}#{pid}: {}{}{}", fields.connection, fields.message, fields.rest)?;
        out.write_char('\n')
    }
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
            "request" => write!(self.rest, ", request: \"{value:?}\""),
            "upstream" => {
                let text = format!("{value:?}");
                if text.is_empty() { Ok(()) } else { write!(self.rest, ", upstream: \"{text}\"") }
            }
            name => write!(self.rest, ", {name}: {value:?}"),
        };
    }
}

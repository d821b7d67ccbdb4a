//! A log: what a line says, when there is one, and where it goes.

use std::cell::RefCell;
use std::sync::Arc;

use propylon_exchange::{Exchange, Keep};
use propylon_vars::Template;

use crate::paths::Paths;
use crate::{Buffering, Format, Sink, Sinks};

/// How much memory a thread keeps for the line it formats.
const KEEP: usize = 64 << 10;

thread_local! {
    /// The line that this thread formats.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A log: what a line says, when there is one, and where it goes; nginx's `access_log`.
#[derive(Clone, Debug)]
pub struct AccessLog {
    format: Format,
    condition: Option<Template>,
    to: To,
}

/// Where a log's lines go.
#[derive(Clone, Debug)]
enum To {
    Sink(Arc<Sink>),
    Paths(Paths),
}

impl AccessLog {
    /// A log of every exchange.
    #[must_use]
    pub fn new(format: Format, sink: Arc<Sink>) -> Self {
        Self { format, condition: None, to: To::Sink(sink) }
    }

    /// A log whose file depends on the exchange: `path` is evaluated for each. The files that were written last, at most 64,
    /// stay open. Opening one blocks; what cannot be opened is reported and has no line, and so has a path that variables
    /// lead upwards (`..`).
    #[must_use]
    pub fn by_path(format: Format, path: Template, sinks: Sinks, buffering: Buffering) -> Self {
        Self { format, condition: None, to: To::Paths(Paths::new(path, sinks, buffering)) }
    }

    /// Logs only exchanges for which `condition` is neither empty nor `0`; nginx's `if=` parameter.
    #[must_use]
    pub fn condition(mut self, condition: Template) -> Self {
        self.condition = Some(condition);
        self
    }

    /// Writes the line of an exchange that has ended, if it is to have one. Never blocks: without room the line is dropped
    /// and counted by the [`Sink`].
    pub fn write(&self, exchange: &Exchange) {
        LINE.with(|line| match line.try_borrow_mut() {
            Ok(mut line) => {
                self.write_with(exchange, &mut line);
                if line.capacity() > KEEP {
                    *line = Vec::new();
                }
            }
            Err(_) => self.write_with(exchange, &mut Vec::new()),
        });
    }

    fn write_with(&self, exchange: &Exchange, line: &mut Vec<u8>) {
        if let Some(condition) = &self.condition {
            line.clear();
            condition.eval_into(exchange, line);
            if matches!(line.as_slice(), b"" | b"0") {
                return;
            }
        }
        line.clear();
        self.format.append(exchange, line);
        line.push(b'\n');
        match &self.to {
            To::Sink(sink) => {
                sink.write_line(line);
            }
            To::Paths(paths) => {
                if let Some(sink) = paths.of(exchange) {
                    sink.write_line(line);
                }
            }
        }
    }

    /// What an exchange has to keep for this log.
    #[must_use]
    pub fn needs(&self) -> Keep {
        let condition = self.condition.as_ref().map(Template::needs).unwrap_or_default();
        let path = match &self.to {
            To::Sink(_) => Keep::default(),
            To::Paths(paths) => paths.needs(),
        };
        self.format.needs().and(condition).and(path)
    }
}

/// All logs that the exchanges of one place are written to. A clone is a reference count; the default is no log.
#[derive(Clone, Debug)]
pub struct AccessLogs(Arc<[AccessLog]>);

impl AccessLogs {
    /// These logs.
    pub fn new(logs: impl IntoIterator<Item = AccessLog>) -> Self {
        Self(logs.into_iter().collect())
    }

    /// Writes the lines of an exchange that has ended, as [`AccessLog::write`] does.
    pub fn write(&self, exchange: &Exchange) {
        for log in &*self.0 {
            log.write(exchange);
        }
    }

    /// What an exchange has to [keep](Exchange::keep) for these logs.
    #[must_use]
    pub fn needs(&self) -> Keep {
        self.0.iter().fold(Keep::default(), |all, log| all.and(log.needs()))
    }

    /// Whether there is no log.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for AccessLogs {
    fn default() -> Self {
        Self::new([])
    }
}

impl From<AccessLog> for AccessLogs {
    fn from(log: AccessLog) -> Self {
        Self::new([log])
    }
}

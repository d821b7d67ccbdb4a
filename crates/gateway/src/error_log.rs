//! Which error log it is that something is said in. A server, a location and a stream may have logs of their own: what is said of a request that
//! has come there goes there, and nowhere else.
//!
//! Whoever says something of a request says it [of](of) its exchange. Where it takes effect is whoever hears the events of `tracing`: while one
//! is spoken, the thread knows [whose](current) it is.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use propylon_access_log::Sink;
use propylon_config::LogLevel;
use propylon_exchange::Exchange;

/// The target of what nginx calls a notice, for which `tracing` has no level: of such an `INFO`.
pub const NOTICE: &str = "propylon_gateway::notice";

thread_local! {
    static CURRENT: RefCell<Option<Arc<ErrorLogs>>> = const { RefCell::new(None) };
}

/// The error logs that a place has of its own, at least one.
#[derive(Debug)]
pub struct ErrorLogs {
    logs: Vec<(Arc<Sink>, LogLevel)>,
    level: LogLevel,
}

impl ErrorLogs {
    /// These logs; none where there are none.
    pub(crate) fn new(logs: Vec<(Arc<Sink>, LogLevel)>) -> Option<Arc<Self>> {
        let level = logs.iter().map(|(_, level)| *level).min()?;
        Some(Arc::new(Self { logs, level }))
    }

    /// The least severe level that any of them takes.
    #[must_use]
    pub fn level(&self) -> LogLevel {
        self.level
    }

    /// Each of them, with the least severe level that it takes.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<Sink>, LogLevel)> {
        self.logs.iter().map(|(sink, level)| (sink, *level))
    }
}

/// The logs that what is said on this thread, right now, is meant for; none: the log of the process.
#[must_use]
pub fn current() -> Option<Arc<ErrorLogs>> {
    // A thread that ends has nothing of a request's to say.
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Says something in these logs; without any, in that of the process.
pub(crate) fn at<T>(logs: Option<&Arc<ErrorLogs>>, say: impl FnOnce() -> T) -> T {
    let _before = Before(CURRENT.replace(logs.cloned()));
    say()
}

/// Says something of a request, or of a connection that is passed on, in the logs of where it is.
pub(crate) fn of<T>(exchange: &Exchange, say: impl FnOnce() -> T) -> T {
    at(exchange.error_log().as_ref(), say)
}

/// What the thread goes back to.
struct Before(Option<Arc<ErrorLogs>>);

impl Drop for Before {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Does work whose own words, which name no request, go to these logs as well.
pub(crate) fn within<F>(logs: Option<Arc<ErrorLogs>>, work: F) -> Within<F> {
    Within { logs, work }
}

pin_project! {
    /// Work that is done for a place with error logs of its own.
    pub(crate) struct Within<F> {
        logs: Option<Arc<ErrorLogs>>,
        #[pin]
        work: F,
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match &*this.logs {
            None => this.work.poll(cx),
            logs => at(logs.as_ref(), || this.work.poll(cx)),
        }
    }
}

#[cfg(test)]
mod tests {
    use propylon_access_log::{Buffering, Sinks, Target};

    use super::*;

    fn logs(levels: &[LogLevel]) -> Option<Arc<ErrorLogs>> {
        let sinks = Sinks::spawn(|_| ()).unwrap();
        let open = || sinks.open(&Target::File("/dev/null".into()), Buffering::Prompt).unwrap();
        ErrorLogs::new(levels.iter().map(|level| (open(), *level)).collect())
    }

    fn level() -> Option<LogLevel> {
        current().map(|logs| logs.level())
    }

    #[test]
    fn the_innermost_counts_and_what_was_before_comes_back() {
        let (outer, inner) = (logs(&[LogLevel::Warn]), logs(&[LogLevel::Crit, LogLevel::Info]));
        assert_eq!(level(), None);
        at(outer.as_ref(), || {
            assert_eq!(level(), Some(LogLevel::Warn));
            at(inner.as_ref(), || assert_eq!(level(), Some(LogLevel::Info)));
            at(None, || assert_eq!(level(), None));
            assert_eq!(level(), Some(LogLevel::Warn));
        });
        assert_eq!(level(), None);
    }

    #[test]
    fn a_panic_leaves_nothing_behind() {
        let logs = logs(&[LogLevel::Warn]);
        let say = std::panic::AssertUnwindSafe(|| at(logs.as_ref(), || panic!("said nothing")));
        let said = std::panic::catch_unwind(say);
        assert!(said.is_err());
        assert_eq!(level(), None);
    }

    #[test]
    fn without_logs_there_is_no_place() {
        assert!(ErrorLogs::new(Vec::new()).is_none());
    }

    #[tokio::test]
    async fn work_is_within_only_while_it_is_polled() {
        let work = within(logs(&[LogLevel::Debug]), async {
            assert_eq!(level(), Some(LogLevel::Debug));
            tokio::task::yield_now().await;
            assert_eq!(level(), Some(LogLevel::Debug));
        });
        let beside = async {
            assert_eq!(level(), None);
            tokio::task::yield_now().await;
            assert_eq!(level(), None);
        };
        tokio::join!(work, beside);
    }
}

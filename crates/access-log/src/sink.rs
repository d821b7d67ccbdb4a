//! The handle by which lines are handed to the writer.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::Target;
use crate::bell::Bell;
use crate::device::Device;
use crate::pending::{Pending, Pushed};
use crate::sinks::Registry;

/// An open log: takes lines and never blocks. Made by [`Sinks::open`](crate::Sinks::open), shared by all who open the same
/// target. When the last handle is dropped, what it took is written and the file is closed.
///
/// `&Sink` is an [`io::Write`], so that an `Arc<Sink>` is a writer for `tracing_subscriber::fmt`.
///
/// ```
/// use std::io::Write;
/// use propylon_access_log::{Buffering, Sinks, Target};
///
/// let sinks = Sinks::spawn(|_| ())?;
/// let sink = sinks.open(&Target::File("/dev/null".into()), Buffering::Prompt)?;
/// assert!(sink.write_line(b"a line\n"));
/// writeln!(&*sink, "another {}", "line")?;
/// assert_eq!(sink.dropped(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sink {
    core: Arc<Core>,
    bell: Arc<Bell>,
    /// Keeps the writer's thread.
    _registry: Arc<Registry>,
}

/// What a sink's handles and the writer share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) target: Target,
    pub(crate) pending: Mutex<Pending<Device>>,
    /// How many bytes are done with, of those that were accepted.
    pub(crate) written: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) errors: AtomicU64,
}

impl Sink {
    pub(crate) fn new(core: Arc<Core>, bell: Arc<Bell>, registry: Arc<Registry>) -> Self {
        Self { core, bell, _registry: registry }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Hands over one line, its line end included. Returns whether there was room: if not, the line is dropped and counted.
    ///
    /// Costs a short lock and a copy; a system call only when the writer's thread was asleep.
    pub fn write_line(&self, line: &[u8]) -> bool {
        let pushed = self.core.pending.lock().push(line);
        match pushed {
            Pushed::Quiet => true,
            Pushed::Ring => {
                self.bell.ring();
                true
            }
            Pushed::Hurry => {
                self.bell.tell(|_| ());
                true
            }
            Pushed::Dropped => {
                self.core.dropped.fetch_add(1, Relaxed);
                false
            }
        }
    }

    /// Where the lines go.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.core.target
    }

    /// How many lines were dropped: for want of room, or because they could not be sent.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.core.dropped.load(Relaxed)
    }

    /// How many writes failed; what was to be written is tried again, where that is possible.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.core.errors.load(Relaxed)
    }
}

impl Core {
    pub(crate) fn new(target: Target, pending: Pending<Device>) -> Self {
        Self {
            target,
            pending: Mutex::new(pending),
            written: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    /// How many lines were dropped, and how many writes failed.
    pub(crate) fn trouble(&self) -> (u64, u64) {
        (self.dropped.load(Relaxed), self.errors.load(Relaxed))
    }
}

/// Each call is one line, whole or dropped; an error is never returned.
impl Write for &Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.write_line(line);
        Ok(line.len())
    }

    /// Does nothing: see [`Sinks::flush_all`](crate::Sinks::flush_all).
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Puts the pieces of `writeln!` together first.
    fn write_fmt(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        match line.as_str() {
            Some(line) => self.write_line(line.as_bytes()),
            None => self.write_line(line.to_string().as_bytes()),
        };
        Ok(())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.core.pending.lock().close();
        self.bell.ring();
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink")
            .field("target", self.target())
            .field("dropped", &self.dropped())
            .field("errors", &self.errors())
            .finish_non_exhaustive()
    }
}

//! All open logs of a process.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering::Acquire;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::bell::Bell;
use crate::device::Device;
use crate::lane::Lane;
use crate::pending::Pending;
use crate::sink::Core;
use crate::{Buffering, OpenError, Sink, Target, Unflushed, writer};

/// All open logs of a process, and the thread that writes them. A clone is a reference count.
///
/// The thread ends when this, its clones and all [`Sink`]s are gone and what they took is written.
#[derive(Clone, Debug)]
pub struct Sinks(Arc<Registry>);

#[derive(Debug)]
pub(crate) struct Registry {
    bell: Arc<Bell>,
    open: Mutex<HashMap<Target, Weak<Sink>>>,
    /// Those too that are not open any more, until their last lines are written.
    cores: Mutex<Vec<Weak<Core>>>,
}

/// What was lost at a sink since the last time it was told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Trouble<'a> {
    /// Where the lines should have gone.
    pub target: &'a Target,
    /// How many lines were dropped: for want of room, or because they could not be sent.
    pub dropped: u64,
    /// How many writes failed.
    pub failed: u64,
    /// The last error, if one is new.
    pub error: Option<&'a io::Error>,
}

impl Sinks {
    /// Starts the writer's thread. `on_trouble` is called on it, for each sink at most once a second, when lines were
    /// dropped or writes failed; it must not block or panic. If it holds a [`Sink`] of these, the thread never ends.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn spawn(on_trouble: impl Fn(&Trouble<'_>) + Send + 'static) -> io::Result<Self> {
        let bell = Arc::new(Bell::default());
        writer::spawn(bell.clone(), Box::new(on_trouble))?;
        Ok(Self(Arc::new(Registry { bell, open: Mutex::default(), cores: Mutex::default() })))
    }

    /// Opens `target`, or returns the sink that is open for it: then `buffering` holds from now on. Blocks as long as
    /// opening a file or looking up a name does.
    ///
    /// # Errors
    /// When the file cannot be opened, or the syslog server's name has no address.
    pub fn open(&self, target: &Target, buffering: Buffering) -> Result<Arc<Sink>, OpenError> {
        let Registry { bell, open, cores } = &*self.0;
        let mut open = open.lock();
        if let Some(sink) = open.get(target).and_then(Weak::upgrade) {
            sink.core().pending.lock().set_buffering(buffering);
            bell.ring();
            return Ok(sink);
        }
        let device = Device::open(target)?;
        let pending = Pending::new(buffering, device.is_framed());
        let core = Arc::new(Core::new(target.clone(), pending));
        let sink = Arc::new(Sink::new(core.clone(), bell.clone(), self.0.clone()));
        open.retain(|_, sink| sink.strong_count() > 0);
        open.insert(target.clone(), Arc::downgrade(&sink));
        let mut cores = cores.lock();
        cores.retain(|core| core.strong_count() > 0);
        cores.push(Arc::downgrade(&core));
        bell.tell(|desk| desk.arrivals.push(Lane::new(core, device)));
        Ok(sink)
    }

    /// Opens all files anew, as after a rotation: lines accepted before go to the old file, lines accepted later to the new.
    /// Where that fails the old file stays in use, and the error is among those returned. Blocks as long as opening does.
    #[must_use = "these files were not reopened"]
    pub fn reopen(&self) -> Vec<OpenError> {
        let sinks: Vec<_> = self.0.open.lock().values().filter_map(Weak::upgrade).collect();
        let mut errors = Vec::new();
        for sink in sinks.iter().filter(|sink| matches!(sink.target(), Target::File(_))) {
            match Device::open(sink.target()) {
                Ok(device) => {
                    sink.core().pending.lock().succeed(device);
                    self.0.bell.ring();
                }
                Err(error) => errors.push(error),
            }
        }
        errors
    }

    /// Those that are open.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Sink>> {
        self.0.open.lock().values().filter_map(Weak::upgrade).collect()
    }

    /// Waits until every line accepted before this call is written. Blocks; meant for the end of the process.
    ///
    /// # Errors
    /// When that takes longer than `timeout`, because a disk, a pipe or a daemon does not take lines.
    pub fn flush_all(&self, timeout: Duration) -> Result<(), Unflushed> {
        let cores: Vec<_> = self.0.cores.lock().iter().filter_map(Weak::upgrade).collect();
        let goals: Vec<_> = cores.iter().map(|core| (core, core.pending.lock().flush())).collect();
        self.0.bell.tell(|_| ());
        let left = || -> u64 {
            goals.iter().map(|(core, goal)| goal.saturating_sub(core.written.load(Acquire))).sum()
        };
        if self.0.bell.wait_for(Instant::now() + timeout, || left() == 0) {
            return Ok(());
        }
        Err(Unflushed { bytes: left() })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.bell.tell(|desk| desk.stop = true);
    }
}

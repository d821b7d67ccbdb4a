//! The thread that works for caches that are shared.

use std::io;

use propylon_cache::store::Zone;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;

/// A thread with a runtime of its own: it has to answer within the time that a request waits, and the control thread reads files and
/// builds what a reload wants. One connection for look-ups is enough for all workers: a server works on one core, and what several
/// ask at once goes out together. It ends when this is dropped.
pub(super) struct Thread {
    runtime: Handle,
    _end: oneshot::Sender<()>,
}

/// Threads for files, of zones on disk and certificates, and for names that DNS takes its time for.
const BLOCKING_THREADS: usize = 16;

impl Thread {
    pub(super) fn spawn() -> io::Result<Self> {
        let runtime =
            Builder::new_current_thread().enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("shared caches".to_owned()).spawn(move || {
            let _ = runtime.block_on(ended); // it is dropped, not sent
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, _end: end })
    }

    /// Follows a zone's journal, until this is dropped.
    pub(super) fn follow(&self, zone: Zone) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(self.runtime.spawn(async move { zone.follow().await }))
    }
}

//! How the engine has its connection looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Wake, Waker};

use futures_util::task::AtomicWaker;

/// Wakes the connection's task, or says that it need not be woken: while it runs it looks again anyway, and being woken would have it
/// do so once more for nothing.
#[derive(Debug, Default)]
pub(super) struct Nudge {
    task: AtomicWaker,
    runs: AtomicBool,
    wanted: AtomicBool,
}

impl Nudge {
    pub(super) fn new() -> (Arc<Self>, Waker) {
        let nudge = Arc::<Self>::default();
        let waker = Waker::from(nudge.clone());
        (nudge, waker)
    }

    /// The task runs from here on.
    pub(super) fn begin(&self, task: &Waker) {
        self.task.register(task);
        self.runs.store(true, Relaxed);
    }

    /// Whether the connection was to be looked at since this was asked last.
    pub(super) fn take(&self) -> bool {
        self.wanted.swap(false, Relaxed)
    }

    /// The task does not run any more.
    pub(super) fn end(&self) {
        self.runs.store(false, Relaxed);
        if self.take() {
            self.task.wake();
        }
    }
}

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.runs.load(Relaxed) {
            self.wanted.store(true, Relaxed);
        } else {
            self.task.wake();
        }
    }
}

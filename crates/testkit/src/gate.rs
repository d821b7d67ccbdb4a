//! A latch between a test and a script.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// A latch: closed until the test opens it, open ever after. Clones are one gate.
///
/// ```
/// use propylon_testkit::gate::Gate;
///
/// let gate = Gate::new();
/// assert!(!gate.is_open());
/// gate.clone().open();
/// assert!(gate.is_open());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    open: AtomicBool,
    reached: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Gate {
    /// A closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens the gate and wakes everyone who waits for it.
    pub fn open(&self) {
        let waiting = {
            let mut waiting = self.waiting();
            self.0.open.store(true, Ordering::Release);
            std::mem::take(&mut *waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether [`open`](Self::open) was called.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.open.load(Ordering::Acquire)
    }

    /// Whether somebody has come to the gate, open or closed.
    #[must_use]
    pub fn was_reached(&self) -> bool {
        self.0.reached.load(Ordering::Acquire)
    }

    /// Ready when the gate is open; else wakes the task when it opens.
    pub fn poll_opened(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.reached.store(true, Ordering::Release);
        let mut waiting = self.waiting();
        if self.is_open() {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Waits until the gate is open.
    pub async fn opened(&self) {
        poll_fn(|cx| self.poll_opened(cx)).await;
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

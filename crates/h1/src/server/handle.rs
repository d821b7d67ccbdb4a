//! What a connection shares with those who speak to it from elsewhere.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::Upgraded;
use crate::io::Output;

/// Speaks to a running connection. A clone is the same handle.
#[derive(Clone)]
pub struct Handle(pub(super) Arc<Shared>);

impl Handle {
    /// Lets the connection end gracefully: at once if it is idle, else after the response to the request that is being served or
    /// whose head has begun, which says `Connection: close` unless its head has left already.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
        self.0.wake();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("draining", &self.0.draining).finish_non_exhaustive()
    }
}

/// The shared state: one for each connection.
#[derive(Default)]
pub(super) struct Shared {
    /// The task that drives the connection.
    driver: Mutex<Option<Waker>>,
    pub(super) draining: AtomicBool,
    /// The request whose final head has not been written; 0 for none.
    pub(super) open: AtomicU64,
    /// Whether there is something in `said`.
    news: AtomicBool,
    said: Mutex<Said>,
    upgrade: Mutex<Option<(u64, oneshot::Sender<Upgraded>)>>,
}

/// Interim responses that wait to be written.
#[derive(Default)]
pub(super) struct Said {
    pub(super) number: u64,
    pub(super) count: u32,
    pub(super) bytes: BytesMut,
}

impl Shared {
    /// Wakes the connection's task.
    pub(super) fn wake(&self) {
        if let Some(driver) = &*self.driver.lock() {
            driver.wake_by_ref();
        }
    }

    /// Wakes the connection's task unless it is `waker`'s: then it is the one that calls, and will look by itself.
    pub(super) fn wake_others(&self, waker: &Waker) {
        if let Some(driver) = &*self.driver.lock()
            && !driver.will_wake(waker)
        {
            driver.wake_by_ref();
        }
    }

    /// Wakes the task of `waker` from now on. `driver`: who was woken before.
    #[inline]
    pub(super) fn is_driven_by(&self, driver: &mut Option<Waker>, waker: &Waker) {
        if !driver.as_ref().is_some_and(|driver| driver.will_wake(waker)) {
            *driver = Some(waker.clone());
            *self.driver.lock() = Some(waker.clone());
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Says something interim, if `say` does.
    pub(super) fn say<T, E>(&self, say: impl FnOnce(&mut Said) -> Result<T, E>) -> Result<T, E> {
        let said = say(&mut self.said.lock())?;
        self.news.store(true, Ordering::Release);
        self.wake();
        Ok(said)
    }

    /// Moves what was said during request `number` to `output`.
    #[inline]
    pub(super) fn take_said(&self, number: u64, output: &mut Output) {
        if self.news.load(Ordering::Acquire) {
            self.take_news(number, output);
        }
    }

    #[cold]
    fn take_news(&self, number: u64, output: &mut Output) {
        let mut said = self.said.lock();
        self.news.store(false, Ordering::Release);
        if said.number == number {
            output.buffer().extend_from_slice(&said.bytes);
        }
        said.bytes = BytesMut::new();
    }

    pub(super) fn await_upgrade(&self, number: u64) -> oneshot::Receiver<Upgraded> {
        let (sender, receiver) = oneshot::channel();
        *self.upgrade.lock() = Some((number, sender));
        receiver
    }

    /// Who waits for the upgrade of request `number`.
    pub(super) fn take_upgrade(&self, number: u64) -> Option<oneshot::Sender<Upgraded>> {
        self.upgrade.lock().take().filter(|(of, _)| *of == number).map(|(_, sender)| sender)
    }
}

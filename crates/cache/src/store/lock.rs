//! One request fills an entry, the others wait: nginx's `proxy_cache_lock`.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::key::Id;
use super::wakers::{Place, Wakers, wake};

/// What came of asking for a key's lock.
#[derive(Debug)]
pub enum Locked {
    /// It is yours: ask the origin.
    Holder(Guard),
    /// Somebody else asks the origin.
    Waiting(Waiting),
}

/// How a lock came free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// There is an entry, or one on its way that can be read already: look again.
    Filled,
    /// What came cannot be stored: to wait for the lock in turn would only serialise the requests. Go on without it.
    Pass,
    /// Its holder left or failed: look again, and ask for the lock again.
    Abandoned,
}

/// The locks of one shard.
#[derive(Debug, Default)]
pub(super) struct Locks(Mutex<HashMap<Id, Held, RandomState>>);

#[derive(Debug)]
struct Held {
    since: Instant,
    gate: Arc<Gate>,
}

/// What the waiters of one holder share with him.
#[derive(Debug, Default)]
struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    released: Option<Released>,
    wakers: Wakers,
}

impl Locks {
    /// The lock of `id`, if nobody holds it, or nobody younger than `age`.
    pub(super) fn lock(self: &Arc<Self>, id: Id, age: Duration) -> Locked {
        let now = Instant::now();
        let mut locks = self.0.lock();
        if let Some(held) = locks.get(&id)
            && now.saturating_duration_since(held.since) < age
        {
            return Locked::Waiting(Waiting {
                since: held.since,
                gate: Arc::clone(&held.gate),
                place: Place::default(),
            });
        }
        let gate = Arc::new(Gate::default());
        let old = locks.insert(id, Held { since: now, gate: Arc::clone(&gate) });
        drop(locks);
        // Who waits for a holder that is too old waits for the new one: he asks again.
        if let Some(old) = old {
            old.gate.release(Released::Abandoned);
        }
        Locked::Holder(Guard { locks: Arc::clone(self), id, gate, released: Released::Abandoned })
    }
}

impl Gate {
    fn release(&self, released: Released) {
        let mut state = self.0.lock();
        if state.released.is_none() {
            state.released = Some(released);
            let wakers = state.wakers.take();
            drop(state);
            wake(wakers);
        }
    }
}

/// The lock of a key. Whoever waits for it is woken when it drops, on whatever worker he is.
///
/// Give it to [`Zone::fill`](super::Zone::fill) or [`Zone::update`](super::Zone::update), which free it as soon as there is
/// something to read; or say [`pass`](Self::pass); or drop it, if nothing came of it.
#[must_use = "a lock that is dropped is free"]
pub struct Guard {
    locks: Arc<Locks>,
    id: Id,
    gate: Arc<Gate>,
    released: Released,
}

impl Guard {
    /// Frees the lock and sends all who wait on their way: what came cannot be stored.
    pub fn pass(self) {
        self.release(Released::Pass);
    }

    pub(crate) fn release(mut self, released: Released) {
        self.released = released;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut locks = self.locks.0.lock();
        // A lock that became too old is another's.
        if locks.get(&self.id).is_some_and(|held| Arc::ptr_eq(&held.gate, &self.gate)) {
            locks.remove(&self.id);
        }
        drop(locks);
        self.gate.release(self.released);
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

/// Resolves when the lock is free. It has no timeout of its own.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Waiting {
    since: Instant,
    gate: Arc<Gate>,
    place: Place,
}

impl Waiting {
    /// Since when the lock is held: `lock_age` later it can be had again.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.since
    }
}

impl Future for Waiting {
    type Output = Released;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Released> {
        let this = self.get_mut();
        let mut state = this.gate.0.lock();
        match state.released {
            Some(released) => Poll::Ready(released),
            None => {
                state.wakers.wait(&mut this.place, cx.waker());
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.gate.0.lock().wakers.leave(&mut self.place);
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready_eq, task};

    use super::*;

    const AGE: Duration = Duration::from_secs(5);

    fn holder(locks: &Arc<Locks>) -> Guard {
        match locks.lock(1, AGE) {
            Locked::Holder(guard) => guard,
            Locked::Waiting(_) => panic!("somebody holds it"),
        }
    }

    fn waiting(locks: &Arc<Locks>) -> task::Spawn<Waiting> {
        match locks.lock(1, AGE) {
            Locked::Holder(_) => panic!("nobody holds it"),
            Locked::Waiting(waiting) => task::spawn(waiting),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_hear_how_it_ended() {
        for released in [Released::Filled, Released::Pass, Released::Abandoned] {
            let locks = Arc::new(Locks::default());
            let guard = holder(&locks);
            let mut waiting: Vec<_> = (0..3).map(|_| waiting(&locks)).collect();
            for waiting in &mut waiting {
                assert_pending!(waiting.poll());
            }
            match released {
                Released::Filled => guard.release(Released::Filled),
                Released::Pass => guard.pass(),
                Released::Abandoned => drop(guard),
            }
            for waiting in &mut waiting {
                assert!(waiting.is_woken());
                assert_ready_eq!(waiting.poll(), released);
            }
            drop(holder(&locks));
            assert!(locks.0.lock().is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn another_key_is_another_lock() {
        let locks = Arc::new(Locks::default());
        let _guard = holder(&locks);
        assert!(matches!(locks.lock(2, AGE), Locked::Holder(_)));
    }

    /// `proxy_cache_lock_age`: "one more request may be passed".
    #[tokio::test(start_paused = true)]
    async fn a_lock_that_is_too_old_is_had_again() {
        let locks = Arc::new(Locks::default());
        let old = holder(&locks);
        let mut first = waiting(&locks);
        assert_pending!(first.poll());
        tokio::time::advance(AGE).await;
        let new = holder(&locks);
        assert_ready_eq!(first.poll(), Released::Abandoned);

        let mut second = waiting(&locks);
        assert_pending!(second.poll());
        drop(old);
        assert_pending!(second.poll(), "it is no longer his");
        new.release(Released::Filled);
        assert_ready_eq!(second.poll(), Released::Filled);
    }
}

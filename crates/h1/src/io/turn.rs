//! Turns of tasks: what is to be sent for many connections is sent in a row.

use std::cell::Cell;
use std::ptr;
use std::task::{Context, Poll};

/// So many tasks have to be at it at once: for fewer, what a turn costs is more than what it saves.
const MANY: u32 = 24;

/// A task that does not come again for so long is not waited for.
const FORGOTTEN: u32 = 256;

/// How many tasks of a thread are sending: how many others had something to send since one of them had.
#[derive(Clone, Copy)]
struct Crowd {
    /// Who that one is: what its waker points to, compared and never followed.
    one: *const (),
    /// How many came since it did.
    since: u32,
    /// How many came between its last two times.
    others: u32,
}

thread_local! {
    static CROWD: Cell<Crowd> = const { Cell::new(Crowd { one: ptr::null(), since: 0, others: 0 }) };
}

impl Crowd {
    fn came(&mut self, task: *const ()) {
        self.since += 1;
        if task == self.one {
            (self.one, self.others) = (ptr::null(), self.since - 1); // the next one's turn to be watched
        } else if self.one.is_null() || self.since > FORGOTTEN {
            (self.one, self.since) = (task, 0);
        }
    }
}

/// There is something to send. `Pending`: it is for the task's next turn, which is asked for; do not ask again then. Ready where few
/// tasks have something to send: they gain nothing by waiting.
#[inline]
pub(crate) fn turn(cx: &Context<'_>) -> Poll<()> {
    let waker = cx.waker();
    let mut crowd = CROWD.get();
    crowd.came(waker.data());
    CROWD.set(crowd);
    if crowd.others < MANY {
        return Poll::Ready(());
    }
    waker.wake_by_ref();
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Has so many tasks send one after the other, in rounds: how many of them waited in the last one, each having been woken for it.
    fn waits(tasks: usize, rounds: usize) -> usize {
        let wakes: Vec<_> = (0..tasks).map(|_| Arc::<Wakes>::default()).collect();
        let wakers: Vec<_> = wakes.iter().cloned().map(Waker::from).collect();
        let mut waited = 0;
        for _ in 0..rounds {
            let before: Vec<_> = wakes.iter().map(|wakes| wakes.0.load(Ordering::Relaxed)).collect();
            let pending: Vec<_> =
                wakers.iter().map(|waker| turn(&Context::from_waker(waker)).is_pending()).collect();
            let woken =
                wakes.iter().zip(before).map(|(wakes, before)| wakes.0.load(Ordering::Relaxed) > before);
            assert!(woken.eq(pending.iter().copied()));
            waited = pending.iter().filter(|pending| **pending).count();
        }
        waited
    }

    #[test]
    fn a_task_waits_where_many_send() {
        assert_eq!(waits(1, 5), 0);
        assert_eq!(waits(8, 5), 0, "few gain nothing");
        assert_eq!(waits(40, 5), 40);
        // What is known of a crowd is forgotten once one task has come twice.
        assert!(waits(8, 2) > 0);
        assert_eq!(waits(8, 100), 0);
        assert_eq!(waits(1, 1), 0);
    }

    #[test]
    fn who_never_comes_again_is_forgotten() {
        let gone = Waker::from(Arc::<Wakes>::default());
        assert!(turn(&Context::from_waker(&gone)).is_ready());
        assert_eq!(waits(30, 20), 30);
    }
}

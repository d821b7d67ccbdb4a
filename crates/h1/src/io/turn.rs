//! Turns of tasks: what is to be sent for many connections is sent in a row.

use std::cell::Cell;
use std::ptr;
use std::task::{Context, Poll};

thread_local! {
    /// Which task was the last on this thread with something to send: what its waker points to, compared and never followed.
    static LAST: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// There is something to send. `Pending`: it is for the task's next turn, which is asked for; do not ask again then. Ready where no
/// other task had something to send since this one did: who is alone gains nothing by waiting.
#[inline]
pub(crate) fn turn(cx: &Context<'_>) -> Poll<()> {
    let waker = cx.waker();
    if LAST.replace(waker.data()) == waker.data() {
        return Poll::Ready(());
    }
    waker.wake_by_ref();
    Poll::Pending
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
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

    #[test]
    fn who_is_alone_waits_for_nobody() {
        let tasks = [(); 2].map(|()| Arc::<Wakes>::default());
        let wakers = tasks.clone().map(Waker::from);
        let waits = |task: usize| turn(&Context::from_waker(&wakers[task])).is_pending();
        assert!(waits(0) && !waits(0) && !waits(0), "alone after the first");
        assert!(waits(1) && waits(0) && waits(1));
        assert_eq!(tasks.map(|task| task.0.load(Ordering::Relaxed)), [2, 2], "each wait has woken its task");
    }

    #[tokio::test]
    async fn tasks_take_turns() {
        let (said, mut heard) = tokio::sync::mpsc::channel(9);
        for task in 0..3 {
            let said = said.clone();
            tokio::spawn(async move {
                for step in 0..3 {
                    let mut waited = false;
                    poll_fn(
                        |cx| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { turn(cx) },
                    )
                    .await;
                    said.send((step, task)).await.unwrap();
                }
            });
        }
        drop(said);
        let mut order = Vec::new();
        while let Some(step) = heard.recv().await {
            order.push(step);
        }
        let sorted = order.iter().copied().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(order, Vec::from_iter(sorted));
    }
}

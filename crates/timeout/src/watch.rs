use std::{
    cell::RefCell,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::Instant;

use crate::{
    Error, Limits,
    deadline::{self, Deadline, Request},
    progress::Progress,
    timer::Timer,
};

/// Waits that a thread keeps for later exchanges; more are dropped.
const MAX_IDLE: usize = 1024;

thread_local! {
    /// Waits between two exchanges: no lock, and no handle to where they go. Their timers stay armed: the next exchange finds one
    /// that fires early enough, and so does not touch the timer wheel at all. In the meantime one fires at most once, and wakes a
    /// task that has no use for it.
    #[expect(clippy::vec_box, reason = "they move into watches and back as they are")]
    static IDLE: RefCell<Vec<Box<Wait>>> = const { RefCell::new(Vec::new()) };
}

/// The response's side of an exchange: what it waits for, since when, and the timer that ends the wait.
///
/// It moves with futures and responses from layer to layer, so it is small: what it says is in a box that exchanges use one after
/// the other.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Always there: only dropping takes it.
    wait: Option<Box<Wait>>,
}

#[derive(Debug, Default)]
struct Wait {
    limits: Limits,
    /// `None` once the request is known to be complete.
    progress: Option<Arc<Progress>>,
    /// When the wait at hand began: the first `Pending`.
    since: Option<Instant>,
    timer: Timer,
}

type Rule = fn(Limits, Request, Instant) -> Option<Deadline>;

impl Watch {
    pub(crate) fn new(limits: Limits, progress: Option<Arc<Progress>>) -> Self {
        let mut wait = Wait::take();
        wait.limits = limits;
        wait.progress = progress;
        Self { wait: Some(wait) }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.wait.as_ref().map_or(Limits::new(), |wait| wait.limits)
    }

    /// The head has not come: has it taken too long?
    pub(crate) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.poll(cx, deadline::head)
    }

    /// A frame has not come: has it taken too long?
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.poll(cx, deadline::frame)
    }

    /// What was waited for has come. The timer stays as it is: it will see when it fires that there is a new wait.
    pub(crate) fn came(&mut self) {
        if let Some(wait) = &mut self.wait {
            wait.since = None;
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, rule: Rule) -> Poll<Error> {
        let Some(wait) = &mut self.wait else { return Poll::Pending };
        let since = *wait.since.get_or_insert_with(Instant::now);
        let limits = wait.limits;
        let (running, request) = match &wait.progress {
            Some(progress) => (limits.shortest(), Some(progress)),
            None => (limits.read, None),
        };
        let Some(shortest) = running else { return Poll::Pending };
        let deadline = || {
            let request = request.map_or(Request::Complete(since), |progress| progress.request());
            rule(limits, request, since)
        };
        wait.timer.poll(cx, since, shortest, deadline).map(|deadline| deadline.error)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(mut wait) = self.wait.take() {
            wait.rest();
            wait.keep();
        }
    }
}

impl Wait {
    /// Nothing of its exchange is left but the timer.
    fn rest(&mut self) {
        (self.progress, self.since) = (None, None);
        self.timer.rest();
    }

    /// One that this thread has kept, or a new one.
    fn take() -> Box<Self> {
        IDLE.try_with(|idle| idle.borrow_mut().pop()).ok().flatten().unwrap_or_default()
    }

    /// For a later exchange, unless the thread is at its end.
    fn keep(self: Box<Self>) {
        let _ = IDLE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            if idle.len() < MAX_IDLE {
                idle.push(self);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::{IDLE, MAX_IDLE, Watch};
    use crate::{Limits, progress::Progress};

    /// What another test may have left on this thread is gone.
    fn clear() {
        IDLE.with_borrow_mut(Vec::clear);
    }

    fn idle() -> usize {
        IDLE.with_borrow(Vec::len)
    }

    #[test]
    fn what_an_exchange_leaves_is_used_again_and_says_nothing_of_it() {
        clear();
        let limits = Limits::new().read(Duration::from_secs(1));
        let progress = Arc::new(Progress::new(tokio::time::Instant::now()));
        drop(Watch::new(limits, Some(progress.clone())));
        assert_eq!((idle(), Arc::strong_count(&progress)), (1, 1));
        let next = Watch::new(Limits::new(), None);
        assert_eq!((idle(), next.limits()), (0, Limits::new()));
        assert!(next.wait.as_ref().is_some_and(|wait| wait.progress.is_none() && wait.since.is_none()));
    }

    #[test]
    fn only_so_many_are_kept() {
        clear();
        let all: Vec<_> = (0..MAX_IDLE + 10).map(|_| Watch::new(Limits::new(), None)).collect();
        drop(all);
        assert_eq!(idle(), MAX_IDLE);
    }
}

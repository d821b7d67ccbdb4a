use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use tokio::time::Instant;

use crate::{
    Error, Limits,
    deadline::{self, Deadline, Request},
    progress::Progress,
    timer::Timer,
};

/// Waits kept for later exchanges; more are dropped.
const MAX_IDLE: usize = 256;

/// The response's side of an exchange: what it waits for, since when, and the timer that ends the wait.
///
/// It moves with futures and responses from layer to layer, so it is small: what it says is in a box that exchanges use one after
/// the other.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Always there: only dropping takes it.
    wait: Option<Box<Wait>>,
    timers: Arc<Timers>,
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

/// Waits between two exchanges. Their timers stay armed: the next exchange finds one that fires early enough, and so does not
/// touch the timer wheel at all. In the meantime one fires at most once, and wakes a task that has no use for it.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    #[expect(clippy::vec_box, reason = "they move into watches and back as they are")]
    idle: Mutex<Vec<Box<Wait>>>,
}

type Rule = fn(Limits, Request, Instant) -> Option<Deadline>;

impl Watch {
    pub(crate) fn new(limits: Limits, progress: Option<Arc<Progress>>, timers: &Arc<Timers>) -> Self {
        let mut wait = timers.take();
        wait.limits = limits;
        wait.progress = progress;
        Self { wait: Some(wait), timers: Arc::clone(timers) }
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
            self.timers.keep(wait);
        }
    }
}

impl Wait {
    /// Nothing of its exchange is left but the timer.
    fn rest(&mut self) {
        (self.progress, self.since) = (None, None);
        self.timer.rest();
    }
}

impl Timers {
    /// Nobody waits for the lock: then there is none to be had.
    fn take(&self) -> Box<Wait> {
        self.idle.try_lock().ok().and_then(|mut idle| idle.pop()).unwrap_or_default()
    }

    fn keep(&self, wait: Box<Wait>) {
        if let Ok(mut idle) = self.idle.try_lock()
            && idle.len() < MAX_IDLE
        {
            idle.push(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::{MAX_IDLE, Timers, Watch};
    use crate::{Limits, progress::Progress};

    fn idle(timers: &Timers) -> usize {
        timers.idle.lock().unwrap().len()
    }

    #[test]
    fn what_an_exchange_leaves_is_used_again_and_says_nothing_of_it() {
        let timers = Arc::new(Timers::default());
        let limits = Limits::new().read(Duration::from_secs(1));
        let progress = Arc::new(Progress::new(tokio::time::Instant::now()));
        drop(Watch::new(limits, Some(progress.clone()), &timers));
        assert_eq!((idle(&timers), Arc::strong_count(&progress)), (1, 1));
        let next = Watch::new(Limits::new(), None, &timers);
        assert_eq!((idle(&timers), next.limits()), (0, Limits::new()));
        assert!(next.wait.as_ref().is_some_and(|wait| wait.progress.is_none() && wait.since.is_none()));
    }

    #[test]
    fn only_so_many_are_kept() {
        let timers = Arc::new(Timers::default());
        let all: Vec<_> = (0..MAX_IDLE + 10).map(|_| Watch::new(Limits::new(), None, &timers)).collect();
        drop(all);
        assert_eq!(idle(&timers), MAX_IDLE);
    }
}

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::Instant;

use crate::{
    Error, Limits,
    deadline::{self, Deadline, Request},
    progress::Progress,
    timer::{Timer, Timers},
};

/// The response's side of an exchange: what it waits for, since when, and the timer that ends the wait.
#[derive(Debug)]
pub(crate) struct Watch {
    limits: Limits,
    /// `None` once the request is known to be complete.
    progress: Option<Arc<Progress>>,
    /// When the wait at hand began: the first `Pending`.
    since: Option<Instant>,
    timer: Timer,
}

type Rule = fn(Limits, Request, Instant) -> Option<Deadline>;

impl Watch {
    pub(crate) const fn new(limits: Limits, progress: Option<Arc<Progress>>, timers: Arc<Timers>) -> Self {
        Self { limits, progress, since: None, timer: Timer::new(timers) }
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
        self.since = None;
    }

    fn poll(&mut self, cx: &mut Context<'_>, rule: Rule) -> Poll<Error> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let limits = self.limits;
        let (running, request) = match &self.progress {
            Some(progress) => (limits.shortest(), Some(progress)),
            None => (limits.read, None),
        };
        let Some(shortest) = running else { return Poll::Pending };
        let deadline = || {
            let request = request.map_or(Request::Complete(since), |progress| progress.request());
            rule(limits, request, since)
        };
        self.timer.poll(cx, since, shortest, deadline).map(|deadline| deadline.error)
    }
}

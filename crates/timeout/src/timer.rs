//! One timer for all the deadlines of an exchange.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use crate::deadline::Deadline;

/// The resolution of tokio's timer: looking more often finds nothing new.
const RESOLUTION: Duration = Duration::from_millis(1);

/// A tokio timer that is armed at the first wait, and armed again only when it has fired.
///
/// A deadline may move while the timer sleeps, but never to less than one shortest limit from the moment when it moves.
/// So it is enough never to sleep longer than that: what moved in the meantime is seen in time, and nobody has to be
/// woken or to touch the timer wheel because of progress.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Ready when `deadline` gives one that has come. It is asked only when the timer is armed: at the first poll of
    /// all, for a wait that began at `since`, and when the timer has fired.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        since: Instant,
        shortest: Duration,
        deadline: impl Fn() -> Option<Deadline>,
    ) -> Poll<Deadline> {
        let sleep =
            self.sleep.get_or_insert_with(|| Box::pin(sleep_until(next_look(since, shortest, deadline()))));
        while sleep.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let deadline = deadline();
            if let Some(come) = deadline.filter(|deadline| deadline.at <= now) {
                return Poll::Ready(come);
            }
            sleep.as_mut().reset(next_look(now, shortest, deadline));
        }
        Poll::Pending
    }
}

fn next_look(now: Instant, shortest: Duration, deadline: Option<Deadline>) -> Instant {
    let look = now.checked_add(shortest.max(RESOLUTION));
    let times = deadline.map(|deadline| deadline.at).into_iter().chain(look);
    // Neither: all limits lie beyond the clock. Tomorrow will do.
    times.min().unwrap_or_else(|| now + Duration::from_secs(86_400))
}

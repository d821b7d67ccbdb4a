//! Deadlines: what a connection waits for, and who says that it has waited for too long.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What a connection waits for. Each has one deadline at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// The next request, its head, the next piece of its body, or of what is read from a client that is being left.
    Read,
    /// The client to take what is sent.
    Write,
    /// The end of a connection that is being closed.
    Close,
}

impl Wait {
    pub(super) const ALL: usize = 3;

    pub(super) fn index(self) -> usize {
        match self {
            Self::Read => 0,
            Self::Write => 1,
            Self::Close => 2,
        }
    }
}

/// The deadlines of one connection. Arming and disarming happen for every request, so they have to be cheap; asking happens
/// when the connection is polled and cannot go on.
pub trait Deadlines: Send {
    /// The connection waits from now on, for at most so long; in place of any deadline for the same.
    fn arm(&mut self, wait: Wait, limit: Duration);

    /// The connection no longer waits for it.
    fn disarm(&mut self, wait: Wait);

    /// Ready once it has waited for too long; until then the task is woken when that may be. Armed or not.
    fn poll_passed(&mut self, wait: Wait, cx: &mut Context<'_>) -> Poll<()>;

    /// The second that it is, since 1970, if that is known without a look at the clock.
    fn second(&self) -> Option<u64> {
        None
    }
}

/// Deadlines kept by one tokio timer, made when it is first needed and moved lazily: arming is a look at the clock. Who has
/// many connections takes a [`Ticker`](super::Ticker).
#[derive(Debug, Default)]
pub struct OneTimer {
    at: [Option<Instant>; Wait::ALL],
    sleep: Option<Pin<Box<Sleep>>>,
}

impl OneTimer {
    /// Without deadlines as yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn slot(&mut self, wait: Wait) -> Option<&mut Option<Instant>> {
        self.at.get_mut(wait.index())
    }
}

impl Deadlines for OneTimer {
    fn arm(&mut self, wait: Wait, limit: Duration) {
        let at = Instant::now().checked_add(limit);
        if let Some(slot) = self.slot(wait) {
            *slot = at;
        }
    }

    fn disarm(&mut self, wait: Wait) {
        if let Some(slot) = self.slot(wait) {
            *slot = None;
        }
    }

    fn poll_passed(&mut self, wait: Wait, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.slot(wait).and_then(|at| *at) else { return Poll::Pending };
        loop {
            let now = Instant::now();
            if at <= now {
                return Poll::Ready(());
            }
            // One timer for all: at the next deadline of any that has not passed, or earlier.
            let next = self.at.iter().flatten().filter(|at| **at > now).min().copied().unwrap_or(at);
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(next)));
            if sleep.is_elapsed() || sleep.deadline() > next {
                sleep.as_mut().reset(next);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn passed(timer: &mut OneTimer, wait: Wait) -> Duration {
        let began = Instant::now();
        poll_fn(|cx| timer.poll_passed(wait, cx)).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_unless_it_is_moved() {
        let mut timer = OneTimer::new();
        timer.arm(Wait::Read, Duration::from_secs(2));
        timer.arm(Wait::Read, Duration::from_secs(5));
        timer.arm(Wait::Write, Duration::from_secs(3));
        assert_eq!(passed(&mut timer, Wait::Read).await.as_secs(), 5);
        assert_eq!(passed(&mut timer, Wait::Write).await.as_secs(), 0);
        timer.arm(Wait::Write, Duration::from_secs(1));
        assert_eq!(passed(&mut timer, Wait::Write).await.as_secs(), 1);
        timer.disarm(Wait::Write);
        timer.arm(Wait::Close, Duration::MAX);
        for wait in [Wait::Write, Wait::Close] {
            let never = tokio::time::timeout(Duration::from_secs(9), passed(&mut timer, wait)).await;
            assert!(never.is_err(), "{wait:?}");
        }
    }
}

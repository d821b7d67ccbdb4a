//! How fast a direction may go.

use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Timers are no finer: whoever may go on so soon does not wait, and what a timer was late is made up for.
const SLACK: Duration = Duration::from_millis(2);

/// So many bytes a second: whoever has read some waits for as long as they take at that rate. Nothing is saved up.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: NonZeroU64,
    /// When all that was read has had its time.
    due: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    holds: bool,
}

impl Pace {
    pub(crate) fn new(rate: NonZeroU64) -> Self {
        Self { rate, due: None, sleep: None, holds: false }
    }

    /// Ready when more may be read.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.holds {
            let Some(due) = self.due.filter(|due| *due > Instant::now() + SLACK) else {
                return Poll::Ready(());
            };
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(due),
                sleep => *sleep = Some(Box::pin(sleep_until(due))),
            }
            self.holds = true;
        }
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(cx));
        }
        self.holds = false;
        Poll::Ready(())
    }

    /// Whether more has to wait.
    pub(crate) fn holds(&self) -> bool {
        self.holds
    }

    /// How much of `size` is read at once: no more than in a second.
    pub(crate) fn at_once(&self, size: usize) -> usize {
        usize::try_from(self.rate.get()).unwrap_or(usize::MAX).min(size)
    }

    /// So much was read.
    pub(crate) fn took(&mut self, n: usize) {
        let nanos = (n as u64).saturating_mul(1_000_000_000) / self.rate;
        let now = Instant::now();
        let earliest = now.checked_sub(SLACK).unwrap_or(now);
        let since = self.due.map_or(now, |due| due.max(earliest));
        self.due = Some(since + Duration::from_nanos(nanos));
    }
}

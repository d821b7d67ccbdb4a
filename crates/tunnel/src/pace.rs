//! How fast a direction may go.

use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// So many bytes a second: whoever has read some waits for as long as they take at that rate. Nothing is saved up.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: NonZeroU64,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    pub(crate) fn new(rate: NonZeroU64) -> Self {
        Self { rate, wait: None }
    }

    /// Ready when more may be read.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(cx));
            self.wait = None;
        }
        Poll::Ready(())
    }

    /// Whether more has to wait.
    pub(crate) fn holds(&self) -> bool {
        self.wait.is_some()
    }

    /// How much of `size` is read at once: no more than in a second.
    pub(crate) fn at_once(&self, size: usize) -> usize {
        usize::try_from(self.rate.get()).unwrap_or(usize::MAX).min(size)
    }

    /// So much was read.
    pub(crate) fn took(&mut self, n: usize) {
        let nanos = (n as u64).saturating_mul(1_000_000_000) / self.rate;
        if nanos > 0 {
            self.wait = Some(Box::pin(sleep_until(Instant::now() + Duration::from_nanos(nanos))));
        }
    }
}

//! What the request's body tells the response's side. Reads no clock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::deadline::Request;

/// The state of [`Request`] in one word, shared by the two tasks that may poll the two sides of an exchange.
#[derive(Debug)]
pub(crate) struct Progress {
    start: Instant,
    /// Nanoseconds since `start`, shifted left by two; the state in the two lowest bits.
    word: AtomicU64,
}

const HELD: u64 = 0;
const AWAITED: u64 = 1;
const COMPLETE: u64 = 2;

impl Progress {
    /// The inner service holds the head, from now on.
    pub(crate) fn new(now: Instant) -> Self {
        Self { start: now, word: AtomicU64::new(HELD) }
    }

    pub(crate) fn set(&self, request: Request) {
        let word = match request {
            Request::Held(at) => self.pack(at) | HELD,
            Request::Awaited => AWAITED,
            Request::Complete(at) => self.pack(at) | COMPLETE,
        };
        self.word.store(word, Ordering::Release);
    }

    pub(crate) fn request(&self) -> Request {
        let word = self.word.load(Ordering::Acquire);
        let at = self.start + Duration::from_nanos(word >> 2);
        match word & 3 {
            HELD => Request::Held(at),
            AWAITED => Request::Awaited,
            _ => Request::Complete(at),
        }
    }

    /// Two bits short of u64, nanoseconds last for 146 years.
    fn pack(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.start).as_nanos();
        u64::try_from(nanos).unwrap_or(u64::MAX) << 2
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Progress;
    use crate::deadline::Request;

    #[test]
    fn what_is_set_is_read() {
        let start = Instant::now();
        let progress = Progress::new(start);
        assert_eq!(progress.request(), Request::Held(start));
        for later in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(1_000_000_000)] {
            let at = start + later;
            for request in [Request::Held(at), Request::Awaited, Request::Complete(at)] {
                progress.set(request);
                assert_eq!(progress.request(), request);
            }
        }
    }
}

use std::time::Duration;

use http::StatusCode;
use tokio::time::{Instant, sleep};

/// How long it takes to be told that a password is wrong. Counted from where the request is looked at, so that nobody hears from
/// the time whether there is a user, and what the check of its password costs: it should be longer than any check takes.
///
/// ```
/// use std::time::Duration;
/// use http::StatusCode;
/// use propylon_access::Delay;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let due = Delay::new(Duration::from_secs(1)).begin();
/// // The request is judged here, however that is done.
/// due.wait(StatusCode::UNAUTHORIZED).await;
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Delay(Duration);

/// When an answer is due. Made by [`Delay::begin`].
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing waits by itself"]
pub struct Due {
    begun: Option<Instant>,
    delay: Duration,
}

impl Delay {
    /// So long; zero: no longer than it has to.
    #[must_use]
    pub const fn new(delay: Duration) -> Self {
        Self(delay)
    }

    /// A request is about to be judged.
    pub fn begin(self) -> Due {
        Due { begun: (!self.0.is_zero()).then(Instant::now), delay: self.0 }
    }
}

impl Due {
    /// Whether an answer of this status waits, and is not due yet.
    #[must_use]
    pub fn waits(&self, status: StatusCode) -> bool {
        status == StatusCode::UNAUTHORIZED && self.begun.is_some_and(|begun| begun.elapsed() < self.delay)
    }

    /// Waits until an answer of this status is due: 401; any other is at once.
    ///
    /// To drop the future is to wait no longer: a client that leaves leaves nothing behind.
    pub async fn wait(self, status: StatusCode) {
        if self.waits(status)
            && let Some(begun) = self.begun
        {
            sleep(self.delay.saturating_sub(begun.elapsed())).await;
        }
    }
}

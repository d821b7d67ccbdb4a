//! One reading of the clock for all that happens at once.

use std::cell::Cell;

pub use tokio::time::Instant;

#[derive(Clone, Copy)]
enum Hand {
    Moves,
    /// It stops where it is when it is looked at.
    Stops,
    Stands(Instant),
    /// The same, with the nanoseconds since the moment before it that was asked about last.
    Measured(Instant, Instant, u64),
}

thread_local! {
    static HAND: Cell<Hand> = const { Cell::new(Hand::Moves) };
}

/// The time; within [`hold`] that of the first look.
#[must_use]
#[inline(never)] // it is asked for in many places: what is one function is fetched once
pub fn now() -> Instant {
    HAND.with(|hand| match hand.get() {
        Hand::Moves => Instant::now(),
        Hand::Stands(at) | Hand::Measured(at, ..) => at,
        Hand::Stops => {
            let at = Instant::now();
            hand.set(Hand::Stands(at));
            at
        }
    })
}

/// The nanoseconds from `began` to now. Within [`hold`] they are counted once for all that is recorded of one exchange.
#[must_use]
#[inline(never)]
pub(crate) fn nanos_since(began: Instant) -> u64 {
    if let Hand::Measured(_, since, nanos) = HAND.get()
        && since == began
    {
        return nanos;
    }
    let now = now();
    // 584 years of nanoseconds fit.
    let nanos = u64::try_from(now.saturating_duration_since(began).as_nanos()).unwrap_or(u64::MAX);
    if !matches!(HAND.get(), Hand::Moves) {
        HAND.set(Hand::Measured(now, began, nanos));
    }
    nanos
}

/// Runs `task`, one poll of a task, during which the clock stands still from the first look at it: the facts of an exchange are a
/// few, and reading the clock costs more than recording them. As in nginx, whose time is that of its loop.
pub fn hold<T>(task: impl FnOnce() -> T) -> T {
    let _release = Release(HAND.replace(Hand::Stops));
    task()
}

/// Lets the clock go on as before, also when the task panics.
struct Release(Hand);

impl Drop for Release {
    fn drop(&mut self) {
        HAND.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_stands_while_it_is_held_and_moves_after() {
        let before = now();
        tokio::time::advance(Duration::from_secs(1)).await;
        let (first, second) = hold(|| (now(), now()));
        assert_eq!((first, second), (before + Duration::from_secs(1), first));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(now(), first + Duration::from_secs(1));
        assert_eq!(hold(now), now());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_measured_is_from_where_it_is_asked_to_where_the_clock_stands() {
        let began = now();
        tokio::time::advance(Duration::from_millis(2)).await;
        let later = now();
        tokio::time::advance(Duration::from_millis(1)).await;
        let (short, long) = (1_000_000, 3_000_000);
        let measured = [began, began, later, began].map(nanos_since);
        assert_eq!(measured, [long, long, short, long]);
        let held = hold(|| ([began, began, later, began].map(nanos_since), now()));
        assert_eq!(held, ([long, long, short, long], now()));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!((nanos_since(began), hold(|| nanos_since(began))), (4_000_000, 4_000_000));
    }
}

//! Coarse deadlines: integers, looked at ten times a second by one task for all connections of a thread.
//!
//! A timer a request costs more than the request's parsing; a client that is a fifth of a second too slow is not.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, MissedTickBehavior};

use super::{Deadlines, Wait, date};

/// How often deadlines are looked at, in milliseconds.
const TICK: u64 = 100;

/// The deadline that is none.
const NEVER: u64 = u64::MAX;

/// A coarse clock, and the deadlines of many connections. A clone is the same ticker. It also spares each response a look at the time of
/// day for its `Date`, which is as old as the last tick then: a tenth of a second as a rule. After a pause of the whole process (a
/// suspended machine, a stopped container) what is answered before the first tick has the second from before the pause.
///
/// Arming a deadline is two loads and a store. A deadline passes 0.1 to 0.2 s late, never early. One tick looks at 16 bytes a
/// connection, and touches the connection itself only when its next deadline is near.
///
/// ```
/// use std::time::Duration;
/// use propylon_h1::server::{Deadlines, Ticker, Wait};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let ticker = Ticker::new();
/// let ticking = tokio::spawn({
///     let ticker = ticker.clone();
///     async move { ticker.run().await }
/// });
/// let mut deadlines = ticker.deadlines(); // one for each connection
/// deadlines.arm(Wait::Read, Duration::from_secs(60));
/// std::future::poll_fn(|cx| deadlines.poll_passed(Wait::Read, cx)).await;
/// ticking.abort();
/// # }
/// ```
#[derive(Clone)]
pub struct Ticker(Arc<Clock>);

struct Clock {
    epoch: Instant,
    /// Milliseconds since the epoch, as of the last tick.
    now: AtomicU64,
    /// Seconds since 1970, as of the last tick; 0 while it does not tick.
    second: AtomicU64,
    due: Mutex<Vec<Due>>,
}

/// When to look at a connection.
struct Due {
    at: u64,
    connection: Weak<Entry>,
}

/// The deadlines that a [`Ticker`] looks at.
pub struct Ticked {
    entry: Arc<Entry>,
    clock: Arc<Clock>,
    /// Whom `entry` wakes.
    waker: Waker,
}

struct Entry {
    at: [AtomicU64; Wait::ALL],
    /// When the ticker looks next: never later than the first deadline.
    look: AtomicU64,
    waker: Mutex<Waker>,
}

impl Ticker {
    /// A clock that begins now and stands still until it [runs](Self::run).
    #[must_use]
    pub fn new() -> Self {
        let clock = Clock {
            epoch: Instant::now(),
            now: AtomicU64::new(0),
            second: AtomicU64::new(0),
            due: Mutex::default(),
        };
        Self(Arc::new(clock))
    }

    /// Deadlines for one connection.
    #[must_use]
    pub fn deadlines(&self) -> Ticked {
        let entry = Entry {
            at: [const { AtomicU64::new(NEVER) }; Wait::ALL],
            look: AtomicU64::new(NEVER),
            waker: Mutex::new(Waker::noop().clone()),
        };
        Ticked { entry: Arc::new(entry), clock: Arc::clone(&self.0), waker: Waker::noop().clone() }
    }

    /// Ticks until it is dropped: without it, no deadline passes.
    pub async fn run(&self) {
        let mut ticks = tokio::time::interval(Duration::from_millis(TICK));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let _until_it_stops = Ticks(&self.0);
        loop {
            ticks.tick().await;
            self.0.tick();
        }
    }
}

/// A clock that ticks.
struct Ticks<'c>(&'c Clock);

impl Drop for Ticks<'_> {
    fn drop(&mut self) {
        self.0.second.store(0, Relaxed);
    }
}

impl Default for Ticker {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock {
    fn tick(&self) {
        // 584 million years of milliseconds fit.
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(NEVER);
        self.now.store(now, Relaxed);
        self.second.store(date::second(), Relaxed);
        let mut passed: Vec<Arc<Entry>> = Vec::new();
        self.due.lock().retain_mut(|due| {
            if due.at > now {
                return true;
            }
            let Some(entry) = due.connection.upgrade() else { return false };
            if entry.look.load(Relaxed) != due.at {
                return false; // it was armed for earlier since, and has another place in the list
            }
            let first = entry.first();
            let passes = first <= now;
            // What has passed is looked at again when it is armed again.
            due.at = if passes { NEVER } else { first };
            entry.look.store(due.at, Relaxed);
            if passes {
                passed.push(entry);
            }
            due.at != NEVER
        });
        for entry in passed {
            let waker = entry.waker.lock().clone();
            waker.wake();
        }
    }
}

impl Entry {
    fn first(&self) -> u64 {
        self.at.iter().map(|at| at.load(Relaxed)).min().unwrap_or(NEVER)
    }
}

impl Deadlines for Ticked {
    fn arm(&mut self, wait: Wait, limit: Duration) {
        let Some(slot) = self.entry.at.get(wait.index()) else { return };
        let limit = u64::try_from(limit.as_millis()).unwrap_or(NEVER);
        // The clock may be a tick behind: a deadline is rather late than early.
        let at = self.clock.now.load(Relaxed).saturating_add(limit).saturating_add(TICK);
        slot.store(at, Relaxed);
        if at < self.entry.look.load(Relaxed) {
            self.entry.look.store(at, Relaxed);
            self.clock.due.lock().push(Due { at, connection: Arc::downgrade(&self.entry) });
        }
    }

    fn disarm(&mut self, wait: Wait) {
        if let Some(slot) = self.entry.at.get(wait.index()) {
            slot.store(NEVER, Relaxed);
        }
    }

    fn poll_passed(&mut self, wait: Wait, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waker.will_wake(cx.waker()) {
            self.waker = cx.waker().clone();
            *self.entry.waker.lock() = self.waker.clone();
        }
        let at = self.entry.at.get(wait.index()).map_or(NEVER, |at| at.load(Relaxed));
        if at != NEVER && at <= self.clock.now.load(Relaxed) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn second(&self) -> Option<u64> {
        Some(self.clock.second.load(Relaxed)).filter(|second| *second > 0)
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticker").field("now", &self.0.now).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ticked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticked").field("at", &self.entry.at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_second_is_known_while_it_ticks() {
        let (ticker, mut known) = (Ticker::new(), None);
        let mut ticked = ticker.deadlines();
        assert_eq!(ticked.second(), None);
        ticked.arm(Wait::Read, Duration::ZERO);
        tokio::select! {
            () = ticker.run() => {}
            () = poll_fn(|cx| ticked.poll_passed(Wait::Read, cx).map(|()| known = ticked.second())) => {}
        }
        assert!(known.is_some_and(|second| second.abs_diff(date::second()) < 60));
        assert_eq!(ticked.second(), None, "nobody brings it up to date");
    }

    /// How long it took to pass, the ticker running.
    async fn passed(ticker: &Ticker, ticked: &mut Ticked, wait: Wait) -> Duration {
        let began = Instant::now();
        tokio::select! {
            () = ticker.run() => {}
            () = poll_fn(|cx| ticked.poll_passed(wait, cx)) => {}
        }
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_passes_late_but_never_early() {
        let ticker = Ticker::new();
        let mut ticked = ticker.deadlines();
        for millis in [1, 99, 100, 1000, 60_000] {
            let limit = Duration::from_millis(millis);
            ticked.arm(Wait::Read, limit);
            let took = passed(&ticker, &mut ticked, Wait::Read).await;
            assert!(
                took >= limit && took <= limit + Duration::from_millis(2 * TICK + 1),
                "{limit:?}: {took:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn moved_deadlines_leave_nothing_behind() {
        let ticker = Ticker::new();
        let mut ticked = ticker.deadlines();
        for _ in 0..1000 {
            ticked.arm(Wait::Read, Duration::from_secs(75));
            ticked.arm(Wait::Read, Duration::from_secs(60));
            ticked.arm(Wait::Write, Duration::from_secs(30));
            ticked.disarm(Wait::Write);
        }
        assert!(ticker.0.due.lock().len() <= 3);
        let took = passed(&ticker, &mut ticked, Wait::Read).await;
        assert_eq!(took.as_secs(), 60);
        ticked.disarm(Wait::Read);
        let never =
            tokio::time::timeout(Duration::from_secs(99), passed(&ticker, &mut ticked, Wait::Read)).await;
        assert!(never.is_err());
        drop(ticked);
        ticker.0.tick();
        assert!(ticker.0.due.lock().is_empty());
    }
}

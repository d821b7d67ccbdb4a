//! One timer for all the deadlines of an exchange, and for those of the exchanges after it.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    runtime::{Handle, Id},
    time::{Instant, Sleep, sleep_until},
};

use crate::deadline::Deadline;

/// The resolution of tokio's timer: looking more often finds nothing new.
const RESOLUTION: Duration = Duration::from_millis(1);

/// Timers kept for later exchanges; more are dropped.
const MAX_IDLE: usize = 256;

/// A timer that is armed at the first wait, and armed again only when it has fired.
///
/// A deadline may move while the timer sleeps, but never to less than one shortest limit from the moment when it moves.
/// So it is enough never to sleep longer than that: what moved in the meantime is seen in time, and nobody has to be
/// woken or to touch the timer wheel because of progress.
#[derive(Debug)]
pub(crate) struct Timer {
    alarm: Option<Alarm>,
    timers: Arc<Timers>,
}

/// Timers between two exchanges. They stay armed: the next exchange finds one that fires early enough, and so does not
/// touch the timer wheel at all. In the meantime one fires at most once, and wakes a task that has no use for it.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    idle: Mutex<Vec<Alarm>>,
}

#[derive(Debug)]
struct Alarm {
    /// The runtime that drives the timer: in another one it might never fire.
    runtime: Id,
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    pub(crate) const fn new(timers: Arc<Timers>) -> Self {
        Self { alarm: None, timers }
    }

    /// Ready when `deadline` gives one that has come. It is asked only when the timer is armed: at the first poll of
    /// all, for a wait that began at `since`, and when the timer has fired.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        since: Instant,
        shortest: Duration,
        deadline: impl Fn() -> Option<Deadline>,
    ) -> Poll<Deadline> {
        let alarm =
            self.alarm.get_or_insert_with(|| self.timers.not_after(next_look(since, shortest, deadline())));
        let sleep = &mut alarm.sleep;
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

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(alarm) = self.alarm.take() {
            self.timers.keep(alarm);
        }
    }
}

impl Timers {
    /// A timer that fires at `look`, or sooner.
    fn not_after(&self, look: Instant) -> Alarm {
        let runtime = Handle::current().id();
        match self.idle().filter(|alarm| alarm.runtime == runtime) {
            Some(mut alarm) => {
                if alarm.sleep.deadline() > look {
                    alarm.sleep.as_mut().reset(look);
                }
                alarm
            }
            None => Alarm { runtime, sleep: Box::pin(sleep_until(look)) },
        }
    }

    /// Nobody waits for the lock: then there is none to be had.
    fn idle(&self) -> Option<Alarm> {
        self.idle.try_lock().ok()?.pop()
    }

    fn keep(&self, alarm: Alarm) {
        if let Ok(mut idle) = self.idle.try_lock()
            && idle.len() < MAX_IDLE
        {
            idle.push(alarm);
        }
    }
}

fn next_look(now: Instant, shortest: Duration, deadline: Option<Deadline>) -> Instant {
    let look = now.checked_add(shortest.max(RESOLUTION));
    let times = deadline.map(|deadline| deadline.at).into_iter().chain(look);
    // Neither: all limits lie beyond the clock. Tomorrow will do.
    times.min().unwrap_or_else(|| now + Duration::from_secs(86_400))
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use tokio::{
        runtime::{Builder, Runtime},
        time::Instant,
    };

    use super::{MAX_IDLE, Timer, Timers};

    fn paused() -> Runtime {
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    }

    fn idle(timers: &Timers) -> usize {
        timers.idle.lock().unwrap().len()
    }

    /// A timer that has an alarm.
    fn armed(timers: &Arc<Timers>, seconds: u64) -> Timer {
        let look = Instant::now() + Duration::from_secs(seconds);
        Timer { alarm: Some(timers.not_after(look)), timers: timers.clone() }
    }

    fn fires(timer: &Timer) -> Instant {
        timer.alarm.as_ref().unwrap().sleep.deadline()
    }

    #[test]
    fn a_timer_is_used_again_and_only_ever_armed_for_sooner() {
        let runtime = paused();
        let _inside = runtime.enter();
        let timers = Arc::new(Timers::default());
        let now = Instant::now();
        drop(armed(&timers, 60));
        assert_eq!(idle(&timers), 1);

        let later = armed(&timers, 70);
        assert_eq!(idle(&timers), 0);
        assert!(fires(&later) < now + Duration::from_secs(65), "armed anew without need");
        drop(later);

        let sooner = armed(&timers, 5);
        assert_eq!(idle(&timers), 0);
        assert!(fires(&sooner) < now + Duration::from_secs(10), "would come late");
    }

    #[test]
    fn the_timer_of_another_runtime_is_not_used() {
        let timers = Arc::new(Timers::default());
        let first = paused();
        let inside = first.enter();
        drop(armed(&timers, 60));
        drop(inside);
        drop(first);

        let second = paused();
        let _inside = second.enter();
        let timer = armed(&timers, 70);
        assert_eq!(timer.alarm.as_ref().unwrap().runtime, second.handle().id());
        assert_eq!(idle(&timers), 0);
    }

    #[test]
    fn only_so_many_are_kept() {
        let runtime = paused();
        let _inside = runtime.enter();
        let timers = Arc::new(Timers::default());
        let all: Vec<_> = (0..MAX_IDLE + 10).map(|_| armed(&timers, 60)).collect();
        drop(all);
        assert_eq!(idle(&timers), MAX_IDLE);
    }
}

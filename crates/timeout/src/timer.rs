//! One timer for all the deadlines of an exchange, and for those of the exchanges after it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    runtime::{Handle, Id},
    time::{Instant, Sleep, sleep_until},
};

use crate::deadline::Deadline;

/// The resolution of tokio's timer: looking more often finds nothing new.
const RESOLUTION: Duration = Duration::from_millis(1);

/// A timer that is armed at the first wait, and armed again only when it has fired.
///
/// A deadline may move while the timer sleeps, but never to less than one shortest limit from the moment when it moves.
/// So it is enough never to sleep longer than that: what moved in the meantime is seen in time, and nobody has to be
/// woken or to touch the timer wheel because of progress.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    /// Whether it has been armed for the exchange at hand.
    armed: bool,
    /// It may be that of an exchange before.
    alarm: Option<Alarm>,
}

#[derive(Debug)]
struct Alarm {
    /// The runtime that drives the timer: in another one it might never fire.
    runtime: Id,
    sleep: Pin<Box<Sleep>>,
}

impl Timer {
    /// Ready when `deadline` gives one that has come. It is asked only when the timer has fired: the first alarm counts from
    /// `since`, when the wait began.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        since: Instant,
        shortest: Duration,
        deadline: impl Fn() -> Option<Deadline>,
    ) -> Poll<Deadline> {
        if !self.armed {
            // No deadline is sooner: each of them is a limit after `since`, or later.
            self.arm(since.checked_add(shortest).unwrap_or_else(|| tomorrow(since)));
        }
        let Some(Alarm { sleep, .. }) = &mut self.alarm else { return Poll::Pending };
        ready!(sleep.as_mut().poll(cx));
        self.look(cx, shortest, deadline)
    }

    /// It has fired, which is seldom.
    #[cold]
    fn look(
        &mut self,
        cx: &mut Context<'_>,
        shortest: Duration,
        deadline: impl Fn() -> Option<Deadline>,
    ) -> Poll<Deadline> {
        let Some(Alarm { sleep, .. }) = &mut self.alarm else { return Poll::Pending };
        loop {
            let now = Instant::now();
            let deadline = deadline();
            if let Some(come) = deadline.filter(|deadline| deadline.at <= now) {
                return Poll::Ready(come);
            }
            sleep.as_mut().reset(next_look(now, shortest, deadline));
            ready!(sleep.as_mut().poll(cx));
        }
    }

    /// The exchange is over. The alarm stays as it is, for the next one.
    pub(crate) fn rest(&mut self) {
        self.armed = false;
    }

    /// It fires at `look`, or sooner.
    fn arm(&mut self, look: Instant) {
        let runtime = Handle::current().id();
        match &mut self.alarm {
            Some(alarm) if alarm.runtime == runtime => {
                if alarm.sleep.deadline() > look {
                    alarm.sleep.as_mut().reset(look);
                }
            }
            alarm => *alarm = Some(Alarm { runtime, sleep: Box::pin(sleep_until(look)) }),
        }
        self.armed = true;
    }
}

fn next_look(now: Instant, shortest: Duration, deadline: Option<Deadline>) -> Instant {
    let look = now.checked_add(shortest.max(RESOLUTION));
    let times = deadline.map(|deadline| deadline.at).into_iter().chain(look);
    // Neither: all limits lie beyond the clock.
    times.min().unwrap_or_else(|| tomorrow(now))
}

/// That will do.
fn tomorrow(now: Instant) -> Instant {
    now + Duration::from_secs(86_400)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        runtime::{Builder, Runtime},
        time::Instant,
    };

    use super::Timer;

    fn paused() -> Runtime {
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    }

    fn arm(timer: &mut Timer, seconds: u64) -> Instant {
        timer.rest();
        timer.arm(Instant::now() + Duration::from_secs(seconds));
        timer.alarm.as_ref().unwrap().sleep.deadline()
    }

    #[test]
    fn a_timer_is_used_again_and_only_ever_armed_for_sooner() {
        let runtime = paused();
        let _inside = runtime.enter();
        let mut timer = Timer::default();
        let now = Instant::now();
        arm(&mut timer, 60);
        assert!(arm(&mut timer, 70) < now + Duration::from_secs(65), "armed anew without need");
        assert!(arm(&mut timer, 5) < now + Duration::from_secs(10), "would come late");
    }

    #[test]
    fn the_timer_of_another_runtime_is_not_used() {
        let mut timer = Timer::default();
        let first = paused();
        let inside = first.enter();
        arm(&mut timer, 60);
        drop(inside);
        drop(first);

        let second = paused();
        let _inside = second.enter();
        arm(&mut timer, 70);
        assert_eq!(timer.alarm.as_ref().unwrap().runtime, second.handle().id());
    }
}

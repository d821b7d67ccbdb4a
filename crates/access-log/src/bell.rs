//! How the writer's thread is woken, and tells how far it is.

use std::sync::atomic::{
    AtomicBool,
    Ordering::{AcqRel, Acquire, Release},
};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::time::Instant;

use crate::lane::Lane;

/// What the writer's thread waits for. While it is awake, ringing costs one load.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    awake: AtomicBool,
    desk: Mutex<Desk>,
    rung: Condvar,
    progressed: Condvar,
}

/// What lies there for the writer.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    rung: bool,
    waiting: usize,
    pub(crate) stop: bool,
    pub(crate) arrivals: Vec<Lane>,
}

impl Bell {
    /// Wakes the writer if it sleeps.
    pub(crate) fn ring(&self) {
        if !self.awake.load(Acquire) && !self.awake.swap(true, AcqRel) {
            self.tell(|_| ());
        }
    }

    /// Leaves something for the writer and wakes it, also from a pause.
    pub(crate) fn tell(&self, leave: impl FnOnce(&mut Desk)) {
        let mut desk = self.desk.lock();
        leave(&mut desk);
        desk.rung = true;
        drop(desk);
        self.rung.notify_one();
    }

    /// What lies there.
    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock()
    }

    /// The writer waits a moment for lines that come together; those do not ring.
    pub(crate) fn pause(&self, time: Duration) {
        let mut desk = self.desk.lock();
        if !desk.rung {
            self.rung.wait_for(&mut desk, time);
        }
        desk.rung = false;
    }

    /// The writer waits until it is rung for, or until `alarm`; not at all if `is_wanted` already.
    pub(crate) fn sleep(&self, alarm: Option<Instant>, is_wanted: impl FnOnce() -> bool) {
        self.awake.store(false, Release);
        // Whoever took a sink's lock before this look at it is seen by it; whoever takes it later sees `awake`.
        if !is_wanted() {
            let mut desk = self.desk.lock();
            match alarm {
                _ if desk.rung => {}
                Some(alarm) => drop(self.rung.wait_until(&mut desk, alarm.into_std())),
                None => self.rung.wait(&mut desk),
            }
            desk.rung = false;
        }
        self.awake.store(true, Release);
    }

    /// The writer has got on.
    pub(crate) fn progress(&self) {
        let waiting = self.desk.lock().waiting;
        if waiting > 0 {
            self.progressed.notify_all();
        }
    }

    /// Waits until the writer has got as far as `is_there` asks. Returns whether it has by `deadline`.
    pub(crate) fn wait_for(&self, deadline: Instant, is_there: impl Fn() -> bool) -> bool {
        let mut desk = self.desk.lock();
        desk.waiting += 1;
        while !is_there() {
            if self.progressed.wait_until(&mut desk, deadline.into_std()).timed_out() {
                break;
            }
        }
        desk.waiting -= 1;
        is_there()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only a failure takes so long.
    const LIMIT: Duration = Duration::from_secs(20);

    #[track_caller]
    fn sleeps_not(bell: &Bell, is_wanted: impl FnOnce() -> bool) {
        let alarm = Instant::now() + LIMIT;
        bell.sleep(Some(alarm), is_wanted);
        assert!(Instant::now() < alarm, "slept until the alarm");
    }

    #[test]
    fn no_ring_is_missed_on_the_way_to_sleep() {
        let bell = Bell::default();
        bell.awake.store(true, Release);
        // Before the writer has lain down: no bell rings, but the sink is seen.
        bell.ring();
        assert!(!bell.desk().rung);
        sleeps_not(&bell, || true);
        // After the look at the sinks: the bell rings.
        sleeps_not(&bell, || {
            bell.ring();
            false
        });
        // Something was left on the desk in the meantime.
        bell.tell(|desk| desk.stop = true);
        sleeps_not(&bell, || false);
    }

    #[test]
    fn sleep_ends_at_the_alarm() {
        let bell = Bell::default();
        let alarm = Instant::now() + Duration::from_millis(5);
        bell.sleep(Some(alarm), || false);
        assert!(Instant::now() >= alarm);
    }
}

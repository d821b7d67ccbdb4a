//! The thread that writes.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

use crate::Trouble;
use crate::bell::Bell;
use crate::lane::{Lane, Served};

/// How long the writer waits after a write for lines that can be written together.
const LINGER: Duration = Duration::from_millis(5);

pub(crate) type OnTrouble = Box<dyn Fn(&Trouble<'_>) + Send>;

/// Starts the thread; it ends when it is told to stop and has nothing left to write.
pub(crate) fn spawn(bell: Arc<Bell>, on_trouble: OnTrouble) -> io::Result<()> {
    let writer = Writer { bell, on_trouble, lanes: Vec::new() };
    // Not joined: it belongs to the handles, and ends after the last of them.
    thread::Builder::new().name("log-writer".into()).spawn(|| writer.run())?;
    Ok(())
}

struct Writer {
    bell: Arc<Bell>,
    on_trouble: OnTrouble,
    lanes: Vec<Lane>,
}

impl Writer {
    fn run(mut self) {
        loop {
            let stop = self.look();
            let (busy, alarm) = self.serve(Instant::now());
            self.bell.progress();
            if stop && self.lanes.is_empty() {
                return;
            }
            if busy {
                self.bell.pause(LINGER);
            } else {
                self.bell.sleep(alarm, || self.lanes.iter().any(Lane::is_wanted));
            }
        }
    }

    /// Takes in what lies on the desk. Returns whether to stop.
    fn look(&mut self) -> bool {
        let mut desk = self.bell.desk();
        self.lanes.append(&mut desk.arrivals);
        desk.stop
    }

    /// Serves all sinks. Returns whether there was something to write, and when to come back.
    fn serve(&mut self, now: Instant) -> (bool, Option<Instant>) {
        let mut busy = false;
        let mut alarm: Option<Instant> = None;
        let on_trouble = &*self.on_trouble;
        self.lanes.retain_mut(|lane| {
            let mut times = [None, None];
            let served = lane.serve(now);
            match served {
                Served::Wrote => busy = true,
                Served::At(time) => times[0] = Some(time),
                Served::Idle | Served::Closed => {}
            }
            match lane.next_report() {
                Some(Some(time)) if time > now && served != Served::Closed => times[1] = Some(time),
                Some(_) => lane.report(now, on_trouble),
                None => {}
            }
            alarm = alarm.into_iter().chain(times.into_iter().flatten()).min();
            served != Served::Closed
        });
        (busy, alarm)
    }
}

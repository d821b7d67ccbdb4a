//! One sink, seen from the writer's thread.

use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

use tokio::time::Instant;

use crate::Trouble;
use crate::device::{Device, Halt};
use crate::pending::{Due, Successor};
use crate::sink::Core;

/// How long after a reader did not keep up it is tried again: at first, and twice as long each time up to the second.
const FULL_RETRY: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));
/// How long after an error it is tried again.
const BROKEN_RETRY: Duration = Duration::from_secs(1);
/// How often trouble is reported at most.
const REPORT: Duration = Duration::from_secs(1);
/// How long a sink that nobody uses any more is kept to get its last lines written.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);
/// A buffer above this is given back when it was mostly empty.
const KEEP: usize = 256 << 10;

/// One sink, seen from the writer's thread: the device, and the lines on their way to it.
#[derive(Debug)]
pub(crate) struct Lane {
    core: Arc<Core>,
    device: Device,
    lines: Vec<u8>,
    at: usize,
    /// How many bytes went before `lines`.
    base: u64,
    switch: Option<Successor<Device>>,
    retry: Option<Instant>,
    patience: Duration,
    closing: Option<Instant>,
    reported: Report,
}

#[derive(Debug, Default)]
struct Report {
    at: Option<Instant>,
    dropped: u64,
    failed: u64,
    error: Option<std::io::Error>,
}

/// What the writer has to do about a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// There was something to write: more may come.
    Wrote,
    /// Come back then.
    At(Instant),
    /// Nothing until it is rung for.
    Idle,
    /// It is done with.
    Closed,
}

impl Lane {
    pub(crate) fn new(core: Arc<Core>, device: Device) -> Self {
        Self {
            core,
            device,
            lines: Vec::new(),
            at: 0,
            base: 0,
            switch: None,
            retry: None,
            patience: FULL_RETRY.0,
            closing: None,
            reported: Report::default(),
        }
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.core.pending.lock().is_rung()
    }

    /// Writes what is due.
    pub(crate) fn serve(&mut self, now: Instant) -> Served {
        if self.is_done() {
            match self.take(now) {
                Due::Now => self.pump(now),
                Due::At(time) => return Served::At(time),
                Due::Idle => return self.rest(),
            }
        } else if self.retry.is_none_or(|retry| retry <= now) || self.core.pending.lock().has_successor() {
            self.pump(now);
        }
        match self.retry {
            Some(retry) => {
                self.core.pending.lock().mute();
                if !self.is_overdue(now) {
                    return Served::At(retry);
                }
                self.give_up();
                Served::Closed
            }
            None => Served::Wrote,
        }
    }

    fn is_done(&self) -> bool {
        self.at == self.lines.len() && self.switch.is_none()
    }

    fn take(&mut self, now: Instant) -> Due {
        self.base += self.lines.len() as u64;
        if self.lines.capacity() > KEEP && self.lines.len() < self.lines.capacity() / 8 {
            self.lines = Vec::new();
        }
        self.lines.clear();
        self.at = 0;
        let mut pending = self.core.pending.lock();
        let due = pending.take(now, &mut self.lines);
        if due == Due::Now {
            self.switch = pending.take_successor();
        }
        due
    }

    /// Writes until all is written or the device does not take it.
    fn pump(&mut self, now: Instant) {
        self.retry = None;
        while !self.is_done() {
            let end = self.switch.as_ref().map_or(self.lines.len(), |switch| switch.at);
            let halt = self.write_to(end);
            if halt.is_none() || self.has_other() {
                self.change(halt.is_some());
            } else if let Some(halt) = halt {
                self.retry = Some(now + self.wait(halt));
                return;
            }
        }
    }

    /// How long to wait for a device that does not take more.
    fn wait(&mut self, halt: Halt) -> Duration {
        let wait = if halt == Halt::Full { self.patience } else { BROKEN_RETRY };
        self.patience = (self.patience * 2).min(FULL_RETRY.1);
        wait
    }

    fn write_to(&mut self, end: usize) -> Option<Halt> {
        let bytes = self.lines.get(self.at..end).unwrap_or_default();
        if bytes.is_empty() {
            return None;
        }
        let progress = self.device.write(bytes);
        self.at += progress.consumed;
        if progress.consumed > 0 {
            self.patience = FULL_RETRY.0;
        }
        self.core.dropped.fetch_add(progress.lost, Relaxed);
        self.core.errors.fetch_add(progress.errors, Relaxed);
        // Last: who has waited for it sees the counts of what was lost.
        self.core.written.store(self.base + self.at as u64, Release);
        self.reported.error = progress.error.or(self.reported.error.take());
        progress.halt
    }

    /// Whether there is another device to go on with.
    fn has_other(&mut self) -> bool {
        if self.switch.is_none() {
            let successor = self.core.pending.lock().take_successor();
            // Nothing more is meant for the device that fails.
            self.switch = successor.map(|successor| Successor { at: self.at, device: successor.device });
        }
        self.switch.is_some()
    }

    /// Goes on with the other device, if there is one; with the line that was cut, if one was.
    fn change(&mut self, cut: bool) {
        let Some(switch) = self.switch.take() else { return };
        self.device = switch.device;
        if cut && !self.device.is_framed() {
            let done = self.lines.get(..self.at).unwrap_or_default();
            self.at = done.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        }
    }

    fn rest(&self) -> Served {
        let pending = self.core.pending.lock();
        if pending.is_closing() && pending.is_empty() { Served::Closed } else { Served::Idle }
    }

    /// Whether this is a sink that nobody uses, and whose last lines cannot be written for long enough.
    fn is_overdue(&mut self, now: Instant) -> bool {
        let closing = self.core.pending.lock().is_closing();
        closing && now >= *self.closing.get_or_insert(now) + CLOSE_LIMIT
    }

    fn give_up(&mut self) {
        let mut more = Vec::new();
        self.core.pending.lock().take_rest(&mut more);
        let left = self.lines.get(self.at..).unwrap_or_default();
        let lost = self.device.count_lines(left) + self.device.count_lines(&more);
        self.core.dropped.fetch_add(lost, Relaxed);
        self.core.written.store(u64::MAX, Release);
    }

    /// When there is trouble that was not told, and when it may be.
    pub(crate) fn next_report(&self) -> Option<Option<Instant>> {
        let (dropped, failed) = self.core.trouble();
        let news = (dropped, failed) != (self.reported.dropped, self.reported.failed);
        news.then(|| self.reported.at.map(|at| at + REPORT))
    }

    /// Tells what is new since the last time.
    pub(crate) fn report(&mut self, now: Instant, on_trouble: &dyn Fn(&Trouble<'_>)) {
        let (dropped, failed) = self.core.trouble();
        let last = &self.reported;
        on_trouble(&Trouble {
            target: &self.core.target,
            dropped: dropped - last.dropped,
            failed: failed - last.failed,
            error: last.error.as_ref(),
        });
        self.reported = Report { at: Some(now), dropped, failed, error: None };
    }
}

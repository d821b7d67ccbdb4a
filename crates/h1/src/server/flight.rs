//! An exchange on its way.

use super::Observer;
use super::connection::After;
use super::exchange::Exchange;
use super::observer::End;
use super::reading::Wire;

/// An exchange whose end is told once, whatever becomes of it.
pub(super) struct Flight<'a, O: Observer> {
    observer: &'a O,
    pub(super) exchange: Exchange,
    told: bool,
}

impl<'a, O: Observer> Flight<'a, O> {
    pub(super) fn new(observer: &'a O, exchange: Exchange) -> Self {
        Self { observer, exchange, told: false }
    }

    /// `sent`: by the connection so far.
    pub(super) fn finish(&mut self, sent: u64, end: End) {
        self.told = true;
        self.observer.finished(&self.exchange.outcome(sent, end));
    }

    pub(super) fn cut<I, D>(mut self, wire: &Wire<I, D>, end: End) -> After {
        self.finish(wire.output.sent(), end);
        After::Drop(end)
    }
}

impl<O: Observer> Drop for Flight<'_, O> {
    fn drop(&mut self) {
        if !self.told {
            let sent = self.exchange.sent_so_far;
            self.finish(sent, End::Aborted);
        }
    }
}

//! What a client may have the gateway do for nothing.

use propylon_exchange::clock;
use tokio::time::Instant;

/// How much a client has to begin with, and at most.
const MOST: u32 = 1000;

/// How much comes by itself each second.
const PER_SECOND: u64 = 100;

/// What a client pays for frames that ask for no response, and gets back for what it is sent: who only wants the gateway to be
/// busy has soon spent all of it.
///
/// A client that reads what it asked for gets back more than its window updates, pings and the like cost; and there is always
/// some for one that has nothing to do but to see whether the connection is alive.
#[derive(Debug)]
pub(in crate::client) struct Toll {
    left: u32,
    since: Instant,
    /// That of which there was too much.
    flood: Option<&'static str>,
}

impl Toll {
    pub(in crate::client) fn new(now: Instant) -> Self {
        Self { left: MOST, since: now, flood: None }
    }

    /// Takes what something costs; where that is not there, there was too much of it.
    pub(in crate::client) fn charge(&mut self, cost: u32, what: &'static str) {
        if !self.pay(cost, clock::now()) {
            self.floods(what);
        }
    }

    /// There was too much of this.
    pub(in crate::client) fn floods(&mut self, what: &'static str) {
        self.flood.get_or_insert(what);
    }

    /// That of which there was too much first.
    pub(in crate::client) fn flood(&self) -> Option<&'static str> {
        self.flood
    }

    /// Whether what something costs was there.
    fn pay(&mut self, cost: u32, now: Instant) -> bool {
        if self.left < cost {
            self.refill(now);
        }
        match self.left.checked_sub(cost) {
            Some(left) => self.left = left,
            None => return false,
        }
        true
    }

    /// Gives something back.
    pub(in crate::client) fn earn(&mut self, gain: u32) {
        self.left = self.left.saturating_add(gain).min(MOST);
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let gain = passed.saturating_mul(PER_SECOND) / 1000;
        if gain > 0 {
            self.since = now;
            self.earn(u32::try_from(gain).unwrap_or(MOST));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_spent_comes_back_with_time_and_with_work() {
        let now = Instant::now();
        let mut toll = Toll::new(now);
        let all = (0..2000).filter(|_| toll.pay(1, now)).count();
        assert_eq!(all, MOST as usize);
        assert!(!toll.pay(1, now + Duration::from_millis(9)));
        assert!(toll.pay(1, now + Duration::from_millis(11)));
        assert!(!toll.pay(1, now + Duration::from_millis(12)));
        toll.earn(5);
        assert!(
            !toll.pay(6, now + Duration::from_millis(12)) && toll.pay(5, now + Duration::from_millis(12))
        );
        let later = now + Duration::from_secs(3600);
        assert_eq!((0..2000).filter(|_| toll.pay(1, later)).count(), MOST as usize, "and never more");
    }
}

//! nginx's leaky bucket. Pure: milliseconds come in, no clock is read. Requests are counted in thousandths.

/// One request.
pub(crate) const REQUEST: u64 = 1000;

/// A key that was not used for so long, and owes nothing, may be forgotten.
const IDLE: u64 = 60_000;

/// What a key's requests are ahead of their rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    excess: u64,
    /// When it was last charged; none: never.
    last: Option<u64>,
}

impl Bucket {
    /// How far ahead one more request would be; `rate`: thousandths of a request each second. The first one is not ahead.
    pub(crate) fn ahead(&self, now: u64, rate: u64) -> u64 {
        let Some(last) = self.last else { return 0 };
        (self.excess + REQUEST).saturating_sub(leaked(now.saturating_sub(last), rate))
    }

    /// One more request is let in. Returns how far ahead it is.
    pub(crate) fn charge(&mut self, now: u64, rate: u64) -> u64 {
        self.excess = self.ahead(now, rate);
        self.last = Some(self.last.map_or(now, |last| last.max(now)));
        self.excess
    }

    /// Whether nothing is lost if it is forgotten.
    pub(crate) fn is_idle(&self, now: u64, rate: u64) -> bool {
        let Some(last) = self.last else { return true };
        let time = now.saturating_sub(last);
        time >= IDLE && self.excess <= leaked(time, rate)
    }
}

fn leaked(millis: u64, rate: u64) -> u64 {
    rate.saturating_mul(millis) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What nginx's arithmetic gives for requests at these times, all let in.
    #[track_caller]
    fn check(rate: u64, times: &[u64], expected: &[u64]) {
        let mut bucket = Bucket::default();
        let found: Vec<u64> = times.iter().map(|now| bucket.charge(*now, rate)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn requests_ahead_of_their_rate() {
        check(10_000, &[0, 0, 0], &[0, 1000, 2000]);
        check(10_000, &[0, 100, 200], &[0, 0, 0]);
        check(10_000, &[0, 99, 198], &[0, 10, 20]);
        check(10_000, &[0, 0, 50, 5000, 5000], &[0, 1000, 1500, 0, 1000]);
        check(1000, &[0, 1, 2], &[0, 999, 1998]);
        check(16, &[0, 60_000, 62_500], &[0, 40, 1000]); // one a minute: 16 thousandths a second, as nginx rounds
        check(1000, &[500, 400, 500], &[0, 1000, 2000]); // another thread's clock is behind
    }

    #[test]
    fn what_may_be_forgotten() {
        let mut bucket = Bucket::default();
        assert!(bucket.is_idle(0, 1000));
        bucket.charge(0, 1000);
        assert!(!bucket.is_idle(59_999, 1000));
        assert!(bucket.is_idle(60_000, 1000));
        let mut slow = Bucket::default();
        slow.charge(0, 16);
        slow.charge(0, 16);
        assert!(!slow.is_idle(60_000, 16), "it owes 40 thousandths yet");
        assert!(slow.is_idle(62_500, 16));
    }
}

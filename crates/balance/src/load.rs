//! Which of two peers is the better one: nginx's arithmetic of `least_conn` and `least_time`.

use std::cmp::Ordering;
use std::time::Duration;

use crate::method::Better;
use crate::slot::Slot;
use crate::state::State;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// One of nginx's.
    Of(Better),
    /// The average time, times the requests under way.
    Ewma,
}

/// How much a peer has to do, and the weight that this is to be divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Burden {
    amount: u64,
    weight: u64,
}

impl Burden {
    /// That of a peer, with the part of its weight that it has, which has so much to do.
    pub(crate) fn new(slot: &Slot, strength: u32, amount: u64) -> Self {
        Self { amount, weight: u64::from(slot.weight) * u64::from(strength.max(1)) }
    }

    /// That of a peer as it is now. `now` is in milliseconds.
    pub(crate) fn of(slot: &Slot, load: Load, now: u64) -> Self {
        let amount = match load {
            Load::Of(Better::LeastConn) => by_conns(slot),
            Load::Of(Better::Header | Better::HeaderInflight) => by_header(slot, now),
            Load::Of(Better::LastByte | Better::LastByteInflight) => by_last_byte(slot, now),
            Load::Ewma => by_average(slot),
        };
        Self::new(slot, slot.strength(), amount)
    }

    /// Less: this one is better.
    pub(crate) fn compare(self, other: Self) -> Ordering {
        // Many are the very same, and nothing needs to be reckoned; else without dividing.
        let product = |amount, weight| u128::from(amount) * u128::from(weight);
        if self == other {
            return Ordering::Equal;
        }
        product(self.amount, other.weight).cmp(&product(other.amount, self.weight))
    }
}

pub(crate) fn by_conns(slot: &Slot) -> u64 {
    slot.state.conns().into()
}

/// Who has not answered yet is given a chance.
fn by_average(slot: &Slot) -> u64 {
    slot.state.header_time().saturating_add(1).saturating_mul(by_conns(slot) + 1)
}

pub(crate) fn by_header(slot: &Slot, now: u64) -> u64 {
    by_time(slot, slot.state.header_time(), now)
}

pub(crate) fn by_last_byte(slot: &Slot, now: u64) -> u64 {
    by_time(slot, slot.state.last_byte_time(), now)
}

fn by_time(slot: &Slot, time: u64, now: u64) -> u64 {
    estimate(&slot.state, time / 1000, || slot.fail_timeout(), now).saturating_mul(by_conns(slot) + 1)
}

/// Longer times are all the same: then the number of requests decides.
const LONGEST: u64 = 5000;

/// Times that differ by less are the same, and peers take turns.
const STEP: u64 = 20;

/// How long a request will take, in milliseconds, from an average time.
fn estimate(state: &State, time: u64, fail_timeout: impl Fn() -> Duration, now: u64) -> u64 {
    // Who has not been asked for long gets another chance: half the time for each fail_timeout.
    let halvings = || {
        let (idle, fail_timeout) = (now.saturating_sub(state.asked()), fail_timeout());
        let long = u128::from(idle) > fail_timeout.as_millis();
        if long { idle / 1000 / (fail_timeout.as_secs() + 1) } else { 0 }
    };
    let time = if time == 0 { 0 } else { time >> halvings().min(63) };
    // Requests that take longer than those before are a bad sign.
    let time = time.max(state.age_of_pending(now));
    if time > LONGEST { LONGEST } else { time + STEP - time % STEP }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Clock;

    #[tokio::test(start_paused = true)]
    async fn estimates() {
        let clock = Clock::start();
        let state = State::default();
        let timeout = Duration::from_secs(10);
        let check = |time: u64, now: u64, expected: u64| {
            assert_eq!(estimate(&state, time, || timeout, now), expected, "{time} at {now}");
        };
        check(0, 1, 20);
        check(19, 1, 20);
        check(20, 1, 40);
        check(5000, 1, 5020);
        check(9000, 1, 5000);
        check(4000, 10_000, 4020);
        check(4000, 11_000, 2020);
        check(4000, 22_000, 1020);
        check(4000, u64::MAX, 20);
        let first = state.pending(clock.now());
        tokio::time::advance(Duration::from_secs(2)).await;
        let second = state.pending(clock.now());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(state.age_of_pending(clock.now()), 2000, "3 s and 1 s");
        check(100, clock.now(), 2020);
        state.no_longer_pending(first);
        state.no_longer_pending(second);
        check(100, clock.now(), 120);
    }
}

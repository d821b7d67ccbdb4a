//! What a session of UDP has had, what it is owed, and when it is over. No I/O, and no clock.

use std::num::NonZeroU64;
use std::time::Duration;

use propylon_config::StreamDatagrams;
use tokio::time::Instant;

/// The datagrams of a session: those of its client, and those that answer them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    most: Option<NonZeroU64>,
    /// How many answer one of the client's, if anybody knows.
    each: Option<u64>,
    asked: u64,
    /// Those of the client's that a server has, or is to have: one that is lost on the way has no answer.
    passed: u64,
    answered: u64,
}

impl Account {
    pub(super) const fn new(config: &StreamDatagrams) -> Self {
        Self { most: config.requests, each: config.responses, asked: 0, passed: 0, answered: 0 }
    }

    /// One came from the client.
    pub(super) const fn asked(&mut self) {
        self.asked = self.asked.saturating_add(1);
    }

    /// It goes on to the server, or is kept for one.
    pub(super) const fn passed(&mut self) {
        self.passed = self.passed.saturating_add(1);
    }

    /// One that was kept did not go on after all.
    pub(super) const fn lost(&mut self) {
        self.passed = self.passed.saturating_sub(1);
    }

    /// One came from the server.
    pub(super) const fn answered(&mut self) {
        self.answered = self.answered.saturating_add(1);
    }

    /// Whether the client's next one begins another session.
    pub(super) fn is_full(&self) -> bool {
        self.most.is_some_and(|most| self.asked >= most.get())
    }

    /// Whether all has come that is expected, once what the client has sent is sent on.
    pub(super) fn is_over(&self) -> bool {
        self.each.is_some() && !self.is_owed() && (self.most.is_none() || self.is_full())
    }

    /// Whether the server has answered anything.
    pub(super) const fn has_answer(&self) -> bool {
        self.answered > 0
    }

    /// Whether answers are missing.
    pub(super) fn is_owed(&self) -> bool {
        self.each.is_some_and(|each| self.answered < each.saturating_mul(self.passed))
    }
}

/// How fast datagrams go in one direction: while one is paid for, no other one goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    rate: Option<NonZeroU64>,
    paid: Option<Instant>,
}

impl Pace {
    /// So many bytes a second; none: as they come.
    pub(super) const fn new(rate: Option<NonZeroU64>) -> Self {
        Self { rate, paid: None }
    }

    /// Until when none may go; none: one may.
    pub(super) fn wait(&self, now: Instant) -> Option<Instant> {
        self.paid.filter(|paid| *paid > now)
    }

    /// One of so many bytes goes.
    pub(super) fn goes(&mut self, bytes: usize, now: Instant) {
        let Some(rate) = self.rate else { return };
        let nanos = u128::from(bytes as u64) * 1_000_000_000 / u128::from(rate.get());
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.paid = now.checked_add(takes);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;

    fn account(requests: u64, responses: Option<u64>) -> Account {
        let requests = NonZeroU64::new(requests);
        Account::new(&StreamDatagrams { requests, responses, sessions: NonZeroUsize::MIN })
    }

    /// What is true of an account after each of these steps, `<` from the client and `>` to it, `-` what is lost of the client's: f full,
    /// d over (done), o owed.
    fn check(requests: u64, responses: Option<u64>, steps: &str, expected: &str) {
        let mut account = account(requests, responses);
        let mut got = Vec::new();
        for step in steps.chars() {
            match step {
                '<' => {
                    account.asked();
                    account.passed();
                }
                '-' => account.asked(),
                _ => account.answered(),
            }
            let facts = [(account.is_full(), 'f'), (account.is_over(), 'd'), (account.is_owed(), 'o')];
            let facts: String = facts.iter().filter(|(is_so, _)| *is_so).map(|(_, fact)| fact).collect();
            got.push(if facts.is_empty() { "-".to_owned() } else { facts });
        }
        assert_eq!(got.join(" "), expected, "{requests} {responses:?} {steps}");
    }

    #[test]
    fn a_session_ends_with_its_last_answer() {
        check(0, None, "<><", "- - -");
        check(0, Some(0), "<", "d");
        check(0, Some(1), "<><", "o d o");
        check(0, Some(1), "<<>>", "o o o d");
        check(0, Some(2), "<>>", "o o d");
        check(0, Some(1), "<>>", "o d d");
        check(0, Some(1), "<->", "o o d");
    }

    #[test]
    fn a_client_has_so_many_datagrams() {
        check(1, None, "<>", "f f");
        check(1, Some(0), "<", "fd");
        check(2, Some(0), "<<", "- fd");
        check(2, Some(1), "<><>", "o - fo fd");
        check(2, Some(1), "<<>>", "o fo fo fd");
        check(2, None, "<<", "- f");
        check(2, Some(1), "<->", "o fo fd");
    }

    #[tokio::test(start_paused = true)]
    async fn a_datagram_is_paid_for() {
        let now = Instant::now();
        let mut pace = Pace::new(NonZeroU64::new(500));
        assert_eq!(pace.wait(now), None, "the first one goes at once");
        pace.goes(1000, now);
        assert_eq!(pace.wait(now), Some(now + Duration::from_secs(2)));
        assert_eq!(pace.wait(now + Duration::from_secs(2)), None);
        pace.goes(0, now + Duration::from_secs(2));
        assert_eq!(pace.wait(now + Duration::from_secs(2)), None);
        let mut pace = Pace::new(None);
        pace.goes(usize::MAX, now);
        assert_eq!(pace.wait(now), None);
    }
}

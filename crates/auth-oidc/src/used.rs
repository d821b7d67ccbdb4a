//! Logins that are over: none of them ends twice.

use std::collections::{HashSet, VecDeque};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::login::PATIENCE;

/// So many are remembered; of more, those that began first are forgotten: their codes are used, which the provider knows.
const MOST: usize = 65536;

#[derive(Default)]
pub(crate) struct Used(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    all: HashSet<[u8; 16]>,
    in_turn: VecDeque<(Instant, [u8; 16])>,
}

impl Used {
    /// It is used now. Whether it was not before.
    pub(crate) fn first(&self, login: [u8; 16]) -> bool {
        let (mut inner, now) = (self.0.lock(), Instant::now());
        inner.forget(|at, _| now.duration_since(at) > PATIENCE);
        let first = inner.all.insert(login);
        if first {
            inner.forget(|_, count| count >= MOST);
            inner.in_turn.push_back((now, login));
        }
        first
    }
}

impl Inner {
    /// Forgets those that began first, for as long as this is true of when they were used, and of how many there are.
    fn forget(&mut self, is_over: impl Fn(Instant, usize) -> bool) {
        while let Some(&(at, login)) = self.in_turn.front()
            && is_over(at, self.in_turn.len())
        {
            self.in_turn.pop_front();
            self.all.remove(&login);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_login_ends_once() {
        let used = Used::default();
        assert!(used.first([1; 16]) && used.first([2; 16]));
        assert!(!used.first([1; 16]) && !used.first([2; 16]));
        advance(PATIENCE).await;
        assert!(!used.first([1; 16]));
        advance(Duration::from_secs(1)).await;
        assert!(used.first([1; 16]), "by then it has taken too long");
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_are_remembered() {
        let used = Used::default();
        for number in 0..=MOST as u128 {
            assert!(used.first(number.to_be_bytes()));
        }
        assert_eq!(used.0.lock().all.len(), MOST);
        assert!(!used.first(1_u128.to_be_bytes()));
    }
}

//! How much of the traffic may be repetitions: exact, over the last ten seconds.

/// How much of the traffic may be repetitions: `percent` of the requests of the last ten seconds, and `floor` a second
/// besides, which may come at once: ten times as many in ten seconds.
///
/// ```
/// use propylon_retry::Budget;
///
/// assert_eq!(Budget::default(), Budget { percent: 20, floor: 10 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Repetitions for each hundred requests.
    pub percent: u32,
    /// Repetitions a second that are always allowed.
    pub floor: u32,
}

/// 20 %, and ten a second.
impl Default for Budget {
    fn default() -> Self {
        Self { percent: 20, floor: 10 }
    }
}

/// Seconds that count.
const WINDOW: usize = 10;

/// What one repetition costs: as much as a hundred requests bring at one percent.
const PRICE: i64 = 100;

/// What was earned by requests and spent on repetitions, second by second. Pure: the caller tells the time.
#[derive(Debug)]
pub(crate) struct Account {
    percent: i64,
    reserve: i64,
    seconds: [i64; WINDOW],
    sum: i64,
    now: u64,
}

impl Account {
    pub(crate) fn new(budget: Budget) -> Self {
        let (percent, floor) = (i64::from(budget.percent), i64::from(budget.floor));
        Self { percent, reserve: floor * WINDOW as i64 * PRICE, seconds: [0; WINDOW], sum: 0, now: 0 }
    }

    /// A request came, in this second since the beginning.
    pub(crate) fn deposit(&mut self, now: u64) {
        let percent = self.percent;
        self.add(now, percent);
    }

    /// Pays for a repetition, if there is enough.
    pub(crate) fn withdraw(&mut self, now: u64) -> bool {
        self.advance(now);
        let enough = self.reserve.saturating_add(self.sum) >= PRICE;
        if enough {
            self.add(now, -PRICE);
        }
        enough
    }

    fn add(&mut self, now: u64, amount: i64) {
        self.advance(now);
        if let Some(second) = self.seconds.get_mut(slot(now)) {
            *second = second.saturating_add(amount);
            self.sum = self.sum.saturating_add(amount);
        }
    }

    /// Forgets what is older than the window.
    fn advance(&mut self, now: u64) {
        if now <= self.now {
            return;
        }
        let passed = now - self.now;
        if passed >= WINDOW as u64 {
            (self.seconds, self.sum) = ([0; WINDOW], 0);
        } else {
            for at in self.now + 1..=now {
                if let Some(second) = self.seconds.get_mut(slot(at)) {
                    self.sum -= std::mem::take(second);
                }
            }
        }
        self.now = now;
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % WINDOW as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many requests, all in one second, may be repeated.
    fn allowed(percent: u32, floor: u32, requests: u32) -> u32 {
        let mut account = Account::new(Budget { percent, floor });
        let mut repeated = 0;
        for _ in 0..requests {
            account.deposit(3);
            repeated += u32::from(account.withdraw(3));
        }
        repeated
    }

    #[test]
    fn exact_whatever_the_percentage() {
        for percent in 0..=100 {
            assert_eq!(allowed(percent, 0, 1000), percent * 10, "{percent} %");
        }
        assert_eq!(allowed(20, 10, 1000), 200 + 100);
        assert_eq!(allowed(0, 1, 1000), 10);
        assert_eq!(allowed(0, 0, 1000), 0);
    }

    #[test]
    fn what_was_not_spent_can_be_until_it_is_forgotten() {
        let mut account = Account::new(Budget { percent: 20, floor: 0 });
        (0..10).for_each(|_| account.deposit(0));
        assert!(account.withdraw(9) && account.withdraw(9) && !account.withdraw(9));
        (0..10).for_each(|_| account.deposit(9));
        assert!(account.withdraw(9), "2 of 20 are spent");
        assert!(account.withdraw(9) && !account.withdraw(9));
        // Second 0 is forgotten with what it brought; what second 9 spent is not.
        assert!(!account.withdraw(10));
        assert!(!account.withdraw(18));
        // All of it is forgotten.
        account.deposit(19);
        assert!(!account.withdraw(19), "one request brings a fifth");
        (0..4).for_each(|_| account.deposit(28));
        assert!(account.withdraw(28) && !account.withdraw(28));
    }

    #[test]
    fn never_more_than_the_share_of_any_window() {
        let budget = Budget { percent: 30, floor: 2 };
        let mut account = Account::new(budget);
        let (mut came, mut repeated) = (Vec::new(), Vec::new());
        let mut random = 1_u32;
        for step in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let now = step / 97;
            if random >> 30 == 0 {
                if account.withdraw(now) {
                    repeated.push(now);
                }
            } else {
                account.deposit(now);
                came.push(now);
            }
            let within = |times: &[u64]| times.iter().filter(|&&at| at + 10 > now).count();
            assert!(within(&repeated) * 100 <= within(&came) * 30 + 2000 + 100 * 100);
        }
        let share = repeated.len() * 100 / came.len();
        assert!((20..=33).contains(&share), "{share} %");
    }

    #[test]
    fn time_that_stands_still_or_leaps() {
        let mut account = Account::new(Budget { percent: 100, floor: 0 });
        account.deposit(5);
        account.deposit(4);
        assert!(account.withdraw(5) && account.withdraw(3) && !account.withdraw(5));
        account.deposit(6);
        assert!(!account.withdraw(u64::MAX));
        let mut large = Account::new(Budget { percent: u32::MAX, floor: u32::MAX });
        (0..100).for_each(|_| large.deposit(1));
        assert!(large.withdraw(1));
    }
}

//! How often a key that is not stored was asked for: `min_uses`. Pure.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::key::Id;

/// Counts in two generations: when the young one is full, or older than it may be, it becomes the old one, and what was the
/// old one is forgotten. So a scan of many keys costs little memory and throws out nothing that is stored.
#[derive(Debug)]
pub(super) struct Uses {
    young: HashMap<Id, u32, RandomState>,
    old: HashMap<Id, u32, RandomState>,
    /// When the young one began, in milliseconds.
    since: u64,
}

impl Uses {
    pub(super) fn new() -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), since: 0 }
    }

    /// Counts one more use, and tells how many there were.
    ///
    /// A generation has room for `keys` and lasts `inactive` milliseconds.
    pub(super) fn count(&mut self, id: Id, now: u64, keys: usize, inactive: u64) -> u32 {
        if self.young.len() >= keys.max(1) || now.saturating_sub(self.since) > inactive {
            self.old = std::mem::take(&mut self.young);
            if now.saturating_sub(self.since) > inactive.saturating_mul(2) {
                self.old.clear();
            }
            self.since = now;
        }
        let before = self.old.remove(&id).unwrap_or(0);
        let count = self.young.entry(id).or_insert(before);
        *count = count.saturating_add(1);
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_counted_one_by_one() {
        let mut uses = Uses::new();
        assert_eq!([1, 1, 2, 1].map(|id| uses.count(id, 0, 10, 1000)), [1, 2, 1, 3]);
    }

    #[test]
    fn what_is_asked_for_again_survives_a_scan() {
        let mut uses = Uses::new();
        let mut expected = 0;
        for id in 0..1000 {
            uses.count(1_000_000 + id, 0, 10, 1000);
            if id % 5 == 0 {
                expected += 1;
                assert_eq!(uses.count(1, 0, 10, 1000), expected);
            }
        }
        assert!(uses.young.len() + uses.old.len() <= 20);
        assert_eq!(uses.count(1_000_000, 0, 10, 1000), 1, "forgotten");
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut uses = Uses::new();
        uses.count(1, 0, 10, 1000);
        assert_eq!(uses.count(1, 900, 10, 1000), 2);
        assert_eq!(uses.count(1, 1500, 10, 1000), 3);
        assert_eq!(uses.count(1, 10_000, 10, 1000), 1);
    }
}

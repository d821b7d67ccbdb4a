//! Smooth weighted round robin: nginx's arithmetic.

use crate::state::FULL;

/// What a peer has earned by waiting, and what it earns each time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credit {
    /// nginx: `current_weight`.
    current: i64,
    /// nginx: `effective_weight`: the weight, less what failures cost, and grows again by one each time.
    effective: i64,
    weight: i64,
}

impl Credit {
    pub(crate) fn new(weight: u32) -> Self {
        Self { current: 0, effective: weight.into(), weight: weight.into() }
    }

    /// Its server has another weight now.
    pub(crate) fn reweigh(&mut self, weight: u32) {
        if self.weight != i64::from(weight) {
            *self = Self { current: self.current, ..Self::new(weight) };
        }
    }

    /// What a turn brings.
    fn earn(&mut self, strength: u32) -> i64 {
        let earned = weaken(self.effective, strength);
        self.current += earned;
        if self.effective < self.weight {
            self.effective += 1;
        }
        earned
    }

    /// A failure costs a share of the weight.
    pub(crate) fn failed(&mut self, max_fails: u32) {
        if max_fails > 0 {
            self.effective = (self.effective - self.weight / i64::from(max_fails)).max(0);
        }
    }
}

/// The one whose turn it is among those that take part: their indices, each with its strength, the part of its weight in 1/256
/// that it has (all of it, but for a slow start). The chosen one pays for all.
pub(crate) fn turn(credits: &mut [Credit], able: impl Iterator<Item = (usize, u32)>) -> Option<usize> {
    let (mut total, mut best, mut most) = (0, None, i64::MIN);
    able.for_each(|(index, strength)| {
        let Some(credit) = credits.get_mut(index) else { return };
        total += credit.earn(strength);
        if credit.current > most {
            (best, most) = (Some(index), credit.current);
        }
    });
    let credit = credits.get_mut(best?)?;
    credit.current -= total;
    best
}

/// It is the turn of `index`, whoever has waited longest: all earn as ever, and it pays, unless it has gone too far ahead of
/// the others (nginx: not below all their weights), so that one client cannot keep a peer from its turns for ever.
pub(crate) fn favour(
    credits: &mut [Credit],
    index: usize,
    total: u64,
    indices: impl Iterator<Item = usize>,
    strength: impl Fn(usize) -> u32,
) {
    let Some(credit) = credits.get(index) else { return };
    let least = weaken(credit.weight - i64::try_from(total).unwrap_or(i64::MAX >> 32), FULL);
    if credit.current <= least {
        return;
    }
    let mut sum = 0;
    for index in indices {
        if let Some(credit) = credits.get_mut(index) {
            sum += credit.earn(strength(index));
        }
    }
    if let Some(credit) = credits.get_mut(index) {
        credit.current -= sum;
    }
}

/// Credits are counted in 1/256 of a weight, so that a slow start has steps even with weight 1.
fn weaken(effective: i64, strength: u32) -> i64 {
    effective * i64::from(strength)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(count: usize) -> impl Iterator<Item = (usize, u32)> {
        (0..count).map(|index| (index, FULL))
    }

    fn sequence(weights: &[u32], count: usize) -> String {
        let mut credits: Vec<_> = weights.iter().map(|&weight| Credit::new(weight)).collect();
        (0..count)
            .map(|_| {
                char::from(b'a' + u8::try_from(turn(&mut credits, all(weights.len())).unwrap()).unwrap())
            })
            .collect()
    }

    #[test]
    fn nginxs_sequences() {
        for (weights, expected) in [
            (&[5, 2, 1][..], "abaacaba"),
            (&[5, 1, 1], "aabacaa"),
            (&[1, 1, 1], "abcabc"),
            (&[2, 1], "abaaba"),
            (&[1, 2], "babbab"),
            (&[4, 3, 2], "abcabacba"),
            (&[7], "aaa"),
        ] {
            assert_eq!(sequence(weights, expected.len()), expected, "{weights:?}");
        }
    }

    #[test]
    fn a_failure_costs_weight_that_comes_back() {
        let mut credits = [Credit::new(3), Credit::new(3)];
        credits[0].failed(1);
        let turns: Vec<_> = (0..6).map(|_| turn(&mut credits, all(2)).unwrap()).collect();
        assert_eq!(turns, [1, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn half_its_strength_is_half_its_share() {
        let mut credits = [Credit::new(1), Credit::new(1)];
        let half = [(0, FULL / 2), (1, FULL)];
        let first = (0..300).filter(|_| turn(&mut credits, half.into_iter()) == Some(0)).count();
        assert_eq!(first, 100);
    }
}

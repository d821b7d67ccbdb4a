//! How many connections are sending.

/// A socket that does not come again for so long is not waited for.
const FORGOTTEN: u32 = 512;

/// How many others had something to send since one of them had.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// Who that one is: its address, compared and never followed. Zero: whoever comes next.
    one: usize,
    /// How many came since it did.
    since: u32,
    /// How many came between its last two times.
    others: u32,
}

impl Crowd {
    /// One has something to send. Gives how many others there are.
    #[inline]
    pub(super) fn came(&mut self, who: usize) -> u32 {
        self.since += 1;
        if who == self.one {
            (self.one, self.others) = (0, self.since - 1); // the next one's turn to be watched
        } else if self.one == 0 || self.since > FORGOTTEN {
            (self.one, self.since) = (who, 0);
        }
        self.others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Has so many come one after the other, in rounds.
    fn come(crowd: &mut Crowd, how_many: usize, rounds: usize) -> u32 {
        let mut others = 0;
        for _ in 0..rounds {
            for who in 1..=how_many {
                others = crowd.came(who);
            }
        }
        others
    }

    #[test]
    fn others_are_counted() {
        let mut crowd = Crowd::default();
        assert_eq!(come(&mut crowd, 1, 5), 0);
        assert_eq!(come(&mut crowd, 40, 5), 39);
        assert_eq!(come(&mut crowd, 8, 100), 7);
        let long = FORGOTTEN as usize + 2; // who is watched does not come again
        assert_eq!(come(&mut crowd, 1, long), 0);
    }

    #[test]
    fn who_never_comes_again_is_forgotten() {
        let mut crowd = Crowd::default();
        crowd.came(1000);
        assert_eq!(come(&mut crowd, 30, 30), 29);
    }
}

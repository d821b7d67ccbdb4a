//! Those who wait for one thing that several may wait for, each in a task and perhaps a thread of its own.

use std::task::Waker;

/// At most one waker for each [`Place`].
#[derive(Debug, Default)]
pub(super) struct Wakers {
    /// Counts how often all were woken: a place from before is no place any more.
    round: u64,
    waiting: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// Where somebody's waker is, from the first time that he waits to the time that he is woken or leaves.
#[derive(Debug, Default)]
pub(super) struct Place(Option<(u64, usize)>);

impl Wakers {
    /// Has `waker` woken at the next [`take`](Self::take).
    pub(super) fn wait(&mut self, place: &mut Place, waker: &Waker) {
        if let Some(slot) = self.slot(place) {
            match slot {
                Some(old) => old.clone_from(waker),
                None => *slot = Some(waker.clone()),
            }
            return;
        }
        let at = self.free.pop().unwrap_or(self.waiting.len());
        match self.waiting.get_mut(at) {
            Some(slot) => *slot = Some(waker.clone()),
            None => self.waiting.push(Some(waker.clone())),
        }
        *place = Place(Some((self.round, at)));
    }

    /// Forgets who waited there: else whoever comes and goes while nothing happens would be remembered.
    pub(super) fn leave(&mut self, place: &mut Place) {
        if let Some(slot) = self.slot(place) {
            *slot = None;
            self.free.extend(place.0.map(|(_, at)| at));
        }
        *place = Place(None);
    }

    /// All who wait. They are woken when no lock is held any more.
    #[must_use]
    pub(super) fn take(&mut self) -> Vec<Option<Waker>> {
        self.round += 1;
        self.free.clear();
        std::mem::take(&mut self.waiting)
    }

    fn slot(&mut self, place: &Place) -> Option<&mut Option<Waker>> {
        let (round, at) = place.0?;
        if round == self.round { self.waiting.get_mut(at) } else { None }
    }
}

/// Wakes all of them.
pub(super) fn wake(all: Vec<Option<Waker>>) {
    all.into_iter().flatten().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_waits_is_woken_once_and_who_left_is_not() {
        let mut wakers = Wakers::default();
        let counts: [Arc<Count>; 3] = Default::default();
        let mut places: [Place; 3] = Default::default();
        for _ in 0..3 {
            for (place, count) in places.iter_mut().zip(&counts) {
                wakers.wait(place, &Arc::clone(count).into());
            }
        }
        wakers.leave(&mut places[1]);
        wake(wakers.take());
        assert_eq!(counts.each_ref().map(|count| count.0.load(Ordering::Relaxed)), [1, 0, 1]);

        wakers.leave(&mut places[0]); // woken meanwhile: nothing is there
        wakers.wait(&mut places[2], &Arc::clone(&counts[2]).into());
        wake(wakers.take());
        assert_eq!(counts.each_ref().map(|count| count.0.load(Ordering::Relaxed)), [1, 0, 2]);
    }

    #[test]
    fn coming_and_going_takes_no_room() {
        let mut wakers = Wakers::default();
        for _ in 0..1000 {
            let mut place = Place::default();
            wakers.wait(&mut place, Waker::noop());
            wakers.leave(&mut place);
        }
        assert_eq!(wakers.waiting.len(), 1);
    }
}

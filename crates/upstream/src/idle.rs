//! Which idle connections to keep: pure, it knows no sockets and reads no clock.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Idle things, least recently used first. At most `capacity` of them, none longer than `timeout`.
#[derive(Debug)]
pub(crate) struct Idle<T> {
    capacity: usize,
    timeout: Duration,
    /// In the order of `since`: what is put comes last.
    entries: VecDeque<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    since: Instant,
    item: T,
}

/// What a look at an idle thing told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It can be used now.
    Ready,
    /// It will be ready in a moment.
    Settling,
    /// It is of no use any more.
    Dead,
}

impl<T> Idle<T> {
    pub(crate) fn new(capacity: usize, timeout: Duration) -> Self {
        Self { capacity, timeout, entries: VecDeque::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keeps `item`, and returns what has to go for it: the least recently used one, or `item` itself.
    pub(crate) fn put(&mut self, now: Instant, item: T) -> Option<T> {
        if self.capacity == 0 {
            return Some(item);
        }
        let evicted =
            if self.entries.len() >= self.capacity { self.entries.pop_front().map(|e| e.item) } else { None };
        self.entries.push_back(Entry { since: now, item });
        evicted
    }

    /// The most recently used thing of those that it `is`, if it is ready; the dead ones met on the way go.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        is: impl Fn(&T) -> bool,
        state: impl Fn(&mut T) -> State,
    ) -> Option<T> {
        let mut at = self.entries.len();
        while at > 0 {
            at -= 1;
            let entry = self.entries.get_mut(at)?;
            if !is(&entry.item) {
                continue;
            }
            if now.saturating_duration_since(entry.since) >= self.timeout {
                // Whatever is before it has waited longer still: the sweep will see to them.
                return None;
            }
            match state(&mut entry.item) {
                State::Settling => {}
                State::Ready => return self.entries.remove(at).map(|e| e.item),
                State::Dead => drop(self.entries.remove(at)),
            }
        }
        None
    }

    /// Removes and returns what waited for too long.
    pub(crate) fn expire(&mut self, now: Instant) -> impl Iterator<Item = T> + use<T> {
        let expired =
            self.entries.partition_point(|e| now.saturating_duration_since(e.since) >= self.timeout);
        self.entries.drain(..expired).map(|e| e.item).collect::<Vec<_>>().into_iter()
    }

    /// Removes what `dead` says.
    pub(crate) fn forget(&mut self, mut dead: impl FnMut(&mut T) -> bool) {
        self.entries.retain_mut(|e| !dead(&mut e.item));
    }

    /// When the next one will have waited for too long. `None`: never.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.entries.front().and_then(|e| e.since.checked_add(self.timeout))
    }

    /// Removes and returns all of them.
    pub(crate) fn clear(&mut self) -> VecDeque<T> {
        self.entries.drain(..).map(|e| e.item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Thing = (char, u32);

    fn idle(capacity: usize) -> (Idle<Thing>, Instant) {
        (Idle::new(capacity, Duration::from_secs(60)), Instant::now())
    }

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    fn ready(_: &mut Thing) -> State {
        State::Ready
    }

    #[test]
    fn the_most_recently_used_of_its_key_comes_first() {
        let (mut idle, t) = idle(8);
        for item in [('a', 1), ('b', 2), ('a', 3), ('b', 4)] {
            assert_eq!(idle.put(t, item), None);
        }
        assert_eq!(idle.take(t, |it| it.0 == 'a', ready), Some(('a', 3)));
        assert_eq!(idle.take(t, |it| it.0 == 'a', ready), Some(('a', 1)));
        assert_eq!(idle.take(t, |it| it.0 == 'a', ready), None);
        assert_eq!(idle.take(t, |it| it.0 == 'c', ready), None);
        assert_eq!(idle.len(), 2);
    }

    #[test]
    fn the_least_recently_used_of_any_key_makes_room() {
        let (mut idle, t) = idle(2);
        assert_eq!(idle.put(t, ('a', 1)), None);
        assert_eq!(idle.put(t, ('b', 2)), None);
        assert_eq!(idle.put(t, ('b', 3)), Some(('a', 1)));
        assert_eq!(idle.put(t, ('c', 4)), Some(('b', 2)));
        assert_eq!(idle.len(), 2);
    }

    #[test]
    fn without_capacity_nothing_is_kept() {
        let (mut idle, t) = idle(0);
        assert_eq!(idle.put(t, ('a', 1)), Some(('a', 1)));
        assert!(idle.is_empty());
    }

    #[test]
    fn expiry_is_exact_on_take_and_on_sweep() {
        let (mut idle, t) = idle(8);
        idle.put(t, ('a', 1));
        idle.put(after(t, 1), ('a', 2));
        assert_eq!(idle.next_expiry(), Some(after(t, 60)));
        assert_eq!(idle.expire(after(t, 59)).count(), 0);
        assert_eq!(idle.expire(after(t, 60)).collect::<Vec<_>>(), [('a', 1)]);
        assert_eq!(idle.next_expiry(), Some(after(t, 61)));
        assert_eq!(
            idle.take(after(t, 61), |it| it.0 == 'a', ready),
            None,
            "too old to be used, swept or not"
        );
        assert_eq!(idle.take(after(t, 60), |it| it.0 == 'a', ready), Some(('a', 2)));
        assert_eq!(idle.next_expiry(), None);
    }

    #[test]
    fn the_dead_go_and_the_settling_stay() {
        let (mut idle, t) = idle(8);
        for item in [1, 2, 3] {
            idle.put(t, ('a', item));
        }
        let state = |thing: &mut Thing| match thing.1 {
            3 => State::Dead,
            2 => State::Settling,
            _ => State::Ready,
        };
        assert_eq!(idle.take(t, |it| it.0 == 'a', state), Some(('a', 1)));
        assert_eq!(idle.len(), 1);
        idle.forget(|thing| thing.1 == 2);
        assert!(idle.is_empty());
    }

    #[test]
    fn an_endless_timeout_never_expires() {
        let mut idle = Idle::new(1, Duration::MAX);
        idle.put(Instant::now(), ('a', 1));
        assert_eq!(idle.next_expiry(), None);
    }
}

//! Sessions that were learnt: which peer each of them has. Bounded, and shared by all workers.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use parking_lot::Mutex;

use crate::state::Clock;

/// Parts that are locked apart, at most: who looks a session up rarely waits for another worker, and then for a moment.
const PARTS: usize = 16;

/// How many sessions a part has, at least: in small ones some would be full long before the table is.
const LEAST: usize = 256;

/// Which peer each session has: a bounded table, shared by all workers. A clone is the same table.
///
/// Costs: a look-up or a change holds one lock of up to sixteen for as long as it takes; a small table has fewer. An entry
/// takes about 128 bytes, whatever the length of the session's name: only a keyed hash of it is kept. When the table is
/// full, the session that was used least recently goes.
///
/// ```
/// use std::time::Duration;
/// use propylon_balance::Sessions;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (sessions, timeout) = (Sessions::new(8000), Duration::from_secs(600));
/// sessions.learn(b"client-1", &"peer-a".into(), timeout);
/// assert_eq!(sessions.find(b"client-1", timeout).as_deref(), Some("peer-a"));
/// assert_eq!(sessions.find(b"client-2", timeout), None);
/// # }
/// ```
#[derive(Clone)]
pub struct Sessions(Arc<Table>);

struct Table {
    parts: Box<[Mutex<Part>]>,
    capacity: AtomicUsize,
    clock: Clock,
    hashers: [RandomState; 2],
}

#[derive(Default)]
struct Part {
    entries: HashMap<u128, Entry>,
    /// By when they were used.
    order: BTreeMap<u64, u128>,
    uses: u64,
}

struct Entry {
    peer: Arc<str>,
    /// In milliseconds.
    used: u64,
    /// Its place in the order.
    turn: u64,
}

impl Sessions {
    /// A table of so many sessions, about.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(Arc::new(Table {
            parts: (0..(capacity / LEAST).clamp(1, PARTS)).map(|_| Mutex::default()).collect(),
            capacity: AtomicUsize::new(capacity),
            clock: Clock::start(),
            hashers: [RandomState::new(), RandomState::new()],
        }))
    }

    /// Changes how many there may be. What is too much goes when the next ones come.
    pub fn resize(&self, capacity: usize) {
        self.0.capacity.store(capacity, Relaxed);
    }

    /// How many there are, those that nobody has asked for in time among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.parts.iter().map(|part| part.lock().entries.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The peer of a session that was used within `timeout`.
    #[must_use]
    pub fn find(&self, session: &[u8], timeout: Duration) -> Option<Arc<str>> {
        let (key, now) = (self.key(session), self.0.clock.now());
        let mut part = self.part(key)?.lock();
        let peer =
            part.entries.get(&key).filter(|entry| entry.is_alive(now, timeout)).map(|e| Arc::clone(&e.peer));
        if peer.is_none() {
            part.remove(key);
        }
        peer
    }

    /// The session has this peer from now on.
    pub fn learn(&self, session: &[u8], peer: &Arc<str>, timeout: Duration) {
        self.used(session, peer, timeout, true);
    }

    /// The session has this peer from now on, if there is such a session.
    pub fn touch(&self, session: &[u8], peer: &Arc<str>, timeout: Duration) {
        self.used(session, peer, timeout, false);
    }

    fn used(&self, session: &[u8], peer: &Arc<str>, timeout: Duration, create: bool) {
        let (key, now) = (self.key(session), self.0.clock.now());
        let Some(part) = self.part(key) else { return };
        let most = self.0.capacity.load(Relaxed).div_ceil(self.0.parts.len().max(1));
        let mut part = part.lock();
        let alive = part.entries.get(&key).is_some_and(|entry| entry.is_alive(now, timeout));
        part.remove(key);
        if alive || create {
            part.insert(key, Arc::clone(peer), now, most);
        }
    }

    fn part(&self, key: u128) -> Option<&Mutex<Part>> {
        let parts = self.0.parts.len() as u128;
        self.0.parts.get(usize::try_from(key.checked_rem(parts)?).ok()?)
    }

    /// Keyed, so that nobody can find two names with the same hash.
    fn key(&self, session: &[u8]) -> u128 {
        let [a, b] = self.0.hashers.each_ref().map(|hasher| u128::from(hasher.hash_one(session)));
        a << 64 | b
    }
}

impl Entry {
    fn is_alive(&self, now: u64, timeout: Duration) -> bool {
        u128::from(now.saturating_sub(self.used)) < timeout.as_millis()
    }
}

impl Part {
    fn remove(&mut self, key: u128) {
        if let Some(entry) = self.entries.remove(&key) {
            self.order.remove(&entry.turn);
        }
    }

    fn insert(&mut self, key: u128, peer: Arc<str>, used: u64, most: usize) {
        while self.entries.len() >= most.max(1)
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.uses += 1;
        let turn = self.uses;
        self.order.insert(turn, key);
        self.entries.insert(key, Entry { peer, used, turn });
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("capacity", &self.0.capacity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    fn find(sessions: &Sessions, session: &str) -> Option<String> {
        sessions.find(session.as_bytes(), TIMEOUT).map(|peer| peer.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_lives_while_it_is_used() {
        let (sessions, a, b) = (Sessions::new(100), Arc::from("a"), Arc::from("b"));
        sessions.touch(b"s", &a, TIMEOUT);
        assert_eq!(find(&sessions, "s"), None, "who only looks for it makes none");
        sessions.learn(b"s", &a, TIMEOUT);
        tokio::time::advance(TIMEOUT - Duration::from_millis(1)).await;
        assert_eq!(find(&sessions, "s").as_deref(), Some("a"));
        sessions.touch(b"s", &b, TIMEOUT);
        tokio::time::advance(TIMEOUT - Duration::from_millis(1)).await;
        assert_eq!(find(&sessions, "s").as_deref(), Some("b"), "it moved, and its time began anew");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(find(&sessions, "s"), None);
        assert!(sessions.is_empty());
        sessions.learn(b"s", &a, TIMEOUT);
        tokio::time::advance(TIMEOUT).await;
        sessions.touch(b"s", &a, TIMEOUT);
        assert_eq!(find(&sessions, "s"), None, "what is over is not used again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_table_is_full_before_a_session_goes() {
        let (sessions, peer) = (Sessions::new(256), Arc::from("a"));
        (0..256).for_each(|n| sessions.learn(format!("{n}").as_bytes(), &peer, TIMEOUT));
        assert_eq!(sessions.len(), 256);
        sessions.learn(b"one more", &peer, TIMEOUT);
        assert_eq!((sessions.len(), find(&sessions, "0")), (256, None));
    }

    #[tokio::test(start_paused = true)]
    async fn never_more_than_there_may_be() {
        let (sessions, peer) = (Sessions::new(160), Arc::from("a"));
        for n in 0..10_000 {
            sessions.learn(b"always", &peer, TIMEOUT);
            sessions.learn(format!("session {n}").as_bytes(), &peer, TIMEOUT);
            assert!(sessions.len() <= 160);
        }
        assert!(sessions.len() > 100);
        assert!(find(&sessions, "session 9999").is_some() && find(&sessions, "session 0").is_none());
        assert!(find(&sessions, "always").is_some(), "what is used stays");
        sessions.resize(16);
        (0..1000).for_each(|n| sessions.learn(format!("{n}").as_bytes(), &peer, TIMEOUT));
        assert!(sessions.len() <= 16);
        let parts = sessions.0.parts.iter().map(|part| part.lock());
        assert!(parts.into_iter().all(|part| part.entries.len() == part.order.len()));
    }
}

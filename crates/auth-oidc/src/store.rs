//! Where sessions are kept.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::time::Instant;

use crate::Session;

/// Keeps sessions by a key, which is not what the browser has: whoever reads the store cannot take a browser's place.
pub trait Store: Send + Sync {
    /// The session with this key.
    fn get(&self, key: &str) -> Option<Arc<Session>>;

    /// Keeps one for so long.
    ///
    /// # Errors
    /// There is no room.
    fn put(&self, key: String, session: Arc<Session>, lasts: Duration) -> Result<(), Box<str>>;

    /// It has ended.
    fn remove(&self, key: &str);

    /// All of them have ended that the provider calls so (`sid`).
    fn remove_named(&self, sid: &str);
}

/// A store in memory, of a size. Where there is no room, those that would end first do.
pub struct Memory {
    size: usize,
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    sessions: HashMap<Arc<str>, Entry>,
    /// When they end, the number making each of them one.
    ends: BTreeMap<(Instant, u64), Arc<str>>,
    /// By their names at the provider.
    named: HashMap<Box<str>, Vec<Arc<str>>>,
    used: usize,
    count: u64,
}

struct Entry {
    session: Arc<Session>,
    ends: (Instant, u64),
    weight: usize,
}

/// What a session takes beside its texts, about.
const OVERHEAD: usize = 1024;

impl Memory {
    /// An empty one, whose sessions take so many bytes at most: about twice what their tokens are long, and 1 KiB for each.
    #[must_use]
    pub fn new(size: usize) -> Self {
        Self { size, inner: RwLock::default() }
    }

    /// How many sessions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.read().sessions.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Memory {
    /// 8 MiB.
    fn default() -> Self {
        Self::new(8 << 20)
    }
}

impl Store for Memory {
    fn get(&self, key: &str) -> Option<Arc<Session>> {
        let inner = self.inner.read();
        let entry = inner.sessions.get(key).filter(|entry| Instant::now() < entry.ends.0)?;
        Some(entry.session.clone())
    }

    fn put(&self, key: String, session: Arc<Session>, lasts: Duration) -> Result<(), Box<str>> {
        let (weight, now) = (weight(&session), Instant::now());
        if weight > self.size {
            return Err("the session is larger than the store".into());
        }
        let mut inner = self.inner.write();
        inner.remove(&key);
        while let Some((&(ends, _), first)) = inner.ends.first_key_value()
            && (ends <= now || inner.used + weight > self.size)
        {
            let first = first.clone();
            inner.remove(&first);
        }
        let key: Arc<str> = key.into();
        inner.count += 1;
        // A time without an end is none that anybody lives to see.
        let ends = now.checked_add(lasts).unwrap_or(now + Duration::from_secs(86400 * 365));
        let ends = (ends, inner.count);
        inner.used += weight;
        inner.ends.insert(ends, key.clone());
        if let Some(sid) = session.sid() {
            inner.named.entry(sid.into()).or_default().push(key.clone());
        }
        inner.sessions.insert(key, Entry { session, ends, weight });
        Ok(())
    }

    fn remove(&self, key: &str) {
        self.inner.write().remove(key);
    }

    fn remove_named(&self, sid: &str) {
        let mut inner = self.inner.write();
        for key in inner.named.remove(sid).unwrap_or_default() {
            inner.remove(&key);
        }
    }
}

impl Inner {
    fn remove(&mut self, key: &str) {
        let Some((key, Entry { session, ends, weight })) = self.sessions.remove_entry(key) else { return };
        self.used = self.used.saturating_sub(weight);
        self.ends.remove(&ends);
        if let Some(sid) = session.sid()
            && let Some(keys) = self.named.get_mut(sid)
        {
            keys.retain(|known| *known != key);
            if keys.is_empty() {
                self.named.remove(sid);
            }
        }
    }
}

fn weight(session: &Session) -> usize {
    let userinfo = session.userinfo().map_or(0, bytes::Bytes::len);
    OVERHEAD + 2 * (session.id_token().len() + session.access_token().len() + userinfo)
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("size", &self.size).field("sessions", &self.len()).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::time::SystemTime;

    use propylon_auth_jwt::Token;
    use tokio::time::advance;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn session(sid: Option<&str>) -> Arc<Session> {
        let token = Token::parse(b"e30.e30.").unwrap();
        Arc::new(Session::new("us", token, "", SystemTime::UNIX_EPOCH).with_sid(sid.map(Into::into)))
    }

    fn keys(store: &Memory) -> String {
        ["a", "b", "c", "d"].into_iter().filter(|key| store.get(key).is_some()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_end() {
        let store = Memory::default();
        store.put("a".into(), session(None), HOUR).unwrap();
        store.put("b".into(), session(None), 2 * HOUR).unwrap();
        assert_eq!(keys(&store), "ab");
        advance(HOUR).await;
        assert_eq!((keys(&store), store.len()), ("b".to_owned(), 2));
        store.put("c".into(), session(None), Duration::MAX).unwrap();
        assert_eq!((keys(&store), store.len()), ("bc".to_owned(), 2), "what is over goes");
        store.remove("b");
        store.remove("b");
        assert_eq!((keys(&store), store.len()), ("c".to_owned(), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_is_kept_than_there_is_room_for() {
        let one = weight(&session(None));
        let store = Memory::new(2 * one);
        store.put("a".into(), session(None), 2 * HOUR).unwrap();
        store.put("b".into(), session(None), HOUR).unwrap();
        store.put("b".into(), session(None), HOUR).unwrap();
        assert_eq!(keys(&store), "ab");
        store.put("c".into(), session(None), 2 * HOUR).unwrap();
        assert_eq!(keys(&store), "ac", "what would have ended first has");
        assert_eq!(store.inner.read().used, 2 * one);
        assert!(Memory::new(one - 1).put("a".into(), session(None), HOUR).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn sessions_end_by_their_names() {
        let store = Memory::default();
        for (key, sid) in [("a", Some("s")), ("b", Some("s")), ("c", Some("t")), ("d", None)] {
            store.put(key.into(), session(sid), HOUR).unwrap();
        }
        store.remove("a");
        assert_eq!(keys(&store), "bcd");
        store.remove_named("s");
        store.remove_named("s");
        assert_eq!(keys(&store), "cd");
        store.remove_named("t");
        let inner = store.inner.read();
        assert_eq!((inner.sessions.len(), inner.ends.len(), inner.named.len()), (1, 1, 0));
    }
}

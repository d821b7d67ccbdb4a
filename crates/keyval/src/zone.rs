//! Keys and values that all who have a clone share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::error::Error;
use crate::table::{Entry, Key, Kind, Table};

/// What an entry takes beside its key and its value: its place in the tree.
const OVERHEAD: usize = 128;

/// How often entries that are over are removed at most.
const PAUSE: Duration = Duration::from_secs(1);

/// Keys and values that are changed while they are used. A clone is the same zone.
///
/// Whoever looks something up waits for others only while one entry is put in its place; whoever changes something waits for whoever
/// does as well.
#[derive(Clone)]
pub struct Zone(Arc<Inner>);

struct Inner {
    kind: Kind,
    table: RwLock<Table>,
    /// Held by whoever changes something, or lists everything: `table` is locked for one entry at a time, and while it is only read
    /// nobody waits to write, who would have others wait.
    books: Mutex<Books>,
    /// An entry expires before all that are there.
    sooner: Notify,
}

struct Books {
    limits: Limits,
    used: usize,
    /// No entry expires before this.
    earliest: Option<Instant>,
    /// Counts changes.
    version: u64,
}

/// How much a zone may take, and for how long its entries are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    size: usize,
    timeout: Option<Duration>,
}

impl Default for Limits {
    /// 1 MiB, and entries that do not expire.
    fn default() -> Self {
        Self { size: 1 << 20, timeout: None }
    }
}

impl Limits {
    /// How many bytes all entries may take: their keys and values, and 128 for each. What is more is refused.
    #[must_use]
    pub fn size(mut self, bytes: usize) -> Self {
        self.size = bytes;
        self
    }

    /// After how long an entry goes; `None`: it stays.
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }
}

/// A value that is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    value: Bytes,
    expires: Option<Duration>,
}

impl Kept {
    /// This value, for as long as the zone keeps entries.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self { value: shared(value.into()), expires: None }
    }

    /// It goes after this time, not after that of the zone.
    #[must_use]
    pub fn expires(mut self, after: Duration) -> Self {
        self.expires = Some(after);
        self
    }
}

/// What becomes of an entry that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another value, whose time begins.
    Set(Kept),
    /// The same value for this time from now on.
    Expire(Duration),
    /// It goes.
    Remove,
}

/// An entry of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pair {
    /// The key; an address or a network as it is written shortest.
    pub key: String,
    /// The value.
    pub value: Bytes,
    /// When it goes.
    pub expires: Option<Instant>,
}

/// How many entries there are, and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Entries; those that are over count for about a second.
    pub entries: usize,
    /// The bytes that they take.
    pub used: usize,
    /// The bytes that they may take.
    pub size: usize,
}

impl Zone {
    /// An empty one.
    #[must_use]
    pub fn new(kind: Kind, limits: Limits) -> Self {
        let books = Books { limits, used: 0, earliest: None, version: 0 };
        Self(Arc::new(Inner {
            kind,
            table: RwLock::new(Table::new(kind)),
            books: Mutex::new(books),
            sooner: Notify::new(),
        }))
    }

    /// How keys are looked up.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// From now on it has these limits; what is there stays, for as long as it was to.
    pub fn set_limits(&self, limits: Limits) {
        self.0.books.lock().limits = limits;
    }

    /// The value that `key` leads to, as the [`Kind`] says.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<Bytes> {
        self.0.table.read().find(key, is_there).map(|entry| entry.value.clone())
    }

    /// The entry with this very key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Pair> {
        let key = Key::new(self.0.kind, key)?;
        let table = self.0.table.read();
        let entry = table.get(&key).filter(|entry| is_there(entry))?;
        Some(Pair { key: key.text(), value: entry.value.clone(), expires: entry.expires })
    }

    /// All entries, in the order of their keys.
    #[must_use]
    pub fn list(&self) -> Vec<Pair> {
        self.list_at().0
    }

    /// The same, and after how many changes that was.
    pub(crate) fn list_at(&self) -> (Vec<Pair>, u64) {
        let books = self.0.books.lock();
        let (mut all, now) = (Vec::new(), Instant::now());
        self.0.table.read().each(|key, entry| {
            if entry.is_there(|| now) {
                all.push(Pair { key: key().text(), value: entry.value.clone(), expires: entry.expires });
            }
        });
        (all, books.version)
    }

    /// How many changes there were.
    pub(crate) fn version(&self) -> u64 {
        self.0.books.lock().version
    }

    /// How it is doing.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let books = self.0.books.lock();
        Stats { entries: self.0.table.read().len(), used: books.used, size: books.limits.size }
    }

    /// Adds entries whose keys are new: all of them, or none.
    ///
    /// # Errors
    /// When a key exists or cannot be one, or there is no room.
    pub fn add(&self, pairs: Vec<(String, Kept)>) -> Result<(), Error> {
        self.change_all(pairs.into_iter().map(|(key, new)| (key, Change::Set(new))).collect(), false)
    }

    /// Changes entries that are there: all of them, or none.
    ///
    /// # Errors
    /// When a key is not there, or there is no room.
    pub fn change(&self, changes: Vec<(String, Change)>) -> Result<(), Error> {
        self.change_all(changes, true)
    }

    /// Puts a value in its place for this time, whatever was there: for who keeps in a zone what is not the operators'.
    ///
    /// # Errors
    /// When the key cannot be one, or there is no room.
    pub fn keep(&self, key: String, value: String, after: Duration) -> Result<(), Error> {
        let Some(found) = Key::new(self.0.kind, &key) else { return Err(Error::Key(key)) };
        let mut books = self.0.books.lock();
        // A time without an end is none.
        let entry = Entry { value: shared(value), expires: Instant::now().checked_add(after) };
        let judged = BTreeMap::from([(found, Some(entry))]);
        self.make_room(&mut books, &judged)?;
        for (key, entry) in judged {
            self.put(&mut books, key, entry);
        }
        books.version += 1;
        Ok(())
    }

    /// Removes everything, and says how much that was.
    pub fn clear(&self) -> usize {
        let mut books = self.0.books.lock();
        // It is taken to pieces when nobody waits any more.
        let before = std::mem::replace(&mut *self.0.table.write(), Table::new(self.0.kind));
        let count = before.len();
        (books.used, books.earliest) = (0, None);
        books.version += u64::from(count > 0);
        drop(books);
        count
    }

    /// Removes entries when they are over, for as long as it is polled. To be done by one task; without it they are not found any
    /// more, but take room.
    pub async fn manage(&self) {
        loop {
            let earliest = self.0.books.lock().earliest;
            match earliest {
                None => self.0.sooner.notified().await,
                Some(at) => {
                    if timeout_at(at, self.0.sooner.notified()).await.is_err() {
                        self.sweep();
                        sleep_until(Instant::now() + PAUSE).await;
                    }
                }
            }
        }
    }

    /// Removes what is over.
    fn sweep(&self) {
        self.sweep_with(&mut self.0.books.lock());
    }

    fn sweep_with(&self, books: &mut Books) {
        let (mut over, mut earliest, now) = (Vec::new(), None, Instant::now());
        self.0.table.read().each(|key, entry| match entry.expires {
            Some(at) if at <= now => over.push(key()),
            Some(at) => earliest = Some(earliest.map_or(at, |earliest: Instant| earliest.min(at))),
            None => {}
        });
        for key in over {
            let gone = self.0.table.write().remove(&key);
            books.used = books.used.saturating_sub(gone.map_or(0, |entry| weight(&key, &entry)));
        }
        books.earliest = earliest;
    }

    /// Whether keys have to be there, or may not be. First all is judged, then all is done.
    fn change_all(&self, changes: Vec<(String, Change)>, are_there: bool) -> Result<(), Error> {
        let mut books = self.0.books.lock();
        let now = Instant::now();
        let mut judged: BTreeMap<Key, Option<Entry>> = BTreeMap::new();
        for (text, change) in changes {
            let key = Key::new(self.0.kind, &text).ok_or_else(|| Error::Key(text.clone()))?;
            let table = self.0.table.read();
            let entry = table.get(&key).filter(|entry| entry.is_there(|| now));
            // What is written in two ways may be one key.
            let twice = judged.contains_key(&key);
            match (entry, are_there) {
                (None, true) => return Err(Error::Missing(text)),
                (Some(_), false) => return Err(Error::Exists(text)),
                _ if twice => return Err(Error::Exists(text)),
                _ => {}
            }
            let expires = |after: Option<Duration>| match (after, books.limits.timeout) {
                (Some(_), None) => Err(Error::NoTimeout),
                // A time without an end is none.
                (own, of_zone) => Ok(own.or(of_zone).and_then(|after| now.checked_add(after))),
            };
            let entry = match change {
                Change::Remove => None,
                Change::Set(new) => Some(Entry { value: new.value, expires: expires(new.expires)? }),
                Change::Expire(after) => {
                    let value = entry.map(|entry| entry.value.clone()).unwrap_or_default();
                    Some(Entry { value, expires: expires(Some(after))? })
                }
            };
            judged.insert(key, entry);
        }
        self.make_room(&mut books, &judged)?;
        for (key, entry) in judged {
            self.put(&mut books, key, entry);
        }
        books.version += 1;
        Ok(())
    }

    /// Whether there is room when all this is done.
    fn make_room(&self, books: &mut Books, judged: &BTreeMap<Key, Option<Entry>>) -> Result<(), Error> {
        let fits = |books: &Books| {
            let table = self.0.table.read();
            let (mut more, mut less) = (0_usize, 0_usize);
            for (key, entry) in judged {
                more = more.saturating_add(entry.as_ref().map_or(0, |entry| weight(key, entry)));
                less = less.saturating_add(table.get(key).map_or(0, |entry| weight(key, entry)));
            }
            // Where less is allowed than is there, it may still become less.
            more <= less || books.used.saturating_add(more).saturating_sub(less) <= books.limits.size
        };
        // Nothing is over before `earliest`: a full zone does not look at everything for each order that it refuses.
        let is_due = |books: &Books| books.earliest.is_some_and(|at| at <= Instant::now());
        if !fits(books) && is_due(books) {
            self.sweep_with(books);
        }
        if fits(books) { Ok(()) } else { Err(Error::Full(books.limits.size)) }
    }

    /// Puts an entry in its place, or removes it.
    fn put(&self, books: &mut Books, key: Key, entry: Option<Entry>) {
        let Some(entry) = entry else {
            let gone = self.0.table.write().remove(&key);
            books.used = books.used.saturating_sub(gone.map_or(0, |entry| weight(&key, &entry)));
            return;
        };
        if let Some(at) = entry.expires
            && books.earliest.is_none_or(|earliest| at < earliest)
        {
            books.earliest = Some(at);
            self.0.sooner.notify_one();
        }
        books.used += weight(&key, &entry);
        let text = key.clone();
        let gone = self.0.table.write().insert(key, entry);
        books.used = books.used.saturating_sub(gone.map_or(0, |entry| weight(&text, &entry)));
    }

    /// Puts what a file has into an empty zone, whatever room there is: it was there before.
    pub(crate) fn restore(
        &self,
        pairs: impl Iterator<Item = (String, String, Option<Instant>)>,
    ) -> Result<usize, Error> {
        let mut entries = Vec::new();
        for (text, value, expires) in pairs {
            let Some(key) = Key::new(self.0.kind, &text) else { return Err(Error::Key(text)) };
            entries.push((key, Entry { value: shared(value), expires }));
        }
        let mut books = self.0.books.lock();
        let count = entries.len();
        for (key, entry) in entries {
            self.put(&mut books, key, Some(entry));
        }
        Ok(count)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zone")
            .field("kind", &self.0.kind)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Asked in the middle of a look-up: the clock is read for what may be over, and for nothing else.
fn is_there(entry: &Entry) -> bool {
    entry.is_there(Instant::now)
}

/// A value that look-ups share. That of a `Vec` is made one to share by whoever looks it up first, who would allocate.
fn shared(value: String) -> Bytes {
    Bytes::from_owner(value)
}

fn weight(key: &Key, entry: &Entry) -> usize {
    let key = match key {
        Key::Text(text) => text.len(),
        Key::Network(_) => size_of::<Key>(),
    };
    OVERHEAD + key + entry.value.len()
}

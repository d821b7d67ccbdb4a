//! A second tier: a store that several processes share, and the journal by which a purge reaches all of them.
//!
//! A [`Tier`] keeps bytes under names and appends to a journal; that is all it has to know. What the bytes are, which of them
//! are good, who is told, and what is done when it fails is decided here.
//!
//! ## Looking
//! A request that finds nothing here, or something stale, looks there before it asks the service inside, with the lock of its
//! key: one looks for all. What it finds is a record with a version and a checksum, whose key and variant are compared whole;
//! what is not what was written is a miss. It is stored here, and judged as if it always had been: fresh, stale, for a range
//! or for HEAD. Its age is the larger of what the dates and what the tier's own clock say.
//!
//! ## Storing
//! What was stored here whole is sent there in the background, from a queue with an end; so is a head that a 304 has changed.
//! What answers HEAD alone, errors that are remembered, and what is larger than [`Options::max_object`] stay here.
//!
//! ## Purging
//! Each purge is an entry of the journal, which is in one order for all: a [`Mark`] for each. The last one that a process knows
//! when it asks the origin goes with what is stored. So whoever takes it can tell whether it was purged since, however late
//! it came there and whoever sent it; a look-up brings the entries that are newer than those that are known, and counts them
//! in. What was purged while its answer was under way is not stored.
//!
//! Everybody reads the journal each [`Options::poll`], from the last entry that he knows, **that one included**: is it not there
//! any more, the journal has forgotten it, or is another one, and something may have been missed. Then all that he keeps
//! goes. A zone on disk notes beside its files how far it has read, so that the same holds over a restart; one that joins a
//! tier that it does not know begins empty.
//!
//! A purge is in force with all who reach the tier after `poll` and a round trip; with who was cut off, as soon as he reaches it
//! again. One that cannot be appended is in force here, [says so](super::Purged::elsewhere), and is owed: it is appended before
//! anything is looked for there again. What an unsafe request invalidates goes here and there, and is not told to others: clients
//! must not be able to fill the journal. If it perhaps has not gone there, nothing is taken from there before an entry was appended
//! that is newer than all that may be meant.
//!
//! ## Failing
//! Whatever fails or takes too long has the tier left alone for [`Options::pause`]: no request looks there, and nothing is sent.
//! The follower alone tries it again, and has read the journal to its end before requests do. A tier that keeps nothing (it is
//! full) is read all the same.

mod follower;
mod journal;
mod link;
mod order;
mod record;
mod standing;
mod taking;
mod writer;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::disk::variant_hash;
use super::key::Key;
use super::meta::Variant;
use crate::BoxError;

pub use link::TierStats;

pub(super) use link::Link;

/// What a tier is asked for comes later.
pub type Reply<T> = Pin<Box<dyn Future<Output = Result<T, TierError>> + Send>>;

/// A store beside this process: bytes under names, and a journal.
///
/// None of its methods does anything before its future is polled. All of them may be dropped halfway.
pub trait Tier: Send + Sync + 'static {
    /// Where it is, in one line, without secrets: two that say the same are the same, with the same contents.
    fn name(&self) -> &str;

    /// Begins anew: whatever was open is given up.
    fn connect(&self) -> Reply<()>;

    /// What is kept at `place`, the variants that are there, and what the journal has from `since` on, that one included.
    /// Never waits for a connection: if there is none, that is an error.
    fn look(&self, place: &Place, since: Mark) -> Reply<Looked>;

    /// The response for a variant at `place`.
    fn look_variant(&self, place: &Place, variant: &Variant) -> Reply<Option<Kept>>;

    /// Keeps a response for so long, in the place of the one that is there: a response that does not vary in the place of all
    /// others, one that varies in that of the one with the same variant and of one that does not vary. A place has a limited
    /// number of variants: the ones that were kept last.
    fn keep(&self, place: &Place, variant: Option<&Variant>, record: Bytes, time: Duration) -> Reply<()>;

    /// Removes all that is kept at `place`.
    fn forget(&self, place: &Place) -> Reply<()>;

    /// What the journal has from `since` on, that one included, or from its beginning; as much of it as is given at once.
    fn journal(&self, since: Option<Mark>) -> Reply<Journal>;

    /// Appends to the journal, which keeps its last [`JOURNAL`] entries, and removes all that is kept at `place`.
    fn append(&self, entry: Bytes, place: Option<&Place>) -> Reply<()>;
}

/// How many purges a journal remembers.
pub const JOURNAL: usize = 8192;

/// How much a record that is kept may have beside its body: more is not sent there.
pub const HEAD: u64 = 256 << 10;

/// The name of a key's responses: 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place(Box<str>);

impl Place {
    /// That of this key.
    #[must_use]
    pub fn of(key: &Key) -> Self {
        Self(format!("{:032x}", key.md5()).into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a variant of its: 16 hexadecimal digits.
    #[must_use]
    pub fn variant(variant: &Variant) -> String {
        format!("{:016x}", variant_hash(Some(variant)).unwrap_or_default())
    }
}

/// A place in the journal: later entries have greater marks, and no two are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// A time.
    pub time: u64,
    /// Which one of that time.
    pub count: u64,
}

/// What is kept somewhere.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What was given to be kept.
    pub record: Bytes,
    /// For how long it will be there yet.
    pub left: Duration,
}

/// What a look-up finds.
#[derive(Clone, Debug, Default)]
pub struct Looked {
    /// The response that does not vary.
    pub kept: Option<Kept>,
    /// The variants that there are, the one that was kept last first.
    pub variants: Vec<Bytes>,
    /// The end of the journal.
    pub journal: Journal,
}

/// A part of the journal, in its order.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    /// The entries.
    pub entries: Vec<(Mark, Bytes)>,
    /// Whether there may be more behind them.
    pub more: bool,
}

/// What a tier can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TierError {
    /// It does not answer.
    #[error("the cache server did not respond in time")]
    TimedOut,
    /// It cannot be reached, or does not speak as it should.
    #[error("the cache server cannot be used")]
    Unusable(#[source] BoxError),
    /// It has answered that it will not.
    #[error("the cache server refused the request")]
    Refused(#[source] BoxError),
    /// So much is asked of it already that this was not.
    #[error("too many requests to the cache server are pending")]
    Busy,
    /// It failed a moment ago, and is left alone.
    #[error("the cache server failed recently and is not used for a while")]
    LeftAlone,
    /// Nobody runs [`Zone::follow`](super::Zone::follow).
    #[error("`Zone::follow` is not running")]
    NotFollowed,
}

/// What whoever runs a zone is told of its tier.
#[derive(Debug)]
#[non_exhaustive]
pub enum TierEvent<'a> {
    /// It is in use, for the first time or again.
    Reached,
    /// It has failed, and is left alone for a while. Told once until it is in use again.
    Lost(&'a TierError),
    /// It does not keep what it is given. Told once until it does again.
    KeepsNothing(&'a TierError),
    /// It keeps what it is given again.
    KeepsAgain,
    /// Purges may have been missed: all that the zone kept is gone.
    Emptied,
}

/// How a zone uses its tier.
#[derive(Clone)]
pub struct Options {
    pub(super) timeout: Duration,
    pub(super) background_timeout: Duration,
    pub(super) pause: Duration,
    pub(super) poll: Duration,
    pub(super) stale: Duration,
    pub(super) max_object: u64,
    pub(super) queue: usize,
    pub(super) clock: Arc<dyn Fn() -> u64 + Send + Sync>,
    pub(super) observer: Arc<dyn Fn(&TierEvent<'_>) + Send + Sync>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(100),
            background_timeout: Duration::from_secs(1),
            pause: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            stale: Duration::from_secs(3600),
            max_object: 1 << 20,
            queue: 1024,
            clock: Arc::new(crate::layer::wall_clock),
            observer: Arc::new(|_| {}),
        }
    }
}

impl Options {
    /// How long a request waits for a look-up. Default: 100 ms.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How long anything else may take: to connect, to keep a response, to append to the journal. Default: 1 s.
    #[must_use]
    pub fn background_timeout(self, background_timeout: Duration) -> Self {
        Self { background_timeout, ..self }
    }

    /// For how long a tier that has failed is left alone. Default: 5 s.
    #[must_use]
    pub fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// How often the journal is read. Default: each second.
    #[must_use]
    pub fn poll(self, poll: Duration) -> Self {
        Self { poll, ..self }
    }

    /// For how long a response is kept after it has become stale: it may be validated, or used where something stale may be.
    /// Default: 1 h.
    #[must_use]
    pub fn stale(self, stale: Duration) -> Self {
        Self { stale, ..self }
    }

    /// What is larger is not sent there, nor taken from there. What comes from there and is larger than 8 MiB is not stored here.
    /// Default: 1 MiB.
    #[must_use]
    pub fn max_object(self, max_object: u64) -> Self {
        Self { max_object, ..self }
    }

    /// How many responses may wait to be sent there. Default: 1024.
    #[must_use]
    pub fn queue(self, queue: usize) -> Self {
        Self { queue, ..self }
    }

    /// The time, in milliseconds since 1970: that of the layer. Default: the system's.
    #[must_use]
    pub fn clock(self, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Who is told what happens. He must not wait for anything.
    #[must_use]
    pub fn observer(self, observer: impl Fn(&TierEvent<'_>) + Send + Sync + 'static) -> Self {
        Self { observer: Arc::new(observer), ..self }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("timeout", &self.timeout)
            .field("background_timeout", &self.background_timeout)
            .field("pause", &self.pause)
            .field("poll", &self.poll)
            .field("stale", &self.stale)
            .field("max_object", &self.max_object)
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

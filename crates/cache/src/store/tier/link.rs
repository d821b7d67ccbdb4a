//! What a zone and its tier have in common: whether it is in use, what is to be sent there, and what was purged.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::journal::{Known, Last, verdict_of};
use super::order::Order;
use super::standing::Standing;
use super::{Mark, Options, Reply, Tier, TierError, TierEvent};
use crate::store::key::{Id, Key};
use crate::store::purge::{Purge, Strength};

/// A zone's tier.
pub(in crate::store) struct Link {
    pub(super) tier: Arc<dyn Tier>,
    pub(super) options: Options,
    pub(super) known: Mutex<Known>,
    /// Whether requests look there.
    up: AtomicBool,
    /// Whether it was told that it is lost.
    told: AtomicBool,
    /// Whether it was told that it keeps nothing.
    full: AtomicBool,
    /// It failed: when it is tried again.
    resume: Mutex<Option<Instant>>,
    /// The journal is to be read now.
    hurry: AtomicBool,
    /// The last entry that all that is kept here has been through.
    pub(super) settled: Mutex<Option<Last>>,
    /// How many of the doubts are over.
    trusted: AtomicU64,
    followed: AtomicBool,
    offers: Mutex<VecDeque<Offer>>,
    commands: Mutex<VecDeque<Command>>,
    pub(super) standing: Arc<Standing>,
    tried: Notify,
    pub(super) wake: Notify,
    pub(super) offered: Notify,
    pub(super) counters: Counters,
}

/// A response that is to be sent there.
#[derive(Debug)]
pub(in crate::store) struct Offer {
    pub(in crate::store) key: Key,
    pub(in crate::store) generation: u64,
    pub(in crate::store) mark: Mark,
}

/// A purge that is to be made everywhere.
pub(super) struct Command {
    pub(super) what: Purge,
    pub(super) strength: Strength,
    pub(super) reply: oneshot::Sender<Outcome>,
}

/// How many responses were purged here, and whether the others will.
pub(super) type Outcome = (u64, Result<(), TierError>);

/// How a zone and its tier get on. The counts are since they were joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TierStats {
    /// Whether it is in use: it was reached, and has not failed since.
    pub up: bool,
    /// Look-ups that brought a response.
    pub hits: u64,
    /// Look-ups that found none.
    pub misses: u64,
    /// Look-ups that found one that was purged.
    pub purged: u64,
    /// Look-ups that found something else than what was kept.
    pub damaged: u64,
    /// Look-ups that failed.
    pub failed: u64,
    /// Look-ups that were not made, for it had failed or has too much to do.
    pub skipped: u64,
    /// Responses that were sent there.
    pub stored: u64,
    /// Responses that were not sent there: too many waited, it had failed, or they were gone meanwhile.
    pub dropped: u64,
    /// Responses that it did not keep.
    pub store_failures: u64,
    /// Responses that wait to be sent there.
    pub queued: u64,
    /// Purges that were ordered.
    pub ordered: u64,
    /// Purges that could not be ordered when they were made.
    pub order_failures: u64,
    /// Purges that are in force here alone until they can be ordered.
    pub owed: u64,
    /// Purges of others that were obeyed.
    pub obeyed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    pub(super) purged: AtomicU64,
    pub(super) damaged: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) stored: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) store_failures: AtomicU64,
    pub(super) ordered: AtomicU64,
    pub(super) order_failures: AtomicU64,
    pub(super) obeyed: AtomicU64,
}

/// How many purges may be owed. With more, everything is.
const OWED: usize = 1000;

/// How many purges may wait to be ordered.
const COMMANDS: usize = 1000;

impl Link {
    /// In the place of `before`, if that is a link with the same tier.
    pub(in crate::store) fn new(tier: Arc<dyn Tier>, options: Options, before: Option<&Self>) -> Self {
        // In this order: whoever follows that one may be about to obey what he has come to know.
        let settled = before.and_then(|before| *before.settled.lock());
        let known = before.map(|before| before.known.lock().clone()).unwrap_or_default();
        Self {
            tier,
            options,
            known: Mutex::new(known),
            up: AtomicBool::new(false),
            told: AtomicBool::new(false),
            full: AtomicBool::new(false),
            resume: Mutex::default(),
            hurry: AtomicBool::new(false),
            settled: Mutex::new(settled),
            trusted: AtomicU64::new(before.map_or(0, |before| before.trusted.load(Ordering::SeqCst))),
            followed: AtomicBool::new(false),
            offers: Mutex::default(),
            commands: Mutex::default(),
            standing: before.map(|before| Arc::clone(&before.standing)).unwrap_or_default(),
            tried: Notify::new(),
            wake: Notify::new(),
            offered: Notify::new(),
            counters: Counters::default(),
        }
    }

    pub(in crate::store) fn is_up(&self) -> bool {
        self.up.load(Ordering::Acquire)
    }

    /// The last purge that is known.
    pub(in crate::store) fn mark(&self) -> Option<Mark> {
        self.known.lock().last().map(|last| last.mark)
    }

    /// What has become of a response that was asked for when that was the last purge that was known.
    pub(in crate::store) fn verdict(&self, mark: Mark, key: &Key, tags: &[Bytes]) -> Option<Strength> {
        self.known.lock().verdict(mark, key.as_bytes(), tags)
    }

    /// What purges make of a response that are in force here and not in the journal.
    pub(super) fn owed_verdict(&self, key: &[u8], tags: &[Bytes]) -> Option<Strength> {
        verdict_of(self.standing.owed.lock().iter(), key, tags)
    }

    /// Something is perhaps not forgotten there: nothing is taken from there before what is from before now is known.
    pub(super) fn doubt(&self) {
        self.standing.doubts.fetch_add(1, Ordering::SeqCst);
        self.hurry();
    }

    /// How many doubts there are, if not all of them are over.
    pub(super) fn doubts(&self) -> Option<u64> {
        let doubts = self.standing.doubts.load(Ordering::SeqCst);
        (doubts != self.trusted.load(Ordering::SeqCst)).then_some(doubts)
    }

    /// So many doubts are over.
    pub(super) fn trust(&self, doubts: u64) {
        self.trusted.store(doubts, Ordering::SeqCst);
    }

    /// The journal is another one, or is read anew: of what was doubted nothing is known any more.
    pub(super) fn forget_journal(&self) {
        *self.settled.lock() = None;
        self.known.lock().clear();
        self.trust(0);
    }

    /// How often what is under a key was to be forgotten there, or something else with a similar hash.
    pub(super) fn forgotten(&self, id: Id) -> &AtomicU64 {
        self.standing.forgotten(id)
    }

    /// It has failed: nobody asks it for anything until it is tried again. One that has too much to do has not.
    pub(super) fn fault(&self, error: &TierError) {
        if matches!(error, TierError::Busy) {
            return;
        }
        self.up.store(false, Ordering::Release);
        *self.resume.lock() = Some(Instant::now() + self.options.pause);
        if !self.told.swap(true, Ordering::AcqRel) {
            (self.options.observer)(&TierEvent::Lost(error));
        }
        self.tried.notify_waiters();
        let dropped = std::mem::take(&mut *self.offers.lock()).len();
        self.counters.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// It is in use.
    pub(super) fn reached(&self) {
        *self.resume.lock() = None;
        self.told.store(false, Ordering::Release);
        self.up.store(true, Ordering::Release);
        (self.options.observer)(&TierEvent::Reached);
        self.tried.notify_waiters();
    }

    /// Waits until it is in use, or has failed.
    pub(super) async fn tried(&self) {
        loop {
            let tried = self.tried.notified();
            if self.is_up() || self.told.load(Ordering::Acquire) {
                return;
            }
            tried.await;
        }
    }

    /// When it is tried again, if it failed since this was asked for the last time.
    pub(super) fn take_resume(&self) -> Option<Instant> {
        self.resume.lock().take()
    }

    /// Something new is in the journal.
    pub(super) fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    pub(super) fn take_hurry(&self) -> bool {
        self.hurry.swap(false, Ordering::Relaxed)
    }

    /// It kept what it was given, or did not.
    pub(super) fn keeps(&self, error: Option<&TierError>) {
        if self.full.swap(error.is_some(), Ordering::AcqRel) != error.is_some() {
            (self.options.observer)(&error.map_or(TierEvent::KeepsAgain, TierEvent::KeepsNothing));
        }
    }

    /// Has a response sent there, if there is room for it in the queue.
    pub(in crate::store) fn offer(&self, offer: Offer) {
        let mut offers = self.offers.lock();
        if !self.is_up() || offers.len() >= self.options.queue {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        offers.push_back(offer);
        drop(offers);
        self.offered.notify_one();
    }

    pub(super) fn next_offer(&self) -> Option<Offer> {
        self.offers.lock().pop_front()
    }

    /// Has a purge made everywhere. None: nobody is there who could.
    pub(super) async fn order(&self, what: &Purge, strength: Strength) -> Option<Outcome> {
        let (reply, answer) = oneshot::channel();
        {
            let mut commands = self.commands.lock();
            // Asked under the lock: who stops to follow takes what is in there with him.
            if !self.followed.load(Ordering::Acquire) || commands.len() >= COMMANDS {
                return None;
            }
            commands.push_back(Command { what: what.clone(), strength, reply });
        }
        self.wake.notify_one();
        answer.await.ok()
    }

    pub(super) fn next_command(&self) -> Option<Command> {
        self.commands.lock().pop_front()
    }

    /// A purge that is in force here alone is to be ordered as soon as it can be.
    pub(super) fn owe(&self, order: Order) {
        let mut owed = self.standing.owed.lock();
        if owed.len() >= OWED {
            owed.clear();
            owed.push_back(Order::purge(&Purge::All, Strength::Hard, order.nonce));
        } else {
            owed.push_back(order);
        }
        self.counters.order_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// From now on somebody follows, until what is returned is dropped. None if somebody does already.
    pub(super) fn follow(self: &Arc<Self>) -> Option<Followed> {
        let first = !self.followed.swap(true, Ordering::AcqRel);
        first.then(|| Followed(Arc::clone(self)))
    }

    /// Waits for an answer, and not for too long.
    pub(super) async fn within<T>(&self, reply: Reply<T>) -> Result<T, TierError> {
        limited(self.options.background_timeout, reply).await
    }

    pub(in crate::store) fn stats(&self) -> TierStats {
        let Counters {
            hits,
            misses,
            purged,
            damaged,
            failed,
            skipped,
            stored,
            dropped,
            store_failures,
            ordered,
            order_failures,
            obeyed,
        } = &self.counters;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TierStats {
            up: self.is_up(),
            hits: count(hits),
            misses: count(misses),
            purged: count(purged),
            damaged: count(damaged),
            failed: count(failed),
            skipped: count(skipped),
            stored: count(stored),
            dropped: count(dropped),
            store_failures: count(store_failures),
            queued: self.offers.lock().len() as u64,
            ordered: count(ordered),
            order_failures: count(order_failures),
            owed: self.standing.owed.lock().len() as u64,
            obeyed: count(obeyed),
        }
    }
}

pub(super) async fn limited<T>(
    time: Duration,
    reply: impl Future<Output = Result<T, TierError>>,
) -> Result<T, TierError> {
    tokio::time::timeout(time, reply).await.unwrap_or(Err(TierError::TimedOut))
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("tier", &self.tier.name()).field("up", &self.up).finish_non_exhaustive()
    }
}

/// Somebody follows the journal.
pub(super) struct Followed(Arc<Link>);

impl Drop for Followed {
    /// Who waits for an order hears that there is none.
    fn drop(&mut self) {
        let mut commands = self.0.commands.lock();
        self.0.followed.store(false, Ordering::Release);
        self.0.up.store(false, Ordering::Release);
        let left = std::mem::take(&mut *commands);
        drop(commands);
        drop(left);
    }
}

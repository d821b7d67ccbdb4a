//! Taking from a tier what is not here, and all else that a zone has to do with one.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use super::journal::{Last, Read, read_on, strongest, verdict_of};
use super::link::{Link, Offer, TierStats, limited};
use super::order::Order;
use super::record::Record;
use super::{Mark, Options, Place, Tier, TierError, follower, writer};
use crate::store::disk::{self, Name};
use crate::store::entry::{Entry, Source};
use crate::store::flow::Flow;
use crate::store::key::Key;
use crate::store::meta::{Meta, Variant};
use crate::store::object::{Body, Object};
use crate::store::purge::{Purge, Purged, Strength};
use crate::store::shared::{Holding, Shared};
use crate::store::zone::Zone;

/// A response that a tier had.
#[derive(Debug)]
pub(in crate::store) struct Taken {
    mark: Mark,
    meta: Meta,
    body: Bytes,
    soft: bool,
}

/// How many responses are being sent at once: a tier that is far away takes as many in the time of a round trip.
const WRITERS: usize = 4;

/// What a look there came to.
enum Look {
    Taken(Box<Taken>),
    Nothing,
    Purged,
    Damaged,
}

impl Zone {
    /// Gives the zone a tier, in the place of the one that it has. Until somebody [follows](Self::follow) it, it is not used. If
    /// both have the [same name](Tier::name), what is owed to the one is owed to the other, and what was heard is not heard anew.
    pub fn join(&self, tier: Arc<dyn Tier>, options: Options) {
        let mut link = self.shared.link.write();
        let before = link.take().filter(|before| before.tier.name() == tier.name());
        *link = Some(Arc::new(Link::new(tier, options, before.as_deref())));
    }

    /// The zone has no tier any more.
    pub fn part(&self) {
        *self.shared.link.write() = None;
    }

    /// Works for the zone's tier in the background, for ever: follows its journal and sends what was stored. Without a tier
    /// there is nothing to do, and where somebody does it already.
    pub async fn follow(&self) {
        let Some(link) = self.shared.link() else { return };
        let Some(_followed) = link.follow() else { return };
        let mut follower = pin!(follower::run(&self.shared, &link));
        let mut writers = [(); WRITERS].map(|()| Box::pin(writer::run(&self.shared, &link)));
        std::future::poll_fn(|cx| {
            // None of them comes to an end.
            let _ = follower.as_mut().poll(cx);
            for writer in &mut writers {
                let _ = writer.as_mut().poll(cx);
            }
            Poll::Pending
        })
        .await
    }

    /// Waits until whoever [follows](Self::follow) has reached the tier or has failed to. What was purged while nobody followed is
    /// gone by then, if it could be heard of.
    pub async fn reached(&self) {
        if let Some(link) = self.shared.link() {
            link.tried().await;
        }
    }

    /// How the zone and its tier get on, if it has one.
    #[must_use]
    pub fn tier_stats(&self) -> Option<TierStats> {
        self.shared.link().map(|link| link.stats())
    }

    /// The last purge that is known to all who share the tier: what is asked for from now on is not meant by it, nor by any
    /// before it.
    pub(crate) fn mark(&self) -> Option<Mark> {
        self.shared.link()?.mark()
    }

    /// Whether what was asked for at that mark was purged since.
    pub(crate) fn is_purged_since(&self, mark: Option<Mark>, key: &Key, tags: &[Bytes]) -> bool {
        let Some(mark) = mark else { return false };
        self.shared.link().is_some_and(|link| link.verdict(mark, key, tags).is_some())
    }

    /// Looks in the tier for the newest response under `key` whose variant is `chosen`, if it was stored later than `than`, and
    /// stores it here. Never takes longer than it may.
    pub(crate) async fn take(
        &self,
        key: &Key,
        chosen: impl Fn(Option<&Variant>) -> bool + Send + Sync,
        than: Option<u64>,
    ) -> Option<Entry> {
        let link = self.shared.link()?;
        let counters = &link.counters;
        if !link.is_up() || link.doubts().is_some() {
            counters.skipped.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let forgotten = link.forgotten(self.shared.id(key)).load(Ordering::SeqCst);
        // In a box of its own: whoever has no tier would carry the room for it through every request.
        let look = Box::pin(limited(link.options.timeout, link.look(key, chosen)));
        let (entry, counter) = match look.await {
            Ok(Look::Taken(taken)) => match self.settle(&link, key, *taken, than, forgotten) {
                Some(entry) => (Some(entry), &counters.hits),
                None => (None, &counters.misses),
            },
            Ok(Look::Nothing) => (None, &counters.misses),
            Ok(Look::Purged) => (None, &counters.purged),
            Ok(Look::Damaged) => (None, &counters.damaged),
            Err(TierError::Busy) => (None, &counters.skipped),
            Err(error) => {
                link.fault(&error);
                (None, &counters.failed)
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
        entry
    }

    /// Stores here what was taken. It was asked for when what is under its key had been `forgotten` so often.
    fn settle(
        &self,
        link: &Link,
        key: &Key,
        taken: Taken,
        than: Option<u64>,
        forgotten: u64,
    ) -> Option<Entry> {
        let Taken { mark, meta, body, soft } = taken;
        if than.is_some_and(|than| meta.stored_at <= than) {
            return None;
        }
        let shared = &self.shared;
        let generation = self.put(key, &meta, &body, None, soft);
        let id = shared.id(key);
        // Whoever came to know of a purge since it was looked at, or of what makes it invalid, has not found it here, or has.
        let invalid = link.forgotten(id).load(Ordering::SeqCst) != forgotten;
        if invalid || link.verdict(mark, key, &meta.tags) == Some(Strength::Hard) {
            if let Some(generation) = generation {
                shared.expel(id, generation);
            }
            return None;
        }
        let object = Arc::new(Object { key: key.clone(), meta, body: Body::One(body) });
        let generation = generation.unwrap_or_else(|| shared.generation());
        Some(Entry { id, generation, soft, source: Source::Loose(object) })
    }

    /// Stores a whole response. None if that cannot be.
    pub(in crate::store) fn put(
        &self,
        key: &Key,
        meta: &Meta,
        body: &Bytes,
        mark: Option<Mark>,
        soft: bool,
    ) -> Option<u64> {
        let mut fill = self.fill(key, meta.clone(), Some(body.len() as u64), None)?;
        let (id, generation) = (self.shared.id(key), fill.generation());
        if let Some(mark) = mark {
            fill.share(mark);
        }
        if soft {
            self.shared.purge_record(id, generation, Strength::Soft);
        }
        fill.write(body);
        fill.finish();
        Some(generation)
    }

    /// What is meant is not valid any more: it goes, here and in the tier. What others have under a key stays.
    ///
    /// They are not told: every client could fill their journal. But a tier can forget only what is under one key; where more is meant,
    /// which is rare, it is a purge as any other.
    pub(crate) async fn invalidate(&self, what: &Purge) {
        let Purge::Key(key) = what else {
            let _ = self.purge(what, Strength::Hard).await; // what could not be told is owed
            return;
        };
        let Some(link) = self.shared.link() else {
            self.purge_here(what, Strength::Hard).await;
            return;
        };
        // Before, for who takes it from there now; and after, for who has found it here and sends it there.
        let forgotten = link.forgotten(self.shared.id(key));
        forgotten.fetch_add(1, Ordering::SeqCst);
        self.purge_here(what, Strength::Hard).await;
        forgotten.fetch_add(1, Ordering::SeqCst);
        let place = Place::of(key);
        let forgotten = match link.is_up() {
            true => limited(link.options.timeout, link.tier.forget(&place)).await,
            false => Err(TierError::LeftAlone),
        };
        if let Err(error) = forgotten {
            // It may still be there: nothing from before now is taken from there any more.
            link.doubt();
            if link.is_up() {
                link.fault(&error);
            }
        }
    }

    /// Purges here, and has all others do so who share the tier.
    pub(in crate::store) async fn purge_everywhere(
        &self,
        link: &Link,
        what: &Purge,
        strength: Strength,
    ) -> Purged {
        if let Some((responses, elsewhere)) = link.order(what, strength).await {
            return Purged { responses, elsewhere: Some(elsewhere) };
        }
        link.owe(Order::purge(what, strength, self.shared.generation()));
        let responses = self.purge_here(what, strength).await;
        Purged { responses, elsewhere: Some(Err(TierError::NotFollowed)) }
    }

    async fn purge_here(&self, what: &Purge, strength: Strength) -> u64 {
        self.shared.purge_here(what, strength).await
    }
}

impl Link {
    async fn look(
        &self,
        key: &Key,
        chosen: impl Fn(Option<&Variant>) -> bool + Send + Sync,
    ) -> Result<Look, TierError> {
        let Some(last) = self.known.lock().last() else { return Ok(Look::Nothing) };
        let place = Place::of(key);
        let looked = self.tier.look(&place, last.mark).await?;
        let Some(newer) = self.newer(last, &looked.journal) else { return Ok(Look::Nothing) };
        let (kept, variant) = match looked.kept {
            Some(kept) if chosen(None) => (Some(kept), None),
            _ => {
                let found = looked.variants.into_iter().map(Variant).find(|variant| chosen(Some(variant)));
                match found {
                    Some(variant) => (self.tier.look_variant(&place, &variant).await?, Some(variant)),
                    None => (None, None),
                }
            }
        };
        let Some(kept) = kept else { return Ok(Look::Nothing) };
        Ok(self.judge(key, variant.as_ref(), kept.record, kept.left, &newer))
    }

    /// What the journal has that is not known yet. None: it cannot be told what was purged.
    fn newer(&self, last: Last, journal: &super::Journal) -> Option<Vec<Order>> {
        let Read::New(new) = read_on(Some(last), journal) else {
            self.hurry();
            return None;
        };
        if journal.more || !new.is_empty() {
            self.hurry();
        }
        (!journal.more).then(|| new.into_iter().map(|(_, order)| order).collect())
    }

    fn judge(
        &self,
        key: &Key,
        variant: Option<&Variant>,
        record: Bytes,
        left: Duration,
        newer: &[Order],
    ) -> Look {
        let Some(mut record) = Record::decode(record) else { return Look::Damaged };
        let same = record.key == key.as_bytes() && record.meta.variant.as_ref() == variant;
        if !same || record.body.len() as u64 > self.options.max_object {
            return Look::Nothing; // another key with the same hash; or who stored it takes larger ones
        }
        record.meta.stored_at = record.stored_at(left, (self.options.clock)());
        let tags = &record.meta.tags;
        let verdicts = [
            self.verdict(record.mark, key, tags),
            verdict_of(newer, key.as_bytes(), tags),
            self.owed_verdict(key.as_bytes(), tags),
        ];
        let verdict = strongest(verdicts.into_iter());
        if verdict == Some(Strength::Hard) {
            return Look::Purged;
        }
        let Record { mark, meta, body, .. } = record;
        Look::Taken(Box::new(Taken { mark, meta, body, soft: verdict.is_some() }))
    }
}

impl Shared {
    /// The tier, if there is one.
    pub(in crate::store) fn link(&self) -> Option<Arc<Link>> {
        self.link.read().clone()
    }

    /// Has a response that was stored sent to the tier, if that is wanted.
    pub(in crate::store) fn offer(&self, flow: &Flow) {
        if let Some(mark) = flow.mark() {
            self.offer_as(&flow.key, flow.generation, mark, flow.written());
        }
    }

    pub(in crate::store) fn offer_as(&self, key: &Key, generation: u64, mark: Mark, length: u64) {
        if let Some(link) = self.link()
            && length <= link.options.max_object
        {
            link.offer(Offer { key: key.clone(), generation, mark });
        }
    }

    /// A response that is stored whole.
    pub(super) async fn stored(self: &Arc<Self>, key: &Key, generation: u64) -> Option<Entry> {
        let id = self.id(key);
        let name = {
            let index = self.shard(id).index();
            let at = index.find(id, |record| record.generation == generation)?;
            let record = index.get(at)?;
            match &record.holding {
                _ if record.soft => return None, // it was purged meanwhile
                Holding::Memory(object) => {
                    let source = Source::Memory(Arc::clone(object));
                    return Some(Entry { id, generation, soft: false, source });
                }
                Holding::Disk(_) => Name::of(record),
                Holding::Flow(_) => return None,
            }
        };
        let (shared, key) = (Arc::clone(self), key.clone());
        let open = move || disk::open(&shared, &key, name, Some(generation));
        tokio::task::spawn_blocking(open).await.ok().flatten()
    }

    /// Removes a response, and its file.
    fn expel(&self, id: u128, generation: u64) {
        let shard = self.shard(id);
        let mut index = shard.index();
        let at = index.find(id, |record| record.generation == generation);
        let removed = at.and_then(|at| index.remove(at));
        shard.note_oldest(&index);
        drop(index);
        self.discard(removed);
    }
}

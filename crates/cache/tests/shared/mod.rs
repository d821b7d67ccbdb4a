//! A tier in memory, that fails as a test wants it to.
#![allow(dead_code, reason = "not all of them use all of it")]

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use propylon_cache::Status;
use propylon_cache::store::tier::{
    JOURNAL, Journal, Kept, Looked, Mark, Options, Place, Reply, Tier, TierError, TierEvent, TierStats,
};
use propylon_cache::store::{Limits, Purge, Strength, Variant, Zone};
use propylon_testkit::gate::Gate;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::{Bench, Fields, START, settle};

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Well,
    /// No answer ever comes.
    Hangs,
    /// It is read, and never answers who writes.
    WritesHang,
    /// Nobody is there.
    Gone,
    /// It takes nothing.
    Full,
    /// What is asked of it is refused.
    Refuses,
    /// It has too much to do.
    Busy,
}

pub(super) struct Store {
    pub(super) health: Health,
    pub(super) kept: HashMap<String, (Bytes, Instant)>,
    pub(super) variants: HashMap<String, Vec<Bytes>>,
    pub(super) journal: Vec<(Mark, Bytes)>,
    time: u64,
    /// How often it was looked at.
    pub(super) looks: usize,
    pub(super) connects: usize,
    /// What is written gets there when this is open.
    pub(super) late_write: Option<Gate>,
    /// What a look-up has found is told when this is open.
    pub(super) late_look: Option<Gate>,
    /// What the journal has is told when this is open.
    pub(super) late_journal: Option<Gate>,
}

/// What all who share it share.
#[derive(Clone)]
pub(super) struct Shared(pub(super) Arc<Mutex<Store>>);

impl Shared {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Store {
            health: Health::Well,
            kept: HashMap::new(),
            variants: HashMap::new(),
            journal: Vec::new(),
            time: 1000,
            looks: 0,
            connects: 0,
            late_write: None,
            late_look: None,
            late_journal: None,
        })))
    }

    pub(super) fn is(&self, health: Health) {
        self.0.lock().unwrap().health = health;
    }

    /// As one that was started again and has kept nothing.
    pub(super) fn lose_all(&self) {
        let mut store = self.0.lock().unwrap();
        (store.kept, store.variants, store.journal) = (HashMap::new(), HashMap::new(), Vec::new());
    }

    pub(super) fn looks(&self) -> usize {
        self.0.lock().unwrap().looks
    }

    pub(super) fn kept(&self) -> usize {
        self.0.lock().unwrap().kept.len()
    }

    fn reply<T: Send + 'static>(
        &self,
        writes: bool,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Reply<T> {
        let shared = self.clone();
        Box::pin(async move {
            tokio::task::yield_now().await;
            let health = shared.0.lock().unwrap().health;
            match health {
                Health::Hangs => pending().await,
                Health::WritesHang if writes => pending().await,
                Health::Gone => Err(TierError::Unusable("nobody is there".into())),
                Health::Busy => Err(TierError::Busy),
                Health::Refuses => Err(TierError::Refused("no".into())),
                Health::Full if writes => Err(TierError::Refused("it is full".into())),
                Health::Well | Health::Full | Health::WritesHang => Ok(work(&mut shared.0.lock().unwrap())),
            }
        })
    }
}

impl Store {
    fn read(&self, name: &str) -> Option<Kept> {
        let (record, until) = self.kept.get(name)?;
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some(Kept { record: record.clone(), left })
    }

    fn from(&self, since: Option<Mark>) -> Journal {
        let entries = self.journal.iter().filter(|(mark, _)| since.is_none_or(|since| *mark >= since));
        let entries: Vec<_> = entries.take(4).cloned().collect(); // few at once
        Journal { more: entries.len() == 4, entries }
    }
}

async fn opened(gate: Option<Gate>) {
    if let Some(gate) = gate {
        gate.opened().await;
    }
}

fn name(place: &Place, variant: &Variant) -> String {
    format!("{}:{}", place.as_str(), Place::variant(variant))
}

impl Tier for Shared {
    fn name(&self) -> &str {
        "shared"
    }

    fn connect(&self) -> Reply<()> {
        self.reply(false, |store| store.connects += 1)
    }

    fn look(&self, place: &Place, since: Mark) -> Reply<Looked> {
        self.0.lock().unwrap().looks += 1;
        let place = place.as_str().to_owned();
        let reply = self.reply(false, move |store| Looked {
            kept: store.read(&place),
            variants: store.variants.get(&place).cloned().unwrap_or_default(),
            journal: store.from(Some(since)),
        });
        let late = self.0.lock().unwrap().late_look.clone();
        Box::pin(async move {
            let found = reply.await;
            opened(late).await;
            found
        })
    }

    fn look_variant(&self, place: &Place, variant: &Variant) -> Reply<Option<Kept>> {
        let name = name(place, variant);
        self.reply(false, move |store| store.read(&name))
    }

    fn keep(&self, place: &Place, variant: Option<&Variant>, record: Bytes, time: Duration) -> Reply<()> {
        let (place, variant) = (place.clone(), variant.cloned());
        let reply = self.reply(true, move |store| {
            let until = Instant::now() + time;
            let at = place.as_str().to_owned();
            match variant {
                None => {
                    store.variants.remove(&at);
                    store.kept.insert(at, (record, until));
                }
                Some(variant) => {
                    store.kept.remove(&at);
                    store.kept.insert(name(&place, &variant), (record, until));
                    let variants = store.variants.entry(at).or_default();
                    variants.retain(|other| *other != variant.0);
                    variants.insert(0, variant.0);
                }
            }
        });
        let late = self.0.lock().unwrap().late_write.clone();
        Box::pin(async move {
            opened(late).await;
            reply.await
        })
    }

    fn forget(&self, place: &Place) -> Reply<()> {
        let place = place.as_str().to_owned();
        self.reply(true, move |store| {
            store.kept.remove(&place);
            store.variants.remove(&place);
        })
    }

    fn journal(&self, since: Option<Mark>) -> Reply<Journal> {
        let reply = self.reply(false, move |store| store.from(since));
        let late = self.0.lock().unwrap().late_journal.clone();
        Box::pin(async move {
            let found = reply.await;
            opened(late).await;
            found
        })
    }

    fn append(&self, entry: Bytes, place: Option<&Place>) -> Reply<()> {
        let place = place.map(|place| place.as_str().to_owned());
        let reply = self.reply(true, move |store| {
            if let Some(place) = place {
                store.kept.remove(&place);
                store.variants.remove(&place);
            }
            store.time += 1;
            let mark = Mark { time: store.time, count: 0 };
            store.journal.push((mark, entry));
            let extra = store.journal.len().saturating_sub(JOURNAL);
            store.journal.drain(..extra);
        });
        let late = self.0.lock().unwrap().late_write.clone();
        Box::pin(async move {
            opened(late).await;
            reply.await
        })
    }
}

/// What a zone was told of its tier.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    pub(super) fn options(&self, options: Options) -> Options {
        let told = Arc::clone(&self.0);
        options.observer(move |event| {
            told.lock().unwrap().push(match event {
                TierEvent::Reached => "reached".to_owned(),
                TierEvent::Lost(error) => format!("lost: {error}"),
                TierEvent::KeepsNothing(error) => format!("keeps nothing: {error}"),
                TierEvent::KeepsAgain => "keeps again".to_owned(),
                TierEvent::Emptied => "emptied".to_owned(),
                _ => "?".to_owned(),
            });
        })
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub(super) const FRESH: (&str, &str) = ("cache-control", "max-age=6000");

/// A cache with such a tier.
pub(super) struct One {
    pub(super) bench: Bench,
    pub(super) told: Told,
    pub(super) follower: JoinHandle<()>,
}

impl One {
    pub(super) async fn new(tier: &Shared) -> Self {
        Self::at(tier, Zone::memory(Limits::default())).await
    }

    pub(super) async fn at(tier: &Shared, zone: Zone) -> Self {
        Self::with(tier, Options::default(), zone).await
    }

    pub(super) async fn with(tier: &Shared, options: Options, zone: Zone) -> Self {
        let (told, bench) = (Told::default(), Bench::in_zone(zone, |layer| layer));
        let mut one = Self { bench, told, follower: tokio::spawn(std::future::ready(())) };
        one.join(tier, options).await;
        one
    }

    /// As a reload that changes how the tier is used.
    pub(super) async fn join(&mut self, tier: &Shared, options: Options) {
        self.follower.abort();
        let (zone, start) = (self.bench.zone.clone(), Instant::now());
        let clock = move || START + u64::try_from(start.elapsed().as_millis()).unwrap();
        zone.join(Arc::new(tier.clone()), self.told.options(options.clock(clock)));
        self.follower = tokio::spawn(async move { zone.follow().await });
        settle().await;
    }

    pub(super) fn stats(&self) -> TierStats {
        self.bench.zone.tier_stats().unwrap()
    }

    /// Has this stored here.
    pub(super) async fn has(&self, path: &str, fields: &Fields<'_>) {
        let mut all = vec![FRESH];
        all.extend(fields);
        self.bench.says(200, &all, "it");
        self.bench.get(path).await.is(Status::Miss, "it");
        settle().await;
    }

    /// Whether it is here, or with others.
    pub(super) async fn is_hit(&self, path: &str) -> bool {
        self.bench.says(200, &[("cache-control", "no-store")], "own");
        let reply = self.bench.get(path).await;
        if reply.cache == Some(Status::Hit) {
            self.bench.forget();
        }
        reply.cache == Some(Status::Hit)
    }

    pub(super) async fn purges(&self, what: &Purge, strength: Strength) -> Option<Result<(), TierError>> {
        self.bench.zone.purge(what, strength).await.elsewhere
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

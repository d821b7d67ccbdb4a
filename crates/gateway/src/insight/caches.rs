//! What caches have done, and what is removed from them.

use bytes::Bytes;
use propylon_cache::store::tier::TierStats;
use propylon_cache::store::{Key, Purge, Stats, Strength};

use super::Insight;
use crate::caches;
use crate::tally::OUTCOMES;

/// A zone of the configuration, and what it has done since requests are counted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cache {
    /// Its name.
    pub name: Box<str>,
    /// The directory of its files; none: it is in memory.
    pub path: Option<std::path::PathBuf>,
    /// How it is doing.
    pub stats: Stats,
    /// How it is shared with other gateways, if it is.
    pub shared: Option<Shared>,
    /// What it had to do with requests.
    pub outcomes: Vec<Outcome>,
}

/// How a cache is shared with other gateways.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Shared {
    /// By which server.
    pub url: Box<str>,
    /// How they get on.
    pub stats: TierStats,
}

/// What became of a purge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// How many responses it was here.
    pub responses: u64,
    /// Whether the others obey who share the cache; none: nobody does. An error: it is in force here alone until they can be told.
    pub elsewhere: Option<Result<(), String>>,
}

/// What a cache had to do with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// In nginx's words: `HIT`, `MISS` …
    pub name: &'static str,
    /// How often.
    pub responses: u64,
    /// How many bytes of bodies went to clients.
    pub bytes: u64,
}

/// What is to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purged {
    /// The response with this key.
    Key(String),
    /// Those whose key begins so.
    Prefix(String),
    /// Those with one of these tags.
    Tags(Vec<String>),
    /// All.
    All,
}

impl Insight {
    /// The zones of caches, in the order of the configuration.
    #[must_use]
    pub fn caches(&self) -> Vec<Cache> {
        let config = self.config();
        let ledgers = self.runtime().ledgers.all();
        let zones = config.cache_zones.values().filter_map(|zone| {
            let kept = self.runtime().caches.zone(zone)?;
            let (stats, tier) = (kept.stats(), kept.tier_stats());
            let shared = zone.redis.as_ref().zip(tier);
            let shared = shared.map(|(redis, stats)| Shared { url: redis.url.value.clone(), stats });
            let mut outcomes: Vec<Outcome> =
                OUTCOMES.iter().map(|name| Outcome { name, responses: 0, bytes: 0 }).collect();
            for lane in ledgers.iter().filter_map(|ledger| ledger.known_zone(&zone.name)) {
                for ((outcome, responses), bytes) in outcomes.iter_mut().zip(&lane.responses).zip(&lane.bytes)
                {
                    outcome.responses += responses.get();
                    outcome.bytes += bytes.get();
                }
            }
            Some(Cache { name: zone.name.clone(), path: zone.path.clone(), stats, shared, outcomes })
        });
        zones.collect()
    }

    /// Removes what a zone keeps, or with `soft` has it no longer fresh; with all who share it. None: there is no such zone.
    pub async fn purge(&self, zone: &str, what: &Purged, soft: bool) -> Option<Removed> {
        let config = self.config();
        let zone = self.runtime().caches.zone(config.cache_zones.get(zone)?)?;
        let strength = if soft { Strength::Soft } else { Strength::Hard };
        let bytes = |text: &String| Bytes::copy_from_slice(text.as_bytes());
        let all: Vec<Purge> = match what {
            Purged::Key(key) => vec![Purge::Key(Key::new(bytes(key)))],
            Purged::Prefix(prefix) => vec![Purge::Prefix(bytes(prefix))],
            Purged::Tags(tags) => tags.iter().map(|tag| Purge::Tag(bytes(tag))).collect(),
            Purged::All => vec![Purge::All],
        };
        let purged = caches::purge(zone, all, strength).await;
        let elsewhere = purged.elsewhere.map(|told| told.map_err(|error| crate::error::chain(&error)));
        Some(Removed { responses: purged.responses, elsewhere })
    }
}

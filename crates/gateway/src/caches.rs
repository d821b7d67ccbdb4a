//! The zones of caches: shared by the workers, kept over reloads for as long as they are in the same place.

mod redis;
mod sharing;

use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::Mutex;
use propylon_cache::store::tier::TierError;
use propylon_cache::store::{Directory, Limits, Pace, Purge, Purged, Strength, Zone};
use propylon_config::{self as config, CacheZone, Config};
use tokio_util::task::AbortOnDropHandle;

use crate::error::BuildError;

use sharing::Thread;

/// All zones.
#[derive(Default)]
pub(crate) struct Caches {
    known: Mutex<Vec<Known>>,
    /// While some are shared.
    thread: Mutex<Option<Thread>>,
}

/// A zone, and as which it was made.
struct Known {
    config: Arc<CacheZone>,
    zone: Zone,
    /// What it does beside the requests, for as long as it is used.
    work: Option<AbortOnDropHandle<()>>,
    /// With whom, and who follows the journal.
    shared: Option<(config::Redis, AbortOnDropHandle<()>)>,
}

/// Whose directories are: the workers', where they are not who started the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Caches {
    /// Opens the zones of a configuration that are not open yet.
    pub(crate) fn open(&self, config: &Config, owner: Option<Owner>) -> Result<(), BuildError> {
        for wanted in config.cache_zones.values() {
            if let Some(redis) = &wanted.redis {
                redis::server(redis)?;
            }
            if self.zone(wanted).is_some() {
                continue;
            }
            let zone = match &wanted.path {
                None => Zone::memory(limits(wanted)),
                Some(path) => open(path, wanted, owner)
                    .map_err(BuildError::value("cannot open the cache directory", wanted.span))?,
            };
            self.known.lock().push(Known { config: wanted.clone(), zone, work: None, shared: None });
        }
        Ok(())
    }

    /// The zone that the configuration has.
    pub(crate) fn zone(&self, wanted: &CacheZone) -> Option<Zone> {
        let known = self.known.lock();
        known.iter().find(|known| same(&known.config, wanted)).map(|known| known.zone.clone())
    }

    /// What this configuration is not to blame for: what keeps zones from being shared.
    pub(crate) fn faults(config: &Config) -> Vec<String> {
        let faults = redis::faults(config);
        for fault in &faults {
            tracing::error!(target: "propylon_gateway", "{fault}");
        }
        faults
    }

    /// Zones of this configuration are shared as it says, and no others.
    pub(crate) fn share(&self, config: &Config) -> io::Result<()> {
        let (mut all, mut thread) = (self.known.lock(), self.thread.lock());
        for known in &mut *all {
            let now = config.cache_zones.values().find(|now| same(&known.config, now));
            let wanted = now.and_then(|now| Some((now, now.redis.as_ref()?)));
            let Some((now, redis)) = wanted else {
                if known.shared.take().is_some() {
                    known.zone.part();
                }
                continue;
            };
            if known.shared.as_ref().is_some_and(|(shared, _)| shared.is_same(redis)) {
                continue;
            }
            // What cannot be was an error before this.
            let Ok(server) = redis::server(redis) else { continue };
            known.shared = None; // whoever followed stops
            known.zone.join(Arc::new(redis::tier(redis, server)), redis::options(now, redis));
            let thread = match &mut *thread {
                Some(thread) => thread,
                none => none.insert(Thread::spawn()?),
            };
            known.shared = Some((redis.clone(), thread.follow(known.zone.clone())));
        }
        if all.iter().all(|known| known.shared.is_none()) {
            *thread = None;
        }
        Ok(())
    }

    /// Waits until all that is shared was reached, or cannot be, and not for longer than each may take for one thing. Until then what
    /// was purged while nobody listened would still be there.
    pub(crate) async fn reach(&self) {
        let shared = |known: &Known| Some((known.zone.clone(), known.shared.as_ref()?.0.background_timeout));
        let zones: Vec<_> = self.known.lock().iter().filter_map(shared).collect();
        let all = zones.iter().map(|(zone, limit)| tokio::time::timeout(*limit, zone.reached()));
        join_all(all).await;
    }

    /// This configuration is in force: its zones have their limits and begin their work, others are forgotten.
    pub(crate) fn put_to_use(&self, config: &Config) {
        let mut all = self.known.lock();
        all.retain_mut(|known| {
            let Some(now) = config.cache_zones.values().find(|now| same(&known.config, now)) else {
                return false;
            };
            if *known.config != **now {
                known.zone.set_limits(limits(now));
            }
            known.config = now.clone();
            if known.work.is_none() {
                let zone = known.zone.clone();
                known.work = Some(AbortOnDropHandle::new(tokio::spawn(async move { zone.manage().await })));
            }
            true
        });
    }
}

/// Purges all of these, with whoever shares the zone; even if the client leaves who asked for it.
pub(crate) async fn purge(zone: Zone, all: Vec<Purge>, strength: Strength) -> Purged {
    let purge = async move {
        let mut total = Purged { responses: 0, elsewhere: None };
        for what in all {
            let purged = zone.purge(&what, strength).await;
            total.responses += purged.responses;
            if !matches!(total.elsewhere, Some(Err(_))) {
                total.elsewhere = purged.elsewhere.or(total.elsewhere);
            }
        }
        total
    };
    // It ends early only with the runtime.
    tokio::spawn(purge).await.unwrap_or(Purged { responses: 0, elsewhere: Some(Err(TierError::NotFollowed)) })
}

/// What is kept is of use as long as it is in the same place, and two stores in one directory would remove each other's files. A
/// zone in memory has no other place than its name.
fn same(one: &CacheZone, other: &CacheZone) -> bool {
    match (&one.path, &other.path) {
        (None, None) => one.name == other.name,
        (one_path, other_path) => (one_path, &one.levels) == (other_path, &other.levels),
    }
}

fn open(path: &Path, wanted: &CacheZone, owner: Option<Owner>) -> io::Result<Zone> {
    std::fs::create_dir_all(path)?;
    if let Some(Owner { user, group }) = owner
        && std::fs::metadata(path)?.uid() != user
    {
        chown(path, Some(user), Some(group))?;
    }
    let levels: Vec<usize> = wanted.levels.iter().map(|&level| level.into()).collect();
    let directory = Directory::new(path).levels(levels);
    Zone::disk(directory, limits(wanted)).map_err(io::Error::other)
}

fn limits(zone: &CacheZone) -> Limits {
    let pace = |pace: propylon_config::Pace| Pace {
        files: usize::try_from(pace.files)
            .ok()
            .and_then(std::num::NonZeroUsize::new)
            .unwrap_or(Pace::default().files),
        threshold: pace.threshold,
        sleep: pace.sleep,
    };
    let in_memory = zone.path.is_none().then_some(CacheZone::IN_MEMORY);
    Limits::with_keys_zone(zone.keys)
        .max_size(zone.max_size.or(in_memory))
        .min_free(zone.min_free)
        .inactive(zone.inactive)
        .manager(pace(zone.manager))
        .loader(pace(zone.loader))
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use propylon_cache::store::{Key, Meta};

    use super::*;

    async fn until(mut done: impl FnMut() -> bool) {
        for _ in 0..1_000_000 {
            if done() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it does not happen");
    }

    /// Whoever asked for it leaves while the first files are removed.
    #[tokio::test]
    async fn a_purge_that_was_begun_is_made() {
        let directory = std::env::temp_dir().join(format!("propylon-purge-{}", std::process::id()));
        let zone = Zone::disk(Directory::new(&directory), Limits::default()).unwrap();
        let keys = ["a", "b"].map(Key::new);
        for key in &keys {
            zone.fill(key, Meta::new(http::StatusCode::OK), None, None).unwrap().finish();
        }
        until(|| zone.stats().stored == 2).await;
        let all = keys.into_iter().map(Purge::Key).collect();
        let mut left = Box::pin(purge(zone.clone(), all, Strength::Hard));
        assert!(left.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(left);
        until(|| zone.stats().purged == 2).await;
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[track_caller]
    fn check(one: &str, other: &str, expected: bool) {
        let zone = |text: &str| {
            let loaded =
                propylon_config::parse(&format!("[cache_zone.{text}\n[[server]]\nreturn = [204]\n"), "");
            loaded.unwrap().config.cache_zones.values().next().unwrap().clone()
        };
        let (one, other) = (zone(one), zone(other));
        assert_eq!((same(&one, &other), same(&other, &one)), (expected, expected));
    }

    #[test]
    fn a_zone_is_where_it_is() {
        check("a]", "a]\nkeys = \"1m\"", true);
        check("a]", "b]", false);
        check("a]\npath = \"/x\"", "b]\npath = \"/x\"\nkeys = \"1m\"", true);
        check("a]\npath = \"/x\"", "a]\npath = \"/y\"", false);
        check("a]\npath = \"/x\"", "a]\npath = \"/x\"\nlevels = [1]", false);
        check("a]\npath = \"/x\"", "a]", false);
    }
}

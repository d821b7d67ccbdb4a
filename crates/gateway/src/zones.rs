//! The zones of limits: shared by the workers, kept over reloads for as long as they mean the same.

use std::num::NonZeroU32;
use std::sync::Arc;

use parking_lot::Mutex;
use propylon_config::{Config, LimitZone};
use propylon_limit::{ConnectionZone, RequestRate, RequestZone};

use crate::insight::{self, LimitCounts};
use crate::tally::Shared;

/// Zones, and as which they were made.
type Known<T> = Mutex<Vec<(Arc<LimitZone>, Counted<T>)>>;

/// A zone, and what became of the requests that it had to do with.
type Counted<T> = (T, Arc<Counts>);

/// What became of requests.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) passed: Shared,
    pub(crate) delayed: Shared,
    pub(crate) rejected: Shared,
    pub(crate) delayed_dry_run: Shared,
    pub(crate) rejected_dry_run: Shared,
}

impl Counts {
    fn now(&self) -> LimitCounts {
        LimitCounts {
            passed: self.passed.get(),
            delayed: self.delayed.get(),
            rejected: self.rejected.get(),
            delayed_dry_run: self.delayed_dry_run.get(),
            rejected_dry_run: self.rejected_dry_run.get(),
        }
    }
}

/// All zones.
#[derive(Default)]
pub(crate) struct Zones {
    requests: Known<RequestZone>,
    connections: Known<ConnectionZone>,
}

impl Zones {
    /// The zone of requests that the configuration has; none if it has no rate.
    pub(crate) fn requests(&self, zone: &Arc<LimitZone>) -> Option<Counted<RequestZone>> {
        let rate = zone.rate?;
        let number = NonZeroU32::new(rate.requests)?;
        let rate =
            if rate.minute { RequestRate::per_minute(number) } else { RequestRate::per_second(number) };
        let (made, counts) = find(&self.requests, zone, || RequestZone::new(rate, bytes(zone)));
        Some((made.at(rate), counts))
    }

    /// The zone of requests at once that the configuration has.
    pub(crate) fn connections(&self, zone: &Arc<LimitZone>) -> Counted<ConnectionZone> {
        find(&self.connections, zone, || ConnectionZone::new(bytes(zone)))
    }

    /// Those that this configuration has.
    pub(crate) fn known(&self, config: &Config) -> Vec<insight::LimitZone> {
        let told = |name: &str, kind, keys, counts: &Counts| {
            let (serves_streams, counts) = (config.limits_streams(name), counts.now());
            let serves_http = !serves_streams || config.limits_http(name);
            insight::LimitZone {
                name: name.into(),
                kind,
                serves_http,
                serves_streams,
                keys: keys as u64,
                counts,
            }
        };
        let requests = self.requests.lock();
        let requests = requests.iter().filter(|(zone, _)| is_of(zone, config, true));
        let requests =
            requests.map(|(zone, (table, counts))| told(&zone.name, "requests", table.len(), counts));
        let connections = self.connections.lock();
        let connections = connections.iter().filter(|(zone, _)| is_of(zone, config, false));
        let connections =
            connections.map(|(zone, (table, counts))| told(&zone.name, "connections", table.len(), counts));
        requests.chain(connections).collect()
    }

    /// Forgets what is not of this configuration.
    pub(crate) fn forget(&self, config: &Config) {
        retain(&self.requests, config, true);
        retain(&self.connections, config, false);
    }
}

fn bytes(zone: &LimitZone) -> usize {
    usize::try_from(zone.size).unwrap_or(usize::MAX)
}

/// What is known of a zone is of use as long as it counts the same. One that counts otherwise does not take its place before
/// [`Zones::forget`]: the configuration that asks for it may yet be refused.
fn find<T: Clone>(zones: &Known<T>, wanted: &Arc<LimitZone>, make: impl FnOnce() -> T) -> Counted<T> {
    let mut zones = zones.lock();
    if let Some((_, zone)) = zones.iter().find(|(known, _)| counts_as(known, wanted)) {
        return zone.clone();
    }
    let zone = (make(), Arc::default());
    zones.push((wanted.clone(), zone.clone()));
    zone
}

fn retain<T>(zones: &Known<T>, config: &Config, by_rate: bool) {
    zones.lock().retain(|(known, _)| is_of(known, config, by_rate));
}

/// Whether the configuration has this zone.
fn is_of(known: &LimitZone, config: &Config, by_rate: bool) -> bool {
    let now = config.limit_zones.get(&known.name);
    now.is_some_and(|now| counts_as(known, now) && now.rate.is_some() == by_rate)
}

fn counts_as(one: &LimitZone, other: &LimitZone) -> bool {
    one.name == other.name && one.key.source() == other.key.source() && one.size == other.size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(size: &str, rate: &str) -> Config {
        let text = format!(
            "[limit_zone.one]\nkey = \"$arg_a\"\nsize = \"{size}\"\n{rate}\n[[server]]\nreturn = [204]\n"
        );
        propylon_config::parse(&text, "test.toml").unwrap().config
    }

    #[test]
    fn a_zone_stays_for_as_long_as_it_is_in_use() {
        let (zones, rate) = (Zones::default(), "rate = \"1r/s\"");
        let (used, refused, other) = (config("1m", rate), config("2m", rate), config("1m", ""));
        let sizes = || zones.requests.lock().iter().map(|(zone, _)| zone.size >> 20).collect::<Vec<_>>();
        assert!(zones.requests(&used.limit_zones["one"]).is_some());
        assert!(zones.requests(&refused.limit_zones["one"]).is_some());
        assert!(zones.requests(&used.limit_zones["one"]).is_some());
        assert_eq!(sizes(), [1, 2], "what was not put to use has taken no place");
        assert_eq!(zones.known(&used).len(), 1, "nor is it told of");
        zones.forget(&used);
        assert_eq!(sizes(), [1]);
        let _ = zones.connections(&other.limit_zones["one"]);
        zones.forget(&other);
        assert_eq!((sizes().len(), zones.connections.lock().len()), (0, 1), "it counts other things now");
        zones.forget(&used);
        assert!(zones.connections.lock().is_empty());
    }
}

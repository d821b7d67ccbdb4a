//! The zones of limits: shared by the workers, kept over reloads for as long as they mean the same.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use parking_lot::Mutex;
use propylon_config::LimitZone;
use propylon_limit::{ConnectionZone, RequestRate, RequestZone};

/// Zones by name, and as which they were made.
type Known<T> = Mutex<HashMap<Box<str>, (Arc<LimitZone>, T)>>;

/// All zones by name.
#[derive(Default)]
pub(crate) struct Zones {
    requests: Known<RequestZone>,
    connections: Known<ConnectionZone>,
}

impl Zones {
    /// The zone of requests that the configuration has; none if it has no rate.
    pub(crate) fn requests(&self, zone: &Arc<LimitZone>) -> Option<RequestZone> {
        let rate = zone.rate?;
        let number = NonZeroU32::new(rate.requests)?;
        let rate =
            if rate.minute { RequestRate::per_minute(number) } else { RequestRate::per_second(number) };
        let made = find(&self.requests, zone, || RequestZone::new(rate, bytes(zone)));
        Some(made.at(rate))
    }

    /// The zone of requests at once that the configuration has.
    pub(crate) fn connections(&self, zone: &Arc<LimitZone>) -> ConnectionZone {
        find(&self.connections, zone, || ConnectionZone::new(bytes(zone)))
    }
}

fn bytes(zone: &LimitZone) -> usize {
    usize::try_from(zone.size).unwrap_or(usize::MAX)
}

/// What is known of a zone is of use as long as it counts the same.
fn find<T: Clone>(zones: &Known<T>, wanted: &Arc<LimitZone>, make: impl FnOnce() -> T) -> T {
    let mut zones = zones.lock();
    if let Some((known, zone)) = zones.get(&wanted.name)
        && known.key.source() == wanted.key.source()
        && known.size == wanted.size
    {
        return zone.clone();
    }
    let zone = make();
    zones.insert(wanted.name.clone(), (wanted.clone(), zone.clone()));
    zone
}

//! What has a name: zones of servers and locations, of caches and of limits.

use propylon_gateway::insight::{Cache, Insight, LimitZone, StatusZone};
use serde_json::{Map, Value, json};

use super::fault::Fault;
use super::resource::{Part, Zones};
use crate::metrics::CLASSES;

/// The version that has brought the counts of each status.
const CODES: u8 = 7;

/// All of a kind, by their names.
pub(super) fn all(insight: &Insight, kind: Zones, version: u8) -> Vec<(String, Value)> {
    match kind {
        // There is no memory with slabs in it, nor does a resolver count.
        Zones::Slabs | Zones::Resolvers => Vec::new(),
        Zones::Servers(Part::Http) => statuses(insight.server_zones(), true, version),
        Zones::Servers(Part::Stream) => sessions(insight.stream_zones()),
        Zones::Locations => statuses(insight.location_zones(), false, version),
        Zones::Caches => {
            insight.caches().iter().map(|cache| (cache.name.to_string(), of_cache(cache))).collect()
        }
        Zones::LimitConns(part) => limits(insight, "connections", part, |counts| {
            json!({
                "passed": counts.passed,
                "rejected": counts.rejected,
                "rejected_dry_run": counts.rejected_dry_run,
            })
        }),
        Zones::LimitReqs => limits(insight, "requests", Part::Http, |counts| {
            json!({
                "passed": counts.passed,
                "delayed": counts.delayed,
                "rejected": counts.rejected,
                "delayed_dry_run": counts.delayed_dry_run,
                "rejected_dry_run": counts.rejected_dry_run,
            })
        }),
    }
}

pub(super) fn one(insight: &Insight, kind: Zones, version: u8, name: &str) -> Result<Value, Fault> {
    let found = all(insight, kind, version).into_iter().find(|(known, _)| known == name);
    let (code, text) = kind.missing();
    found.map(|(_, zone)| zone).ok_or_else(|| Fault::missing(code, text))
}

fn statuses(zones: Vec<StatusZone>, of_servers: bool, version: u8) -> Vec<(String, Value)> {
    let one = |zone: StatusZone| {
        let mut responses = by_class(zone.responses);
        if version >= CODES {
            let codes = zone.codes.iter().map(|(code, count)| (code.to_string(), (*count).into()));
            responses.insert("codes".to_owned(), codes.collect::<Map<_, _>>().into());
        }
        let [discarded, ..] = zone.responses;
        let over: u64 = zone.responses.iter().sum();
        let mut value = json!({
            "requests": over + zone.processing,
            "responses": responses,
            "discarded": discarded,
            "received": zone.received,
            "sent": zone.sent,
        });
        if let (true, Some(value)) = (of_servers, value.as_object_mut()) {
            value.insert("processing".to_owned(), zone.processing.into());
        }
        (zone.name, value)
    };
    zones.into_iter().map(one).collect()
}

/// The zones of streams. What is over has had a status, whatever its client was sent: a session is never discarded.
fn sessions(zones: Vec<StatusZone>) -> Vec<(String, Value)> {
    let one = |zone: StatusZone| {
        let [_, _, ok, _, refused, failed] = zone.responses;
        let over: u64 = zone.responses.iter().sum();
        let sessions = json!({ "2xx": ok, "4xx": refused, "5xx": failed, "total": over });
        let value = json!({
            "processing": zone.processing,
            "connections": over + zone.processing,
            "sessions": sessions,
            "discarded": 0,
            "received": zone.received,
            "sent": zone.sent,
        });
        (zone.name, value)
    };
    zones.into_iter().map(one).collect()
}

/// Responses by class of status, and all of them; those that nobody was sent are not among them.
pub(super) fn by_class(counts: [u64; 6]) -> Map<String, Value> {
    let sent = || CLASSES.iter().zip(counts).skip(1);
    let all = sent().map(|(class, count)| ((*class).to_owned(), count.into()));
    all.chain([("total".to_owned(), sent().map(|(_, count)| count).sum::<u64>().into())]).collect()
}

/// What was written by which kind of request is not counted, and left out.
fn of_cache(cache: &Cache) -> Value {
    let stats = &cache.stats;
    let mut all = Map::new();
    all.insert("size".to_owned(), stats.bytes.into());
    if let Some(most) = stats.max_size {
        all.insert("max_size".to_owned(), most.into());
    }
    all.insert("cold".to_owned(), stats.loading.into());
    for outcome in &cache.outcomes {
        let counts = json!({ "responses": outcome.responses, "bytes": outcome.bytes });
        all.insert(outcome.name.to_ascii_lowercase(), counts);
    }
    all.into()
}

fn limits(
    insight: &Insight,
    kind: &str,
    part: Part,
    counts: impl Fn(&propylon_gateway::insight::LimitCounts) -> Value,
) -> Vec<(String, Value)> {
    let serves = |zone: &LimitZone| match part {
        Part::Http => zone.serves_http,
        Part::Stream => zone.serves_streams,
    };
    let zones = insight.limits().into_iter().filter(|zone| zone.kind == kind && serves(zone));
    zones.map(|LimitZone { name, counts: now, .. }| (name.into(), counts(&now))).collect()
}

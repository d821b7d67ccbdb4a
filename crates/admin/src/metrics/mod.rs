//! `GET /metrics`: everything in Prometheus' text format. Names and labels are part of what operators rely on: docs/admin.md.

mod peers;
mod text;

use std::time::SystemTime;

use propylon_gateway::insight::keyval::Stats;
use propylon_gateway::insight::{Cache, Certificate, Connections, LimitZone, Server, Stream, TierStats};

use crate::app::App;
use crate::process::Process;

use text::Kind::{Counter, Gauge, Histogram};
pub(crate) use text::MEDIA_TYPE;
use text::{Text, seconds};

/// The classes of statuses; the first one: no response was sent.
pub(crate) const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// How many logs have a label of their own: more may be open where their paths have variables.
const MOST_LOGS: usize = 50;

/// Everything.
pub(crate) fn metrics(app: &App) -> String {
    let insight = &app.insight;
    let mut text = Text::default();
    gateway(&mut text, app);
    process(&mut text, app, Process::now());
    connections(&mut text, insight.connections());
    servers(&mut text, &insight.servers());
    streams(&mut text, &insight.streams());
    peers::write(&mut text, &insight.upstreams());
    let zones = app.insight.caches();
    caches(&mut text, &zones);
    shared(&mut text, &zones);
    limits(&mut text, app);
    keyvals(&mut text, app);
    certificates(&mut text, app);
    copies(&mut text, app);
    left(&mut text, app);
    spans(&mut text, app);
    logs(&mut text, app);
    text.finish()
}

/// Of requests that are mirrored.
fn copies(text: &mut Text, app: &App) {
    let [sent, dropped, running] = app.insight.copies();
    text.one("propylon_mirror_copies_total", Counter, "Copies of requests that were sent.", sent);
    let help = "Copies that were dropped: too many were under way.";
    text.one("propylon_mirror_copies_dropped_total", Counter, help, dropped);
    text.one("propylon_mirror_copies_running", Gauge, "Copies of requests under way.", running);
}

/// Of requests that go on without their clients.
fn left(text: &mut Text, app: &App) {
    let [ended, dropped, running] = app.insight.left();
    let help = "Requests that went on to their end without their client.";
    text.one("propylon_detached_requests_total", Counter, help, ended);
    let help = "Requests that ended with their client: too many went on without theirs.";
    text.one("propylon_detached_requests_dropped_total", Counter, help, dropped);
    text.one(
        "propylon_detached_requests_running",
        Gauge,
        "Requests that go on without their client.",
        running,
    );
}

/// Of requests that are traced.
fn spans(text: &mut Text, app: &App) {
    let [exported, dropped, failed, waiting] = app.insight.spans();
    text.one("propylon_trace_spans_exported_total", Counter, "Spans that the collector has taken.", exported);
    let help = "Spans that were dropped: too many waited to be sent.";
    text.one("propylon_trace_spans_dropped_total", Counter, help, dropped);
    let help = "Spans that were lost: the collector was not there, or did not take them.";
    text.one("propylon_trace_spans_failed_total", Counter, help, failed);
    text.one("propylon_trace_spans_waiting", Gauge, "Spans that wait to be sent.", waiting);
}

fn gateway(text: &mut Text, app: &App) {
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    text.family("propylon_build_info", Gauge, "Which version this is.").sample(&version, 1);
    text.one("propylon_workers", Gauge, "Threads that serve requests.", app.insight.workers());
    let help = "Which configuration since the start is in force, from 1.";
    text.one("propylon_config_generation", Gauge, help, app.insight.generation());
    let reloads = app.reloading.so_far();
    let mut family = text.family("propylon_reloads_total", Counter, "Reloads of the configuration.");
    family.sample(&[("result", "success")], reloads.succeeded);
    family.sample(&[("result", "failure")], reloads.failed);
    let well = reloads.last.as_ref().is_none_or(|last| last.error.is_none());
    let help = "Whether the last reload succeeded; 1 before the first one.";
    text.one("propylon_last_reload_successful", Gauge, help, u8::from(well));
    if let Some(last) = reloads.last {
        let help = "When the last reload was.";
        text.one("propylon_last_reload_timestamp_seconds", Gauge, help, last.at.as_second());
    }
}

/// The names that exporters of all kinds have in common.
fn process(text: &mut Text, app: &App, process: Process) {
    let started = app.started.as_millisecond();
    let started = format!("{}.{:03}", started / 1000, started % 1000);
    text.one("process_start_time_seconds", Gauge, "When the process began, since 1970.", started);
    if let Some(cpu) = process.cpu_seconds {
        text.one("process_cpu_seconds_total", Counter, "CPU time, user's and system's.", cpu);
    }
    let mut gauge = |name, help, value: Option<u64>| {
        if let Some(value) = value {
            text.one(name, Gauge, help, value);
        }
    };
    gauge("process_resident_memory_bytes", "Memory in RAM.", process.resident);
    gauge("process_virtual_memory_bytes", "Memory that is mapped.", process.virtual_memory);
    gauge("process_open_fds", "Open file descriptors.", process.descriptors);
    gauge("process_max_fds", "How many there may be.", process.max_descriptors);
    gauge("process_threads", "Threads.", process.threads);
}

fn connections(text: &mut Text, now: Connections) {
    text.one(
        "propylon_connections_accepted_total",
        Counter,
        "Client connections that were accepted.",
        now.accepted,
    );
    let help = "Client connections that were served (none is dropped: as many as were accepted).";
    text.one("propylon_connections_handled_total", Counter, help, now.accepted);
    text.one("propylon_connections_active", Gauge, "Client connections that are open.", now.active);
    let help = "What open client connections do: reading a request's head, writing (being served), waiting for a request.";
    let mut family = text.family("propylon_connections", Gauge, help);
    family.sample(&[("state", "reading")], now.reading);
    family.sample(&[("state", "writing")], now.writing);
    family.sample(&[("state", "waiting")], now.waiting);
    let help = "Requests of clients that have begun, those under way too.";
    text.one("propylon_requests_begun_total", Counter, help, now.requests);
    let mut family = text.family("propylon_tls_handshakes_total", Counter, "TLS handshakes with clients.");
    family.sample(&[("result", "success")], now.handshakes);
    family.sample(&[("result", "failure")], now.handshakes_failed);
    let help = "TLS handshakes with clients that went on with an earlier session.";
    text.one("propylon_tls_sessions_resumed_total", Counter, help, now.handshakes_resumed);
}

fn servers(text: &mut Text, servers: &[Server]) {
    let help = "Requests that are over, by the server's name and the class of the status.";
    let mut family = text.family("propylon_requests_total", Counter, help);
    for server in servers {
        for (class, count) in CLASSES.iter().zip(server.responses) {
            family.sample(&[("server", &server.name), ("class", class)], count);
        }
    }
    let mut family =
        text.family("propylon_received_bytes_total", Counter, "Bytes of requests, heads and bodies.");
    for server in servers {
        family.sample(&[("server", &server.name)], server.received);
    }
    let mut family =
        text.family("propylon_sent_bytes_total", Counter, "Bytes of responses, heads and bodies.");
    for server in servers {
        family.sample(&[("server", &server.name)], server.sent);
    }
    let help = "How long requests took, from their first byte to the last one of the response.";
    let mut family = text.family("propylon_request_duration_seconds", Histogram, help);
    for server in servers {
        let name = ("server", server.name.as_str());
        for (micros, count) in &server.times.parts {
            family.part("_bucket", &[name, ("le", &bound(*micros))], count);
        }
        family.part("_bucket", &[name, ("le", "+Inf")], server.times.count);
        family.part("_sum", &[name], seconds(server.times.nanos));
        family.part("_count", &[name], server.times.count);
    }
}

fn streams(text: &mut Text, streams: &[Stream]) {
    let help =
        "Connections of streams that are over, by the stream's first address and the class of the status.";
    let mut family = text.family("propylon_stream_sessions_total", Counter, help);
    for stream in streams {
        for (class, count) in CLASSES.iter().zip(stream.sessions) {
            family.sample(&[("stream", &stream.name), ("class", class)], count);
        }
    }
    let mut of_each = |name, kind, help: &str, value: fn(&Stream) -> u64| {
        let mut family = text.family(name, kind, help);
        for stream in streams {
            family.sample(&[("stream", &stream.name)], value(stream));
        }
    };
    let help = "Connections of streams that are open.";
    of_each("propylon_stream_sessions_active", Gauge, help, |stream| stream.active);
    let help = "Bytes that came from the clients of streams.";
    of_each("propylon_stream_received_bytes_total", Counter, help, |stream| stream.received);
    let help = "Bytes that were sent to the clients of streams.";
    of_each("propylon_stream_sent_bytes_total", Counter, help, |stream| stream.sent);
    let help = "How long connections of streams took, those that are over.";
    let mut family = text.family("propylon_stream_session_seconds_total", Counter, help);
    for stream in streams {
        family.sample(&[("stream", &stream.name)], seconds(stream.nanos));
    }
}

/// Microseconds as seconds, without zeros at the end.
fn bound(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn caches(text: &mut Text, caches: &[Cache]) {
    let mut family =
        |name, kind, help: &str, value: &dyn Fn(&propylon_gateway::insight::Stats) -> Option<u64>| {
            let mut family = text.family(name, kind, help);
            for cache in caches {
                if let Some(value) = value(&cache.stats) {
                    family.sample(&[("cache", &cache.name)], value);
                }
            }
        };
    family("propylon_cache_size_bytes", Gauge, "What is kept, in bytes.", &|stats| Some(stats.bytes));
    family("propylon_cache_max_size_bytes", Gauge, "How much may be kept.", &|stats| stats.max_size);
    family("propylon_cache_entries", Gauge, "Responses that are kept.", &|stats| Some(stats.keys));
    family("propylon_cache_max_entries", Gauge, "How many may be kept.", &|stats| Some(stats.max_keys));
    let help = "Whether what was there at the start is still being looked at.";
    family("propylon_cache_loading", Gauge, help, &|stats| Some(stats.loading.into()));
    family("propylon_cache_stored_total", Counter, "Responses that were stored.", &|stats| {
        Some(stats.stored)
    });
    let help = "Responses that went for want of room.";
    family("propylon_cache_evicted_total", Counter, help, &|stats| Some(stats.evicted));
    let help = "Responses that went for nobody had asked for them.";
    family("propylon_cache_expired_total", Counter, help, &|stats| Some(stats.expired));
    family("propylon_cache_purged_total", Counter, "Responses that were purged.", &|stats| {
        Some(stats.purged)
    });
    let help = "Responses that could not be written.";
    family("propylon_cache_store_failures_total", Counter, help, &|stats| Some(stats.failed));
    let help = "Files that were not whole, and were removed.";
    family("propylon_cache_damaged_files_total", Counter, help, &|stats| Some(stats.damaged));
    let help = "Requests by what the cache had to do with them, as $upstream_cache_status says it.";
    let mut family = text.family("propylon_cache_responses_total", Counter, help);
    for cache in caches {
        for outcome in &cache.outcomes {
            let labels = [("cache", &*cache.name), ("outcome", outcome.name)];
            family.sample(&labels, outcome.responses);
        }
    }
    let help = "Bytes of bodies that were sent, by the same.";
    let mut family = text.family("propylon_cache_response_bytes_total", Counter, help);
    for cache in caches {
        for outcome in &cache.outcomes {
            family.sample(&[("cache", &*cache.name), ("outcome", outcome.name)], outcome.bytes);
        }
    }
}

fn shared(text: &mut Text, caches: &[Cache]) {
    let shared = || caches.iter().filter_map(|cache| Some((&*cache.name, cache.shared.as_ref()?.stats)));
    let mut gauge = |name, help: &str, value: fn(&TierStats) -> u64| {
        let mut family = text.family(name, Gauge, help);
        for (cache, stats) in shared() {
            family.sample(&[("cache", cache)], value(&stats));
        }
    };
    gauge("propylon_cache_tier_up", "Whether the server that a cache is shared by is in use.", |stats| {
        stats.up.into()
    });
    gauge("propylon_cache_tier_queued", "Responses that wait to be sent there.", |stats| stats.queued);
    gauge(
        "propylon_cache_tier_owed_purges",
        "Purges that are in force here alone until others can be told.",
        |stats| stats.owed,
    );
    type Results = &'static [(&'static str, fn(&TierStats) -> u64)];
    let mut counter = |name, help: &str, results: Results| {
        let mut family = text.family(name, Counter, help);
        for (cache, stats) in shared() {
            for (result, value) in results {
                family.sample(&[("cache", cache), ("result", *result)], value(&stats));
            }
        }
    };
    counter(
        "propylon_cache_tier_lookups_total",
        "Look-ups there, by what they came to.",
        &[
            ("hit", |stats| stats.hits),
            ("miss", |stats| stats.misses),
            ("purged", |stats| stats.purged),
            ("damaged", |stats| stats.damaged),
            ("failed", |stats| stats.failed),
            ("skipped", |stats| stats.skipped),
        ],
    );
    counter(
        "propylon_cache_tier_stores_total",
        "Responses that were to be sent there, by what became of it.",
        &[
            ("stored", |stats| stats.stored),
            ("dropped", |stats| stats.dropped),
            ("failed", |stats| stats.store_failures),
        ],
    );
    counter(
        "propylon_cache_tier_purges_total",
        "Purges by whether others were told, and those of others.",
        &[
            ("ordered", |stats| stats.ordered),
            ("failed", |stats| stats.order_failures),
            ("obeyed", |stats| stats.obeyed),
        ],
    );
}

fn limits(text: &mut Text, app: &App) {
    let mut family = text.family("propylon_limit_zone_keys", Gauge, "Keys that a limit's zone knows.");
    let zones = app.insight.limits();
    for zone in &zones {
        family.sample(&[("zone", &zone.name), ("kind", zone.kind)], zone.keys);
    }
    let help = "Requests that a limit has looked at, by what became of them.";
    let mut family = text.family("propylon_limit_zone_requests_total", Counter, help);
    for LimitZone { name, kind, counts, .. } in &zones {
        let results = [
            ("passed", counts.passed),
            ("delayed", counts.delayed),
            ("rejected", counts.rejected),
            ("delayed_dry_run", counts.delayed_dry_run),
            ("rejected_dry_run", counts.rejected_dry_run),
        ];
        for (result, count) in results {
            family.sample(&[("zone", name), ("kind", kind), ("result", result)], count);
        }
    }
}

fn keyvals(text: &mut Text, app: &App) {
    let zones: Vec<_> =
        app.insight.keyvals().iter().map(|zone| (zone.name().to_owned(), zone.stats())).collect();
    let mut family = |name, help: &str, value: fn(&Stats) -> usize| {
        let mut family = text.family(name, Gauge, help);
        for (zone, stats) in &zones {
            family.sample(&[("zone", zone)], value(stats));
        }
    };
    family("propylon_keyval_zone_entries", "Keys of a keyval zone.", |stats| stats.entries);
    family("propylon_keyval_zone_used_bytes", "What they take.", |stats| stats.used);
    family("propylon_keyval_zone_size_bytes", "What they may take.", |stats| stats.size);
}

fn certificates(text: &mut Text, app: &App) {
    let certificates = app.insight.certificates();
    let mut family = |name, help: &str, value: &dyn Fn(&Certificate) -> Option<u64>| {
        let mut family = text.family(name, Gauge, help);
        for certificate in &certificates {
            if let (Some(name), Some(value)) = (certificate.names.first(), value(certificate)) {
                family.sample(&[("certificate", name)], value);
            }
        }
    };
    let help = "When a certificate of [acme] ends, since 1970; none: it is still to come.";
    family("propylon_acme_certificate_not_after_timestamp_seconds", help, &|one| one.until.map(since_1970));
    let help = "When a certificate of [acme] is ordered or renewed, since 1970.";
    family("propylon_acme_next_order_timestamp_seconds", help, &|one| Some(since_1970(one.next)));
    let help = "How often in a row an order of [acme] has failed.";
    family("propylon_acme_failures", help, &|one| Some(one.failures.into()));
}

fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn logs(text: &mut Text, app: &App) {
    let logs = app.insight.logs();
    let own = logs.get(..MOST_LOGS.min(logs.len())).unwrap_or_default();
    let rest = logs.get(own.len()..).unwrap_or_default();
    let mut family = |name, help: &str, value: &dyn Fn(&propylon_gateway::insight::Log) -> u64| {
        let mut family = text.family(name, Counter, help);
        for log in own {
            family.sample(&[("log", &log.target)], value(log));
        }
        if !rest.is_empty() {
            family.sample(&[("log", "others")], rest.iter().map(value).sum::<u64>());
        }
    };
    family(
        "propylon_log_lines_lost_total",
        "Lines that were dropped, for want of room or for errors.",
        &|log| log.dropped,
    );
    family("propylon_log_write_errors_total", "Writes that failed.", &|log| log.errors);
}

#[cfg(test)]
mod tests {
    use super::bound;

    #[test]
    fn bounds_are_seconds() {
        assert_eq!(
            [1000, 25_000, 1_000_000, 2_500_000, 10_000_000].map(bound),
            ["0.001", "0.025", "1", "2.5", "10"]
        );
    }
}

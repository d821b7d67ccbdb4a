//! `limit`: how many requests may come and be served, and how fast bodies go.

use std::num::NonZeroU64;
use std::sync::Arc;

use propylon_config::{self as config, Amount, LimitZone, LogLevel, Over, Settings};
use propylon_exchange::{Exchange, Keep, clock};
use propylon_limit::{
    ConnectionLimit, ConnectionVerdict, LONGEST_CONNECTION_KEY, LONGEST_REQUEST_KEY, Places, Rate, RateBody,
    RequestLimit, RequestVerdict, check_connections, check_requests,
};
use propylon_stack::Body;
use propylon_vars::Limited;

use super::{Found, carry};
use crate::rescue;
use crate::tally::Shared;
use crate::upstreams::Upstreams;
use crate::zones::Counts;

/// What an upstream said about how fast its response may go: it travels beside the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said(pub(crate) Option<Rate>);

/// How many requests of a location may come, and be served at once.
#[derive(Clone)]
pub(crate) struct Limits(Arc<Inner>);

struct Inner {
    requests: Vec<RequestLimit>,
    request_zones: Zones,
    requests_over: Over,
    connections: Vec<ConnectionLimit>,
    connection_zones: Zones,
    connections_over: Over,
}

/// The zones of limits, side by side with these.
struct Zones {
    all: Vec<(Arc<LimitZone>, Arc<Counts>)>,
    /// Whether anybody may ask what became of requests.
    is_asked: bool,
}

/// What of a request the limits have looked at: each looks once, whatever locations it comes to.
#[derive(Default)]
pub(crate) struct Seen {
    requests: bool,
    connections: bool,
    /// Held until the request is over.
    pub(crate) places: Option<Places>,
}

impl Seen {
    /// The same for what is asked for beside the request, which holds no places of it.
    pub(crate) const fn looked(&self) -> Self {
        Self { requests: self.requests, connections: self.connections, places: None }
    }
}

impl Limits {
    /// Nothing, where there is none.
    pub(crate) fn new(settings: &Settings, upstreams: &Upstreams<'_>) -> Option<Self> {
        let limit = &settings.limit;
        if limit.requests.is_empty() && limit.connections.is_empty() {
            return None;
        }
        let zones = &upstreams.runtime.zones;
        // A limit and its zone, side by side.
        let requests = limit.requests.iter().filter_map(|limit| {
            let (zone, counts) = zones.requests(&limit.zone)?;
            let made = RequestLimit::new(zone).burst(limit.burst);
            let made = match limit.delay {
                Some(delay) => made.delay_after(delay),
                None => made.no_delay(),
            };
            Some((made, (limit.zone.clone(), counts)))
        });
        let connections = limit.connections.iter().map(|limit| {
            let (zone, counts) = zones.connections(&limit.zone);
            (ConnectionLimit::new(zone, limit.max), (limit.zone.clone(), counts))
        });
        let is_asked = upstreams.counted().is_some();
        let (requests, all) = requests.unzip();
        let request_zones = Zones { all, is_asked };
        let (connections, all) = connections.unzip();
        let connection_zones = Zones { all, is_asked };
        Some(Self(Arc::new(Inner {
            requests,
            request_zones,
            requests_over: limit.requests_over,
            connections,
            connection_zones,
            connections_over: limit.connections_over,
        })))
    }

    /// Decides about a request, which may have to wait; the answer is that of one which goes no further.
    pub(crate) async fn run(&self, exchange: &Exchange, seen: &mut Seen) -> Option<Found> {
        if !seen.requests {
            let by = match self.0.requests(exchange, &mut seen.requests) {
                Ok(by) => by,
                Err(found) => return Some(found),
            };
            if let Some(by) = by {
                tokio::time::sleep(by).await;
            }
        }
        if !seen.connections {
            return self.0.connections(exchange, seen);
        }
        None
    }
}

impl Inner {
    /// How long a request has to wait.
    fn requests(&self, exchange: &Exchange, seen: &mut bool) -> Result<Option<std::time::Duration>, Found> {
        let zones = &self.request_zones;
        let mut keyed = Keyed::default();
        let key = |at: usize| keyed.note(at, zones.key(at, LONGEST_REQUEST_KEY, exchange));
        let Over { status, dry_run, log_level } = self.requests_over;
        let verdict = check_requests(&self.requests, clock::now(), key);
        *seen = !matches!(verdict, RequestVerdict::Uncounted);
        let dry = if dry_run { ", dry run" } else { "" };
        let (limited, result) = match verdict {
            RequestVerdict::Uncounted => return Ok(None),
            RequestVerdict::Passed => {
                zones.passed(&keyed, None);
                (Limited::Passed, Ok(None))
            }
            RequestVerdict::Delayed { by, excess, limit } => {
                let zone = zones.name(limit);
                zones.passed(&keyed, Some(limit));
                zones.delayed(limit, dry_run);
                let text = format!("delaying request{dry}, excess: {excess}, by zone \"{zone}\"");
                rescue::report_at(exchange, lower(log_level), &text);
                if dry_run { (Limited::DelayedDryRun, Ok(None)) } else { (Limited::Delayed, Ok(Some(by))) }
            }
            RequestVerdict::Rejected { excess, limit } => {
                let zone = zones.name(limit);
                zones.rejected(limit, dry_run);
                let text = format!("limiting requests{dry}, excess: {excess} by zone \"{zone}\"");
                rescue::report_at(exchange, log_level, &text);
                if dry_run {
                    (Limited::RejectedDryRun, Ok(None))
                } else {
                    (Limited::Rejected, Err(Found::page(status)))
                }
            }
        };
        propylon_vars::set_requests_limited(exchange, limited);
        result
    }

    fn connections(&self, exchange: &Exchange, seen: &mut Seen) -> Option<Found> {
        let zones = &self.connection_zones;
        let Over { status, dry_run, log_level } = self.connections_over;
        let mut keyed = Keyed::default();
        let key = |at: usize| keyed.note(at, zones.key(at, LONGEST_CONNECTION_KEY, exchange));
        let verdict = check_connections(&self.connections, key);
        seen.connections = !matches!(verdict, ConnectionVerdict::Uncounted);
        let (limited, found) = match verdict {
            ConnectionVerdict::Uncounted => return None,
            ConnectionVerdict::Passed(places) => {
                zones.passed(&keyed, None);
                seen.places = Some(places);
                (Limited::Passed, None)
            }
            ConnectionVerdict::Rejected { limit, .. } => {
                let dry = if dry_run { ", dry run," } else { "" };
                let text = format!("limiting connections{dry} by zone \"{}\"", zones.name(limit));
                zones.rejected(limit, dry_run);
                rescue::report_at(exchange, log_level, &text);
                if dry_run {
                    (Limited::RejectedDryRun, None)
                } else {
                    (Limited::Rejected, Some(Found::page(status)))
                }
            }
        };
        propylon_vars::set_connections_limited(exchange, limited);
        found
    }
}

/// Which limits have a key for a request: the first 64 of them, and nobody writes more.
#[derive(Default)]
struct Keyed(u64);

impl Keyed {
    fn note(&mut self, at: usize, key: Option<bytes::Bytes>) -> Option<bytes::Bytes> {
        let has = key.as_ref().is_some_and(|key| !key.is_empty());
        self.0 |= u32::try_from(at).ok().and_then(|at| u64::from(has).checked_shl(at)).unwrap_or_default();
        key
    }

    fn has(&self, at: usize) -> bool {
        u32::try_from(at).ok().and_then(|at| self.0.checked_shr(at)).unwrap_or_default() & 1 == 1
    }
}

impl Zones {
    fn name(&self, at: usize) -> &str {
        self.all.get(at).map_or("", |(zone, _)| &zone.name)
    }

    fn key(&self, at: usize, most: usize, exchange: &Exchange) -> Option<bytes::Bytes> {
        let (zone, _) = self.all.get(at)?;
        let key = zone.key.eval(exchange);
        if key.len() > most {
            let source = zone.key.source();
            rescue::report_text(
                exchange,
                &format!("the value of the \"{source}\" key is more than {most} bytes"),
            );
            return None;
        }
        Some(key)
    }

    fn count(&self, at: usize, which: impl FnOnce(&Counts) -> &Shared) {
        if let Some((_, counts)) = self.all.get(at).filter(|_| self.is_asked) {
            which(counts).add(1);
        }
    }

    fn delayed(&self, at: usize, dry_run: bool) {
        self.count(at, |counts| if dry_run { &counts.delayed_dry_run } else { &counts.delayed });
    }

    fn rejected(&self, at: usize, dry_run: bool) {
        self.count(at, |counts| if dry_run { &counts.rejected_dry_run } else { &counts.rejected });
    }

    /// A request has passed all that have a key for it, but for this one.
    fn passed(&self, keyed: &Keyed, but: Option<usize>) {
        let passed = (0..self.all.len()).filter(|at| keyed.has(*at) && Some(*at) != but);
        passed.for_each(|at| self.count(at, |counts| &counts.passed));
    }
}

/// nginx: delays are told of one level lower than refusals.
const fn lower(level: LogLevel) -> LogLevel {
    match level {
        LogLevel::Error => LogLevel::Warn,
        LogLevel::Warn => LogLevel::Notice,
        _ => LogLevel::Info,
    }
}

/// How fast the responses of a location go.
pub(crate) struct Pace {
    rate: Option<Amount>,
    after: Option<Amount>,
}

impl Pace {
    /// Nothing, where the configuration says nothing.
    pub(crate) fn new(settings: &Settings) -> Option<Box<Self>> {
        let config::Limit { rate, rate_after, .. } = &settings.limit;
        let pace = Self { rate: rate.clone(), after: rate_after.clone() };
        (pace.rate.is_some() || pace.after.is_some()).then(|| Box::new(pace))
    }
}

/// What is to be kept for the templates.
pub(crate) fn needs(settings: &Settings) -> Keep {
    let config::Limit { rate, rate_after, upstream_rate, .. } = &settings.limit;
    let amounts = [rate, rate_after, upstream_rate].into_iter().flatten();
    carry::needs(amounts.filter_map(|amount| match amount {
        Amount::Fixed(_) => None,
        Amount::Template(template) => Some(template),
    }))
}

/// The body at the rate that counts: what an upstream or `set` said, else the location's.
pub(crate) fn paced(body: Body, pace: Option<&Pace>, exchange: &Exchange) -> Body {
    let said = propylon_vars::limit_rate(exchange);
    let bytes = |amount: Option<&Amount>| amount.map(|amount| bytes(amount, exchange)).unwrap_or_default();
    let rate = said.unwrap_or_else(|| {
        let rate = bytes(pace.and_then(|pace| pace.rate.as_ref()));
        propylon_vars::set_limit_rate(exchange, rate);
        rate
    });
    let Some(rate) = NonZeroU64::new(rate) else { return body };
    let after = bytes(pace.and_then(|pace| pace.after.as_ref()));
    Body::new(RateBody::new(body, Some(Rate::new(rate).after(after))))
}

/// A body of an upstream's, read at this rate.
pub(crate) fn read_at(body: Body, rate: &Amount, exchange: Option<&Exchange>) -> Body {
    let bytes = match (rate, exchange) {
        (Amount::Fixed(bytes), _) => *bytes,
        (amount, Some(exchange)) => bytes(amount, exchange),
        (Amount::Template(_), None) => 0,
    };
    match NonZeroU64::new(bytes) {
        Some(rate) => Body::new(RateBody::new(body, Some(Rate::new(rate)))),
        None => body,
    }
}

/// What an amount is for this exchange.
pub(crate) fn bytes(amount: &Amount, exchange: &Exchange) -> u64 {
    match amount {
        Amount::Fixed(bytes) => *bytes,
        Amount::Template(template) => size(&template.eval(exchange)).unwrap_or_else(|text| {
            rescue::report_text(exchange, &format!("invalid size \"{text}\""));
            0
        }),
    }
}

/// `set $limit_rate`
pub(crate) fn set_rate(exchange: &Exchange, value: &[u8]) {
    match size(value) {
        Ok(bytes) => propylon_vars::set_limit_rate(exchange, bytes),
        Err(text) => rescue::report_text(exchange, &format!("invalid $limit_rate \"{text}\"")),
    }
}

/// A size as variables give it; the error is the text.
fn size(text: &[u8]) -> Result<u64, String> {
    let size = std::str::from_utf8(text).ok().and_then(|text| config::size(text).ok());
    size.ok_or_else(|| String::from_utf8_lossy(text).into_owned())
}

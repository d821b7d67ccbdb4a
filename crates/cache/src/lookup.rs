//! A request that is not answered at once: what is stored must be opened, waited for or asked for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Body;
use propylon_conditions::range;
use tokio::time::Instant;
use tower_service::Service;

use crate::answer::{Asked, freshness, from_store, tell};
use crate::asked::Fields;
use crate::background::Background;
use crate::body::store;
use crate::fetch::{Errand, Stale, Upstream, fetch};
use crate::layer::{Options, Shared};
use crate::policy::{Forward, Freshness, Handling, RequestDirectives, Reuse, vary};
use crate::store::{Entry, Guard, Key, Locked, Lookup, Released, Variant, Waiting, Zone};
use crate::{BoxError, Event, Policy, ResponseBody, Status};

/// What is known of a request that the cache has to do with.
#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) zone: Zone,
    pub(crate) key: Key,
    pub(crate) fields: Fields,
    pub(crate) directives: RequestDirectives,
}

/// How far it has come.
pub(crate) enum Start {
    /// It is not to be answered from the store.
    Bypass,
    /// It was looked for; `others`: there was something that is not for it.
    Looked { lookup: Lookup, others: bool },
}

/// What is to be done.
enum Found {
    /// This is the answer; `shared`: the zone's tier had it.
    Answer { entry: Entry, freshness: Freshness, status: Status, collapsed: bool, shared: bool },
    /// This is the answer, and has to be refreshed.
    Refresh { entry: Entry, freshness: Freshness, guard: Guard },
    /// The upstream has to be asked.
    Ask(Upstream),
    /// The client wants no request to the upstream.
    Nothing,
}

/// The stored response that is for a request, and whether there were others.
#[inline]
pub(crate) fn look(zone: &Zone, key: &Key, method: &Method, headers: &HeaderMap) -> (Lookup, bool) {
    let mut others = false;
    let lookup = zone.lookup(key, |variant| {
        let chosen = vary::matches(variant.map(|variant| &*variant.0), method, headers);
        others |= !chosen;
        chosen
    });
    (lookup, others)
}

/// Answers the request.
pub(crate) async fn run<S, P, B, R>(
    inner: S,
    shared: Arc<Shared<P>>,
    request: Request<B>,
    job: Job,
    start: Start,
) -> Result<Response<ResponseBody<R>>, BoxError>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    P: Policy,
    B: Body + Default + Send + 'static,
    R: Body<Data = Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let found = match start {
        Start::Bypass => Found::Ask(Upstream::new(Status::Bypass, Forward::Bypass)),
        Start::Looked { lookup, others } => {
            find(&shared.options, &job, &parts.method, &parts.headers, lookup, others).await
        }
    };
    let observe = |status| shared.policy.observe(&parts.extensions, Event::Status(status));
    let asked = Asked { method: &parts.method, headers: &parts.headers, fields: job.fields };
    let answer = |entry: &Entry, freshness: &Freshness, status, handling| {
        observe(status);
        let now = (shared.options.clock)();
        Ok(from_store(&shared.options, asked, entry, None, freshness, now, status, handling)?)
    };
    let hit = |freshness: &Freshness| Handling::hit(freshness.ttl((shared.options.clock)()));
    match found {
        Found::Answer { entry, freshness, status, collapsed, shared } => {
            let detail = shared.then_some("tier");
            answer(&entry, &freshness, status, Handling { collapsed, detail, ..hit(&freshness) })
        }
        Found::Refresh { entry, freshness, guard } => {
            let stale = Some(Stale { entry: entry.clone(), freshness });
            let upstream =
                Upstream { stale, guard: Some(guard), ..Upstream::new(Status::Expired, Forward::Stale) };
            // Only what has no body of its own can be asked for by somebody else.
            let plain = matches!(parts.method, Method::GET | Method::HEAD);
            let background =
                shared.options.background.as_ref().filter(|_| plain && shared.options.background_update);
            let Some(place) = background.and_then(Background::place) else {
                return fetch(inner, shared, Errand::new(parts, body, job), upstream).await;
            };
            let (mut beside, ()) = Request::new(()).into_parts();
            beside.method = if freshness.terms.head() { Method::HEAD } else { Method::GET };
            beside.uri = parts.uri.clone();
            beside.version = parts.version;
            beside.headers = parts.headers.clone();
            beside.extensions = shared.policy.beside(&parts.extensions);
            let own =
                Job { fields: Fields::default(), directives: RequestDirectives::default(), ..job.clone() };
            let (errand, shared_too) = (Errand::new(beside, B::default(), own), Arc::clone(&shared));
            let headers = parts.headers.clone();
            place.run(async move {
                let mut upstream = upstream;
                // Somebody who shares the zone's tier may have refreshed it.
                let newer = job.take(&Method::GET, &headers, upstream.stale.as_ref()).await;
                if newer.is_some_and(|(_, freshness)| freshness.is_fresh((shared_too.options.clock)())) {
                    upstream.filled();
                    return;
                }
                if let Ok(response) = fetch(inner, shared_too, errand, upstream).await {
                    store(response.into_body()).await;
                }
            });
            answer(&entry, &freshness, Status::Stale, hit(&freshness))
        }
        Found::Nothing => {
            // RFC 9111 5.2.1.7: "Otherwise, it SHOULD respond with a 504 (Gateway Timeout) status code."
            observe(Status::Miss);
            let mut response = Response::new(ResponseBody::empty());
            *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
            let handling =
                Handling { detail: Some("only-if-cached"), ..Handling::forwarded(Forward::Request) };
            tell(&shared.options, &mut response, Status::Miss, handling);
            Ok(response)
        }
        Found::Ask(upstream) => fetch(inner, shared, Errand::new(parts, body, job), upstream).await,
    }
}

/// Looks until there is an answer, or somebody has to ask for it.
async fn find(
    options: &Options,
    job: &Job,
    method: &Method,
    headers: &HeaderMap,
    mut lookup: Lookup,
    mut others: bool,
) -> Found {
    let age = options.lock.unwrap_or_default().age;
    let deadline = options.lock.map(|lock| after(Instant::now(), lock.timeout));
    let (mut waits, mut collapsed, mut first, mut sure) = (true, false, true, false);
    loop {
        let entry = match lookup {
            Lookup::Found(entry) => Some(entry),
            Lookup::Missing => None,
            Lookup::Opening(opening) => opening.await,
        };
        let known = entry.and_then(|entry| freshness(&entry).map(|freshness| (entry, freshness)));
        let mut upstream =
            Upstream::new(Status::Miss, if others { Forward::VaryMiss } else { Forward::UriMiss });
        upstream.collapsed = collapsed;
        if let Some(known) = known
            && let Some(found) = judge(options, job, known, &mut upstream, false)
        {
            return found;
        }
        if job.directives.only_if_cached {
            return match beyond(options, job, method, headers, upstream).await {
                Found::Ask(_) => Found::Nothing,
                found => found,
            };
        }
        let rare = first && upstream.stale.is_none() && options.min_uses.get() > 1;
        if (rare && job.zone.count_use(&job.key) < options.min_uses.get()) || is_far(options, job, headers) {
            let upstream = Upstream { store: false, ..upstream };
            return beyond(options, job, method, headers, upstream).await;
        }
        first = false;
        if upstream.stale.is_none() && options.lock.is_none() {
            return beyond(options, job, method, headers, upstream).await;
        }
        match job.zone.lock(&job.key, age) {
            Locked::Holder(guard) => {
                // Somebody may have stored it, and given the lock back, since it was looked for. On disk, to look is to open
                // a file: most often the one that is known to be stale.
                let reopens = upstream.stale.is_some() && job.zone.is_on_disk();
                let looks = !(sure || reopens || upstream.forward == Forward::Request);
                let again = looks.then(|| look(&job.zone, &job.key, method, headers));
                let again = again.filter(|(lookup, _)| match lookup {
                    Lookup::Found(entry) => freshness(entry).is_some_and(|it| it.is_fresh((options.clock)())),
                    Lookup::Opening(_) => true,
                    Lookup::Missing => false,
                });
                let Some(again) = again else {
                    let upstream = Upstream { guard: Some(guard), ..upstream };
                    return beyond(options, job, method, headers, upstream).await;
                };
                sure = true;
                (lookup, others) = again;
            }
            Locked::Waiting(waiting) => {
                let Some(deadline) = deadline.filter(|_| waits && upstream.collapses()) else {
                    return Found::Ask(upstream);
                };
                match wait(waiting, deadline, age).await {
                    Waited::Free(Released::Filled) => collapsed = true,
                    Waited::Free(Released::Pass) => waits = false,
                    Waited::Free(Released::Abandoned) | Waited::Aged => {}
                    // nginx: "the request will be passed to the proxied server, however, the response will not be cached."
                    Waited::TimedOut => return Found::Ask(Upstream { store: false, ..upstream }),
                }
                (lookup, others) = look(&job.zone, &job.key, method, headers);
            }
        }
    }
}

/// What becomes of a request for which this is known; `shared`: the zone's tier had it. None: it is not good enough, which
/// `upstream` says then.
fn judge(
    options: &Options,
    job: &Job,
    (entry, freshness): (Entry, Freshness),
    upstream: &mut Upstream,
    shared: bool,
) -> Option<Found> {
    let reuse = freshness.reuse(&options.rules, &job.directives, (options.clock)());
    let status = match reuse {
        Reuse::Fresh => Status::Hit,
        Reuse::StaleAccepted => Status::Stale,
        Reuse::WhileRevalidating => {
            let age = options.lock.unwrap_or_default().age;
            let held = upstream.guard.take().map(Locked::Holder);
            match held.unwrap_or_else(|| job.zone.lock(&job.key, age)) {
                Locked::Holder(guard) => return Some(Found::Refresh { entry, freshness, guard }),
                Locked::Waiting(_) => Status::Updating,
            }
        }
        Reuse::Stale | Reuse::Refused => {
            upstream.status = Status::Expired;
            upstream.forward = if reuse == Reuse::Refused { Forward::Request } else { Forward::Stale };
            upstream.stale = Some(Stale { entry, freshness });
            return None;
        }
    };
    upstream.filled();
    Some(Found::Answer { entry, freshness, status, collapsed: upstream.collapsed, shared })
}

/// Asks the zone's tier, if it has one, before the upstream.
async fn beyond(
    options: &Options,
    job: &Job,
    method: &Method,
    headers: &HeaderMap,
    mut upstream: Upstream,
) -> Found {
    // A client who does not want what is here does not want what is there.
    if upstream.forward != Forward::Request
        && let Some(known) = job.take(method, headers, upstream.stale.as_ref()).await
        && let Some(found) = judge(options, job, known, &mut upstream, true)
    {
        return found;
    }
    Found::Ask(upstream)
}

impl Job {
    /// What the zone's tier has for a request, if it is newer than what is here.
    async fn take(
        &self,
        method: &Method,
        headers: &HeaderMap,
        stale: Option<&Stale>,
    ) -> Option<(Entry, Freshness)> {
        let than = stale.map(|stale| stale.freshness.stored_at);
        let chosen =
            |variant: Option<&Variant>| vary::matches(variant.map(|variant| &*variant.0), method, headers);
        let entry = self.zone.take(&self.key, chosen, than).await?;
        freshness(&entry).map(|freshness| (entry, freshness))
    }
}

/// How a wait ended.
enum Waited {
    Free(Released),
    /// Whoever holds the lock has had it for too long.
    Aged,
    TimedOut,
}

async fn wait(waiting: Waiting, deadline: Instant, age: Duration) -> Waited {
    let aged = after(waiting.since(), age);
    match tokio::time::timeout_at(deadline.min(aged), waiting).await {
        Ok(released) => Waited::Free(released),
        Err(_) if Instant::now() >= deadline => Waited::TimedOut,
        Err(_) => Waited::Aged,
    }
}

/// Some time later; what is too late for the clock is in some years.
fn after(instant: Instant, duration: Duration) -> Instant {
    const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
    instant.checked_add(duration.min(YEARS)).unwrap_or(instant)
}

/// Whether the request is for a range that is too far from the beginning to ask for all of it: nginx's `max_range_offset`, or
/// behind all that the zone would store.
fn is_far(options: &Options, job: &Job, headers: &HeaderMap) -> bool {
    if !job.fields.has(Fields::RANGE) {
        return false;
    }
    let offset = range::offset(headers);
    options.max_range_offset.is_some_and(|limit| offset.is_none_or(|offset| offset >= limit))
        || offset.is_some_and(|offset| offset >= job.zone.object_limit())
}

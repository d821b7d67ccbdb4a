//! `cache`: configuration to the layer that keeps responses.

mod asked;
mod lookup;
mod sides;

use std::num::NonZeroU32;
use std::sync::Arc;

use http::{HeaderName, Method, Request, Response, StatusCode};
use propylon_cache::policy::{Conditions, Ignore, Rules, Valid};
use propylon_cache::{CacheLayer, Lock};
use propylon_config::{self as config, Settings, ZoneName};
use propylon_exchange::{Exchange, Keep};
use propylon_stack::{Body, BoxError, Route};
use propylon_vars::Template;
use tower_layer::Layer;
use tower_service::Service;

use super::buffer::BufferLayer;
use super::proxy::TargetLayer;
use super::purge::PurgeLayer;
use super::{Site, accel, carry};
use crate::error::BuildError;
use crate::error_log::{current, within};
use crate::upstreams::{LeafBody, Upstreams};

use asked::Asked;
use sides::{Arrived, Left};

pub(crate) use lookup::NoZone;
pub(super) use lookup::{Lookup, extensions_beside, zone};

/// A stack with a cache around it, or without.
pub(super) enum Kept<S> {
    Yes(Route),
    No(S),
}

impl<S> Kept<S>
where
    S: Service<Request<Body>, Response = Response<LeafBody>, Error = BoxError>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    /// The same, whichever it is.
    pub(super) fn into_route(self, settings: &Settings) -> Route {
        match self {
            Self::Yes(route) => route,
            Self::No(inner) => Route::plain(Arrived { inner, trailers: accel::trailers(settings) }),
        }
    }
}

/// A location's stack from here inwards with a cache around it, if it has one.
pub(super) fn kept<S>(
    group: S,
    target: &TargetLayer,
    settings: &Arc<Settings>,
    site: &Site,
    upstreams: &Upstreams<'_>,
) -> Result<Kept<S>, BuildError>
where
    S: Service<Request<Body>, Response = Response<LeafBody>, Error = BoxError>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    let Some(name) = &settings.cache.zone else { return Ok(Kept::No(group)) };
    let lookup = Lookup::new(name, settings, target, upstreams)?;
    let arrived = Arrived { inner: group, trailers: accel::trailers(settings) };
    let named = matches!(name, ZoneName::Template(_)).then(|| lookup.clone());
    let group = Left { inner: layer(settings, lookup.clone(), upstreams).layer(arrived), named };
    let route = match &settings.cache.purge {
        None => Route::new(group),
        Some(purge) => Route::new(PurgeLayer::new(purge, lookup, site).layer(group)),
    };
    // What asks for the request's body has to wait for it.
    let buffer = needs(settings)
        .has(Keep::REQUEST_BODY)
        .then(|| BufferLayer::new(settings, &upstreams.config.runtime, false));
    Ok(Kept::Yes(route.layer_opt(buffer)))
}

/// Whether clients are told when upstreams made their responses: ages and dates of expiry are counted from there (RFC 9111
/// 4.2.3). nginx tells when it sends them.
pub(super) fn tells_dates(settings: &Settings) -> bool {
    settings.cache.zone.is_some() && !settings.cache.habits.nginx
}

/// The layer.
fn layer(settings: &Settings, lookup: Lookup, upstreams: &Upstreams<'_>) -> CacheLayer<Asked> {
    let cache = &settings.cache;
    let lock = Lock { timeout: cache.lock_timeout, age: cache.lock_age };
    let tasks = upstreams.tasks.clone();
    CacheLayer::new(Asked::new(settings, lookup))
        .rules(rules(settings))
        .methods(
            cache.methods.iter().filter(|method| !matches!(**method, Method::GET | Method::HEAD)).cloned(),
        )
        .min_uses(NonZeroU32::new(cache.min_uses).unwrap_or(NonZeroU32::MIN))
        .lock(cache.lock.then_some(lock))
        .background_update(cache.background_update)
        .convert_head(cache.convert_head)
        .max_range_offset(cache.max_range_offset)
        .name(cache.status.as_deref())
        .spawner(move |work| drop(tasks.spawn(within(current(), work))))
}

/// The rules that responses are judged by.
fn rules(settings: &Settings) -> Rules {
    let config::Cache { habits, .. } = &settings.cache;
    let base = if habits.nginx { Rules::nginx() } else { Rules::rfc() };
    Rules {
        set_cookie: habits.set_cookie,
        request_directives: habits.request_directives,
        heuristic: habits.heuristic,
        invalidate: habits.invalidate,
        // Slices have keys of their own.
        partial: base.partial || settings.slice.is_some(),
        // Without a buffer around it a response comes as fast as the client that asked for it first takes it: nobody else
        // is to depend on that one. What is not buffered for another reason (`X-Accel-Buffering: no`, or more than
        // `buffer.max_temp_file_size`) is known too late for this.
        whole: base.whole || !settings.buffer.response,
        guard: habits.guard_stale,
        revalidate: settings.cache.revalidate,
        update_fields: habits.update_fields,
        targeted: habits.targeted.clone(),
        ignore: ignored(&settings.headers.ignore),
        valid: valid(settings),
        use_stale: settings.cache.use_stale.iter().fold(Conditions::NONE, |all, name| all | condition(name)),
        ..base
    }
}

fn ignored(names: &[HeaderName]) -> Ignore {
    names.iter().fold(Ignore::NOTHING, |all, name| {
        all | match name.as_str() {
            "x-accel-expires" => Ignore::ACCEL_EXPIRES,
            "expires" => Ignore::EXPIRES,
            "cache-control" => Ignore::CACHE_CONTROL,
            "set-cookie" => Ignore::SET_COOKIE,
            "vary" => Ignore::VARY,
            _ => Ignore::NOTHING,
        }
    })
}

fn valid(settings: &Settings) -> Vec<Valid> {
    let names = |rule: &config::Valid, code| rule.codes.as_ref().is_some_and(|codes| codes.contains(&code));
    let rules = &settings.cache.valid;
    // A slice is a part of what is a 200 to its client; nginx wants it to be named.
    let slices = settings.slice.is_some()
        && !settings.cache.habits.nginx
        && !rules.iter().any(|rule| names(rule, StatusCode::PARTIAL_CONTENT));
    let one = |rule: &config::Valid| {
        let with = |status| Valid { status, time: rule.time };
        let Some(codes) = &rule.codes else { return vec![with(None)] };
        let slice = (slices && names(rule, StatusCode::OK)).then_some(StatusCode::PARTIAL_CONTENT);
        codes.iter().copied().chain(slice).map(|code| with(Some(code))).collect()
    };
    rules.iter().flat_map(one).collect()
}

fn condition(name: &str) -> Conditions {
    match name {
        "error" => Conditions::ERROR,
        "timeout" => Conditions::TIMEOUT,
        "invalid_header" => Conditions::INVALID_HEADER,
        "updating" => Conditions::UPDATING,
        "http_500" => Conditions::HTTP_500,
        "http_502" => Conditions::HTTP_502,
        "http_503" => Conditions::HTTP_503,
        "http_504" => Conditions::HTTP_504,
        "http_403" => Conditions::HTTP_403,
        "http_404" => Conditions::HTTP_404,
        "http_429" => Conditions::HTTP_429,
        _ => Conditions::NONE,
    }
}

/// Whether one of these says so: nginx's predicates.
pub(super) fn holds(templates: &[Template], exchange: &Exchange) -> bool {
    templates.iter().any(|template| !matches!(&*template.eval(exchange), b"" | b"0"))
}

/// What is to be kept for the templates.
pub(super) fn needs(settings: &Settings) -> Keep {
    let config::Cache { zone, key, bypass, no_cache, purge, .. } = &settings.cache;
    let zone = match zone {
        None => return Keep::NONE,
        Some(ZoneName::Fixed(_)) => None,
        Some(ZoneName::Template(name)) => Some(name),
    };
    let when = purge.iter().flat_map(|purge| &purge.when);
    carry::needs(zone.into_iter().chain(key).chain(bypass).chain(no_cache).chain(when))
}

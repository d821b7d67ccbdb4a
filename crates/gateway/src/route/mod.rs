//! One location's stack, put together: the only place that knows the order of the layers.

mod accel;
mod access_log;
mod carry;
mod headers;
mod proxy;
mod respond;

use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use propylon_config::{self as config, Action, Settings, Spanned};
use propylon_exchange::Keep;
use propylon_stack::Route;
use tower_layer::Layer;

use crate::error::BuildError;
use crate::rescue::RescueLayer;
use crate::router::{Location, Redirects};
use crate::upstreams::Upstreams;

pub(crate) use accel::Unsafe;
pub(crate) use headers::{Edge as EdgeHeaders, RealIp};
pub(crate) use proxy::Error as TargetError;

/// What the locations of a server have in common.
pub(crate) struct Site {
    pub(crate) token: HeaderValue,
    pub(crate) redirects: Redirects,
}

/// The stack of a `[[server.location]]`, whose match is a prefix of `prefix` bytes (0 for another kind).
pub(crate) fn location(
    location: &config::Location,
    prefix: usize,
    site: &Site,
    upstreams: &mut Upstreams<'_>,
) -> Result<Location, BuildError> {
    let settings = &location.settings;
    let leaf = match &location.action {
        Action::ProxyPass(pass) => proxied(pass, prefix, settings, site, upstreams)?,
        Action::Return(answer) => Route::new(respond::Respond::new(&answer.value, site)),
        Action::NotFound => Route::new(respond::Respond::page(StatusCode::NOT_FOUND, site)),
    };
    let mut built = finish(leaf, settings, upstreams)?;
    built.internal = location.internal;
    Ok(built)
}

/// What answers where no location matches.
pub(crate) fn not_found(
    settings: &Arc<Settings>,
    site: &Site,
    upstreams: &Upstreams<'_>,
) -> Result<Location, BuildError> {
    finish(Route::new(respond::Respond::page(StatusCode::NOT_FOUND, site)), settings, upstreams)
}

/// A server's own `return`.
pub(crate) fn respond(
    answer: &config::Return,
    settings: &Arc<Settings>,
    site: &Site,
    upstreams: &Upstreams<'_>,
) -> Result<Location, BuildError> {
    finish(Route::new(respond::Respond::new(answer, site)), settings, upstreams)
}

/// From the peers up to where errors have become responses. Innermost first, each line with its why.
fn proxied(
    pass: &Spanned<config::ProxyPass>,
    prefix: usize,
    settings: &Arc<Settings>,
    site: &Site,
    upstreams: &mut Upstreams<'_>,
) -> Result<Route, BuildError> {
    let target = proxy::TargetLayer::new(pass, prefix, settings, upstreams)?;
    let leaf = proxy::Leaf::new(pass, settings, upstreams);
    // One static group, for it is on the path of every request: the fields are set nearest to the leaf, when the target,
    // and with it $proxy_host, is known.
    let group = target.layer(headers::request(settings).layer(leaf));
    Ok(Route::new(group)
        .layer_opt(accel::layer(settings)) // X-Accel-* are orders: obeyed before they are hidden
        .layer(RescueLayer::new(site.token.clone()))) // errors become responses here: what follows shapes them all
}

/// What every location has around its action.
fn finish(leaf: Route, settings: &Arc<Settings>, upstreams: &Upstreams<'_>) -> Result<Location, BuildError> {
    let logs = access_log::logs(settings, upstreams)?;
    Ok(Location {
        route: leaf
            .layer_opt(carry::layer(settings)) // add_header may ask for variables
            .layer(headers::response(settings)), // hide, add_header
        keep: logs.needs().and(headers::needs(settings)).and(proxy::needs(settings)),
        logs,
        internal: false,
        real_ip: headers::real_ip(settings),
    })
}

/// Nothing to be kept.
const NOTHING: Keep = Keep::NONE;

//! One location's stack, put together: the only place that knows the order of the layers.

mod accel;
mod access;
mod access_log;
mod addition;
mod answer;
mod api;
mod auth_jwt;
mod auth_oidc;
mod auth_request;
mod balance;
mod buffer;
mod cache;
mod carry;
mod cgi;
mod charset;
mod compression;
mod cookie;
mod dav;
mod detach;
mod early_hints;
mod empty_gif;
mod error_log;
mod error_page;
mod expires;
mod fastcgi;
mod files;
mod force_ranges;
mod grpc;
mod headers;
mod leaf;
mod limit;
mod memcached;
mod mirror;
mod parts;
mod passing;
mod proxy;
mod purge;
mod redirect;
mod referers;
mod respond;
mod retry;
mod rule;
mod secure_link;
mod site;
mod slice;
mod source;
mod spelling;
mod ssi;
mod sticky;
mod store;
mod stub_status;
mod substitute;
mod trace;
mod trailerless;
mod trailers;
mod try_files;
mod tunnel;
mod userid;

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use propylon_config::{self as config, Action, Settings, Spanned};
use propylon_exchange::Keep;
use propylon_h1::server::ResponseTimeouts;
use propylon_stack::{Body, BoxError, Route};
use tower_layer::Layer;
use tower_service::Service;

use crate::error::BuildError;
use crate::phases::Phases;
use crate::rescue::RescueLayer;
use crate::router::Location;
use crate::routing::LocationMatch;
use crate::tally::Tally;
use crate::upstreams::{LeafBody, Upstreams};

use accel::Arriving;
use cache::Kept;

pub(crate) use accel::Unsafe;
pub(crate) use access::{Guard, report_forbidden, rules as access_rules};
pub(crate) use access_log::logs as access_logs;
pub(crate) use balance::{Bound, ToPeer};
pub(crate) use buffer::{Keeper, Lost, Whole, read_bytes};
pub(crate) use cache::NoZone;
pub(crate) use cgi::application;
pub(crate) use charset::maps as charset_maps;
pub(crate) use early_hints::interims;
pub(crate) use error_log::logs as error_logs;
pub(crate) use files::document;
pub(crate) use files::types;
pub(crate) use headers::{Edge as EdgeHeaders, RealIp, unwanted};
pub(crate) use limit::{Limits, Pace, Said, Seen as LimitsSeen, bytes as amount, paced, set_rate};
pub(crate) use memcached::NoValue;
pub(crate) use mirror::Mirror;
pub(crate) use parts::Asker;
pub(crate) use proxy::Error as TargetError;
pub(crate) use redirect::complete;
pub(crate) use referers::check as referer_check;
pub(crate) use respond::{Found, Respond};
pub(crate) use retry::{NextPeer, is_peers, retry};
pub(crate) use site::{Site, own_names};
pub(crate) use source::{Source, local};
pub(crate) use sticky::Bond;
pub(crate) use trace::{Tracing, lend as lend_trace, tells as tells_traces};
pub(crate) use trailerless::Trailerless;
pub(crate) use try_files::TryFiles;
pub(crate) use tunnel::{Ends, Switching};
pub(crate) use userid::Users;

/// The stack of a `[[server.location]]`, whose match is `matcher`.
pub(crate) fn location(
    location: &config::Location,
    matcher: &LocationMatch,
    site: &Site,
    upstreams: &mut Upstreams<'_>,
) -> Result<Location, BuildError> {
    let settings = &location.settings;
    let site = &site.with(settings);
    let prefix = redirect::prefix(&location.matcher.value);
    let mut built = match &location.action {
        Action::ProxyPass(pass) if pass.value.is_grpc() => {
            grpc::speaks(proxied(pass, prefix, settings, site, upstreams)?)
        }
        Action::ProxyPass(pass) if pass.value.is_memcached() => {
            memcached::location(pass, prefix, settings, site, upstreams)?
        }
        Action::ProxyPass(pass) => proxied(pass, prefix, settings, site, upstreams)?,
        Action::Return(answer) => respond(&answer.value, settings, site, upstreams)?,
        Action::Purge(purge) => {
            finish(purge::Leaf::new(purge, site, upstreams)?, false, settings, site, upstreams)?
        }
        Action::StubStatus => {
            let leaf = stub_status::Leaf::new(site, upstreams);
            finish(leaf, false, settings, site, upstreams)?
        }
        Action::EmptyGif => finish(empty_gif::Leaf::new(site), false, settings, site, upstreams)?,
        Action::Api(api) => {
            let leaf = api::Leaf::new(api, matcher, settings, site, upstreams);
            finish(leaf, false, settings, site, upstreams)?
        }
        Action::Files => dav::location(settings, site, upstreams)?,
        Action::NotFound => not_found(settings, site, upstreams)?,
    };
    built.trace = built.trace.map(|trace| trace.at(&location.matcher.value));
    built.internal = location.internal;
    if let (Some(tally), Some(zone)) = (&mut built.tally, &location.status_zone) {
        tally.also_as(zone);
    }
    built.reads_path = match &location.action {
        Action::ProxyPass(pass) if !pass.value.is_memcached() => proxy::reads_path(&pass.value),
        _ => true,
    };
    built.document = files::document(settings);
    if !matches!(location.action, Action::Return(_)) {
        built.phases = phases(location.try_files.as_ref(), settings, site, upstreams);
    }
    Ok(built)
}

/// What answers where no location matches: the server's files, if it has any.
pub(crate) fn fallback(
    server: &config::Server,
    site: &Site,
    upstreams: &Upstreams<'_>,
) -> Result<Location, BuildError> {
    let settings = &server.settings;
    let mut built = match &settings.files.root {
        Some(_) => dav::location(settings, site, upstreams)?,
        None => not_found(settings, site, upstreams)?,
    };
    built.document = files::document(settings);
    built.phases = phases(server.try_files.as_ref(), settings, site, upstreams);
    Ok(built)
}

fn not_found(settings: &Settings, site: &Site, upstreams: &Upstreams<'_>) -> Result<Location, BuildError> {
    finish(respond::Respond::page(StatusCode::NOT_FOUND, site), false, settings, site, upstreams)
}

/// What is done before a request is answered. `return` answers before any of it, as in nginx.
fn phases(
    try_files: Option<&config::TryFiles>,
    settings: &Settings,
    site: &Site,
    upstreams: &Upstreams<'_>,
) -> Option<Box<Phases>> {
    let try_files = try_files.map(|config| TryFiles::new(config, settings, site));
    Phases {
        limits: Limits::new(settings, upstreams),
        access: Guard::new(settings, upstreams),
        mirror: Mirror::new(settings, site, upstreams),
        try_files,
    }
    .if_any()
}

/// `return`, of a server or a location.
pub(crate) fn respond(
    answer: &config::Return,
    settings: &Settings,
    site: &Site,
    upstreams: &Upstreams<'_>,
) -> Result<Location, BuildError> {
    finish(respond::Respond::new(answer, site), false, settings, site, upstreams)
}

/// From the peers up to where errors have become responses: one static group, for it is on the path of every request.
/// Innermost first, each line with its why.
fn proxied(
    pass: &Spanned<config::ProxyPass>,
    prefix: &str,
    settings: &Arc<Settings>,
    site: &Site,
    upstreams: &mut Upstreams<'_>,
) -> Result<Location, BuildError> {
    let leaf = leaf::Leaf::new(pass, settings, upstreams);
    let scheme = pass.value.scheme();
    let wants_length = scheme.is_some_and(cgi::wants_length);
    let buffer = buffer::BufferLayer::new(settings, &upstreams.config.runtime, wants_length);
    if let Some(scheme) = scheme.filter(|scheme| scheme.is_cgi()) {
        let params = cgi::ParamsLayer::new(settings, scheme, site);
        let target = proxy::TargetLayer::new(pass, prefix.len(), settings, upstreams)?;
        // The params tell how long the body is: it has to have been read before.
        let group = buffer.layer(target.layer(params.layer(leaf)));
        let mut built = kept(group, &target, pass, prefix, settings, site, upstreams)?;
        built.keep = built.keep.and(cgi::needs(settings, scheme));
        if scheme == config::Scheme::FastCgi {
            built.script = Some(fastcgi::script(settings)?);
        }
        return Ok(built);
    }
    let headers = headers::request(settings, proxy::host(&pass.value));
    let target = proxy::TargetLayer::new(pass, prefix.len(), settings, upstreams)?;
    if upstreams.config.later.has(Keep::REQUEST_BODY) && proxy::replaces_body(settings) {
        // Who makes another request of the body has to have read it: outermost.
        let group = buffer.layer(target.layer(headers.layer(leaf)));
        return kept(group, &target, pass, prefix, settings, site, upstreams);
    }
    let group = buffer.layer(leaf); // so that a try can be replayed
    let group = headers.layer(group); // what is set is what is sent
    let group = target.layer(group); // $proxy_host, for what is set
    kept(group, &target, pass, prefix, settings, site, upstreams)
}

/// The same, from where what upstreams send may be kept: as it comes, before anything of ours is in it.
fn kept<S>(
    group: S,
    target: &proxy::TargetLayer,
    pass: &Spanned<config::ProxyPass>,
    prefix: &str,
    settings: &Arc<Settings>,
    site: &Site,
    upstreams: &Upstreams<'_>,
) -> Result<Location, BuildError>
where
    S: Service<Request<Body>, Response = Response<LeafBody>, Error = BoxError>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    let left = detach::left(upstreams);
    let detach = detach::layer(settings, &left); // all that is done for a client goes on without it
    let stored = store::layer(settings, &left); // all of it, as it came
    if let Some(size) = settings.slice {
        let group = slice::Ranged(group); // inside of the cache, which would judge by it
        let route = cache::kept(group, target, settings, site, upstreams)?.into_route(settings);
        let route = slice::sliced(size, route, settings, &upstreams.config.runtime);
        let route = passing::around(route, stored).layer_opt(detach);
        return rewritten(route, pass, prefix, settings, site, upstreams);
    }
    let ranges = force_ranges::layer(settings); // around the cache: what is kept is all of it
    let plain = stored.is_none() && ranges.is_none() && detach.is_none();
    match cache::kept(group, target, settings, site, upstreams)? {
        Kept::No(group) if plain => rewritten(group, pass, prefix, settings, site, upstreams),
        kept => {
            let route = passing::around(kept.into_route(settings), stored);
            let route = passing::around(route, ranges).layer_opt(detach);
            rewritten(route, pass, prefix, settings, site, upstreams)
        }
    }
}

/// The same, from where the request is complete.
fn rewritten<S, B>(
    group: S,
    pass: &Spanned<config::ProxyPass>,
    prefix: &str,
    settings: &Arc<Settings>,
    site: &Site,
    upstreams: &Upstreams<'_>,
) -> Result<Location, BuildError>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Arriving + 'static,
{
    let redirects = redirect::layer(settings, &pass.value, prefix)?;
    let cookies = cookie::layer(settings)?;
    let asks = cookie::asks(settings) || redirect::asks(settings);
    if cookies.is_none() && !asks {
        return answered(redirects.layer(group), settings, site, upstreams);
    }
    let group = carry::CarryLayer::exchange(asks).layer(group); // the rules below ask for variables
    let group = redirects.layer(group); // Location and Refresh as the upstream sent them
    let group = cookies.unwrap_or_default().layer(group); // before X-Accel-Redirect, which keeps Set-Cookie
    answered(group, settings, site, upstreams)
}

/// The same, from the response of an upstream on.
fn answered<S, B>(
    group: S,
    settings: &Arc<Settings>,
    site: &Site,
    upstreams: &Upstreams<'_>,
) -> Result<Location, BuildError>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Future: Send,
    B: Arriving + 'static,
{
    let face = || site.face.clone();
    // Its orders are obeyed, it is kept, and errors are responses from here on.
    let answer = |face| answer::AnswerLayer::new(settings, &upstreams.config.runtime, face);
    match tunnel::layer(settings) {
        None => finish(answer(Some(face())).layer(group), true, settings, site, upstreams),
        // Joins the two sides of a 101, which is nobody's to change; what goes wrong with that is an error too.
        Some(tunnel) => {
            let group = Route::new(tunnel.layer(answer(None).layer(group)));
            finish(RescueLayer::new(face()).layer(group), true, settings, site, upstreams)
        }
    }
}

/// What every location has around its action. `upstream`: whether that is to pass requests on.
fn finish<S>(
    group: S,
    upstream: bool,
    settings: &Settings,
    site: &Site,
    upstreams: &Upstreams<'_>,
) -> Result<Location, BuildError>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let logs = access_log::logs(settings, upstreams)?;
    let errors = error_log::logs(settings, upstreams)?;
    let (users, secure_link) = (userid::users(settings, site), secure_link::judge(settings));
    let real_ip = headers::real_ip(settings);
    let few = users.is_some() || settings.browsers.is_some() || secure_link.is_some();
    let route = match upstreams.runtime.layers.of(settings)? {
        None => shape(group, upstream, settings, site),
        Some(layers) => {
            // Their errors are responses, too, and what they answer is shaped.
            let route = layers.around(Route::plain(group));
            shape(RescueLayer::new(site.face.clone()).layer(route), upstream, settings, site)
        }
    };
    Ok(Location {
        route,
        found: shape(respond::Finding::new(site), false, settings, site),
        keep: logs
            .needs()
            .and(headers::needs(settings))
            .and(charset::needs(settings))
            .and(substitute::needs(settings))
            .and(ssi::needs(settings))
            .and(trailers::needs(settings))
            .and(limit::needs(settings))
            .and(expires::needs(settings))
            .and(userid::needs(settings))
            .and(error_page::needs(settings))
            .and(cache::needs(settings))
            .and(early_hints::needs(settings))
            .and(store::needs(settings))
            .and(trace::needs(settings))
            .and(upstreams.config.later), // whoever shows it, in whatever location
        logs,
        logs_beside: settings.log_subrequest,
        trace: Tracing::new(settings, site, upstreams),
        tally: Tally::new(site.lane.as_ref(), site.status.as_ref(), settings, upstreams),
        token: site.face.token.clone(),
        redirects: site.redirects.clone(),
        internal: false,
        reads_path: true,
        timeouts: ResponseTimeouts { send: settings.timeout.client_send, idle: settings.timeout.keepalive },
        body_timeout: settings.timeout.client_body,
        pace: Pace::new(settings),
        document: None,
        script: None,
        referers: None,
        introduces: few || real_ip.is_some() || site.has_error_logs,
        errors,
        has_error_logs: site.has_error_logs,
        secure_link,
        users,
        browsers: settings.browsers.clone(),
        phases: None,
        steps: None,
        real_ip,
        has_parts: parts::has(settings),
        _generation: upstreams.generation.clone(),
    })
}

/// What every response passes through. Innermost first.
fn shape<S>(group: S, upstream: bool, settings: &Settings, site: &Site) -> Route
where
    S: Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone + Send + Sync + 'static,
    S::Future: Send,
{
    let response = headers::response(settings, site); // hide, add_header
    let route = match carry::layer(settings, site) {
        None => Route::plain(response.layer(group)),
        Some(carry) => Route::plain(response.layer(carry.layer(group))), // add_header asks for variables
    };
    let route = route.layer_opt(spelling::layer(settings)); // the names of what was added
    let route = route.layer_opt(userid::layer(settings, site)); // behind what the location sets itself
    let route = route.layer_opt(trailers::layer(settings)); // fields of the body's end
    let route = route.layer_opt(substitute::layer(settings)); // in the words of whoever wrote them
    let route = route.layer_opt(charset::layer(settings, &site.charset_maps)); // of text, before it is compressed
    let route = route.layer_opt(ssi::layer(settings, site)); // whose parts are shaped already, as those of the next
    let route = route.layer_opt(addition::layer(settings)); // answers of their own: shaped already, not yet compressed
    let route = route.layer_opt(compression::layer(settings, site)); // as the client gets it, fields that are added and all
    route.layer_opt(error_page::layer(settings, upstream)) // outermost: nothing is added to what is replaced
}

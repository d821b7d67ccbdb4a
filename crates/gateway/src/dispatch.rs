//! Which server and location answer a request, and how often it goes round before they do.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
    SET_COOKIE, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request};
use propylon_access_log::AccessLogs;
use propylon_error_page::Handled;
use propylon_exchange::Exchange;
use propylon_stack::{Body, Route};

use crate::client::{ClientEnd, Closed};
use crate::page;
use crate::phases::Step;
use crate::reroute::{Failed, Reroute, RerouteTarget};
use crate::route::{self, Found};
use crate::router::{Location, Server};
use crate::routing::{self, Path};

/// How often a request may go round (nginx: 10, then 500).
const MAX_REROUTES: u8 = 10;

/// A request on its way through the gateway.
pub(crate) struct Visit {
    server: Arc<Server>,
    path: Path,
    parts: request::Parts,
    body: Body,
    exchange: Exchange,
    /// The client's end, if the request asks for another protocol.
    upgrade: Option<ClientEnd>,
    /// What was wrong with the request before it came here.
    refused: Option<StatusCode>,
    /// The error whose page is under way.
    failed: Option<Failed>,
}

/// What the last location leaves to the edge.
#[derive(Debug)]
pub(crate) struct Served {
    /// Where the request is logged.
    pub(crate) logs: AccessLogs,
    /// The `Server` field of the response.
    pub(crate) token: HeaderValue,
    /// Whether the connection ends with the response.
    pub(crate) closes: bool,
}

impl Served {
    pub(crate) fn by(location: &Location) -> Self {
        Self { logs: location.logs.clone(), token: location.token.clone(), closes: false }
    }

    fn enter(&mut self, location: &Location, exchange: &Exchange) {
        location.enter(exchange);
        self.logs.clone_from(&location.logs);
        self.token.clone_from(&location.token);
    }
}

/// What a round of the loop found.
enum Round {
    Location(Arc<Location>),
    /// An answer of dispatch's own, in the name of a location.
    Found(Arc<Location>, Found),
}

impl Visit {
    pub(crate) fn new(
        server: Arc<Server>,
        path: Path,
        parts: request::Parts,
        body: Body,
        exchange: Exchange,
    ) -> Self {
        Self { server, path, parts, body, exchange, upgrade: None, refused: None, failed: None }
    }

    /// The request asks for another protocol, and this is the client's end.
    pub(crate) fn upgrading(mut self, client: Option<ClientEnd>) -> Self {
        self.upgrade = client;
        self
    }

    /// The request cannot be served: an error page is all that it may get.
    pub(crate) fn refused(mut self, status: StatusCode) -> Self {
        self.refused = Some(status);
        self
    }
}

/// Sends a request through the location that it belongs to, and round again for as long as responses say so. `served`
/// becomes what the location leaves.
pub(crate) async fn dispatch(mut visit: Visit, served: &mut Served) -> Result<Response<Body>, Closed> {
    let mut named: Option<Box<str>> = None;
    let mut kept = HeaderMap::new();
    loop {
        if !visit.path.decoded().is_empty() {
            propylon_vars::set_uri(&visit.exchange, visit.path.decoded().clone(), visit.path.args().cloned());
        }
        let round = match (visit.refused.take(), &named, &visit.server.respond) {
            (Some(status), _, _) => Round::Found(visit.server.fallback.clone(), Found::page(status)),
            // nginx's server rewrite phase comes before any location, also for an internal redirect.
            (None, None, Some(respond)) => Round::Location(respond.clone()),
            (None, None, None) => find(&visit),
            (None, Some(name), _) => find_named(&visit, name),
        };
        let (location, found) = match round {
            Round::Location(location) => (location, None),
            Round::Found(location, found) => (location, Some(found)),
        };
        served.enter(&location, &visit.exchange);
        let step = match (&location.phases, found) {
            (_, Some(found)) => Step::Answer(found),
            (None, None) => Step::Go,
            // Boxed, so that requests that have none carry nothing for them.
            (Some(phases), None) => Box::pin(phases.run(&visit.exchange, &mut visit.path)).await,
        };
        let response = match step {
            Step::Go => call(&mut visit, &location.route, None).await?,
            Step::Answer(found) => call(&mut visit, &location.found, Some(found)).await?,
            Step::Reroute(reroute) => {
                let mut response = Response::new(std::mem::take(&mut visit.body));
                response.extensions_mut().insert(reroute);
                response
            }
        };
        let (mut head, body) = response.into_parts();
        let Some(reroute) = head.extensions.remove::<Reroute>() else {
            let own = head.extensions.remove::<page::Own>().is_some();
            served.closes |= own && page::closes(head.status);
            head.status = match visit.failed.and_then(|failed| failed.shown) {
                Some(shown) if !own && head.status != StatusCode::SWITCHING_PROTOCOLS => shown,
                _ => page::shown(head.status),
            };
            route::complete(&mut head, &location.redirects, &visit.exchange);
            merge(&mut head.headers, kept);
            return Ok(Response::from_parts(head, body));
        };
        if visit.exchange.reroutes() >= MAX_REROUTES {
            tracing::error!(
                target: "propylon_gateway",
                client = %visit.exchange.client(),
                server = &*visit.server.name,
                "rewrite or internal redirection cycle while redirecting to \"{}\"", reroute.target
            );
            return Ok(page::error(StatusCode::INTERNAL_SERVER_ERROR, &visit.server.face));
        }
        visit.exchange.rerouted();
        served.closes |= reroute.error.is_some_and(|failed| page::closes(failed.status));
        let (kept_now, unread) = (reroute.keep.clone(), reroute.unread);
        named = go_round(&mut visit, reroute, if unread { body } else { Body::empty() });
        merge(&mut kept, kept_now);
    }
}

fn find(visit: &Visit) -> Round {
    let server = &visit.server;
    match server.locations.find(visit.path.decoded()) {
        None => Round::Location(server.fallback.clone()),
        Some(routing::Found::Location { index, captures }) => {
            let location = server.location(index);
            if location.internal && !visit.path.is_internal() {
                return Round::Found(location, Found::page(StatusCode::NOT_FOUND));
            }
            if let Some(captures) = captures {
                propylon_vars::set_captures(&visit.exchange, crate::router::captures(&captures));
            }
            Round::Location(location)
        }
        Some(routing::Found::Redirect { location, index }) => {
            let to = routing::redirect_to(&location, visit.path.args());
            let location = server.location(index);
            if location.internal && !visit.path.is_internal() {
                return Round::Found(location, Found::page(StatusCode::NOT_FOUND));
            }
            let found = moved(&location, visit, &to);
            Round::Found(location, found)
        }
    }
}

fn find_named(visit: &Visit, name: &str) -> Round {
    match visit.server.locations.named(name) {
        Some(index) => Round::Location(visit.server.location(index)),
        None => {
            tracing::error!(
                target: "propylon_gateway",
                client = %visit.exchange.client(),
                server = &*visit.server.name,
                "could not find named location \"{name}\""
            );
            let found = Found::page(StatusCode::INTERNAL_SERVER_ERROR);
            Round::Found(visit.server.fallback.clone(), found)
        }
    }
}

/// The 301 of a prefix location that ends in a slash, asked for without it.
fn moved(location: &Location, visit: &Visit, to: &Bytes) -> Found {
    let url = location.redirects.absolute(&visit.exchange, to);
    match HeaderValue::from_maybe_shared(url) {
        Ok(url) => Found { status: StatusCode::MOVED_PERMANENTLY, location: Some(url) },
        // A path that is no field value is none that a client can be sent to.
        Err(_) => Found::page(StatusCode::BAD_REQUEST),
    }
}

/// One round: a location's stack, with the client's body for as long as nobody has read it, and none after that.
async fn call(visit: &mut Visit, route: &Route, found: Option<Found>) -> Result<Response<Body>, Closed> {
    let mut request = Request::new(std::mem::take(&mut visit.body));
    *request.method_mut() = visit.parts.method.clone();
    *request.uri_mut() = visit.parts.uri.clone();
    *request.version_mut() = visit.parts.version;
    *request.headers_mut() = std::mem::take(&mut visit.parts.headers);
    let extensions = request.extensions_mut();
    // The engine's own: the handle for interim responses too, which later rounds have no use for.
    *extensions = std::mem::take(&mut visit.parts.extensions);
    extensions.insert(visit.exchange.clone());
    extensions.insert(visit.path.clone());
    if let Some(client) = &visit.upgrade {
        extensions.insert(client.clone());
    }
    if let Some(found) = found {
        extensions.insert(found);
    }
    if visit.failed.is_some_and(|failed| !failed.recursive) {
        extensions.insert(Handled);
    }
    route.call(request).await.map_err(|_| Closed)
}

/// Rebuilds the request for its next round; returns the named location that it goes to, if it goes to one.
fn go_round(visit: &mut Visit, reroute: Reroute, body: Body) -> Option<Box<str>> {
    // The round before has taken them; the exchange keeps the client's head as it came.
    visit.parts.headers = visit.exchange.head().map(|head| head.headers.clone()).unwrap_or_default();
    if !reroute.unread {
        visit.parts.headers.remove(CONTENT_LENGTH);
        visit.parts.headers.remove(TRANSFER_ENCODING);
    }
    visit.body = body;
    visit.failed = reroute.error.or(visit.failed);
    if visit.failed.and_then(|failed| failed.shown).is_some_and(|shown| shown != StatusCode::OK) {
        // What the client knows or wants a part of is not the page of an error.
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE, RANGE] {
            visit.parts.headers.remove(name);
        }
    }
    match reroute.target {
        RerouteTarget::Named(name) => {
            visit.path = visit.path.clone().named();
            Some(name)
        }
        RerouteTarget::Path(uri, args) => {
            if reroute.get && visit.parts.method != Method::HEAD {
                visit.parts.method = Method::GET;
                propylon_vars::set_get(&visit.exchange);
            }
            visit.path = visit.path.clone().redirected(uri, args);
            None
        }
    }
}

/// Adds what earlier rounds kept: cookies add up, anything else gives way to what is there.
fn merge(headers: &mut HeaderMap, kept: HeaderMap) {
    let mut name = None;
    for (next, value) in kept {
        name = next.or(name);
        let Some(name) = &name else { continue };
        if *name == SET_COOKIE || !headers.contains_key(name) {
            headers.append(name.clone(), value);
        }
    }
}

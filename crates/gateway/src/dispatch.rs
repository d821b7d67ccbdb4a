//! Which server and location answer a request, and how often it goes round before they do.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, LOCATION, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, request};
use propylon_access_log::AccessLogs;
use propylon_exchange::Exchange;
use propylon_stack::Body;

use crate::client::Closed;
use crate::page;
use crate::reroute::{Reroute, RerouteTarget};
use crate::router::{Location, Server};
use crate::routing::{self, Found, Path};

/// How often a request may go round (nginx: 10, then 500).
const MAX_REROUTES: u8 = 10;

/// A request on its way through the gateway.
pub(crate) struct Visit {
    server: Arc<Server>,
    path: Path,
    parts: request::Parts,
    body: Body,
    exchange: Exchange,
}

/// What a round of the loop found.
enum Round {
    Location(Arc<Location>),
    /// An answer of dispatch's own, in the name of the location if there is one.
    Answer(Option<Arc<Location>>, Response<Body>),
}

impl Visit {
    pub(crate) fn new(
        server: Arc<Server>,
        path: Path,
        parts: request::Parts,
        body: Body,
        exchange: Exchange,
    ) -> Self {
        Self { server, path, parts, body, exchange }
    }
}

/// Sends a request through the location that it belongs to, and round again for as long as responses say so. `logs`
/// becomes what the location logs to.
pub(crate) async fn dispatch(mut visit: Visit, logs: &mut AccessLogs) -> Result<Response<Body>, Closed> {
    let mut named: Option<Box<str>> = None;
    let mut kept = HeaderMap::new();
    loop {
        propylon_vars::set_uri(&visit.exchange, visit.path.decoded().clone(), visit.path.args().cloned());
        let round = match (&named, &visit.server.respond) {
            // nginx's server rewrite phase comes before any location, also for an internal redirect.
            (None, Some(respond)) => Round::Location(respond.clone()),
            (None, None) => find(&visit),
            (Some(name), _) => find_named(&visit, name),
        };
        let location = match round {
            Round::Location(location) => location,
            Round::Answer(location, response) => {
                if let Some(location) = location {
                    location.enter(&visit.exchange);
                    logs.clone_from(&location.logs);
                }
                return Ok(response);
            }
        };
        location.enter(&visit.exchange);
        logs.clone_from(&location.logs);
        let response = call(&mut visit, &location).await?;
        let (mut head, body) = response.into_parts();
        let Some(reroute) = head.extensions.remove::<Reroute>() else {
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
            return Ok(page::error(StatusCode::INTERNAL_SERVER_ERROR, &visit.server.token));
        }
        drop(body);
        merge(&mut kept, reroute.keep);
        visit.exchange.rerouted();
        named = go_round(&mut visit, reroute.target);
    }
}

fn find(visit: &Visit) -> Round {
    let server = &visit.server;
    match server.locations.find(visit.path.decoded()) {
        None => Round::Location(server.fallback.clone()),
        Some(Found::Location { index, captures }) => {
            let location = server.location(index);
            if location.internal && !visit.path.is_internal() {
                return Round::Location(server.fallback.clone());
            }
            if let Some(captures) = captures {
                propylon_vars::set_captures(&visit.exchange, crate::router::captures(&captures));
            }
            Round::Location(location)
        }
        Some(Found::Redirect { index, .. })
            if server.location(index).internal && !visit.path.is_internal() =>
        {
            Round::Location(server.fallback.clone())
        }
        Some(Found::Redirect { location, index }) => {
            let to = routing::redirect_to(&location, visit.path.args());
            Round::Answer(Some(server.location(index)), moved(visit, &to))
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
            Round::Answer(None, page::error(StatusCode::INTERNAL_SERVER_ERROR, &visit.server.token))
        }
    }
}

/// The 301 of a prefix location that ends in a slash, asked for without it.
fn moved(visit: &Visit, to: &Bytes) -> Response<Body> {
    let server = &visit.server;
    let mut response = page::error(StatusCode::MOVED_PERMANENTLY, &server.token);
    let url = server.redirects.absolute(&visit.exchange, to);
    match HeaderValue::from_maybe_shared(url) {
        Ok(url) => {
            response.headers_mut().insert(LOCATION, url);
            response
        }
        // A path that is no field value is none that a client can be sent to.
        Err(_) => page::error(StatusCode::BAD_REQUEST, &server.token),
    }
}

/// One round: the location's stack, with the client's body the first time and none after that.
async fn call(visit: &mut Visit, location: &Location) -> Result<Response<Body>, Closed> {
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
    location.route.call(request).await.map_err(|_| Closed)
}

/// Rebuilds the request for its next round; returns the named location that it goes to, if it goes to one.
fn go_round(visit: &mut Visit, target: RerouteTarget) -> Option<Box<str>> {
    // The first round has taken them; the exchange keeps the client's head as it came.
    visit.parts.headers = visit.exchange.head().map(|head| head.headers.clone()).unwrap_or_default();
    // But not the body, which was the first round's.
    visit.parts.headers.remove(CONTENT_LENGTH);
    visit.parts.headers.remove(TRANSFER_ENCODING);
    match target {
        RerouteTarget::Named(name) => {
            visit.path = visit.path.clone().named();
            Some(name)
        }
        RerouteTarget::Path(target) => {
            if visit.parts.method != Method::HEAD {
                visit.parts.method = Method::GET;
            }
            let uri = target.decoded().clone();
            visit.path = visit.path.clone().redirected(uri, target.args().cloned());
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

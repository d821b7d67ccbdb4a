//! Which server and location answer a request, and how often it goes round before they do.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
    LOCATION, RANGE, TRANSFER_ENCODING,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, request};
use http_body::Body as _;
use propylon_error_page::Handled;
use propylon_exchange::Exchange;
use propylon_h1::Target;
use propylon_stack::Body;

use crate::client::{ClientEnd, Closed};
use crate::page;
use crate::phases::Step;
use crate::reroute::{Earlier, Failed, Reroute, RerouteTarget, merge, unkeep};
use crate::rewrite::{Answer, Outcome};
use crate::route::{self, Found, Keeper, LimitsSeen, Lost};
use crate::router::{Location, Server};
use crate::routing::{self, Path};

/// How often a request may go round (nginx: 10, then 500).
pub(crate) const MAX_REROUTES: u8 = 10;

/// A request on its way through the gateway.
pub(crate) struct Visit {
    server: Arc<Server>,
    path: Path,
    /// The head for the round that begins.
    parts: Option<request::Parts>,
    /// The client's body, before a round takes it.
    body: Body,
    /// Whether it never had one.
    bodiless: bool,
    /// Where the round that takes it leaves it for those that follow.
    keeper: Option<Keeper>,
    /// Whether it is a GET by now, whatever the client sent.
    get: bool,
    exchange: Exchange,
    /// The client's end, if the request asks for another protocol.
    upgrade: Option<ClientEnd>,
    /// What was wrong with the request before it came here.
    refused: Option<StatusCode>,
    /// How often it got another URI.
    changes: u8,
    /// The error whose page is under way.
    failed: Option<Failed>,
    /// Whether something but the location may have said how fast the response goes.
    paced: bool,
}

/// What the last location leaves to the edge.
pub(crate) struct Served {
    /// The location, whose logs and `Server` field count; before there is one, what stands in for it.
    pub(crate) location: Arc<Location>,
    /// Whether the connection ends with the response.
    pub(crate) closes: bool,
    /// What limits have seen of the request, and the places that it holds until it is over.
    pub(crate) limits: Option<Box<LimitsSeen>>,
}

impl Served {
    pub(crate) fn by(location: Arc<Location>) -> Self {
        Self { location, closes: false, limits: None }
    }
}

/// The location that a round is in, and the answer, if dispatch has one of its own: in the name of the location.
type Round = (Arc<Location>, Option<Found>);

impl Visit {
    pub(crate) fn new(
        server: Arc<Server>,
        path: Path,
        parts: request::Parts,
        body: Body,
        exchange: Exchange,
        upgrade: Option<ClientEnd>,
        refused: Option<StatusCode>,
    ) -> Self {
        Self {
            paced: server.sets_rate,
            server,
            path,
            parts: Some(parts),
            bodiless: body.is_end_stream(),
            body,
            keeper: None,
            get: false,
            exchange,
            upgrade,
            refused,
            changes: 0,
            failed: None,
        }
    }

    /// Whose request it is.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Whether the target, byte for byte, is what the request goes on with if nothing is to take its place.
    fn is_as_sent(&self) -> bool {
        let head = self.exchange.head();
        self.path.raw_is_current() && head.is_some_and(|head| head.target.len() == self.path.raw().len())
    }
}

/// Sends a request through the location that it belongs to, and round again for as long as responses say so. `served`
/// becomes what the location leaves.
pub(crate) async fn dispatch(visit: &mut Visit, served: &mut Served) -> Result<Response<Body>, Closed> {
    let mut named: Option<Box<str>> = None;
    let mut kept = HeaderMap::new();
    let mut answer = None;
    loop {
        if !visit.path.decoded().is_empty() {
            propylon_vars::set_uri(&visit.exchange, visit.path.decoded().clone(), visit.path.args().cloned());
        }
        let (location, found) = match (answer.take(), visit.refused.take()) {
            (Some((location, found)), _) => (location, Some(found)), // it is in there already
            (None, Some(status)) => (enter(visit, visit.server.fallback.clone()), Some(Found::page(status))),
            (None, None) => choose(visit, named.as_deref().map(|name| (name, &served.location))),
        };
        served.location = location.clone();
        let step = match (&location.phases, found) {
            (_, Some(found)) => Step::Answer(found),
            (None, None) => Step::Go,
            // Boxed, so that requests that have none carry nothing for them.
            (Some(phases), None) => {
                let method = visit.parts.as_ref().map_or_else(Method::default, |parts| parts.method.clone());
                Box::pin(phases.run(&visit.exchange, &method, &mut visit.path, &mut served.limits)).await
            }
        };
        let result = match step {
            Step::Go => location.route.send(request(visit, &location, None, &kept)).await,
            Step::Answer(found) => location.found.send(request(visit, &location, Some(found), &kept)).await,
            Step::Reroute(reroute) => {
                let mut response = Response::new(Body::empty());
                response.extensions_mut().insert(*reroute);
                Ok(response)
            }
        };
        let Ok(mut response) = result else { return Err(Closed) };
        let extensions = response.extensions_mut();
        if let Some(route::Said(rate)) = extensions.remove() {
            // The upstream's word holds for the request, wherever it goes from here.
            propylon_vars::set_limit_rate(&visit.exchange, rate.map_or(0, |rate| rate.per_second().get()));
            visit.paced = true;
        }
        let Some(reroute) = extensions.remove::<Reroute>() else {
            let own = extensions.remove::<page::Own>().is_some();
            let status = response.status();
            served.closes |= own && page::closes(status);
            *response.status_mut() = match visit.failed.and_then(|failed| failed.shown) {
                Some(shown) if !own && status != StatusCode::SWITCHING_PROTOCOLS => shown,
                _ => page::shown(status),
            };
            if (visit.paced || location.pace.is_some()) && status != StatusCode::SWITCHING_PROTOCOLS {
                response = response.map(|body| route::paced(body, location.pace.as_deref(), &visit.exchange));
            }
            route::complete(&mut response, &location.redirects, &visit.exchange);
            if own {
                unkeep(&mut kept);
            } else if response.status() == StatusCode::NO_CONTENT {
                kept.remove(CONTENT_TYPE);
            }
            merge(response.headers_mut(), kept);
            return Ok(response);
        };
        if visit.changes >= MAX_REROUTES {
            tracing::error!(
                target: "propylon_gateway",
                client = %visit.exchange.client(),
                server = &*visit.server.name,
                "rewrite or internal redirection cycle while redirecting to \"{}\"", reroute.target
            );
            let mut response = page::error(StatusCode::INTERNAL_SERVER_ERROR, &visit.server.face);
            merge(&mut kept, reroute.keep);
            unkeep(&mut kept);
            merge(response.headers_mut(), kept);
            return Ok(response);
        }
        visit.changes += 1;
        visit.exchange.rerouted();
        served.closes |= reroute.error.is_some_and(|failed| page::closes(failed.status));
        if let RerouteTarget::Answer(found) = &reroute.target {
            answer = Some((location, found.clone()));
        }
        if reroute.error.is_some() {
            kept.remove(CONTENT_TYPE);
        }
        let kept_now = reroute.keep.clone();
        named = go_round(visit, reroute);
        if kept_now.contains_key(CONTENT_TYPE) {
            kept.remove(CONTENT_TYPE); // the last order's counts
        }
        merge(&mut kept, kept_now);
    }
}

/// nginx's phases: the server's steps, the search for a location, and the location's steps, which may begin it anew. The
/// request has entered the location that is returned. `named`: the name of a location, and who named it.
fn choose(visit: &mut Visit, mut named: Option<(&str, &Arc<Location>)>) -> Round {
    // Those of the server come before any location, also for an internal redirect.
    let server = visit.server.clone();
    if named.is_none() {
        if let Some(steps) = &server.steps {
            // What they ask for is the server's: its files, its client's address.
            let fallback = enter(visit, server.fallback.clone());
            if let Outcome::Answer(_, answer) = steps.run(&visit.exchange, &mut visit.path) {
                return answered(visit, fallback, answer);
            }
        }
        if let Some(respond) = &server.respond {
            return (enter(visit, respond.clone()), None);
        }
    }
    loop {
        let (location, found) = match named.take() {
            Some((name, from)) => find_named(visit, name, from),
            None => find(visit),
        };
        let location = enter(visit, location);
        let Some(steps) = location.steps.as_ref().filter(|_| found.is_none()) else {
            return (location, found);
        };
        let outcome = steps.run(&visit.exchange, &mut visit.path);
        let used = |used: Option<Arc<Location>>| used.map(|used| enter(visit, used));
        match outcome {
            Outcome::Serve(instead) => return (used(instead).unwrap_or(location), None),
            Outcome::Answer(instead, answer) => {
                return answered(visit, used(instead).unwrap_or(location), answer);
            }
            Outcome::Search if visit.changes < MAX_REROUTES => visit.changes += 1,
            Outcome::Search => {
                tracing::error!(
                    target: "propylon_gateway",
                    client = %visit.exchange.client(),
                    server = &*server.name,
                    "rewrite or internal redirection cycle while processing \"{}\"",
                    String::from_utf8_lossy(visit.path.decoded())
                );
                let found = Found::page(StatusCode::INTERNAL_SERVER_ERROR);
                return (enter(visit, server.fallback.clone()), Some(found));
            }
        }
    }
}

fn enter(visit: &Visit, location: Arc<Location>) -> Arc<Location> {
    location.enter(&visit.exchange);
    location
}

/// An answer of steps, in the name of a location.
fn answered(visit: &Visit, location: Arc<Location>, answer: Answer) -> Round {
    let found = match answer {
        Answer::Found(found) => found,
        Answer::Redirect(status, url) if url.starts_with(b"/") => {
            Found::redirect(status, location.redirects.absolute(&visit.exchange, &url))
        }
        Answer::Redirect(status, url) => Found::redirect(status, url),
    };
    (location, Some(found))
}

fn find(visit: &Visit) -> Round {
    let server = &visit.server;
    match server.locations.find(visit.path.decoded()) {
        None => (server.fallback.clone(), None),
        Some(routing::Found::Location { index, captures }) => {
            let location = server.location(index);
            if location.internal && !visit.path.is_internal() {
                return (location, Some(Found::page(StatusCode::NOT_FOUND)));
            }
            if let Some(captures) = captures {
                propylon_vars::set_captures(&visit.exchange, crate::router::captures(&captures));
            }
            (location, None)
        }
        Some(routing::Found::Redirect { location, index }) => {
            let to = routing::redirect_to(&location, visit.path.args());
            let location = server.location(index);
            if location.internal && !visit.path.is_internal() {
                return (location, Some(Found::page(StatusCode::NOT_FOUND)));
            }
            let found = moved(&location, visit, &to);
            (location, Some(found))
        }
    }
}

/// If there is none, that is an error of the location that named it (nginx).
fn find_named(visit: &Visit, name: &str, from: &Arc<Location>) -> Round {
    match visit.server.locations.named(name) {
        Some(index) => (visit.server.location(index), None),
        None => {
            tracing::error!(
                target: "propylon_gateway",
                client = %visit.exchange.client(),
                server = &*visit.server.name,
                "could not find named location \"{name}\""
            );
            (from.clone(), Some(Found::page(StatusCode::INTERNAL_SERVER_ERROR)))
        }
    }
}

/// The 301 of a prefix location that ends in a slash, asked for without it.
fn moved(location: &Location, visit: &Visit, to: &Bytes) -> Found {
    Found::redirect(StatusCode::MOVED_PERMANENTLY, location.redirects.absolute(&visit.exchange, to))
}

/// The request of one round, with the client's body: as long as nobody has read it, and after that if somebody has kept it whole.
fn request(visit: &mut Visit, location: &Location, found: Option<Found>, kept: &HeaderMap) -> Request<Body> {
    // Nobody reads it for an answer that is found already.
    let body = if found.is_some() { Body::empty() } else { std::mem::take(&mut visit.body) };
    visit.keeper = (!body.is_end_stream()).then(Keeper::default);
    let mut request = match visit.parts.take() {
        // The engine's own extensions are in it: the handle for interim responses, which later rounds have no use for.
        Some(parts) => Request::from_parts(parts, body),
        None => Request::new(body),
    };
    let extensions = request.extensions_mut();
    extensions.insert(visit.exchange.clone());
    if location.reads_path || !visit.is_as_sent() {
        extensions.insert(visit.path.clone());
    }
    if let Some(keeper) = &visit.keeper {
        extensions.insert(keeper.clone());
    }
    if let Some(client) = &visit.upgrade {
        extensions.insert(client.clone());
    }
    if let Some(found) = found {
        extensions.insert(found);
    }
    if visit.failed.is_some_and(|failed| !failed.recursive) {
        extensions.insert(Handled);
    }
    let (media_type, shows_error) = (kept.get(CONTENT_TYPE).cloned(), shows_error(visit));
    if media_type.is_some() || shows_error {
        extensions.insert(Earlier { media_type, shows_error });
    }
    request
}

/// The client's head as it came, for another round: the one before has taken it.
fn client_head(visit: &Visit) -> request::Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    if let Some(head) = visit.exchange.head() {
        parts.method = head.method.clone();
        parts.version = head.version;
        parts.headers = head.headers.map().clone();
        if let Some(target) = Target::new(&head.method, head.target.clone()) {
            parts.uri = target.uri();
        }
    }
    parts
}

/// Rebuilds the request for its next round; returns the named location that it goes to, if it goes to one.
fn go_round(visit: &mut Visit, reroute: Reroute) -> Option<Box<str>> {
    if reroute.get
        && matches!(reroute.target, RerouteTarget::Path(..))
        && visit.exchange.head().is_none_or(|head| head.method != Method::HEAD)
    {
        visit.get = true;
        propylon_vars::set_get(&visit.exchange);
    }
    // A round that ended before its request was made has left the head as it is, with what the engine put beside it.
    let mut parts = visit.parts.take().unwrap_or_else(|| client_head(visit));
    if visit.get {
        parts.method = Method::GET;
    }
    visit.body = left(visit);
    if !visit.bodiless {
        frame(&mut parts.headers, &visit.body);
    }
    if let Some(failed) = reroute.error {
        visit.failed = Some(failed);
        visit.exchange.showing(failed.shown);
        if reroute.keep.contains_key(LOCATION) {
            // Until its page has a status, `$status` is that of the gateway's own redirect (nginx).
            visit.exchange.answering(failed.status);
        }
    }
    if shows_error(visit) {
        // What the client knows or wants a part of is not the page of an error.
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE, RANGE] {
            parts.headers.remove(name);
        }
    }
    visit.parts = Some(parts);
    match reroute.target {
        RerouteTarget::Named(name) => {
            visit.path = visit.path.clone().named();
            Some(name)
        }
        RerouteTarget::Path(uri, args) => {
            visit.path = visit.path.clone().redirected(uri, args);
            None
        }
        RerouteTarget::Answer(_) => None,
    }
}

/// What the round that is over has left of the client's body.
fn left(visit: &mut Visit) -> Body {
    if !visit.body.is_end_stream() {
        return std::mem::take(&mut visit.body); // it was not taken at all
    }
    let Some(keeper) = visit.keeper.take() else { return Body::empty() }; // there was none
    match keeper.take() {
        // A page does without it. Who gets the same request once more is not to take it for one without a body.
        Some(left) if left.is_gone() && visit.get => Body::empty(),
        Some(left) => left.body,
        None if visit.get => Body::empty(),
        None => Body::new(Lost),
    }
}

/// Has the head say how long the body is that goes along, which may have come in chunks.
fn frame(headers: &mut HeaderMap, body: &Body) {
    let Some(length) = body.size_hint().exact() else { return };
    let chunked = headers.remove(TRANSFER_ENCODING).is_some();
    if length == 0 {
        headers.remove(CONTENT_LENGTH);
    } else if chunked || !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, length.into());
    }
}

/// Whether what answers is the page of an error, shown with another status than 200.
fn shows_error(visit: &Visit) -> bool {
    visit.failed.and_then(|failed| failed.shown).is_some_and(|shown| shown != StatusCode::OK)
}

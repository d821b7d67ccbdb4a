//! Which server and location answer a request, and how often it goes round before they do.

mod again;
mod beside;
mod find;
mod furnish;

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body as _;
use propylon_exchange::Exchange;
use propylon_stack::{Body, RouteFuture};

use crate::client::{BodyTimeout, ClientEnd, Closed};
use crate::edge;
use crate::error_log::{self, ErrorLogs, within};
use crate::page;
use crate::phases::{At, Step};
use crate::reroute::{Failed, Reroute, merge, unkeep};
use crate::rescue;
use crate::rewrite::{Answer, Outcome};
use crate::route::{self, Asker, Found, Keeper, LimitsSeen};
use crate::router::{Location, Server};
use crate::routing::Path;

use furnish::furnish;

pub(crate) use beside::{Beside, Parent};

/// How often a request may go round (nginx: 10, then 500).
pub(crate) const MAX_REROUTES: u8 = 10;

/// A request on its way through the gateway.
pub(crate) struct Visit {
    server: Arc<Server>,
    /// The location that it is in, whose logs and `Server` field count; before there is one, what stands in for it.
    location: Option<Arc<Location>>,
    pub(crate) exchange: Exchange,
    /// Whether the connection ends with the response.
    pub(crate) closes: bool,
    /// What limits have seen of it, and the places that it holds until it is over.
    pub(crate) limits: Option<Box<LimitsSeen>>,
    path: Path,
    /// Whether it never had a body.
    bodiless: bool,
    /// Where the round that takes the body leaves it for those that follow.
    keeper: Option<Keeper>,
    /// Whether it is a GET by now, whatever the client sent.
    get: bool,
    /// Whether a client sent it, or whoever it is asked for beside.
    role: Role,
    /// The page that its response is a part of.
    of: Option<Asker>,
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
    /// How long the next piece of the client's body may take, if there is one.
    pub(crate) body_timeout: Option<BodyTimeout>,
    /// In a box, for most requests go round once.
    more: Option<Box<More>>,
}

/// What a request is to those that are asked for beside it. They are not asked for their right to come in, and ask for nothing themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A client's own.
    Asker,
    /// The question whether it may come in.
    Question,
    /// The one for the keys that its token is to be signed with.
    Keys,
    /// A copy of it.
    Copy,
    /// A part of its response, or of one of its parts.
    Part,
}

/// What rounds leave to those that follow.
#[derive(Default)]
struct More {
    /// The client's body, if nobody has taken it.
    body: Body,
    /// The named location that is next.
    named: Option<Box<str>>,
    /// The answer of the location that was chosen last.
    answer: Option<Found>,
    /// Fields that the final response has as well.
    kept: HeaderMap,
}

/// How a round goes on.
pub(crate) enum Next {
    /// The request is with the location's stack.
    Sent(RouteFuture),
    /// The location's phases come first.
    Phases(Box<Request<Body>>),
    /// There is another one; with the request, if nobody has had it.
    Again(Box<Reroute>, Option<Box<Request<Body>>>),
}

/// The location that a round is in, and the answer, if dispatch has one of its own: in the name of the location.
type Round = (Arc<Location>, Option<Found>);

impl Visit {
    pub(crate) fn new(
        server: Arc<Server>,
        path: Option<Path>,
        exchange: Exchange,
        upgrade: Option<ClientEnd>,
        refused: Option<StatusCode>,
    ) -> Self {
        Self {
            paced: server.sets_rate,
            server,
            location: None,
            exchange,
            closes: false,
            limits: None,
            path: path.unwrap_or_else(Path::unreadable),
            bodiless: true,
            keeper: None,
            get: false,
            role: Role::Asker,
            of: None,
            upgrade,
            refused,
            changes: 0,
            failed: None,
            body_timeout: None,
            more: None,
        }
    }

    /// The first round.
    #[inline]
    pub(crate) fn enter(&mut self, request: Request<Body>) -> Next {
        self.bodiless = request.body().is_end_stream();
        begin(self, request)
    }

    /// The request is refused: what can be read of its path is what its page may ask for.
    pub(crate) fn refuse(&mut self, status: StatusCode) {
        let (exchange, server) = (&self.exchange, &self.server);
        let text = match Some(status) == edge::PLAIN_ON_TLS {
            true => {
                "client sent plain HTTP request to HTTPS port while reading client request headers".to_owned()
            }
            false => format!("client sent an invalid request: {status}"),
        };
        rescue::report_in(server.fallback.errors.as_ref(), exchange, &text);
        if let Some(path) = edge::readable(exchange, server) {
            self.path = path;
            self.tell_uri();
        }
    }

    /// Whether it is asked for beside another request.
    fn is_beside(&self) -> bool {
        self.role != Role::Asker
    }

    /// Whose request it is.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// Where it is by now.
    pub(crate) fn location(&self) -> &Arc<Location> {
        self.location.as_ref().unwrap_or(&self.server.fallback)
    }

    /// The error logs of where it is by now, in which also those things are said that name no request (that a peer is given up, say); none: the
    /// log of the process.
    #[inline]
    pub(crate) fn errors(&self) -> Option<Arc<ErrorLogs>> {
        if self.location().has_error_logs { self.exchange.error_log() } else { None }
    }

    /// The response is the client's: what only another round would need goes.
    pub(crate) fn leave(&mut self) {
        (self.keeper, self.upgrade) = (None, None);
    }

    /// The request is for the path that it has by now.
    fn tell_uri(&self) {
        if !self.path.decoded().is_empty() {
            propylon_vars::set_uri(&self.exchange, self.path.decoded().clone(), self.path.args().cloned());
        }
    }

    /// Whether the target, byte for byte, is what the request goes on with if nothing is to take its place.
    fn is_as_sent(&self) -> bool {
        let head = self.exchange.head();
        self.path.raw_is_current() && head.is_some_and(|head| head.target.len() == self.path.raw().len())
    }
}

/// Begins a round: chooses the location, and sends the request into its stack, unless the location's phases come before.
#[inline]
fn begin(visit: &mut Visit, request: Request<Body>) -> Next {
    let more = visit.more.as_deref_mut();
    let (answer, named) = more.map_or((None, None), |more| (more.answer.take(), more.named.take()));
    let found = match (answer, visit.refused.take()) {
        (Some(found), _) => Some(found), // the location is in there already
        (None, Some(status)) => {
            visit.location = Some(enter(visit, visit.server.fallback.clone()));
            Some(Found::page(status))
        }
        (None, None) => {
            let (location, found) = choose(visit, named.as_deref());
            visit.location = Some(location);
            found
        }
    };
    if found.is_none() && visit.location().phases.is_some() {
        return Next::Phases(Box::new(request));
    }
    Next::Sent(send(visit, request, found))
}

/// Sends a request into the stack of the location that it is in, with what that asks for.
#[inline]
fn send(visit: &mut Visit, mut request: Request<Body>, found: Option<Found>) -> RouteFuture {
    let errors = visit.errors();
    let route = furnish(visit, &mut request, found);
    match errors {
        None => route.send(request),
        errors => error_log::at(errors.as_ref(), || route.send(request)),
    }
}

/// The rounds of a request that one does not do for, or that has to wait before it is sent.
pub(crate) async fn rounds(visit: &mut Visit, mut next: Next) -> Result<Response<Body>, Closed> {
    loop {
        next = match next {
            Next::Phases(mut request) => {
                let found = match within(visit.errors(), pass(visit, &mut request)).await {
                    Step::Go => None,
                    Step::Answer(found) => Some(found),
                    Step::Reroute(reroute) => {
                        next = Next::Again(reroute, Some(request));
                        continue;
                    }
                };
                Next::Sent(send(visit, *request, found))
            }
            Next::Sent(sent) => {
                let mut response = within(visit.errors(), sent).await.map_err(|_| Closed)?;
                match ended(visit, &mut response) {
                    None => return Ok(response),
                    Some(reroute) => Next::Again(reroute, None),
                }
            }
            Next::Again(reroute, untaken) => {
                let request = again::again(visit, *reroute, untaken);
                visit.tell_uri();
                begin(visit, request)
            }
        };
    }
}

/// The location's phases.
async fn pass(visit: &mut Visit, request: &mut Request<Body>) -> Step {
    let location = visit.location.as_ref().unwrap_or(&visit.server.fallback);
    match &location.phases {
        Some(phases) => {
            let beside = visit.is_beside();
            let at = At { server: &visit.server, exchange: &visit.exchange, beside };
            let step = phases.run(at, request, &mut visit.path, &mut visit.limits).await;
            visit.paced |= phases.set_rate();
            step
        }
        None => Step::Go,
    }
}

/// A round's response is there. It becomes the client's, unless it is an order to go round again.
pub(crate) fn ended(visit: &mut Visit, response: &mut Response<Body>) -> Option<Box<Reroute>> {
    let extensions = response.extensions_mut();
    let mut own = false;
    if !extensions.is_empty() {
        if let Some(route::Said(rate)) = extensions.remove() {
            // The upstream's word holds for the request, wherever it goes from here.
            propylon_vars::set_limit_rate(&visit.exchange, rate.map_or(0, |rate| rate.per_second().get()));
            visit.paced = true;
        }
        if let Some(reroute) = extensions.remove::<Reroute>() {
            if let Some(tally) = &visit.location().tally {
                tally.leave(&visit.exchange);
            }
            return Some(Box::new(reroute));
        }
        own = extensions.remove::<page::Own>().is_some();
    }
    let status = response.status();
    visit.closes |= own && page::closes(status);
    *response.status_mut() = match visit.failed.and_then(|failed| failed.shown) {
        Some(shown) if !own && status != StatusCode::SWITCHING_PROTOCOLS => shown,
        _ => page::shown(status),
    };
    let location = visit.location();
    if (visit.paced || location.pace.is_some()) && status != StatusCode::SWITCHING_PROTOCOLS {
        let body = std::mem::take(response.body_mut());
        *response.body_mut() = route::paced(body, location.pace.as_deref(), &visit.exchange);
    }
    route::complete(response, &location.redirects, &visit.exchange);
    if let Some(mut more) = visit.more.take() {
        if own {
            unkeep(&mut more.kept);
        } else if response.status() == StatusCode::NO_CONTENT {
            more.kept.remove(CONTENT_TYPE);
        }
        merge(response.headers_mut(), more.kept);
    }
    None
}

/// nginx's phases: the server's steps, the search for a location, and the location's steps, which may begin it anew. The
/// request has entered the location that is returned. `named`: the name of a location, and who named it.
fn choose(visit: &mut Visit, mut named: Option<&str>) -> Round {
    // Those of the server come before any location, also for an internal redirect.
    if named.is_none() {
        if let Some(steps) = &visit.server.steps {
            // What they ask for is the server's: its files, its client's address.
            let fallback = visit.server.fallback.clone();
            fallback.enter(&visit.exchange, visit.is_beside());
            if let Outcome::Answer(_, answer) = steps.run(&visit.exchange, &mut visit.path) {
                arrive(visit, &fallback);
                return answered(visit, fallback, answer);
            }
        }
        if let Some(respond) = &visit.server.respond {
            return (enter(visit, respond.clone()), None);
        }
    }
    loop {
        let (location, found) = match named.take() {
            Some(name) => find::named(visit, name),
            None => find::by_path(visit),
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
                error_log::of(&visit.exchange, || {
                    tracing::error!(
                        target: "propylon_gateway",
                        client = %visit.exchange.client(),
                        server = &*visit.server.name,
                        "rewrite or internal redirection cycle while processing \"{}\"",
                        String::from_utf8_lossy(visit.path.decoded())
                    );
                });
                return (location, Some(again::cycle(visit)));
            }
        }
    }
}

fn enter(visit: &Visit, location: Arc<Location>) -> Arc<Location> {
    location.enter(&visit.exchange, visit.is_beside());
    arrive(visit, &location);
    location
}

/// The request is at a location that may answer it: the first one says how it is traced, the last one how long its client may take.
#[inline]
fn arrive(visit: &Visit, location: &Location) {
    if let Some(timeout) = &visit.body_timeout {
        timeout.set(location.body_timeout);
    }
    if let Some(trace) = &location.trace
        && visit.role == Role::Asker
    {
        trace.arrive(&visit.exchange);
    }
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

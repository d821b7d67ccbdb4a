//! Going round again: what a round leaves to the next one, and the request that it begins with.

use http::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LOCATION, RANGE, TRANSFER_ENCODING,
};
use http::{HeaderMap, Method, Request, StatusCode, request};
use http_body::Body as _;
use propylon_error_page::Handled;
use propylon_h1::Target;
use propylon_stack::Body;

use super::furnish::shows_error;
use super::{MAX_REROUTES, Role, Visit};
use crate::error_log;
use crate::page;
use crate::reroute::{Failed, Reroute, RerouteTarget, merge};
use crate::route::{Found, Lost};

/// The request of another round, which is the last one if there were too many. `untaken`: the last one's, if nobody has had it.
pub(super) fn again(
    visit: &mut Visit,
    reroute: Reroute,
    untaken: Option<Box<Request<Body>>>,
) -> Request<Body> {
    let Reroute { target, keep, get, error } = if visit.changes < MAX_REROUTES {
        visit.changes += 1;
        visit.exchange.rerouted();
        reroute
    } else {
        error_log::of(&visit.exchange, || {
            tracing::error!(
                target: "propylon_gateway",
                client = %visit.exchange.client(),
                server = &*visit.server.name,
                "rewrite or internal redirection cycle while redirecting to \"{}\"", reroute.target
            );
        });
        Reroute { target: RerouteTarget::Answer(cycle(visit)), get: false, error: None, ..reroute }
    };
    visit.closes |= error.is_some_and(|failed| page::closes(failed.status));
    if let Some(failed) = error {
        visit.failed = Some(failed);
        visit.exchange.showing(failed.shown);
        if keep.contains_key(LOCATION) {
            // Until its page has a status, `$status` is that of the gateway's own redirect (nginx).
            visit.exchange.answering(failed.status);
        }
    }
    let request = go_round(visit, untaken, get && matches!(target, RerouteTarget::Path(..)));
    let more = visit.more.get_or_insert_default();
    if error.is_some() || keep.contains_key(CONTENT_TYPE) {
        more.kept.remove(CONTENT_TYPE); // the last order's counts
    }
    merge(&mut more.kept, keep);
    match target {
        RerouteTarget::Named(name) => {
            visit.path = visit.path.clone().named();
            more.named = Some(name);
        }
        RerouteTarget::Path(uri, args) => visit.path = visit.path.clone().redirected(uri, args),
        RerouteTarget::Answer(found) => more.answer = Some(found),
    }
    request
}

/// What stands at the end of rounds without one: in the name of the location that the request is in, and no error has a page any more.
pub(super) fn cycle(visit: &mut Visit) -> Found {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    visit.failed = Some(Failed { status, shown: None, handled: Some(Handled::Finally) });
    Found::page(status)
}

/// The client's head as it came, for another round: the one before has taken it.
pub(super) fn client_head(visit: &Visit) -> request::Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    if let Some(head) = visit.exchange.head() {
        parts.method = head.method.clone();
        parts.version = head.version;
        parts.headers = head.headers.map().clone();
        if let Some(target) = Target::new(&head.method, head.target.clone()) {
            parts.uri = target.uri();
        }
    }
    match visit.role {
        Role::Asker => {}
        Role::Question => propylon_auth_request::without_body(&mut parts.headers), // the client's has one, perhaps
        Role::Part | Role::Keys => whole_text(&mut parts.headers),
        Role::Copy => propylon_mirror::strip(&mut parts.headers, !visit.bodiless),
    }
    parts
}

/// A part of a page is wanted whole, as text, whatever the client knows of the page or can read; so are keys.
fn whole_text(headers: &mut HeaderMap) {
    propylon_auth_request::without_body(headers);
    headers.remove(ACCEPT_ENCODING);
}

/// The request of the next round. `get`: it is a GET from here on, unless it was a HEAD.
fn go_round(visit: &mut Visit, untaken: Option<Box<Request<Body>>>, get: bool) -> Request<Body> {
    if get && visit.exchange.head().is_none_or(|head| head.method != Method::HEAD) {
        visit.get = true;
        propylon_vars::set_get(&visit.exchange);
    }
    let mut request = match untaken {
        // A round that ended before its request was sent has left the head as it is, with what the engine put beside it.
        Some(request) => *request,
        None => {
            let body = left(visit);
            Request::from_parts(client_head(visit), body)
        }
    };
    if visit.get {
        *request.method_mut() = Method::GET;
    }
    if !visit.bodiless {
        let length = request.body().size_hint().exact();
        frame(request.headers_mut(), length);
    }
    if shows_error(visit) {
        // What the client knows or wants a part of is not the page of an error.
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE, RANGE] {
            request.headers_mut().remove(name);
        }
    }
    request
}

/// What the round that is over has left of the client's body.
fn left(visit: &mut Visit) -> Body {
    if let Some(more) = visit.more.as_mut().filter(|more| !more.body.is_end_stream()) {
        return std::mem::take(&mut more.body); // it was not taken at all
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
pub(super) fn frame(headers: &mut HeaderMap, length: Option<u64>) {
    let Some(length) = length else { return };
    let chunked = headers.remove(TRANSFER_ENCODING).is_some();
    if length == 0 {
        headers.remove(CONTENT_LENGTH);
    } else if chunked || !headers.contains_key(CONTENT_LENGTH) {
        headers.insert(CONTENT_LENGTH, length.into());
    }
}

//! What a request has with it when it is sent into the stack of a location.

use http::Request;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use http_body::Body as _;
use propylon_stack::{Body, Route};

use super::Visit;
use crate::reroute::Earlier;
use crate::route::{Asker, Found, Keeper, LimitsSeen};

/// Puts into a request what the stack of a location asks for. Nobody reads the body for an answer that is found already: it is kept
/// for who may.
pub(super) fn furnish<'a>(
    visit: &'a mut Visit,
    request: &mut Request<Body>,
    found: Option<Found>,
) -> &'a Route {
    visit.keeper = if found.is_none() {
        (!request.body().is_end_stream()).then(Keeper::default)
    } else {
        if !request.body().is_end_stream() {
            visit.more.get_or_insert_default().body = std::mem::take(request.body_mut());
        }
        request.extensions_mut().remove() // of a body that somebody has taken already
    };
    let visit = &*visit;
    let location = visit.location();
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
    if let Some(visitor) = location.users.as_ref().and_then(|users| users.visitor(&visit.exchange)) {
        extensions.insert(visitor);
    }
    if location.has_parts {
        extensions.insert(asker(visit));
    }
    if let Some(handled) = visit.failed.and_then(|failed| failed.handled) {
        extensions.insert(handled);
    }
    let media_type = visit.more.as_ref().and_then(|more| more.kept.get(CONTENT_TYPE)).cloned();
    let shows_error = shows_error(visit);
    if media_type.is_some() || shows_error {
        extensions.insert(Earlier { media_type, shows_error });
    }
    match found {
        None => &location.route,
        Some(found) => {
            extensions.insert(found);
            &location.found
        }
    }
}

/// Who asks for the parts of a response.
fn asker(visit: &Visit) -> Asker {
    let seen = visit.limits.as_deref().map(LimitsSeen::looked);
    Asker::new(visit.server.clone(), visit.exchange.clone(), visit.path.clone(), visit.of.as_ref(), seen)
}

/// Whether what answers is the page of an error, shown with another status than 200.
pub(super) fn shows_error(visit: &Visit) -> bool {
    visit.failed.and_then(|failed| failed.shown).is_some_and(|shown| shown != StatusCode::OK)
}

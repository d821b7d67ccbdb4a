//! Which location of a server a request is for.

use bytes::Bytes;
use http::StatusCode;

use super::{Round, Visit};
use crate::error_log;
use crate::route::Found;
use crate::router::Location;
use crate::routing;

/// The location for the path that the request has by now.
pub(super) fn by_path(visit: &Visit) -> Round {
    let server = &visit.server;
    match server.locations.find(visit.path.decoded()) {
        None => (server.fallback.clone(), None),
        Some(routing::Found::Location { index, captures }) => {
            let location = server.location(index).clone();
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
            let location = server.location(index).clone();
            if location.internal && !visit.path.is_internal() {
                return (location, Some(Found::page(StatusCode::NOT_FOUND)));
            }
            let found = moved(&location, visit, &to);
            (location, Some(found))
        }
    }
}

/// The location of this name. If there is none, that is an error of the location that named it, which the request is still in (nginx).
pub(super) fn named(visit: &Visit, name: &str) -> Round {
    match visit.server.locations.named(name) {
        Some(index) => (visit.server.location(index).clone(), None),
        None => {
            error_log::of(&visit.exchange, || {
                tracing::error!(
                    target: "propylon_gateway",
                    client = %visit.exchange.client(),
                    server = &*visit.server.name,
                    "could not find named location \"{name}\""
                );
            });
            (visit.location().clone(), Some(Found::page(StatusCode::INTERNAL_SERVER_ERROR)))
        }
    }
}

/// The 301 of a prefix location that ends in a slash, asked for without it.
fn moved(location: &Location, visit: &Visit, to: &Bytes) -> Found {
    Found::redirect(StatusCode::MOVED_PERMANENTLY, location.redirects.absolute(&visit.exchange, to))
}

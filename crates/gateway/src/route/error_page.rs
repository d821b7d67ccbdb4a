//! `error_page`: configuration to layer, and errors to rounds.

use bytes::Bytes;
use http::header::{LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode, response};
use propylon_config::{PageStatus, Settings, Template};
use propylon_error_page::{ErrorPageLayer, Failure, Pages, ShownStatus};
use propylon_exchange::Exchange;
use propylon_stack::Body;

use crate::page::{self, Face, Own};
use crate::reroute::{Failed, Reroute, RerouteTarget};

/// The layer, if there are error pages. `upstream`: whether what is beneath passes responses of upstreams on.
#[expect(clippy::type_complexity, reason = "a closure has no name of its own")]
pub(crate) fn layer(
    settings: &Settings,
    face: &Face,
    upstream: bool,
) -> Option<ErrorPageLayer<Template, impl Fn(Failure<'_, Template, Body>) -> Response<Body> + use<>>> {
    let config = &settings.error_page;
    if config.pages.is_empty() {
        return None;
    }
    let pages = config.pages.iter().fold(Pages::new(), |pages, page| {
        let shown = match page.status {
            PageStatus::Error => ShownStatus::Original,
            PageStatus::Fixed(status) => ShownStatus::Fixed(status),
            PageStatus::FromPage => ShownStatus::FromPage,
        };
        pages.page(page.codes.iter().copied(), shown, page.uri.clone())
    });
    let (face, recursive) = (face.clone(), config.recursive);
    let answer = move |failure: Failure<'_, Template, Body>| answer(&failure, &face, recursive);
    let own: fn(&response::Parts) -> bool = |head| head.extensions.get::<Own>().is_some();
    let any: fn(&response::Parts) -> bool = |head| head.extensions.get::<Reroute>().is_none();
    Some(
        ErrorPageLayer::new(pages, answer)
            .intercept(if upstream && config.intercept { any } else { own })
            .recursive(recursive),
    )
}

/// Whether a page's place has variables.
pub(crate) fn asks(settings: &Settings) -> bool {
    settings.error_page.pages.iter().any(|page| page.uri.as_static().is_none())
}

fn answer(failure: &Failure<'_, Template, Body>, face: &Face, recursive: bool) -> Response<Body> {
    let uri = match (failure.target.as_static(), failure.head.extensions.get::<Exchange>()) {
        (Some(uri), _) => uri.clone(),
        (None, Some(exchange)) => failure.target.eval(exchange),
        (None, None) => Bytes::new(),
    };
    if !uri.starts_with(b"/") && !uri.starts_with(b"@") {
        return redirect(failure.shown, uri, face);
    }
    let error = failure.head.status;
    let shown = match failure.shown {
        ShownStatus::Original => Some(page::shown(error)),
        ShownStatus::Fixed(status) => Some(status),
        ShownStatus::FromPage => None,
    };
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Reroute {
        keep: challenges(&failure.head.headers),
        get: true,
        error: Some(Failed { status: error, shown, recursive }),
        ..Reroute::to(RerouteTarget::parse(&uri))
    });
    response
}

/// The page is elsewhere.
fn redirect(shown: ShownStatus, uri: Bytes, face: &Face) -> Response<Body> {
    match HeaderValue::from_maybe_shared(uri) {
        Ok(uri) => {
            let mut response = page::error(shown.of_redirect(), face);
            response.headers_mut().insert(LOCATION, uri);
            response
        }
        Err(_) => page::error(StatusCode::INTERNAL_SERVER_ERROR, face),
    }
}

/// A 401 is none without them (RFC 9110 11.6.1).
fn challenges(headers: &HeaderMap) -> HeaderMap {
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
    challenges.map(|challenge| (WWW_AUTHENTICATE, challenge.clone())).collect()
}

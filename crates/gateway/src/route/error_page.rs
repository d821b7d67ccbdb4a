//! `error_page`: configuration to layer, and errors to rounds.

use http::header::{LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, response};
use propylon_config::{PageStatus, Settings, Template};
use propylon_error_page::{ErrorPageLayer, Failure, Pages, ShownStatus};
use propylon_exchange::Keep;
use propylon_stack::Body;

use super::{Found, carry};
use crate::page::{self, Own};
use crate::reroute::{Failed, Reroute, RerouteTarget};

/// The layer, if there are error pages. `upstream`: whether what is beneath passes responses of upstreams on.
#[expect(clippy::type_complexity, reason = "a closure has no name of its own")]
pub(crate) fn layer(
    settings: &Settings,
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
    let recursive = config.recursive;
    let answer = move |failure: Failure<'_, Template, Body>| answer(&failure, recursive);
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

/// What the places need to be kept.
pub(crate) fn needs(settings: &Settings) -> Keep {
    carry::needs(settings.error_page.pages.iter().map(|page| &page.uri))
}

fn answer(failure: &Failure<'_, Template, Body>, recursive: bool) -> Response<Body> {
    let uri = match failure.target.as_static() {
        Some(uri) => uri.clone(),
        None => carry::eval(failure.target, failure.head).unwrap_or_default(),
    };
    let error = failure.head.status;
    let elsewhere = !uri.starts_with(b"/") && !uri.starts_with(b"@");
    let shown = match failure.shown {
        _ if elsewhere => None,
        ShownStatus::Original => Some(page::shown(error)),
        ShownStatus::Fixed(status) => Some(status),
        ShownStatus::FromPage => None,
    };
    // A redirect is an answer as any other: fields are added to it.
    let (keep, target) = if elsewhere {
        let status = failure.shown.of_redirect();
        let found = HeaderValue::from_maybe_shared(uri)
            .map_or(Found::page(StatusCode::INTERNAL_SERVER_ERROR), |uri| Found::Page(status, Some(uri)));
        (HeaderMap::new(), RerouteTarget::Answer(found))
    } else {
        (kept(failure.head), RerouteTarget::parse(&uri))
    };
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Reroute {
        keep,
        get: true,
        error: Some(Failed { status: error, shown, recursive }),
        ..Reroute::to(target)
    });
    response
}

/// A 401 is none without its challenges (RFC 9110 11.6.1), and a redirect none without where to.
fn kept(head: &response::Parts) -> HeaderMap {
    let names: &[HeaderName] = if head.status.is_redirection() { &[LOCATION] } else { &[WWW_AUTHENTICATE] };
    let fields =
        names.iter().flat_map(|name| head.headers.get_all(name).iter().map(move |value| (name, value)));
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

//! `error_page`: configuration to layer, and errors to rounds.

use http::header::{LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode, response};
use propylon_config::{PageStatus, Settings, Template};
use propylon_error_page::{ErrorPageLayer, Failure, Handled, Pages, ShownStatus};
use propylon_exchange::{Exchange, Keep};
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
    let error = failure.head.status;
    let uri = match failure.target.as_static() {
        Some(uri) => uri.clone(),
        None => {
            if let Some(exchange) = failure.head.extensions.get::<Exchange>() {
                exchange.showing(match failure.shown {
                    ShownStatus::Original => Some(page::shown(error)),
                    ShownStatus::Fixed(status) => Some(status),
                    ShownStatus::FromPage => None,
                });
            }
            carry::eval(failure.target, failure.head).unwrap_or_default()
        }
    };
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
        error: Some(Failed { status: error, shown, handled: (!recursive).then_some(Handled::Once) }),
        ..Reroute::to(target)
    });
    response
}

/// A 401 is none without its challenges (RFC 9110 11.6.1), and the gateway's own redirect none without where to: that of an
/// upstream is what its page is there to replace (nginx).
fn kept(head: &response::Parts) -> HeaderMap {
    let own = head.extensions.get::<Own>().is_some();
    let name = match head.status {
        StatusCode::UNAUTHORIZED => WWW_AUTHENTICATE,
        status if own && status.is_redirection() => LOCATION,
        _ => return HeaderMap::new(),
    };
    head.headers.get_all(&name).iter().map(|value| (name.clone(), value.clone())).collect()
}

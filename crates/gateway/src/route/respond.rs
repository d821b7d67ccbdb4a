//! `return`: answers of the gateway's own.

use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{Extensions, HeaderMap, HeaderValue, Request, Response, StatusCode};
use propylon_config::{Return, Template};
use propylon_exchange::Exchange;
use propylon_files::Types;
use propylon_stack::{Body, BoxError};
use tower_service::Service;

use super::{Keeper, Site};
use crate::client::Closed;
use crate::page::{self, Face};
use crate::redirects::Redirects;
use crate::reroute::Earlier;

/// A leaf that answers by itself.
#[derive(Clone)]
pub(crate) struct Respond(Arc<Answer>);

struct Answer {
    what: What,
    face: Face,
    redirects: Redirects,
    types: Types,
}

enum What {
    Close,
    Page(StatusCode),
    Text(StatusCode, Template),
    Redirect(StatusCode, Template),
}

impl Respond {
    pub(crate) fn new(answer: &Return, site: &Site) -> Self {
        Self::of(
            match answer {
                Return::Close => What::Close,
                Return::Status(status) => What::Page(*status),
                Return::Text { status, text } => What::Text(*status, text.clone()),
                Return::Redirect { status, url } => What::Redirect(*status, url.clone()),
            },
            site,
        )
    }

    /// The gateway's page for a status.
    pub(crate) fn page(status: StatusCode, site: &Site) -> Self {
        Self::of(What::Page(status), site)
    }

    fn of(what: What, site: &Site) -> Self {
        Self(Arc::new(Answer {
            what,
            face: site.face.clone(),
            redirects: site.redirects.clone(),
            types: site.types.clone(),
        }))
    }
}

impl Service<Request<Body>> for Respond {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Ready<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        Keeper::give_back(&mut request);
        ready(self.0.answer(request.extensions()))
    }
}

impl Answer {
    fn answer(&self, request: &Extensions) -> Result<Response<Body>, BoxError> {
        let exchange = request.get::<Exchange>();
        match &self.what {
            What::Close => Err(Closed.into()),
            // An empty text has a type as any other (nginx).
            What::Page(status) if status.is_success() && *status != StatusCode::NO_CONTENT => {
                Ok(self.text(*status, Bytes::new(), request))
            }
            What::Page(status) => Ok(answered(*status, &self.face)),
            What::Text(status, text) => {
                let text = exchange.map(|exchange| eval(*status, text, exchange)).unwrap_or_default();
                Ok(self.text(*status, text, request))
            }
            What::Redirect(status, url) => Ok(self.redirect(*status, url, exchange)),
        }
    }

    fn text(&self, status: StatusCode, text: Bytes, request: &Extensions) -> Response<Body> {
        let mut response = with_status(status, Body::from(text));
        let ordered = request.get::<Earlier>().and_then(|earlier| earlier.media_type.clone());
        let media_type = ordered.or_else(|| {
            let uri = request.get::<Exchange>().and_then(propylon_vars::uri).unwrap_or_default();
            self.types.of(&uri).cloned()
        });
        response.headers_mut().extend(media_type.map(|media_type| (CONTENT_TYPE, media_type)));
        response
    }

    fn redirect(&self, status: StatusCode, url: &Template, exchange: Option<&Exchange>) -> Response<Body> {
        let mut to = exchange.map(|exchange| eval(status, url, exchange)).unwrap_or_default();
        if let Some(exchange) = exchange.filter(|_| to.first() == Some(&b'/')) {
            to = self.redirects.absolute(exchange, &to);
        }
        match HeaderValue::from_maybe_shared(to) {
            Ok(to) => {
                let mut response = page::error(status, &self.face);
                response.headers_mut().insert(LOCATION, to);
                response
            }
            // A decoded path with a line break in it is no field value: nobody can be sent there.
            Err(_) => page::error(StatusCode::BAD_REQUEST, &self.face),
        }
    }
}

/// An answer that dispatch has found itself: it travels to [`Finding`] in a request extension, so that the layers of a
/// location shape it as they shape all others.
#[derive(Clone)]
pub(crate) enum Found {
    /// The page of a status, and where the client is sent.
    Page(StatusCode, Option<HeaderValue>),
    /// The page of a status, and fields that say more: how the client is asked who it is, what went wrong.
    With(StatusCode, Box<HeaderMap>),
    /// What `return` says.
    Return(Respond),
    /// A text of this type.
    Text(HeaderValue, Bytes),
    /// A text with these fields.
    Fields(Box<HeaderMap>, &'static str),
}

impl Found {
    /// The page of a status.
    pub(crate) const fn page(status: StatusCode) -> Self {
        Self::Page(status, None)
    }

    /// The page of a status, and these fields.
    pub(crate) fn with(status: StatusCode, fields: HeaderMap) -> Self {
        if fields.is_empty() { Self::page(status) } else { Self::With(status, Box::new(fields)) }
    }

    /// None: the connection is closed.
    pub(crate) fn close() -> Self {
        Self::page(StatusCode::from_u16(444).unwrap_or(StatusCode::BAD_REQUEST))
    }

    /// Whether it is that of one who may not come in.
    pub(crate) const fn refuses(&self) -> bool {
        matches!(
            self,
            Self::Page(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _)
                | Self::With(StatusCode::UNAUTHORIZED, _)
        )
    }

    /// A redirect; what is no field's value is nowhere that a client can be sent to.
    pub(crate) fn redirect(status: StatusCode, url: Bytes) -> Self {
        match HeaderValue::from_maybe_shared(url) {
            Ok(url) => Self::Page(status, Some(url)),
            Err(_) => Self::page(StatusCode::BAD_REQUEST),
        }
    }
}

/// Among the extensions of a response: how long it may be kept is said already, and `expires` is not for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptAsSaid;

/// A leaf that gives the answer that was [`Found`].
#[derive(Clone)]
pub(crate) struct Finding(Arc<Face>);

impl Finding {
    pub(crate) fn new(site: &Site) -> Self {
        Self(Arc::new(site.face.clone()))
    }
}

impl Service<Request<Body>> for Finding {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Ready<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let extensions = request.extensions();
        ready(match extensions.get::<Found>() {
            Some(Found::Return(respond)) => respond.0.answer(extensions),
            Some(Found::Page(status, location)) => {
                if status.as_u16() == 444 {
                    return ready(Err(Closed.into()));
                }
                let mut response = answered(*status, &self.0);
                if let Some(location) = location {
                    response.headers_mut().insert(LOCATION, location.clone());
                }
                Ok(response)
            }
            Some(Found::Text(media_type, text)) => {
                let mut response = with_status(StatusCode::OK, Body::from(text.clone()));
                response.headers_mut().insert(CONTENT_TYPE, media_type.clone());
                Ok(response)
            }
            Some(Found::Fields(fields, text)) => {
                let mut response =
                    with_status(StatusCode::OK, Body::from(Bytes::from_static(text.as_bytes())));
                say(&mut response, fields);
                Ok(response)
            }
            Some(Found::With(status, fields)) => {
                let mut response = page::error(*status, &self.0);
                say(&mut response, fields);
                Ok(response)
            }
            None => Ok(page::error(StatusCode::INTERNAL_SERVER_ERROR, &self.0)),
        })
    }
}

/// Writes the fields of an answer that was found.
fn say(response: &mut Response<Body>, fields: &HeaderMap) {
    if fields.contains_key(CACHE_CONTROL) {
        response.extensions_mut().insert(KeptAsSaid);
    }
    response.headers_mut().extend(fields.clone());
}

/// The text of an answer with this status, which it may ask for.
fn eval(status: StatusCode, template: &Template, exchange: &Exchange) -> Bytes {
    if template.as_static().is_none() {
        exchange.answering(status);
    }
    template.eval(exchange)
}

/// A status alone: nginx has a page for what is an error or a redirect.
fn answered(status: StatusCode, face: &Face) -> Response<Body> {
    if status.as_u16() >= 300 && status != StatusCode::NOT_MODIFIED {
        page::error(status, face)
    } else {
        with_status(status, Body::empty())
    }
}

fn with_status(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

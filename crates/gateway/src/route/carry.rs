//! Carries the `Exchange` from a request to its response, where templates of the response side ask for it; and what the response said
//! before anything was added to it, and who asks for parts of it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, response};
use propylon_config::{Settings, Template};
use propylon_exchange::{Exchange, Keep};
use propylon_stack::{Body, BoxError};
use tower_layer::Layer;
use tower_service::Service;

use super::Site;
use super::parts::{self, Asker};
use crate::page::Own;

/// The layer, if a template asks for it, or what goes by the status that the client sees.
pub(crate) fn layer(settings: &Settings, site: &Site) -> Option<CarryLayer> {
    let headers = &settings.headers;
    let asks = headers
        .add
        .iter()
        .chain(&headers.add_always)
        .flat_map(|field| &field.values)
        .any(|template| template.as_static().is_none());
    let by_status =
        !headers.add.is_empty() || settings.expires.is_some() || !settings.compression.codings.is_empty();
    let carries = asks
        || (site.has_pages && by_status)
        || !headers.add_trailer.is_empty()
        || super::charset::asks(settings)
        || super::substitute::asks(settings)
        || super::error_page::asks(settings)
        || super::expires::asks(settings);
    let marks = super::compression::rewrites(settings);
    let parts = parts::has(settings);
    (carries || marks || parts).then_some(CarryLayer { carries, marks, parts })
}

/// The value of a template for a response whose head is this, as things stand; nothing, if no exchange was carried to it.
pub(super) fn eval(template: &Template, head: &response::Parts) -> Option<Bytes> {
    Some(template.eval(carried(template, head)?))
}

/// The same as the value of a field, if it can be one.
pub(super) fn field(template: &Template, head: &response::Parts) -> Option<HeaderValue> {
    template.field(carried(template, head)?)
}

/// The exchange that was carried to a response, told what the template asks for.
fn carried<'h>(template: &Template, head: &'h response::Parts) -> Option<&'h Exchange> {
    let exchange = head.extensions.get::<Exchange>()?;
    if template.needs().has(Keep::SENT_HEAD) {
        exchange.answering_fields(&head.headers);
    }
    Some(exchange)
}

/// The status that the client is to see of this response, as far as that is known.
pub(super) fn shown(head: &response::Parts) -> StatusCode {
    let shown = head.extensions.get::<Exchange>().and_then(Exchange::answering_with);
    shown.unwrap_or(head.status)
}

/// What all of these need to be kept.
pub(super) fn needs<'t>(templates: impl IntoIterator<Item = &'t Template>) -> Keep {
    templates.into_iter().fold(Keep::NONE, |keep, template| keep.and(template.needs()))
}

/// A response whose origin said `no-transform`.
#[derive(Clone, Copy, Debug)]
struct NoTransform;

/// Whether the origin of a response said `no-transform`, whatever its fields say by now.
pub(super) fn said_no_transform(head: &response::Parts) -> bool {
    head.extensions.get::<NoTransform>().is_some()
}

/// The layer, if it has anything to carry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CarryLayer {
    carries: bool,
    marks: bool,
    parts: bool,
}

impl CarryLayer {
    /// Carries the exchange alone, if it `carries` at all.
    pub(super) const fn exchange(carries: bool) -> Self {
        Self { carries, marks: false, parts: false }
    }
}

impl<S> Layer<S> for CarryLayer {
    type Service = Carry<S>;

    fn layer(&self, inner: S) -> Carry<S> {
        Carry { inner, layer: *self }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Carry<S> {
    inner: S,
    layer: CarryLayer,
}

impl<S, R> Service<Request<Body>> for Carry<S>
where
    S: Service<Request<Body>, Response = Response<R>, Error = BoxError>,
{
    type Response = Response<R>;
    type Error = BoxError;
    type Future = CarryFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let exchange =
            if self.layer.carries { request.extensions().get::<Exchange>().cloned() } else { None };
        let asker = if self.layer.parts { request.extensions().get::<Asker>().cloned() } else { None };
        CarryFuture { inner: self.inner.call(request), exchange, asker, marks: self.layer.marks }
    }
}

pin_project_lite::pin_project! {
    pub(crate) struct CarryFuture<F> {
        #[pin]
        inner: F,
        exchange: Option<Exchange>,
        asker: Option<Asker>,
        marks: bool,
    }
}

impl<F, R> Future for CarryFuture<F>
where
    F: Future<Output = Result<Response<R>, BoxError>>,
{
    type Output = Result<Response<R>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if *this.marks && propylon_compression::no_transform(response.headers()) {
            response.extensions_mut().insert(NoTransform);
        }
        if let Some(asker) = this.asker.take() {
            response.extensions_mut().insert(asker);
        }
        if let Some(exchange) = this.exchange.take() {
            // An error of the gateway's own is shown as what it is, also in the place of an error's page.
            if response.extensions().get::<Own>().is_some() {
                exchange.showing(None);
            }
            exchange.answering(response.status());
            response.extensions_mut().insert(exchange);
        }
        Poll::Ready(Ok(response))
    }
}

//! Carries the `Exchange` from a request to its response, where templates of the response side ask for it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use propylon_config::Settings;
use propylon_exchange::Exchange;
use propylon_stack::{Body, BoxError, Route, RouteFuture};
use tower_layer::Layer;
use tower_service::Service;

/// The layer, if a template asks for it.
pub(crate) fn layer(settings: &Settings) -> Option<CarryLayer> {
    let headers = &settings.headers;
    let asks = headers
        .add
        .iter()
        .chain(&headers.add_always)
        .flat_map(|field| &field.values)
        .any(|template| template.as_static().is_none());
    asks.then_some(CarryLayer)
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct CarryLayer;

impl Layer<Route> for CarryLayer {
    type Service = Carry;

    fn layer(&self, inner: Route) -> Carry {
        Carry(inner)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Carry(Route);

impl Service<Request<Body>> for Carry {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = CarryFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> CarryFuture {
        let exchange = request.extensions().get::<Exchange>().cloned();
        CarryFuture { inner: Route::call(&self.0, request), exchange }
    }
}

pub(crate) struct CarryFuture {
    inner: RouteFuture,
    exchange: Option<Exchange>,
}

impl Future for CarryFuture {
    type Output = Result<Response<Body>, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = ready!(self.inner.as_mut().poll(cx))?;
        if let Some(exchange) = self.exchange.take() {
            response.extensions_mut().insert(exchange);
        }
        Poll::Ready(Ok(response))
    }
}

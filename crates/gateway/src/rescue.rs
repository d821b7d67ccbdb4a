//! Errors become statuses here, and nowhere else.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use propylon_exchange::Exchange;
use propylon_stack::{Body, BoxError, Route, RouteFuture};
use tower_layer::Layer;
use tower_service::Service;

use crate::client::ClientBodyError;
use crate::page;
use crate::route::Unsafe;

/// The status that stands for an error; `None` if nobody is left to be told.
pub(crate) fn status(error: &(dyn std::error::Error + 'static)) -> StatusCode {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<ClientBodyError>() {
            return match error {
                ClientBodyError::Timeout => StatusCode::REQUEST_TIMEOUT,
                ClientBodyError::Broken(_) => StatusCode::BAD_REQUEST,
            };
        }
        if error.is::<Unsafe>() {
            return StatusCode::NOT_FOUND;
        }
        if error.is::<propylon_timeout::Error>() {
            return StatusCode::GATEWAY_TIMEOUT;
        }
        if let Some(upstream) = error.downcast_ref::<propylon_upstream::Error>() {
            // The client's own fault may lie beneath.
            if !matches!(upstream, propylon_upstream::Error::RequestBody { .. }) {
                return upstream.status();
            }
        }
        cause = error.source();
    }
    StatusCode::BAD_GATEWAY
}

/// [`status`] for a leaf's record of its try.
pub(crate) fn try_status(error: &BoxError) -> StatusCode {
    status(&**error)
}

/// Says in the error log why a response was cut after its head had been sent.
pub(crate) fn report_cut(exchange: &Exchange, error: &BoxError) {
    report(exchange, &**error, "while reading upstream");
}

fn report(exchange: &Exchange, error: &(dyn std::error::Error + 'static), doing: &'static str) {
    let upstream = exchange.with_tries(|tries| tries.last().map(|last| last.peer.clone()));
    let client_fault = status(error).is_client_error();
    // The words that operators of nginx look for.
    let timed_out = status(error) == StatusCode::GATEWAY_TIMEOUT;
    let mut text = if timed_out { format!("upstream timed out: {error}") } else { error.to_string() };
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    let server = exchange.server_name().cloned().unwrap_or_default();
    let request = exchange.request_line();
    let request = String::from_utf8_lossy(&request);
    let upstream = upstream.as_deref().unwrap_or_default();
    let connection = exchange.connection().id;
    let client = exchange.client();
    if client_fault {
        tracing::info!(target: "propylon_gateway", connection, %client, server = &*server, %request, upstream, "{text} {doing}");
    } else {
        tracing::error!(target: "propylon_gateway", connection, %client, server = &*server, %request, upstream, "{text} {doing}");
    }
}

/// Turns the errors of what is beneath into responses.
#[derive(Clone, Debug)]
pub(crate) struct RescueLayer {
    token: HeaderValue,
}

impl RescueLayer {
    pub(crate) fn new(token: HeaderValue) -> Self {
        Self { token }
    }
}

impl Layer<Route> for RescueLayer {
    type Service = Rescue;

    fn layer(&self, inner: Route) -> Rescue {
        Rescue { inner, token: self.token.clone() }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Rescue {
    inner: Route,
    token: HeaderValue,
}

impl Service<Request<Body>> for Rescue {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = RescueFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> RescueFuture {
        let exchange = request.extensions().get::<Exchange>().cloned();
        RescueFuture { inner: Route::call(&self.inner, request), exchange, token: self.token.clone() }
    }
}

pin_project! {
    pub(crate) struct RescueFuture {
        inner: RouteFuture,
        exchange: Option<Exchange>,
        token: HeaderValue,
    }
}

impl Future for RescueFuture {
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let error = match ready!(this.inner.as_mut().poll(cx)) {
            Ok(response) => return Poll::Ready(Ok(response)),
            Err(error) => error,
        };
        if error.is::<crate::client::Closed>() {
            return Poll::Ready(Err(error));
        }
        if let Some(exchange) = this.exchange {
            report(exchange, &*error, "while proxying");
        }
        Poll::Ready(Ok(page::error(status(&*error), this.token)))
    }
}
